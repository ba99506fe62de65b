"""Turn what came out of the sandbox into marks.

This runs in the trusted grader. The lines that came back are decoded with caps, compared by the
exercise's own judge with the reference's values, and every way of not answering (an exception, a
crash, a loop, a flood) becomes a reason in words that a student can act on.
In go a question and an outcome, out comes an `ExerciseMark`.
"""

import signal
from dataclasses import replace
from typing import Any

from mi_course.exercises.core import Exercise, Finding, Raised
from mi_course.grading.limits import Limits
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
from mi_course.grading.sandbox import Outcome
from mi_course.grading.values import RefusedError, decode

MAX_MESSAGE = 1_000


def missing(exercise: Exercise, reason: str) -> ExerciseMark:
    """The mark of an exercise that has no answer to run."""
    groups = tuple(GroupMark(*group, False) for group in _groups(exercise).items())
    return ExerciseMark(
        exercise.id, exercise.title, 0, exercise.points, MISSING, reason, groups=groups
    )


def mark(question: Question, outcome: Outcome, limits: Limits) -> ExerciseMark:
    """The mark of one answer.

    Args:
        question: cases and right values.
        outcome: what came back, from a side that is not trusted.
        limits: for the wording of a reason.

    Returns:
        Points by check group and the first finding.
    """
    exercise = question.exercise
    ending = Raised("", _reason(outcome.end, limits))
    values = [_value(outcome, index, ending, limits) for index in range(len(question.cases))]
    findings = [
        _finding(exercise, case, value, right)
        for case, value, right in zip(question.cases, values, question.expected, strict=True)
    ]
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
        printed=outcome.printed if told else "",
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


def _finding(exercise: Exercise, case: Any, value: Any, expected: Any) -> Finding | None:
    if isinstance(value, Raised) and not value.kind:  # ended from outside, not by an exception
        return Finding(case.group, value.message, case.name, raised=True)
    try:
        return exercise.verdict(case, value, expected)
    except Exception:  # a judge may stumble over a value of a kind that nobody thought of
        kind = type(value).__name__
        message = f"the returned value ({kind}) could not be judged"
        return Finding(case.group, message, case.name, raised=True)  # it earns no shape either


def _value(outcome: Outcome, index: int, ending: Raised, limits: Limits) -> Any:
    """The value of one call, or `Raised` with the reason why there is none."""
    body = outcome.calls.get(index, outcome.calls.get(-1, (None, 0.0)))[0]
    if not isinstance(body, dict):
        return ending
    if "value" not in body:
        return _raised(body.get("raised"))
    try:
        return decode(body["value"], limits.caps)
    except RefusedError as error:
        return Raised("TypeError", f"the returned value was refused: {error}")


def _raised(body: Any) -> Raised:
    body = body if isinstance(body, dict) else {}
    number = body.get("number")
    return Raised(
        kind=str(body.get("kind", ""))[:80] or "Exception",
        message=str(body.get("message", ""))[:500],
        line=str(body.get("line", ""))[:200],
        number=number if isinstance(number, int) and 0 <= number < 10_000 else 0,
    )


def _reason(end: str, limits: Limits) -> str:
    """Why there is no value, in words."""
    if end.startswith("died "):
        return _death(int(end.removeprefix("died ")))
    return {
        "late": f"your code was stopped: no value came within {limits.seconds:g} s",
        "flood": f"your code was stopped: it printed over {limits.printed_bytes >> 20} MiB",
        "huge": f"your code was stopped: it sent over {limits.line_bytes >> 20} MiB at once",
        "memory": f"your code was stopped: it used over {limits.memory >> 20} MiB of memory",
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
