"""Grade one submission after another in sandboxes that are kept warm.

A sandbox loads libraries and runs the set-up once and then serves any number of submissions, each
answer in a process of its own; a pool lends one to whoever has work. An answer that kills its
sandbox costs the next one a fresh start and nothing else.
In goes a submission with the questions to ask, out comes its record; marks that still hold are
taken over as they are.
"""

import queue
import traceback
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path

from mi_course.exercises import registry
from mi_course.grading.audit import versions
from mi_course.grading.isolation.isolation import SandboxError
from mi_course.grading.isolation.limits import Limits
from mi_course.grading.isolation.sandbox import Request, Sandbox
from mi_course.grading.mark import count_shown, mark, missing
from mi_course.grading.notebook import Answers, Submission
from mi_course.grading.paper import Paper, Question
from mi_course.grading.records import ExerciseMark, OpenMark, Record

FAILED = "the grader failed on this"  # how such a problem begins


@dataclass(frozen=True)
class Work:
    """One submission that is ready to be graded.

    Args:
        submission: who handed in what.
        digest: of the notebook's bytes.
        paper: what it is graded on.
        answers: the code of its answers.
        asks: questions that need a mark.
        kept: marks that still hold, by exercise.
        path: where the record goes.
        before: the record that is there already, if any.
        opens: answers to open questions.
    """

    submission: Submission
    digest: str
    paper: Paper
    answers: Answers
    asks: tuple[Question, ...]
    kept: dict[str, ExerciseMark]
    path: Path
    before: Record | None = None
    opens: tuple[OpenMark, ...] = ()


def _place(error: Exception) -> str:
    """Module and line where the grader stumbled, for who mends it."""
    last = traceback.extract_tb(error.__traceback__)[-1]
    return f"{Path(last.filename).name}:{last.lineno}"


def unmarked(
    submission: Submission, digest: str, chapter: str, *, tier: str, paper: str = "", problem: str
) -> Record:
    """The record of a submission that cannot be graded, or is not graded yet."""
    known = registry.chapter(chapter) if chapter in registry.chapters() else ()
    return Record(
        student=submission.student,
        notebook=submission.name,
        notebook_sha256=digest,
        chapter=chapter,
        paper=paper,
        tier=tier,
        points=0,
        max_points=sum(exercise.points for exercise in known),
        problem=problem,
        grader=versions(),
    )


def record_of(work: Work, tier: str, fresh: Iterable[ExerciseMark]) -> Record:
    """The record of a submission whose questions have all been asked.

    Args:
        work: the submission, with the marks that are kept.
        tier: the isolation under which the fresh marks were made.
        fresh: marks of the questions that were asked.
    """
    marks = work.kept | {mark.exercise: mark for mark in fresh}
    ordered = tuple(marks[question.exercise.id] for question in work.paper.questions)
    if work.before is not None and work.kept:  # a page must not claim more than held for each mark
        tiers = [work.before.tier, tier] if work.asks else [work.before.tier]
        tier = " + ".join(dict.fromkeys(name for each in tiers for name in each.split(" + ")))
    chapter = work.paper.chapter
    blank = unmarked(work.submission, work.digest, chapter, tier=tier, problem="")
    return replace(
        blank,
        paper=work.paper.digest,
        points=sum(mark.points for mark in ordered),
        marks=ordered,
        opens=work.opens,
        grader=work.before.grader if work.before and not work.asks else versions(),
    )


class Pool:
    """Sandboxes for one paper, lent to one submission at a time.

    Args:
        paper: what is graded on.
        tier: name of the isolation.
        limits: what one exercise may use.
    """

    def __init__(self, paper: Paper, tier: str, limits: Limits):
        self.paper = paper
        self.tier = tier
        self.limits = limits
        self._idle: queue.SimpleQueue[Sandbox] = queue.SimpleQueue()

    def grade(self, work: Work) -> Record:
        """The record of one submission: `work.asks` are asked, `work.kept` stays."""
        try:
            sandbox = self._idle.get_nowait()
        except queue.Empty:
            sandbox = Sandbox(self.tier, self.paper.setup, self.limits)
        try:
            return record_of(work, self.tier, [self._mark(q, work, sandbox) for q in work.asks])
        except SandboxError:
            raise
        except Exception as error:  # one submission must not end the run of all others
            told = f"{FAILED}: {type(error).__name__} in {_place(error)}"
            chapter = self.paper.chapter
            return unmarked(work.submission, work.digest, chapter, tier=self.tier, problem=told)
        finally:
            self._idle.put(sandbox)

    def close(self) -> None:
        """Kill all sandboxes."""
        while not self._idle.empty():
            self._idle.get_nowait().close()

    def _mark(self, question: Question, work: Work, sandbox: Sandbox) -> ExerciseMark:
        exercise = question.exercise
        if exercise.id in work.answers.missing:
            made = missing(exercise, work.answers.missing[exercise.id])
        else:
            code, others = work.answers.code, work.answers.others
            shown = count_shown(question.cases)
            request = Request(exercise.id, exercise.function, code, question.calls, others, shown)
            student = work.submission.student
            made = mark(question, sandbox.run(request), self.limits, code, student=student)
        return replace(made, asked=question.asked)
