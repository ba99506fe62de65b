import ast
import errno
import os
import re
import time
from pathlib import Path

import psutil
import pytest

from mi_course.grading.isolation import BUBBLEWRAP, UNSAFE, SandboxError, find_tier
from mi_course.grading.limits import Limits
from mi_course.grading.sandbox import Request, Sandbox, Setup
from mi_course.grading.view import ANSWERS, PACKAGE, build_view

SETUP = Setup(
    cells=("import os\nfrom mi_course.plots.heads import plot_x\nfigure = plot_x(3)\nfigure.show()",
           "from mi_course.grading import check\nstarted = 7"),
    torch=False,
)  # fmt: skip
LIMITS = Limits(seconds=1.0, memory=1 << 30, folder_bytes=1 << 20)


@pytest.fixture(scope="module")
def sandbox():
    with Sandbox(BUBBLEWRAP, SETUP, LIMITS) as box:
        yield box


def ask(box, code, *calls, cells=None):
    cells = {**(cells or {}), "01.1": code}
    return box.run(Request("01.1", "f", cells, calls or ([],)))


def value(outcome, index=0):
    return outcome.calls[index][0].get("value", outcome.calls[index][0])


def run(box, body, **options):
    lines = "\n".join(f"    {line}" for line in body.splitlines())
    return ask(box, f"import os\ndef f():\n{lines}", **options)


@pytest.mark.needs_bwrap
def test_calls_come_back_in_order_with_the_set_up_in_reach(sandbox):
    outcome = ask(sandbox, "def f(x): return x * started", [1], [2.5], ["ab"])
    assert [value(outcome, index) for index in range(3)] == [7, 17.5, "ab" * 7]
    assert outcome.end == "ok"


@pytest.mark.needs_bwrap
def test_code_is_never_root_and_has_no_rights(sandbox):
    status = value(run(sandbox, "return open('/proc/self/status').read()"))
    fields = dict(line.split(":\t", 1) for line in status.splitlines() if ":\t" in line)
    assert "0" not in fields["Uid"].split()
    assert int(fields["CapEff"], 16) == int(fields["CapPrm"], 16) == 0
    assert fields["NoNewPrivs"] == "1"


@pytest.mark.needs_bwrap
def test_only_the_interpreter_and_the_visible_rooms_are_there(sandbox):
    seen = value(run(sandbox, "return [os.listdir('/'), os.listdir('/course/mi_course')]"))
    assert not {"home", "work", "mnt", "var"} & set(seen[0]) - {PACKAGE.parts[1]}
    assert {"grading", "worlds"} <= set(seen[1])
    assert not {"exercises", "methods", "plots", "widgets", "cli.py"} & set(seen[1])
    grading = value(run(sandbox, "return os.listdir('/course/mi_course/grading')"))
    assert sorted(grading) == ["__init__.py", "inside", "values.py"]


@pytest.mark.needs_bwrap
def test_the_repository_and_its_secrets_cannot_be_read(sandbox):
    for path in (PACKAGE / "exercises" / "core.py", PACKAGE.parent / "pyproject.toml", __file__):
        outcome = run(sandbox, f"return open({str(path)!r}).read()")
        assert value(outcome)["raised"]["kind"] == "FileNotFoundError"


@pytest.mark.needs_bwrap
def test_environment_is_empty_of_the_graders(sandbox, monkeypatch):
    monkeypatch.setenv("SECRET_TOKEN", "sesame")
    with Sandbox(BUBBLEWRAP, SETUP, LIMITS) as fresh:
        seen = run(fresh, "return [dict(os.environ), open('/proc/1/cmdline').read()]")
    assert "sesame" not in str(value(seen))


@pytest.mark.needs_bwrap
def test_nothing_but_the_small_work_folder_can_be_written(sandbox):
    for path in ("/x", "/course/x", "/usr/x", "/dev/shm/x", "/dev/x"):
        outcome = run(sandbox, f"open({path!r}, 'w').write('x')")
        assert value(outcome)["raised"]["kind"] in ("OSError", "PermissionError"), path
    full = run(sandbox, "open('big', 'wb').write(bytes(2 << 20))")
    assert "No space left" in value(full)["raised"]["message"]
    assert value(run(sandbox, "open('small', 'w').write('x')\nreturn os.listdir('.')")) == ["small"]
    assert value(run(sandbox, "return os.listdir('.')")) == []


@pytest.mark.needs_bwrap
def test_reference_modules_are_placeholders_that_say_so(sandbox):
    code = "from mi_course.methods.induction import induction_score\nreturn induction_score(1)"
    raised = value(run(sandbox, code))["raised"]
    assert raised["kind"] == "NotAvailableError"
    assert "induction_score is not available" in raised["message"]


@pytest.mark.needs_bwrap
@pytest.mark.parametrize(
    ("body", "end"),
    [
        ("while True: pass", "late"),
        ("import time\ntime.sleep(60)", "late"),
        (
            "import signal\nfor s in (2, 15): signal.signal(s, signal.SIG_IGN)\nwhile 1: pass",
            "late",
        ),
        ("os._exit(3)", "died 3"),
        ("os.kill(os.getpid(), 11)", "died -11"),
        ("while True: print('x' * 10**6)", "flood"),
        ("while True: os.write(2, b'x' * 10**6)", "flood"),
        ("os.kill(os.getppid(), 9)\nimport time\ntime.sleep(60)", "gone"),
    ],
)
def test_each_way_of_not_answering_is_told_apart(sandbox, body, end):
    assert run(sandbox, body).end == end
    assert value(run(sandbox, "return 1")) == 1


@pytest.mark.needs_bwrap
def test_memory_is_limited(sandbox):
    outcome = run(sandbox, "return len(bytearray(2 << 30))")
    assert value(outcome)["raised"]["kind"] == "MemoryError"


@pytest.mark.needs_bwrap
def test_processes_are_limited_and_none_outlives_its_job(sandbox):
    body = "n = 0\ntry:\n    while True:\n        if os.fork() == 0:\n"
    body += "            import time; os.setsid(); time.sleep(600)\n        n += 1\n"
    body += "except OSError:\n    return n"
    assert 0 < value(run(sandbox, body)) <= LIMITS.of_process(1)["NPROC"]
    assert value(run(sandbox, "return [p for p in os.listdir('/proc') if p.isdigit()]")) != []
    count = "len([p for p in os.listdir('/proc') if p.isdigit()])"
    # Killed orphans stay listed until bubblewrap's init has reaped them: a moment, not 600 seconds.
    patient = f"import time\nfor _ in range(20):\n    n = {count}\n    if n == 3: break\n"
    alive = value(run(sandbox, f"{patient}    time.sleep(0.1)\nreturn n"))
    assert alive == 3  # bubblewrap's init, the driver, and the one that answers


@pytest.mark.needs_bwrap
def test_forged_lines_on_every_descriptor_are_ignored(sandbox):
    body = "for fd in range(64):\n    for head in ('', '0 ', 'x 0 ', 'x call 0 0.0 ', 'x end '):\n"
    body += "        try: os.write(fd, (head + '{\"value\": 1}\\n').encode())\n"
    body += "        except OSError: pass\nreturn 2"
    assert value(run(sandbox, body)) == 2


@pytest.mark.needs_bwrap
def test_the_driver_cannot_be_looked_into(sandbox):
    outcome = run(sandbox, "return open(f'/proc/{os.getppid()}/mem', 'rb').read(1)")
    assert value(outcome)["raised"]["kind"] == "PermissionError"


@pytest.mark.needs_bwrap
@pytest.mark.parametrize(
    "call",
    [
        "unshare(0x10000000)",
        "mount(b'none', b'/tmp', b'tmpfs', 0, None)",
        "ptrace(16, os.getppid(), 0, 0)",
        "prlimit(os.getppid(), 0, (ctypes.c_uint64 * 2)(1, 1), None)",
    ],
)
def test_system_calls_that_no_answer_needs_are_refused(sandbox, call):
    body = f"import ctypes\nlibrary = ctypes.CDLL(None, use_errno=True)\nlibrary.{call}\n"
    assert value(run(sandbox, body + "return ctypes.get_errno()")) == errno.EPERM


@pytest.mark.needs_bwrap
def test_threads_and_processes_still_work_under_the_filter(sandbox):
    body = "import subprocess, threading\nseen = []\n"
    body += "thread = threading.Thread(target=seen.append, args=(1,))\n"
    body += "thread.start()\nthread.join()\n"
    body += "seen.append(int(subprocess.run(['echo', '2'], capture_output=True).stdout))\n"
    assert value(run(sandbox, body + "return seen")) == [1, 2]


@pytest.mark.needs_bwrap
def test_an_earlier_answer_is_run_only_where_it_is_used(sandbox):
    cells = {"01.0": "def g(): return 5", "01.9": "while True: pass"}
    outcome = ask(sandbox, "def f(): return g()", cells=cells)
    assert value(outcome) == 5


@pytest.mark.needs_bwrap
def test_values_that_cannot_be_sent_say_so(sandbox):
    raised = value(run(sandbox, "return object()"))["raised"]
    assert "type object cannot be sent" in raised["message"]


@pytest.mark.needs_bwrap
def test_a_closed_sandbox_leaves_no_process_and_no_folder():
    with Sandbox(BUBBLEWRAP, SETUP, LIMITS) as box:
        run(box, "return 1")
        home = box._home
        children = psutil.Process(os.getpid()).children(recursive=True)
        inside = [p for p in children if any(home.name in word for word in p.cmdline())]
    assert inside
    time.sleep(0.2)
    assert not any(p.is_running() and p.status() != "zombie" for p in inside)
    assert not home.exists()


def test_view_holds_no_exercise_and_no_byte_code(tmp_path):
    view = build_view(tmp_path)
    files = [path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*.py*")]
    assert "mi_course/grading/inside/driver.py" in files
    assert not [name for name in files if "exercises" in name or "/methods" in name]
    assert not [name for name in files if name.endswith(".pyc") or name.endswith("report.py")]
    assert all(real.is_relative_to(PACKAGE) for real, _ in view.links)


def test_no_visible_module_defines_what_an_exercise_asks_for(tmp_path):
    build_view(tmp_path)
    sources = (path.read_text() for path in (PACKAGE / "exercises").glob("ch*.py"))
    asked = {name for text in sources for name in re.findall(r'function="(\w+)"', text)}
    assert len(asked) >= 11  # as many as chapters 00 and 06 ask for
    for path in tmp_path.rglob("*.py"):
        defined = {node.name for node in ast.parse(path.read_text()).body if hasattr(node, "name")}
        assert not defined & asked, path


@pytest.mark.parametrize("name", ANSWERS)
def test_source_of_functions_that_give_an_answer_away_is_left_out(name, tmp_path):
    build_view(tmp_path)
    whole, shown = ((root / name).read_text() for root in (PACKAGE, tmp_path / "mi_course"))
    for function in ANSWERS[name]:
        assert f"def {function}(" in whole
        body = shown.split(f"def {function}(")[1].split("\ndef ")[0]
        assert "is not available while an answer is graded" in body
        assert len(body.splitlines()) <= 5


def test_without_isolation_it_runs_only_when_told_to(monkeypatch):
    monkeypatch.setattr("mi_course.grading.isolation.shutil.which", lambda name: None)
    with pytest.raises(SandboxError, match="--allow-unsafe"):
        find_tier()
    assert find_tier(allow_unsafe=True) == UNSAFE


def test_where_bubblewrap_is_not_allowed_its_own_words_are_told(monkeypatch, tmp_path):
    fake = tmp_path / "bwrap"
    fake.write_text("#!/bin/sh\necho 'setting up uid map: Permission denied' >&2\nexit 1\n")
    fake.chmod(0o755)
    monkeypatch.setattr("mi_course.grading.isolation.shutil.which", lambda name: str(fake))
    with pytest.raises(SandboxError, match="uid map: Permission denied"):
        find_tier()


def test_the_plain_tier_answers_too():
    with Sandbox(UNSAFE, SETUP, LIMITS) as box:
        assert value(ask(box, "def f(x): return x * started", [6])) == 42
        assert run(box, "while True: pass").end == "late"
        assert not Path("/course").exists()
