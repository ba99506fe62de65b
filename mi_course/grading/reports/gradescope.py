"""Marks as Gradescope's `results.json`: one test for each exercise and open question.

Students see points and feedback, and nothing of what a grader printed. In goes a record, out comes
a dictionary of the form that Gradescope documents for autograders.
"""

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from mi_course.grading.records import ExerciseMark, OpenMark, Record, write_text
from mi_course.grading.reports.feedback import WAITING, said
from mi_course.grading.reports.hostile import one_line, page_name, plain
from mi_course.grading.reports.standing import counting

TEXT = {"output_format": "text", "visibility": "visible"}


def gradescope(record: Record) -> dict[str, Any]:
    """What Gradescope reads from `results.json`.

    Args:
        record: of one submission.
    """
    lines = [f"{record.total} of {record.max_total} points", f"Isolation: {record.tier}"]
    if record.problem:
        lines.insert(0, f"Nothing could be graded: {plain(record.problem)}")
    return {
        "score": record.total,
        "execution_time": round(sum(mark.seconds for mark in record.marks), 3),
        "output": "\n".join(lines),
        "output_format": "text",
        "test_output_format": "text",
        "test_name_format": "text",
        "visibility": "visible",
        "stdout_visibility": "hidden",
        "tests": [*map(_exercise, record.marks), *map(_open, record.opens)],
    }


def write_folder(records: Iterable[Record], folder: Path) -> tuple[Path, ...]:
    """Write `STUDENT/CHAPTER/results.json` for each submission that counts.

    Args:
        records: one for each submission.
        folder: made where it does not exist.

    Returns:
        The files.
    """
    written = []
    for (student, chapter), record in counting(records).items():
        path = folder / page_name(student) / page_name(chapter) / "results.json"
        path.parent.mkdir(parents=True, exist_ok=True)
        text = json.dumps(gradescope(record), indent=1, ensure_ascii=False)
        write_text(path, text + "\n")
        written.append(path)
    return tuple(written)


def _exercise(mark: ExerciseMark) -> dict[str, Any]:
    groups = [f"{'✓' if g.passed else '✗'} {g.name} ({g.points})" for g in mark.groups]
    lines = [mark.state, ", ".join(groups) if len(groups) > 1 else ""]
    lines += [f'In the case "{one_line(mark.case)}":' if mark.case else "", plain(mark.message)]
    lines.append(f"Likely slip: {said(mark)}" if said(mark) else "")
    lines.append(f"Your code printed:\n{plain(mark.printed)}" if mark.printed else "")
    return {
        "name": f"{mark.exercise} · {one_line(mark.title)}",
        "score": mark.points,
        "max_score": mark.max_points,
        "status": "passed" if mark.points == mark.max_points else "failed",
        "output": "\n".join(line for line in lines if line),
        **TEXT,
    }


def _open(each: OpenMark) -> dict[str, Any]:
    test = {"name": f"{each.question} · {one_line(each.title)}", "max_score": each.max_points}
    if each.points is None:
        return {**test, "output": WAITING, **TEXT}  # no score: nobody has earned or lost one
    status = "passed" if each.points == each.max_points else "failed"
    return {
        **test, "score": each.points, "status": status, "output": plain(each.comment), **TEXT
    }  # fmt: skip
