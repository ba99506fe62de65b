"""A class of a dozen for chapter 99 on the disk, and a grader in a process of its own."""

import json
import os
import subprocess
import sys
from pathlib import Path

from tests.grading import class_of_students as students

SUM = students.RIGHT["99.1"].replace("mean", "sum")
LOST = students.RIGHT["99.2"].replace("for v in values", "for v in values[1:]")
SLOW = "import time\ntime.sleep(0.3)\n" + students.RIGHT["99.1"]
# Runs `mi-course` with chapter 99, as a teacher's own chapter would be.
PROGRAM = """
import sys
from tests.exercises import demo
from mi_course import cli
demo.install()
sys.argv[0] = "mi-course"
cli.main()
"""
ROOT = Path(__file__).parents[2]


def handed_in() -> dict[str, str]:
    """Student -> notebook, from full marks to no JSON."""
    kinds = {
        "right": students.notebook(students.RIGHT),
        "sum": students.first(SUM),
        "short": students.notebook(students.RIGHT | {"99.2": LOST}),
        "blank": students.notebook(students.STUBS),
        "slow": students.first(SLOW),
    }
    texts = {f"{name}-{n}": json.dumps(kind) for name, kind in kinds.items() for n in range(2)}
    return texts | {"torn": "{", "Zoë": json.dumps(kinds["right"])}


def write(folder: Path) -> Path:
    """Write the handed-out chapter and all submissions below `folder`."""
    (folder / "chapters").mkdir(parents=True)
    handed_out = json.dumps(students.notebook(students.STUBS))
    (folder / "chapters" / "99_demo.ipynb").write_text(handed_out)
    for name, text in handed_in().items():
        (folder / "submissions" / name).mkdir(parents=True)
        (folder / "submissions" / name / "99_demo.ipynb").write_text(text)
    return folder


def start(room: Path, out: Path, *options: str, scratch: Path | None = None) -> subprocess.Popen:
    """Start `mi-course grade` on the class; `scratch` takes its temporary files."""
    words = ["grade", room / "submissions", "--out", out, "--chapters", room / "chapters"]
    return launch(*words, "--jobs", "2", *options, scratch=scratch)


def launch(*words: object, scratch: Path | None = None) -> subprocess.Popen:
    """Start `mi-course` with these words, in a session of its own."""
    own = {"OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT)}
    own |= {"TMPDIR": str(scratch)} if scratch else {}
    return subprocess.Popen(
        [sys.executable, "-c", PROGRAM, *map(str, words)],
        cwd=ROOT,
        env=os.environ | own,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
