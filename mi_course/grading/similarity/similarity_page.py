"""The pairs that stand out of a class, written for a person to read.

`similarity.csv` has one row for each pair, `similarity.html` shows both answers side by side with
the lines that agree. Both say that agreement is no proof; no mark depends on either.
In go the class's answers, out come two files.
"""

import csv
import inspect
import io
import textwrap
from collections.abc import Iterable, Mapping
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, select_autoescape

from mi_course.exercises import registry
from mi_course.exercises.core import Exercise
from mi_course.grading.notebook import Notebook, find_answers, parse, read_bytes
from mi_course.grading.records import write_text
from mi_course.grading.reports.hostile import cell, one_line, plain
from mi_course.grading.similarity.fingerprints import fingerprints
from mi_course.grading.similarity.similarity import (
    Agreement,
    Answers,
    Pair,
    Similarity,
    compare_class,
)

TEMPLATES = Path(__file__).parents[1] / "templates"
SHOWN = 100  # pairs on the page; the table has all of them
SMALL = 15  # students; with fewer the class does not say what is usual


def write_similarity(answers: Answers, chapters: Path, out: Path) -> Similarity:
    """Compare a class and write `similarity.csv` and `similarity.html`.

    Args:
        answers: student -> exercise -> code of the answer cell.
        chapters: folder of the notebooks as they were handed out; solutions may lie beside it.
        out: the folder to write into.

    Returns:
        What was found.
    """
    known: dict[str, list[str]] = {}
    for chapter in sorted({exercise[:2] for own in answers.values() for exercise in own}):
        teachers = [_notebook(path) for path in _taught(chapter, chapters)]
        known |= explanations(registry.chapter(chapter), teachers)
    written = without_stubs(answers, known)
    found = compare_class(written, known)
    write_text(out / "similarity.csv", table(found))
    write_text(out / "similarity.html", page(found, written))
    return found


def explanations(
    exercises: Iterable[Exercise], teachers: Iterable[Notebook]
) -> dict[str, list[str]]:
    """Exercise -> texts that everybody may agree with: stub, solution, reference, alternatives."""
    asked = tuple(exercises)
    known = {exercise.id: _sources(exercise) for exercise in asked}
    for teacher in teachers:
        for exercise, code in find_answers(teacher, asked).code.items():
            known[exercise].append(code)
    return known


def without_stubs(answers: Answers, known: Mapping[str, list[str]]) -> Answers:
    """The answers that students wrote: no cell that was left as it was handed out."""
    stubs = {
        exercise: [fingerprints(text) for text in texts if "NotImplementedError" in text]
        for exercise, texts in known.items()
    }
    return {
        student: {
            exercise: code
            for exercise, code in own.items()
            if fingerprints(code) not in stubs.get(exercise, [])
        }
        for student, own in answers.items()
    }


def _taught(chapter: str, chapters: Path) -> list[Path]:
    """The chapter as it was handed out, and its solution where the course's source is at hand."""
    folders = (chapters, chapters.parent / "solutions")
    return [path for folder in folders for path in sorted(folder.glob(f"{chapter}_*.ipynb"))[:1]]


def _notebook(path: Path) -> Notebook:
    return parse(read_bytes(path))


def table(found: Similarity) -> str:
    """All listed pairs as CSV, the highest score first."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["student", "other_student", "score", "threshold", "exercises", "shared"])
    for pair in found.pairs:
        ids = " ".join(each.exercise for each in pair.agreements)
        shared = " ".join(f"{each.share:.2f}" for each in pair.agreements)
        names = map(cell, pair.students)
        writer.writerow([*names, f"{pair.score:.1f}", f"{found.threshold:.1f}", ids, shared])
    return text.getvalue()


def page(found: Similarity, answers: Answers) -> str:
    """The same pairs as a page that needs no other file, with both answers side by side."""
    environment = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=select_autoescape(["html"]),
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    pairs = [
        (pair, [(each, _sides(pair, each, answers)) for each in pair.agreements])
        for pair in found.pairs[:SHOWN]
    ]
    environment.filters["one_line"] = one_line
    template = environment.get_template("similarity.html")
    return template.render(found=found, pairs=pairs, small=found.students < SMALL)


def _sides(
    pair: Pair, agreement: Agreement, answers: Answers
) -> list[tuple[str, list[tuple[str, bool]]]]:
    """Each student's name and lines, with whether an agreement begins there."""
    return [
        (one_line(who), _lines(answers[who][agreement.exercise], marked))
        for who, marked in zip(pair.students, agreement.lines, strict=True)
    ]


def _lines(code: str, marked: frozenset[int]) -> list[tuple[str, bool]]:
    """The lines of an answer, and whether each is marked."""
    return [(plain(line), n in marked) for n, line in enumerate(code.split("\n"), start=1)]


def _sources(exercise: Exercise) -> list[str]:
    """Source of the teacher's functions, where Python still knows it."""
    texts = []
    for function in (exercise.reference, *exercise.alternatives):
        try:
            texts.append(textwrap.dedent(inspect.getsource(function)))
        except (OSError, TypeError):  # made by another function, or typed into a session
            continue
    return texts
