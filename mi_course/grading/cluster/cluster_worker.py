"""What a worker of a cluster does: makes the paper, keeps sandboxes, grades what comes.

Exercises hold functions, which do not travel; so each worker makes the paper again from the
chapter's name and the secret, and refuses to grade when it is not the one that the grader has.
A student's work travels as text and runs only in the worker's sandboxes.
In goes an `Order`, out comes a record, or a refusal in words.
"""

import threading
from dataclasses import dataclass
from typing import Any

from distributed import WorkerPlugin, get_worker

from mi_course.exercises import registry
from mi_course.grading.cluster.cluster import Cluster
from mi_course.grading.isolation.limits import Limits
from mi_course.grading.notebook import Answers, CodeCell, Notebook, Submission
from mi_course.grading.paper import make_paper
from mi_course.grading.pool import Pool, Work
from mi_course.grading.records import ExerciseMark, OpenMark, Record


@dataclass(frozen=True)
class Order:
    """One submission to grade: `Work`, with ids in the place of questions.

    Args:
        submission: who handed in what.
        digest: of the notebook's bytes.
        answers: the code of its answers.
        asks: ids of the exercises that need a mark.
        kept: marks that still hold, by exercise.
        before: the record that is there already, if any.
        opens: answers to open questions.
    """

    submission: Submission
    digest: str
    answers: Answers
    asks: tuple[str, ...]
    kept: dict[str, ExerciseMark]
    before: Record | None
    opens: tuple[OpenMark, ...]


def order_of(work: Work) -> Order:
    """What of `work` travels."""
    asks = tuple(question.exercise.id for question in work.asks)
    return Order(
        work.submission, work.digest, work.answers, asks, work.kept, work.before, work.opens
    )


def grade_order(desk: str, order: Order) -> Record | str:
    """Grade a submission on this worker.

    Args:
        desk: name of the plugin that holds the sandboxes.
        order: the submission.

    Returns:
        Its record, or why this worker cannot grade at all.
    """
    return get_worker().plugins[desk].grade(order)


class Desk(WorkerPlugin):
    """One chapter's sandboxes on one worker; made when first needed, closed with the worker.

    Args:
        name: of this plugin.
        cluster: what isolation is wanted.
        limits: what one exercise may use.
        secret: what the paper is drawn from.
        chapter: two digits.
        cells: set-up cells of the notebook that was handed out.
        digest: of the grader's paper.
    """

    def __init__(
        self,
        name: str,
        cluster: Cluster,
        limits: Limits,
        secret: bytes,
        *,
        chapter: str,
        cells: tuple[str, ...],
        digest: str,
    ):
        self.name = name
        self.cluster = cluster
        self.limits = limits
        self.secret = secret
        self.chapter = chapter
        self.cells = cells
        self.digest = digest

    def setup(self, worker: Any) -> None:
        """Get ready on a worker; the paper waits for the first order, in a thread of its own."""
        self._lock = threading.Lock()
        self._pool: Pool | None = None
        self._refusal = ""
        self._where = worker.address

    def teardown(self, worker: Any) -> None:
        """Kill all sandboxes."""
        with self._lock:
            if self._pool is not None:
                self._pool.close()
            self._pool, self._refusal = None, "the grader is done"

    def grade(self, order: Order) -> Record | str:
        """The record of one submission, or why there can be none here."""
        with self._lock:
            if self._pool is None and not self._refusal:
                self._open()
            pool, refusal = self._pool, self._refusal
        if pool is None:
            return refusal
        questions = {question.exercise.id: question for question in pool.paper.questions}
        asks = tuple(questions[exercise] for exercise in order.asks)
        nowhere = order.submission.path  # a worker writes nothing
        work = Work(
            order.submission, order.digest, pool.paper, order.answers, asks, order.kept, nowhere,
            order.before, order.opens,
        )  # fmt: skip
        return pool.grade(work)

    def _open(self) -> None:
        """Make the paper and the pool, or a refusal."""
        if self.chapter not in registry.chapters():
            self._refusal = self._other(f"no chapter {self.chapter}")
            return
        setup = Notebook(tuple(CodeCell("", cell, tags=("setup",)) for cell in self.cells))
        paper = make_paper(self.chapter, registry.chapter(self.chapter), self.secret, setup)
        if paper.digest != self.digest:
            self._refusal = self._other(f"another paper of chapter {self.chapter}")
            return
        self._pool = Pool(paper, self.cluster.tier(), self.limits)

    def _other(self, got: str) -> str:
        return (
            f"expected the grader's version of the course on all workers, got {got} on "
            f"{self._where}, try to install the same version there"
        )

    def __getstate__(self) -> dict[str, Any]:
        return {key: value for key, value in vars(self).items() if not key.startswith("_")}
