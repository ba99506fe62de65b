"""Grade a folder of submissions.

The grader is trusted and never runs a student's code: it draws fresh inputs from a secret seed,
sends them into sandboxes, and compares what comes back. Each submission ends in one record with
its marks or with the reason why there are none; records that exist already are kept, so a run
that was killed goes on where it stopped. One writer makes the gradebook and the feedback pages.
In go a folder of notebooks and a folder for the results, out comes a `Summary`.
"""

import json
import os
import secrets
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from tqdm.auto import tqdm

from mi_course.exercises import registry
from mi_course.grading import gradebook, records
from mi_course.grading.isolation import UNSAFE, find_tier
from mi_course.grading.limits import Limits
from mi_course.grading.notebook import (
    NotebookError,
    Submission,
    chapter_of_name,
    collect,
    parse,
    read_bytes,
    sha256,
)
from mi_course.grading.paper import CHAPTERS, Paper, Papers
from mi_course.grading.pool import Pool, Work, unmarked
from mi_course.grading.records import Record

SECRET = "secret-seed.json"  # kept beside the results, so that a run can be resumed


@dataclass(frozen=True)
class Summary:
    """What a run of the grader did.

    Args:
        records: one for each submission, in the order of the folder.
        resumed: how many of them existed before.
        tier: the isolation that student code ran under.
        gradebook: the table of all marks.
        feedback: the folder of pages for students.
    """

    records: tuple[Record, ...]
    resumed: int
    tier: str
    gradebook: Path
    feedback: Path

    @property
    def problems(self) -> tuple[Record, ...]:
        """Submissions without marks."""
        return tuple(record for record in self.records if record.problem)

    def __str__(self) -> str:
        lines = [f"{len(self.records)} submissions graded ({self.resumed} earlier)"]
        lines.append(f"isolation: {self.tier}")
        if self.tier == UNSAFE:
            lines.append("WARNING: students' code ran with the rights of your own account")
        lines += [f"no marks for {r.student}: {r.problem}" for r in self.problems]
        return "\n".join([*lines, f"gradebook: {self.gradebook}", f"feedback: {self.feedback}"])


def grade(
    submissions: Path,
    out: Path,
    *,
    chapter: str | None = None,
    seed: int | None = None,
    jobs: int | None = None,
    allow_unsafe: bool = False,
    timeout: float = 10.0,
    chapters: Path | None = None,
) -> Summary:
    """Grade every notebook below `submissions`.

    Args:
        submissions: a folder for each student, or notebooks named after students.
        out: where records, gradebook and feedback go.
        chapter: two digits, where notebooks do not say which chapter they are.
        seed: makes the inputs repeatable on another machine; None draws a secret one.
        jobs: sandboxes at a time; None takes one for each processor.
        allow_unsafe: run students' code without isolation where there is none.
        timeout: seconds that one call of a student's function may take.
        chapters: folder of the notebooks as they were handed out.

    Returns:
        All records, and where the tables are.

    Raises:
        ValueError: no such folder, no isolation, no such chapter, or set-up cells that fail.
    """
    tier = find_tier(allow_unsafe)
    limits = Limits(seconds=timeout)
    found = collect(submissions)
    (out / "records").mkdir(parents=True, exist_ok=True)
    papers = Papers(_secret(out, seed), chapters or CHAPTERS)
    done: dict[int, Record] = {}
    todo: dict[int, Work] = {}
    for index, submission in enumerate(found):
        ready = _prepare(submission, out / "records", papers, chapter, tier)
        if isinstance(ready, Work):
            todo[index] = ready
        else:
            done[index] = ready
    resumed = sum(1 for record in done.values() if not record.problem)
    for index, record in _graded(todo, tier, limits, jobs or os.cpu_count() or 1):
        records.write(record, todo[index].path)
        done[index] = record
    ordered = tuple(done[index] for index in range(len(found)))
    table, pages = gradebook.write(ordered, papers.made(), out)
    return Summary(ordered, resumed, tier, table, pages)


def _secret(out: Path, seed: int | None) -> bytes:
    """The secret of this run; an earlier run's is kept, or its marks would not be comparable."""
    path = out / SECRET
    if seed is not None:
        return f"seed {seed}".encode()
    if not path.exists():
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w") as file:
            json.dump({"secret": secrets.token_hex(32)}, file)
    return bytes.fromhex(json.loads(path.read_text())["secret"])


def _prepare(
    submission: Submission, folder: Path, papers: Papers, chapter: str | None, tier: str
) -> Record | Work:
    """A record that exists already or needs no sandbox, or work to do."""
    name, digest, paper = chapter or chapter_of_name(submission.path.name), "", None
    try:
        paper = papers.get(name) if name in registry.chapters() else None
        data = read_bytes(submission.path)
        digest = sha256(data)
        notebook = parse(data)
        name = chapter or notebook.chapter or name
        if name not in registry.chapters():
            raise NotebookError("the notebook does not say which chapter it is")
        paper = papers.get(name)
    except NotebookError as error:
        record = unmarked(submission, digest, name, paper=paper, tier=tier, problem=str(error))
        path = folder / _record_name(submission, digest, paper)
        records.write(record, path)
        return record
    path = folder / _record_name(submission, digest, paper)
    work = Work(submission, digest, paper, notebook, path)
    return records.read(path) or work


def _record_name(submission: Submission, digest: str, paper: Paper | None) -> str:
    made_on = paper.digest if paper else ""
    return records.file_name(submission.student, submission.name, digest, made_on)


def _graded(
    todo: dict[int, Work], tier: str, limits: Limits, jobs: int
) -> Iterator[tuple[int, Record]]:
    """Each submission's record as it is ready."""
    with ExitStack() as stack:
        pools = {work.paper.chapter: Pool(work.paper, tier, limits) for work in todo.values()}
        for pool in pools.values():
            stack.callback(pool.close)
        workers = stack.enter_context(ThreadPoolExecutor(max(1, min(jobs, len(todo)))))
        futures = {
            workers.submit(pools[work.paper.chapter].grade, work): index
            for index, work in todo.items()
        }
        stack.callback(workers.shutdown, wait=True, cancel_futures=True)
        for future in tqdm(as_completed(futures), total=len(futures), desc="grading", disable=None):
            yield futures[future], future.result()
