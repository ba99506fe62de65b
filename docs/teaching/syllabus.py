"""Courses of 6, 10 and 14 weeks: what is taught, handed in and read when, and what it counts.

A course is data in `syllabus.toml`; minutes, points and hours are asked of the exercises and of the
notebooks. `load` refuses a course that teaches a chapter twice, asks for it before it was taught,
or whose weights do not add up to 100.
"""

import re
import tomllib
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from docs.teaching import kit
from docs.teaching.pages import OPEN_MINUTES
from mi_course.exercises.core import Exercise

LESSON = 90  # minutes that every week has
TIME = re.compile(r"\*\*Time:?\*\* about ([\w ]+?) (hours|minutes)")
WORDS = {"two": 2, "three": 3, "four": 4, "five": 5, "six": 6}


@dataclass(frozen=True)
class Week:
    """One week: lessons as (chapter, minutes), what is due on Friday, and a note."""

    lessons: tuple[tuple[str, int], ...]
    due: tuple[str, ...]
    note: str = ""


@dataclass(frozen=True)
class Course:
    """A term: weeks in order, exercises that are left out, and weights in percent."""

    about: str
    skip: tuple[str, ...]
    weights: dict[str, int]
    plan: tuple[Week, ...]

    @property
    def chapters(self) -> tuple[str, ...]:
        """The chapters that are taught, in order."""
        return tuple(chapter for week in self.plan for chapter, _ in week.lessons)

    def asked(self, chapter: str) -> tuple[Exercise, ...]:
        """The exercises of a chapter that are handed in."""
        return tuple(e for e in kit.load(chapter).exercises if e.id not in self.skip)

    def points(self, due: tuple[str, ...]) -> tuple[int, int]:
        """Points of the exercises and of the open questions of some chapters."""
        taken = [chapter for chapter in due if chapter != "project"]
        machine = sum(e.points for chapter in taken for e in self.asked(chapter))
        return machine, sum(kit.load(chapter).question.points for chapter in taken)

    def home_minutes(self, chapter: str, length: int) -> int:
        """Minutes left for home: what the notebook says, less the lesson and what is skipped."""
        skipped = sum(e.minutes for e in kit.load(chapter).exercises if e.id in self.skip)
        left = notebook_minutes(kit.load(chapter).source) - skipped - length
        return max(left, 0) + OPEN_MINUTES


def notebook_minutes(source: str) -> int:
    """Minutes that a notebook says it takes, exercises included.

    Raises:
        ValueError: it does not say so in words that we know.
    """
    found = TIME.search((kit.SOLUTIONS / f"{source}.py").read_text())
    if found is None:
        raise ValueError(f"expected '**Time:** about ... hours' in {source}, got none")
    amount, unit = found.groups()
    whole, half = amount.removesuffix(" and a half"), amount.endswith(" and a half")
    number = int(whole) if whole.isdigit() else WORDS.get(whole)
    if number is None:
        raise ValueError(
            f"expected a number of hours among {list(WORDS)} in {source}, got {whole!r}"
        )
    return number if unit == "minutes" else 60 * number + 30 * half


@lru_cache
def raw() -> dict[str, Any]:
    """The file's content."""
    return tomllib.loads((kit.FOLDER / "syllabus.toml").read_text())


def load() -> tuple[Course, ...]:
    """All courses.

    Raises:
        ValueError: one of them does not add up; the message says where.
    """
    courses = []
    for each in raw()["courses"]:
        plan = tuple(
            Week(
                tuple(_lesson(l) for l in week["lessons"]), tuple(week["due"]), week.get("note", "")
            )
            for week in each["plan"]
        )
        course = Course(each["about"], tuple(each["skip"]), each["weights"], plan)
        if problems := list(_problems(course, each["weeks"])):
            raise ValueError(f"course of {each['weeks']} weeks: " + "; ".join(problems))
        courses.append(course)
    return tuple(courses)


def _lesson(text: str) -> tuple[str, int]:
    chapter, length = text.split("/")
    return chapter, int(length)


def _problems(course: Course, weeks: int) -> list[str]:
    problems = []
    if len(course.plan) != weeks:
        problems.append(f"expected {weeks} weeks, got {len(course.plan)}")
    if (total := sum(course.weights.values())) != 100:
        problems.append(f"expected weights of 100 in all, got {total}")
    if len(set(course.chapters)) != len(course.chapters):
        problems.append(f"expected each chapter once, got {course.chapters}")
    known = {e.id for chapter in course.chapters for e in kit.load(chapter).exercises}
    if strangers := set(course.skip) - known:
        problems.append(f"expected skipped exercises of its chapters, got {sorted(strangers)}")
    return problems + _order(course)


def _order(course: Course) -> list[str]:
    problems, taught, due = [], set(), []
    for number, week in enumerate(course.plan, start=1):
        taught |= {chapter for chapter, _ in week.lessons}
        due += week.due
        if early := [d for d in week.due if d not in taught | {"project"}]:
            problems.append(f"week {number}: expected what was taught, got {early}")
        minutes = sum(length for _, length in week.lessons)
        if minutes > LESSON or not (week.lessons or week.note):
            problems.append(f"week {number}: expected a lesson of {LESSON} minutes or a note")
    wanted = [*course.chapters, *(["project"] if "project" in course.weights else [])]
    if sorted(due) != sorted(wanted):
        problems.append(f"expected {sorted(wanted)} to be handed in once, got {sorted(due)}")
    return problems
