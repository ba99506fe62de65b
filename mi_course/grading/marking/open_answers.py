"""Find what a student wrote on the open questions.

An answer's cell is found by its metadata `open`, then by its id, then by the id that nbgrader
knows it by; it may be text, code or raw by now. What the cell held when it was handed out is no
answer. In go a notebook and questions, out comes an `OpenMark` for each, not marked yet.
"""

import re
from collections.abc import Iterable

from mi_course.exercises.open_question import OpenQuestion
from mi_course.grading.notebook import Notebook
from mi_course.grading.records import OpenMark
from mi_course.grading.reports.hostile import plain

MAX_ANSWER = 50_000
# The line in italics that the chapters put into the cell.
PLACEHOLDER = re.compile(r"^[ \t]*\*Write\b[^*\n]*\*[ \t]*$", re.MULTILINE)


def find_open_answers(
    notebook: Notebook, questions: Iterable[OpenQuestion]
) -> tuple[OpenMark, ...]:
    """What was written on each question; nothing written is worth nothing and needs no marker.

    Args:
        notebook: the student's.
        questions: of the notebook's chapter.
    """
    found = []
    for question in questions:
        text = _text(notebook, question)
        points = None if text else 0
        found.append(OpenMark(question.id, question.title, question.points, text, points))
    return tuple(found)


def _text(notebook: Notebook, question: OpenQuestion) -> str:
    """The answer's text; of a cell that was copied, all copies that hold something."""
    role = f"open-{question.id.replace('.', '-')}"
    for place, name in enumerate((question.id, role, role)):
        cells = [text for names, text in notebook.words if names[place] == name]
        if cells:
            written = [PLACEHOLDER.sub("", plain(text)).strip() for text in cells]
            return "\n\n".join(dict.fromkeys(filter(None, written)))[:MAX_ANSWER]
    return ""
