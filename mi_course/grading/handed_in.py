"""What was handed in, and what is left to do about it.

A submission is read once: its bytes give a digest, its cells a chapter and answers. Against the
chapter's paper and the record of an earlier run it then needs nothing, or a few questions asked
again, or all of them. A mark holds as long as it was given for the same question.
In go submissions, a paper and a folder of records; out come records and work.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from mi_course.exercises import registry
from mi_course.grading import records
from mi_course.grading.marking.open_answers import find_open_answers
from mi_course.grading.notebook import (
    Answers,
    NotebookError,
    Submission,
    chapter_of_name,
    find_answers,
    parse,
    read_bytes,
    sha256,
)
from mi_course.grading.paper import Paper
from mi_course.grading.pool import Work, record_of, unmarked
from mi_course.grading.records import OpenMark, Record


@dataclass(frozen=True)
class HandedIn:
    """A submission that has been read.

    Args:
        submission: who handed in what.
        chapter: two digits, or what else stands in their place.
        digest: of the notebook's bytes, empty where it could not be read.
        answers: code of the answers; no more of the notebook is kept, since a class is large.
        opens: answers to open questions.
        problem: why it cannot be graded, or nothing.
    """

    submission: Submission
    chapter: str
    digest: str = ""
    answers: Answers = field(default_factory=Answers)
    opens: tuple[OpenMark, ...] = ()
    problem: str = ""


def hand_in(submission: Submission, chapter: str | None = None) -> HandedIn:
    """Read one submission.

    Args:
        submission: as it was found.
        chapter: two digits, where the notebook itself does not count.
    """
    name, digest = chapter or chapter_of_name(submission.path.name), ""
    try:
        data = read_bytes(submission.path)
        digest = sha256(data)
        notebook = parse(data)
        name = chapter or notebook.chapter or name
        if name not in registry.chapters():
            raise NotebookError("the notebook does not say which chapter it is")
        opens = find_open_answers(notebook, registry.open_questions(name))
        answers = find_answers(notebook, registry.chapter(name))
        return HandedIn(submission, name, digest, answers, opens)
    except NotebookError as error:
        return HandedIn(submission, name, digest, problem=str(error))
    except Exception as error:  # nothing that one student hands in may end the run of all others
        problem = f"the notebook cannot be read ({type(error).__name__})"
        return HandedIn(submission, name, digest, problem=problem)


def unread(submission: Submission, most: int) -> HandedIn:
    """A submission that is left alone because its student handed in too many."""
    chapter = chapter_of_name(submission.path.name)
    return HandedIn(submission, chapter, problem=f"only {most} notebooks of one student are read")


def prepare(
    handed: HandedIn, paper: Paper, folder: Path, *, tier: str, regrade: Iterable[str] = ()
) -> Record | Work:
    """A record that holds, or the work that is left.

    Args:
        handed: a submission.
        paper: of its chapter.
        folder: of the records.
        tier: name of the isolation, for a record that needs no sandbox.
        regrade: ids of exercises that are asked whether or not their marks hold.
    """
    path = path_of(handed, folder)
    before = records.read(path)
    if before is not None and before.problem:  # the grader stumbled: try again
        before = None
    earlier = {mark.exercise: mark for mark in before.marks} if before else {}
    kept = {
        question.exercise.id: earlier[question.exercise.id]
        for question in paper.questions
        if question.exercise.id in earlier
        and question.exercise.id not in regrade
        and earlier[question.exercise.id].asked == question.asked
    }
    asks = tuple(q for q in paper.questions if q.exercise.id not in kept)
    work = Work(
        handed.submission, handed.digest, paper, handed.answers, asks, kept, path, before,
        handed.opens,
    )  # fmt: skip
    if asks:
        return work
    record = record_of(work, tier, ())
    if record != before:
        records.write(record, path)
    return record


def refused(handed: HandedIn, folder: Path, tier: str) -> Record:
    """Write and return the record of a submission that cannot be graded."""
    record = unmarked(
        handed.submission, handed.digest, handed.chapter, tier=tier, problem=handed.problem
    )
    path = path_of(handed, folder)
    if records.read(path) != record:
        records.write(record, path)
    return record


def path_of(handed: HandedIn, folder: Path) -> Path:
    """Where the record of a submission lies."""
    who = handed.submission
    return folder / records.file_name(who.student, who.name, handed.digest, handed.chapter)


def regraded(names: Iterable[str]) -> frozenset[str]:
    """Ids of the exercises that are meant by ids and chapters, such as "06.3" or "06".

    Raises:
        ValueError: a name is neither.
    """
    found: set[str] = set()
    for name in names:
        room = name.partition(".")[0]
        ids = [each.id for each in registry.chapter(room)] if room in registry.chapters() else []
        meant = ids if name == room else [each for each in ids if each == name]
        if not meant:
            known = ", ".join(ids or registry.chapters())
            raise ValueError(
                f"expected an exercise or a chapter among {known}, got {name!r}, try 06.3 or 06"
            )
        found |= set(meant)
    return frozenset(found)
