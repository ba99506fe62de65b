"""Grade what was handed in, one chapter after another.

A chapter's paper is made, its submissions are compared with what earlier runs left, and the
questions that are open go to a pool of sandboxes or to a cluster. The pool is closed before the
next chapter begins. Each record is on the disk before its mark is counted.
In go submissions that have been read, out come records.
"""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

from tqdm.auto import tqdm

from mi_course.grading import records
from mi_course.grading.audit import Audit
from mi_course.grading.cluster.cluster import Cluster, graded
from mi_course.grading.handed_in import HandedIn, path_of, prepare, refused
from mi_course.grading.isolation.limits import Limits
from mi_course.grading.paper import Papers
from mi_course.grading.pool import Pool, Work
from mi_course.grading.records import Record


@dataclass(frozen=True)
class Plan:
    """How a class is graded.

    Args:
        papers: makes each chapter's questions.
        folder: of the records.
        tier: name of the isolation.
        limits: what one exercise may use.
        jobs: sandboxes at a time.
        regrade: ids of exercises that are asked in any case.
        cluster: whose workers hold the sandboxes, or None for this machine.
    """

    papers: Papers
    folder: Path
    tier: str
    limits: Limits
    jobs: int = 1
    regrade: frozenset[str] = frozenset()
    cluster: Cluster | None = None


@dataclass
class Graded:
    """What has been graded so far.

    Args:
        records: place in the order of all submissions -> record.
        files: place -> name of the record's file.
        papers: chapter -> digest of its paper.
        resumed: records of earlier runs that needed nothing.
        changed: marks of earlier runs that are other than they were.
    """

    records: dict[int, Record] = field(default_factory=dict)
    files: dict[int, str] = field(default_factory=dict)
    papers: dict[str, str] = field(default_factory=dict)
    resumed: int = 0
    changed: int = 0

    def in_order(self) -> tuple[Record, ...]:
        """The records in the order of the submissions."""
        return tuple(self.records[place] for place in sorted(self.records))


def grade_all(handed: dict[int, HandedIn], plan: Plan, audit: Audit) -> Graded:
    """Grade every submission.

    Args:
        handed: place in the order of all submissions -> what was handed in.
        plan: how.
        audit: told of each record and of each mark that changes.

    Returns:
        One record for each submission.
    """
    done = Graded()
    plan.folder.mkdir(parents=True, exist_ok=True)
    for place, each in handed.items():
        done.files[place] = path_of(each, plan.folder).name
        if each.problem:
            done.records[place] = refused(each, plan.folder, plan.tier)
    whole = {place: each for place, each in handed.items() if not each.problem}
    for chapter in sorted({each.chapter for each in whole.values()}):
        own = {place: each for place, each in whole.items() if each.chapter == chapter}
        _grade_chapter(chapter, own, plan, audit, done)
    return done


def _grade_chapter(
    chapter: str, handed: dict[int, HandedIn], plan: Plan, audit: Audit, done: Graded
) -> None:
    paper = plan.papers.make(chapter)
    done.papers[chapter] = paper.digest
    todo: dict[int, Work] = {}
    for place, each in handed.items():
        ready = prepare(each, paper, plan.folder, tier=plan.tier, regrade=plan.regrade)
        if isinstance(ready, Work):
            todo[place] = ready
        else:
            done.records[place] = ready
            done.resumed += 1
    audit.log("chapter", chapter=chapter, paper=paper.digest, todo=len(todo), of=len(handed))
    for place, record in _graded(todo, plan):
        records.write(record, todo[place].path)
        done.records[place] = record
        done.changed += _tell(record, todo[place], audit)


def _graded(todo: dict[int, Work], plan: Plan) -> Iterator[tuple[int, Record]]:
    """Each submission's record as it is ready."""
    if not todo:
        return
    if plan.cluster is None:
        results = on_this_machine(todo, plan.tier, plan.limits, plan.jobs)
    else:
        results = graded(todo, plan.cluster, plan.papers.secret, plan.limits)
    chapter = next(iter(todo.values())).paper.chapter
    yield from tqdm(results, total=len(todo), desc=f"chapter {chapter}", disable=None)


def on_this_machine(
    todo: dict[int, Work], tier: str, limits: Limits, jobs: int
) -> Iterator[tuple[int, Record]]:
    """Grade one chapter's submissions in sandboxes of this machine.

    Args:
        todo: place -> work, all on the same paper.
        tier: name of the isolation.
        limits: what one exercise may use.
        jobs: sandboxes at a time.

    Returns:
        An iterator of places and records, as they are ready.
    """
    with ExitStack() as stack:
        pool = Pool(next(iter(todo.values())).paper, tier, limits)
        stack.callback(pool.close)
        workers = ThreadPoolExecutor(max(1, min(jobs, len(todo))))
        stack.callback(workers.shutdown, wait=True, cancel_futures=True)
        futures = {workers.submit(pool.grade, work): place for place, work in todo.items()}
        asked = {question.exercise.id for work in todo.values() for question in work.asks}
        pool.paper.work_out(asked)  # while the sandboxes start
        for future in as_completed(futures):
            yield futures[future], future.result()


def _tell(record: Record, work: Work, audit: Audit) -> int:
    """Log a record, and each mark that an earlier run had given otherwise; how many."""
    who = {"student": record.student, "notebook": record.notebook, "chapter": record.chapter}
    before = {mark.exercise: mark for mark in work.before.marks} if work.before else {}
    changed = 0
    for mark in record.marks:
        was = before.get(mark.exercise)
        if was is None or (was.points, was.state) == (mark.points, mark.state):
            continue
        changed += 1
        pair = {name: [getattr(was, name), getattr(mark, name)] for name in ("points", "state")}
        audit.log("changed", **who, exercise=mark.exercise, asked=[was.asked, mark.asked], **pair)
    asked = [question.exercise.id for question in work.asks]
    audit.log(
        "graded", **who, sha256=record.notebook_sha256, tier=record.tier, points=record.points,
        asked=asked, problem=record.problem,
    )  # fmt: skip
    return changed
