"""A sandbox's folder and user, and what is left when a grader is killed."""

import contextlib
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from mi_course.grading.isolation import home
from mi_course.grading.isolation.isolation import BUBBLEWRAP, UNSAFE
from tests.grading.asking import TIERS

GRADER = """
import sys
from mi_course.grading.isolation.sandbox import Request, Sandbox, Setup
box = Sandbox(sys.argv[1], Setup(torch=False))
box.start()
print(box._home, box._process.pid, flush=True)
code = "import os\\nos.fork()\\nopen('note', 'w')\\ndef f():\\n    while True: pass"
box.run(Request("01.1", "f", {"01.1": code}, ([],)))
"""


def until(true):
    for _ in range(100):
        if true():
            return
        time.sleep(0.1)
    raise AssertionError("it did not come true within ten seconds")


def family(root):
    """A process and all below it; psutil stumbles over one that ends while it looks."""
    for _ in range(20):
        with contextlib.suppress(psutil.NoSuchProcess):
            return [root, *root.children(recursive=True)]
    raise AssertionError("processes came and went without end")


def alive(process):
    return process.is_running() and process.status() != psutil.STATUS_ZOMBIE


@pytest.fixture
def temporary(tmp_path, monkeypatch):
    """A folder of temporary files that other users can enter."""
    for folder in (tmp_path, *tmp_path.parents[:-2]):  # pytest's own, however many workers
        folder.chmod(folder.stat().st_mode | 0o011)
    monkeypatch.setattr(home.tempfile, "tempdir", str(tmp_path))
    return tmp_path


@pytest.mark.parametrize("tier", [*TIERS, UNSAFE])
def test_a_killed_grader_leaves_no_process_and_its_folder_goes_at_the_next_start(tier, temporary):
    grader = subprocess.Popen(
        [sys.executable, "-c", GRADER, tier],
        stdout=subprocess.PIPE, text=True, env=os.environ | {"TMPDIR": str(temporary)},
    )  # fmt: skip
    folder, driver = grader.stdout.readline().split()
    root = psutil.Process(int(driver))
    # The attendant, the answer and its fork; bubblewrap adds its first process, driver and keeper.
    until(lambda: len(family(root)) > (6 if tier == BUBBLEWRAP else 3))
    inside = family(root)
    grader.send_signal(signal.SIGKILL)
    grader.wait()
    until(lambda: not any(map(alive, inside)))
    assert Path(folder).is_dir()
    mine = home.make_home()
    assert list(temporary.glob("mi-course-*")) == [mine]


def test_folders_of_living_graders_and_of_others_are_left_alone(temporary):
    mine = home.make_home()
    for name in ("mi-course-notes", "mi-course-0-x-y", "mi-course-1-999999999-a"):
        (temporary / name).mkdir()
    home.remove_stale()
    assert len(list(temporary.iterdir())) == 4
    assert mine.is_dir()


def test_a_folder_that_looks_stale_is_not_followed_out_of(temporary):
    space = home._process_space()
    elsewhere = temporary / "elsewhere"
    elsewhere.mkdir()
    (temporary / f"mi-course-{space}-999999999-a").symlink_to(elsewhere)
    stale = temporary / f"mi-course-{space}-999999999-b"
    (stale / "work").mkdir(parents=True)
    (stale / "work" / "link").symlink_to(elsewhere)
    (elsewhere / "kept").touch()
    home.remove_stale()
    assert not stale.exists()
    assert (elsewhere / "kept").exists()


@pytest.mark.skipif(os.getuid() != 0, reason="only root can give sandboxes users of their own")
def test_no_two_sandboxes_have_the_same_user():
    taken = [home.take_uid() for _ in range(5)]
    assert len({uid for uid, _ in taken}) == 5
    assert all(home.FIRST_UID <= uid < home.FIRST_UID + home.N_UIDS for uid, _ in taken)
    for _, name in taken:
        name.close()
