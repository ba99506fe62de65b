"""Grade one submission after another in sandboxes that are kept warm.

A sandbox loads libraries and runs the set-up once and then serves any number of submissions, each
answer in a process of its own; a pool lends one to whoever has work. An answer that kills its
sandbox costs the next one a fresh start and nothing else.
In goes a submission, out comes its record.
"""

import queue
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path

from mi_course.grading.isolation import SandboxError
from mi_course.grading.limits import Limits
from mi_course.grading.mark import mark, missing
from mi_course.grading.notebook import Notebook, Submission, find_answers
from mi_course.grading.paper import Paper
from mi_course.grading.records import ExerciseMark, Record
from mi_course.grading.sandbox import Request, Sandbox


@dataclass(frozen=True)
class Work:
    """One submission that is ready to be graded."""

    submission: Submission
    digest: str
    paper: Paper
    notebook: Notebook
    path: Path


def unmarked(
    submission: Submission,
    digest: str,
    chapter: str,
    *,
    paper: Paper | None,
    tier: str,
    problem: str = "",
) -> Record:
    """The record of a submission that cannot be graded."""
    return Record(
        student=submission.student,
        notebook=submission.name,
        notebook_sha256=digest,
        chapter=chapter,
        paper=paper.digest if paper else "",
        tier=tier,
        points=0,
        max_points=paper.max_points if paper else 0,
        problem=problem,
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
        """The record of one submission."""
        try:
            sandbox = self._idle.get_nowait()
        except queue.Empty:
            sandbox = Sandbox(self.tier, self.paper.setup, self.limits)
        blank = unmarked(
            work.submission, work.digest, self.paper.chapter, paper=self.paper, tier=self.tier
        )
        try:
            marks = tuple(self._marks(work.notebook, sandbox))
        except SandboxError:
            raise
        except Exception as error:  # one submission must not end the run of all others
            return replace(blank, problem=f"the grader failed on this: {type(error).__name__}")
        finally:
            self._idle.put(sandbox)
        return replace(blank, marks=marks, points=sum(mark.points for mark in marks))

    def close(self) -> None:
        """Kill all sandboxes."""
        while not self._idle.empty():
            self._idle.get_nowait().close()

    def _marks(self, notebook: Notebook, sandbox: Sandbox) -> Iterable[ExerciseMark]:
        exercises = [question.exercise for question in self.paper.questions]
        answers = find_answers(notebook, exercises)
        for question in self.paper.questions:
            exercise = question.exercise
            if exercise.id in answers.missing:
                yield missing(exercise, answers.missing[exercise.id])
                continue
            request = Request(exercise.id, exercise.function, answers.code, question.calls)
            yield mark(question, sandbox.run(request), self.limits)
