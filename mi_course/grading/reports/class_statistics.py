"""What a class did, counted from its records.

One submission counts for each student and chapter (see `standing`). A slip is told by its few
words; where an exercise names none, by the first line of the message with its numbers masked, so
that "got 4, expected 2" and "got 7, expected 3" are one slip. Examples carry no student's name.
In go records, out comes a `ClassStatistics`.
"""

import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from statistics import median, quantiles

from mi_course.grading.records import (
    BLANK,
    MISSING,
    PARTLY,
    RIGHT,
    WRONG,
    ExerciseMark,
    OpenMark,
    Record,
)
from mi_course.grading.reports.hostile import one_line, plain
from mi_course.grading.reports.standing import chapters, counting, in_order, worth

STATES = (RIGHT, PARTLY, WRONG, BLANK, MISSING)
NUMBER = re.compile(r"[-+]?\d[\d.,]*(?:[eE][-+]?\d+)?")
EXAMPLE = 600  # characters


@dataclass(frozen=True)
class ExerciseStatistics:
    """How a class did on one exercise.

    Args:
        exercise: id.
        title: heading.
        max_points: points to be had.
        states: number of students for each of `STATES`.
        earned: mean share of the points, from 0 to 1.
        seconds: median, 95th percentile and longest time of an answer's calls, over the answers
            that ran; zeros where none did.
    """

    exercise: str
    title: str
    max_points: int
    states: tuple[int, ...]
    earned: float
    seconds: tuple[float, float, float]

    def __post_init__(self) -> None:
        if len(self.states) != len(STATES) or not 0 <= self.earned <= 1:
            raise ValueError(f"expected a count for each state and a share, got {self}")

    @property
    def students(self) -> int:
        """Number of students whose submission has a mark here."""
        return sum(self.states)

    def share(self, index: int) -> float:
        """Students in one of `STATES`, in per cent."""
        return 100 * self.states[index] / max(1, self.students)


@dataclass(frozen=True)
class OpenStatistics:
    """How an open question was answered: number of texts, of marked ones, and mean points."""

    question: str
    title: str
    max_points: int
    written: int
    marked: int
    mean: float


@dataclass(frozen=True)
class Slip:
    """One mistake that several students make.

    Args:
        exercise: id.
        told: the slip in a few words, or the first line of the message.
        students: how many made it.
        example: the message that was given most often for it.
    """

    exercise: str
    told: str
    students: int
    example: str


@dataclass(frozen=True)
class ChapterStatistics:
    """How a class did in one chapter.

    Args:
        chapter: two digits, or "unknown".
        totals: points of each student whose submission could be graded, ascending.
        max_total: points to be had.
        exercises: in order.
        opens: in order.
        slips: most frequent first.
    """

    chapter: str
    totals: tuple[int, ...]
    max_total: int
    exercises: tuple[ExerciseStatistics, ...]
    opens: tuple[OpenStatistics, ...]
    slips: tuple[Slip, ...]

    @property
    def histogram(self) -> tuple[int, ...]:
        """Number of students with 0, 1, ... points."""
        number = Counter(self.totals)
        return tuple(number[points] for points in range(self.max_total + 1))

    @property
    def quartiles(self) -> tuple[float, float, float]:
        """Points that a quarter, a half and three quarters of the students do not exceed."""
        if len(self.totals) < 2:
            return (float(sum(self.totals)),) * 3
        low, half, high = quantiles(self.totals, n=4, method="inclusive")
        return low, half, high


@dataclass(frozen=True)
class ClassStatistics:
    """How a class did.

    Args:
        students: number of students.
        submissions: number of submissions, those that do not count included.
        chapters: in order.
        problems: submissions that could not be graded.
        tiers: number of submissions by the isolation that they ran under.
        graders: number of submissions by the versions that graded them.
    """

    students: int
    submissions: int
    chapters: tuple[ChapterStatistics, ...]
    problems: tuple[Record, ...]
    tiers: tuple[tuple[str, int], ...]
    graders: tuple[tuple[str, int], ...]


def class_statistics(records: tuple[Record, ...]) -> ClassStatistics:
    """Counts, shares and times of a class.

    Args:
        records: one for each submission.
    """
    best, most = counting(records), worth(records)
    names = chapters(records)
    by_chapter = {name: [r for key, r in best.items() if key[1] == name] for name in names}
    return ClassStatistics(
        students=len({record.student for record in records}),
        submissions=len(records),
        chapters=tuple(_chapter(name, by_chapter[name], most[name]) for name in names),
        problems=tuple(record for record in records if record.problem),
        tiers=_numbers(record.tier for record in records),
        graders=_numbers(record.grader for record in records),
    )


def _chapter(name: str, records: list[Record], most: int) -> ChapterStatistics:
    marks: dict[str, list[tuple[Record, ExerciseMark]]] = {}
    opens: dict[str, list[OpenMark]] = {}
    for record in records:
        for mark in record.marks:
            marks.setdefault(mark.exercise, []).append((record, mark))
        for each in record.opens:
            opens.setdefault(each.question, []).append(each)
    ordered = sorted(marks, key=in_order)
    slips = [slip for key in ordered for slip in _slips(key, marks[key])]
    return ChapterStatistics(
        chapter=name,
        totals=tuple(sorted(record.total for record in records if not record.problem)),
        max_total=most,
        exercises=tuple(_exercise([mark for _, mark in marks[key]]) for key in ordered),
        opens=tuple(_open(opens[key]) for key in sorted(opens, key=in_order)),
        slips=tuple(sorted(slips, key=lambda slip: -slip.students)),
    )


def _exercise(marks: list[ExerciseMark]) -> ExerciseStatistics:
    states = Counter(mark.state for mark in marks)
    ran = sorted(mark.seconds for mark in marks if mark.state not in (BLANK, MISSING))
    earned = sum(mark.points for mark in marks) / max(1, sum(mark.max_points for mark in marks))
    return ExerciseStatistics(
        exercise=marks[0].exercise,
        title=marks[0].title,
        max_points=marks[0].max_points,
        states=tuple(states[state] for state in STATES),
        earned=earned,
        seconds=(median(ran), _percentile_95(ran), ran[-1]) if ran else (0.0, 0.0, 0.0),
    )


def _percentile_95(values: list[float]) -> float:
    return quantiles(values, n=20, method="inclusive")[-1] if len(values) > 1 else values[0]


def _open(marks: list[OpenMark]) -> OpenStatistics:
    given = [mark.points for mark in marks if mark.points is not None]
    written = sum(bool(mark.answer.strip()) for mark in marks)
    mean = sum(given) / max(1, len(given))
    first = marks[0]
    return OpenStatistics(first.question, first.title, first.max_points, written, len(given), mean)


def _slips(exercise: str, marks: list[tuple[Record, ExerciseMark]]) -> list[Slip]:
    told: dict[str, list[tuple[str, str]]] = {}
    for record, mark in marks:
        if mark.state in (PARTLY, WRONG) and (mark.slip or mark.message):
            message = _nameless(plain(mark.message), record.student)
            line = mark.slip or message.splitlines()[0]
            told.setdefault(NUMBER.sub("#", one_line(line)), []).append((one_line(line), message))
    return [_slip(exercise, found) for found in told.values()]


def _slip(exercise: str, found: list[tuple[str, str]]) -> Slip:
    lines, examples = Counter(line for line, _ in found), Counter(text for _, text in found)
    # The most frequent; between equals the shortest, then the first of the alphabet.
    line = min(lines, key=lambda text: (-lines[text], len(text), text))
    example = min(examples, key=lambda text: (-examples[text], len(text), text))
    return Slip(exercise, line[:200], len(found), example[:EXAMPLE])


def _nameless(message: str, student: str) -> str:
    """A message without the words of its author's name, which code may hold and errors repeat."""
    words = [word for word in re.split(r"[\W_\d]+", student) if len(word) > 2]
    parts = sorted({student, *words}, key=len, reverse=True)
    return re.sub("|".join(map(re.escape, parts)), "…", message, flags=re.IGNORECASE)


def _numbers(values: Iterable[str]) -> tuple[tuple[str, int], ...]:
    return tuple(sorted(Counter(value for value in values if value).items()))
