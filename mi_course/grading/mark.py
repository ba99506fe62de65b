"""Turn what came out of the sandbox into marks.

This runs in the trusted grader. The lines that came back are decoded with caps, compared by the
exercise's own judge with the reference's values, and every way of not answering (an exception, a
crash, a loop, a flood) becomes a reason in words that a student can act on.
A student's code can put its inputs into an exception's text, its class, or a string that it
returns. Such text is told only of cases whose inputs are the same for everybody; of all others the
student reads words of ours, numbers, and a line of their own notebook.
In go a question and an outcome, out comes an `ExerciseMark`.
"""

import builtins
import re
import signal
from collections.abc import Mapping
from dataclasses import replace
from itertools import takewhile
from typing import Any, NamedTuple

from mi_course.exercises.core import Case, Exercise, Finding, Raised
from mi_course.grading.isolation.limits import Limits
from mi_course.grading.isolation.sandbox import Outcome
from mi_course.grading.paper import Question
from mi_course.grading.records import (
    BLANK,
    MISSING,
    PARTLY,
    RIGHT,
    WRONG,
    ExerciseMark,
    GroupMark,
)
from mi_course.grading.returned import Thrown, returned
from mi_course.grading.values import RefusedError

MAX_MESSAGE = 1_000
MAX_PRINTED = 2_000
# Kinds of exceptions that a student's code did not name.
KINDS = {
    name
    for name, value in vars(builtins).items()
    if isinstance(value, type) and issubclass(value, BaseException)
} | {"EinopsError", "LinAlgError", "NotAvailableError", "OutOfMemoryError"}
OTHER_KIND = "an exception of its own kind"
ENDS = {
    "late": "no value in time",
    "flood": "printed too much",
    "huge": "sent too much",
    "memory": "out of memory",
    "folder": "too many files",
    "gone": "ended the process",
    "died": "ended Python",
}
MISSING_NAME = re.compile(r"(?:name|No module named) '([\w.]{1,60})'(?: is not defined)?")
REFUSED = "the returned value cannot be compared"
UNREADABLE = "the returned value could not be read"
# What is told of a value with text in it, where the text could be an input.
CANNED = {"shape": "expected a value of another structure", "": "not the right answer"}


def missing(exercise: Exercise, reason: str) -> ExerciseMark:
    """The mark of an exercise that has no answer to run."""
    groups = tuple(GroupMark(*group, False) for group in _groups(exercise).items())
    return ExerciseMark(
        exercise.id, exercise.title, 0, exercise.points, MISSING, reason, groups=groups
    )


def count_shown(cases: tuple[Case, ...]) -> int:
    """How many of the cases, from the first, come before one whose inputs must not be told."""
    return sum(1 for _ in takewhile(lambda case: case.shown, cases))


def mark(
    question: Question,
    outcome: Outcome,
    limits: Limits,
    cells: Mapping[str, str] | None = None,
    *,
    student: str = "",
) -> ExerciseMark:
    """The mark of one answer.

    Args:
        question: cases and right values.
        outcome: what came back, from a side that is not trusted.
        limits: for the wording of a reason.
        cells: the submission's answer cells, from which the line that raised is quoted.
        student: who handed it in, for an exercise in which each student has another answer.

    Returns:
        Points by check group and the first finding.
    """
    exercise, cases = question.exercise, question.cases
    shown = count_shown(cases)
    findings = []
    for index, (case, expected) in enumerate(zip(cases, question.expected, strict=True)):
        value = _value(outcome, index, limits, cells or {})
        finding = _finding(exercise, case, value, expected, shown=index < shown)
        findings.append(_of_another(exercise, case, value, student) or finding)
    points = exercise.score(question.cases, findings)
    first = next((finding for finding in findings if finding), None)
    state = _state(exercise, points, first)
    told = None if state == BLANK else first
    return ExerciseMark(
        exercise=exercise.id,
        title=exercise.title,
        points=points,
        max_points=exercise.points,
        state=state,
        message=told.message[:MAX_MESSAGE] if told else "",
        case=told.case if told else "",
        passed=sum(finding is None for finding in findings),
        total=len(findings),
        groups=tuple(_group(question, findings, *group) for group in _groups(exercise).items()),
        seconds=round(sum((spent for _, spent in outcome.calls.values()), 0.0), 3),
        printed=outcome.printed[:MAX_PRINTED] if told else "",
        slip=told.slip if told else "",
    )


def _groups(exercise: Exercise) -> dict[str, int]:
    return exercise.groups or {"all": exercise.points}


def _group(question: Question, findings: list[Finding | None], name: str, points: int) -> GroupMark:
    """Whether a group is earned: the exercise's own rule, asked as if it were all there is."""
    exercise = question.exercise
    if name != "all":
        exercise = replace(exercise, groups={name: exercise.points})
    return GroupMark(name, points, exercise.score(question.cases, findings) > 0)


def _state(exercise: Exercise, points: int, first: Finding | None) -> str:
    if first is None:
        return RIGHT
    if first.raised and first.message == "not written yet":
        return BLANK
    return PARTLY if 0 < points < exercise.points else WRONG


class _NoValue(NamedTuple):
    """Why a call gave no value.

    Args:
        slip: in a few words, the same for everybody.
        told: in a sentence without text that came out of the student's code.
        text: the same with it.
    """

    slip: str
    told: str
    text: str


def _finding(
    exercise: Exercise, case: Case, value: Any, expected: Any, *, shown: bool
) -> Finding | None:
    if isinstance(value, _NoValue):
        message = value.text if shown else value.told
        return Finding(case.group, message, case.name, raised=True, slip=value.slip)
    try:
        finding = exercise.verdict(case, value, expected)
    except Exception:  # a judge may stumble over a value of a kind that nobody thought of
        kind = type(value).__name__
        message = f"the returned value ({kind}) could not be judged"
        return Finding(case.group, message, case.name, raised=True)  # it earns no shape either
    if finding is None or shown or not (_holds_text(value) or _holds_text(expected)):
        return finding
    if finding.group == "dtype":  # speaks of kinds alone
        return finding
    return replace(finding, message=CANNED.get(finding.group, CANNED[""]), slip="")


def _of_another(exercise: Exercise, case: Case, value: Any, student: str) -> Finding | None:
    """What is wrong with an answer that belongs to another student than handed it in."""
    if exercise.owner is None or not student or isinstance(value, _NoValue):
        return None
    try:
        owner = exercise.owner(value)
    except Exception:  # a value of another kind; the judge says so
        return None
    if not owner or same_person(owner, student):
        return None
    told = f"this answer is about the model of {owner[:40]!r}, and it was handed in as {student!r}"
    return Finding(case.group, told, case.name, slip="the answer of another student")


def same_person(name: str, handed_in: str) -> bool:
    """Whether a name as a student writes it can be the one under which a notebook came in.

    Learning platforms add numbers and change order, capitals and separators ("lovelaceada_1234"),
    so every word of the one must occur in the other.

    Args:
        name: as it stands in the answer.
        handed_in: of the folder or file.
    """
    one, other = (re.findall(r"[^\W_]+", text.casefold()) for text in (name, handed_in))
    inside = all(word in "".join(other) for word in one)
    around = all(word in "".join(one) for word in other)
    return bool(one and other) and (inside or around)


def _holds_text(value: Any) -> bool:
    if isinstance(value, dict):
        return any(map(_holds_text, (*value.keys(), *value.values())))
    return isinstance(value, str) or (
        isinstance(value, tuple | list) and any(map(_holds_text, value))
    )


def _value(outcome: Outcome, index: int, limits: Limits, cells: Mapping[str, str]) -> Any:
    """The value of one call, or `_NoValue`."""
    if index not in outcome.calls and -1 not in outcome.calls:
        reason = _reason(outcome.end, limits)
        return _NoValue(ENDS.get(outcome.end.split(" ")[0], ""), reason, reason)
    index = index if index in outcome.calls else -1
    try:
        value = returned(outcome.calls[index][0], limits.caps)
    except RefusedError:
        return _NoValue("an unreadable value", UNREADABLE, UNREADABLE)
    if not isinstance(value, Thrown):
        return value
    none = _raised(value, cells)
    # No input has been handed over yet when nothing can be called, so all may be told.
    return none if index >= 0 else none._replace(told=none.text)


def _raised(thrown: Thrown, cells: Mapping[str, str]) -> _NoValue:
    """What the answer raised; the line is quoted from the notebook, not from what was sent."""
    if thrown.kind == RefusedError.__name__:
        return _NoValue("a value that cannot be compared", REFUSED, f"{REFUSED}: {thrown.message}")
    lines = cells.get(thrown.cell, "").splitlines()
    line = lines[thrown.number - 1] if 0 < thrown.number <= len(lines) else ""
    kind = thrown.kind if thrown.kind in KINDS else OTHER_KIND
    texts = [_own_word(thrown, cells), thrown.message]
    texts = (str(Raised(kind, text, line, thrown.number)) for text in texts)
    return _NoValue("" if kind == "NotImplementedError" else kind, *texts)


def _own_word(thrown: Thrown, cells: Mapping[str, str]) -> str:
    """The exception's text where it names what is missing by a word of the student's own code."""
    found = MISSING_NAME.fullmatch(thrown.message.split(". Did you mean")[0])
    if found is None or thrown.kind not in ("NameError", "ModuleNotFoundError"):
        return ""
    word = re.compile(rf"\b{re.escape(found.group(1))}\b")
    return found.group() if any(map(word.search, cells.values())) else ""


def _reason(end: str, limits: Limits) -> str:
    """Why there is no value, in words."""
    if end.startswith("died "):
        return _death(int(end.removeprefix("died ")))
    return {
        "late": f"your code was stopped: no value came within {limits.seconds:g} s",
        "flood": f"your code was stopped: it printed over {limits.printed_bytes >> 20} MiB",
        "huge": f"your code was stopped: it sent over {limits.line_bytes >> 20} MiB at once",
        "memory": f"your code was stopped: it used over {limits.memory >> 20} MiB of memory",
        "folder": "your code was stopped: it wrote too much, or too many files",
        "gone": "your code stopped the process that was running it",
    }.get(end, "your code gave no value for this case")


def _death(code: int) -> str:
    if code >= 0:
        return f"your code ended the Python process (exit status {code})"
    if -code == signal.SIGXCPU:
        return "your code was stopped: it used up its processor time"
    try:
        return f"your code made Python crash ({signal.Signals(-code).name})"
    except ValueError:
        return f"your code made Python crash (signal {-code})"
