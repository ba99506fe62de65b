"""What a teacher says about each chapter, read from `NN.toml` and held to the course itself.

Lesson plans, usual misconceptions, graded sample answers and slides are written in one file for
each chapter; what the course already knows (minutes, points, rubrics, messages of the checks,
headings) is never written twice but asked of `mi_course.exercises` and of `solutions/`. In goes a
chapter's two digits, out comes a `Kit`, or a ValueError that says which line does not fit.
"""

import re
import tomllib
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from mi_course.exercises import registry
from mi_course.exercises.core import Exercise
from mi_course.exercises.open_question import OpenQuestion

FOLDER = Path(__file__).parent
SOLUTIONS = FOLDER.parents[1] / "solutions"
LENGTHS = (45, 90)  # minutes of the two lessons that each chapter has a plan for
HEADING = re.compile(r"^# ## (.+)$", re.MULTILINE)
NUMBERED = re.compile(r"(\d+)(?:\.| ·) (.+)")
EXERCISE = re.compile(r"Exercise (\d+)\.(\d+) ·")
SECTIONS_WITHOUT_NUMBER = {"opening": "Opening", "open question": "Open question"}


@dataclass(frozen=True)
class Step:
    """A stretch of a lesson: what is on the screen, what is asked, which exercises are done."""

    minutes: int
    section: str
    show: str
    ask: str
    exercises: tuple[str, ...] = ()


@dataclass(frozen=True)
class Misconception:
    """What students think, and the planted wrong answer of an exercise that is made of it."""

    think: str
    exercise: str
    wrong: str
    ask: str

    @property
    def message(self) -> str:
        """What the check says to it: its first line, or a part of it between dots."""
        (planted,) = [each for each in registry.get(self.exercise).wrong if each.name == self.wrong]
        return planted.hint.splitlines()[0] if planted.hint else f"… {planted.says} …"


@dataclass(frozen=True)
class Mark:
    """Points for one criterion of a rubric, and why."""

    points: int
    why: str


@dataclass(frozen=True)
class Answer:
    """A sample answer to the open question, marked criterion by criterion."""

    kind: str
    text: str
    marks: tuple[Mark, ...]

    @property
    def points(self) -> int:
        """Points for the whole answer."""
        return sum(mark.points for mark in self.marks)


@dataclass(frozen=True)
class Slide:
    """A figure that a solution saved, chosen by how its title begins, and what to say to it.

    `width` is that of the frame in which it is laid out, where long labels need more than usual.
    """

    name: str
    figure: str
    say: str
    width: int = 0

    def file(self, chapter: str) -> str:
        """Name of its picture."""
        return f"{chapter}-{self.name}.png"


@dataclass(frozen=True)
class Kit:
    """All that a teacher needs for one chapter."""

    chapter: str
    source: str
    aim: str
    prepare: str
    lessons: dict[int, tuple[Step, ...]]
    misconceptions: tuple[Misconception, ...]
    answers: tuple[Answer, ...]
    slides: tuple[Slide, ...]

    @property
    def exercises(self) -> tuple[Exercise, ...]:
        """The chapter's exercises."""
        return registry.chapter(self.chapter)

    @property
    def question(self) -> OpenQuestion:
        """The chapter's open question."""
        (question,) = registry.open_questions(self.chapter)
        return question

    @property
    def title(self) -> str:
        """The chapter's title, as its notebook has it."""
        text = (SOLUTIONS / f"{self.source}.py").read_text()
        return text.split("# # ", 1)[1].splitlines()[0].split(" · ", 1)[1]

    def in_class(self, length: int) -> tuple[str, ...]:
        """Ids of the exercises that are done in the lesson of this many minutes."""
        return tuple(each for step in self.lessons[length] for each in step.exercises)

    def at_home(self, length: int) -> tuple[Exercise, ...]:
        """The exercises that the lesson of this many minutes leaves for home."""
        done = self.in_class(length)
        return tuple(each for each in self.exercises if each.id not in done)


def chapters() -> list[str]:
    """Two digits of each chapter that has a kit, in order."""
    return sorted(path.stem for path in FOLDER.glob("[0-9][0-9].toml"))


@lru_cache
def sections(source: str) -> tuple[dict[str, str], dict[str, str]]:
    """Headings of a solution by number (or by name), and the section that each exercise is in."""
    titles, holds = dict(SECTIONS_WITHOUT_NUMBER), {}
    here = "opening"
    for heading in HEADING.findall((SOLUTIONS / f"{source}.py").read_text()):
        if found := EXERCISE.match(heading):
            holds[f"{int(found[1]):02}.{found[2]}"] = here
        elif found := NUMBERED.fullmatch(heading):
            here = found[1]
            titles[here] = f"§{here} {found[2]}"
        else:
            titles[heading] = heading
    return titles, holds


@lru_cache
def load(chapter: str) -> Kit:
    """The kit of a chapter.

    Raises:
        ValueError: something in its file does not fit the course; the message lists all of it.
    """
    raw: dict[str, Any] = tomllib.loads((FOLDER / f"{chapter}.toml").read_text())
    kit = Kit(
        chapter=chapter,
        source=raw["source"],
        aim=raw["aim"],
        prepare=raw["prepare"],
        lessons={
            length: tuple(
                Step(**{**step, "exercises": tuple(step.get("exercises", ()))})
                for step in raw[f"lesson{length}"]
            )
            for length in LENGTHS
        },
        misconceptions=tuple(Misconception(**each) for each in raw["misconceptions"]),
        answers=tuple(
            Answer(each["kind"], each["text"].strip(), tuple(Mark(*m) for m in each["marks"]))
            for each in raw["answers"]
        ),
        slides=tuple(Slide(**each) for each in raw["slides"]),
    )
    if problems := [*_lessons(kit), *_planted(kit), *_marks(kit)]:
        raise ValueError(f"{chapter}.toml: " + "; ".join(problems))
    return kit


def _lessons(kit: Kit) -> list[str]:
    """What is wrong with the plans."""
    known, (titles, holds) = {e.id: e for e in kit.exercises}, sections(kit.source)
    problems = []
    for length, steps in kit.lessons.items():
        if (total := sum(step.minutes for step in steps)) != length:
            problems.append(f"expected steps of {length} minutes in all, got {total}")
        if len(set(kit.in_class(length))) != len(kit.in_class(length)):
            problems.append(f"expected each exercise once in the lesson of {length} minutes")
        for step in steps:
            if step.section not in titles:
                problems.append(f"expected a section among {list(titles)}, got {step.section!r}")
            if strangers := [e for e in step.exercises if holds.get(e) != step.section]:
                problems.append(f"expected exercises of section {step.section}, got {strangers}")
            needs = sum(known[e].minutes for e in step.exercises if e in known)
            if needs > step.minutes:
                problems.append(f"expected {needs} minutes for {step.exercises}")
    return problems


def _planted(kit: Kit) -> list[str]:
    """Which misconceptions name an exercise or a planted wrong answer that is not there."""
    planted = {each.id: [wrong.name for wrong in each.wrong] for each in kit.exercises}
    return [
        f"expected one of {planted.get(each.exercise)} in {each.exercise}, got {each.wrong!r}"
        for each in kit.misconceptions
        if each.wrong not in planted.get(each.exercise, [])
    ]


def _marks(kit: Kit) -> list[str]:
    """Which sample answers are not marked by the rubric."""
    best = [criterion.points for criterion in kit.question.rubric]
    problems = []
    for answer in kit.answers:
        given = [mark.points for mark in answer.marks]
        if len(given) != len(best) or any(not 0 <= g <= b for g, b in zip(given, best)):  # noqa: B905
            problems.append(
                f"expected marks from 0 to {best} in the {answer.kind} answer, got {given}"
            )
    return problems
