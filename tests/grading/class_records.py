"""Records of classes of any size, drawn from a seed, with hostile students among them."""

import random

from mi_course.grading.records import (
    BLANK,
    MISSING,
    PARTLY,
    RIGHT,
    WRONG,
    ExerciseMark,
    GroupMark,
    OpenMark,
    Record,
)

TITLES = ("Repeat a sequence", "Loss on the copy", "Score a head", "Compose two heads")
SLIPS = ("a sum in place of a mean", "off by one", "")
HOSTILE = "</script><img src=x onerror=alert(1)> [x](javascript:alert(1)) =1+1 \u202egnp"


def group_marks(points, earned):
    names = ("shape", "values", "random")[:points]
    return tuple(GroupMark(name, 1, i < earned) for i, name in enumerate(names))


def mark(exercise, points=3, earned=3, **fields):
    """A mark whose state follows from its points."""
    state = RIGHT if earned == points else PARTLY if earned else WRONG
    told = "" if state == RIGHT else f"got {points - earned}.5, expected 1\nat [0, 0]"
    defaults = {
        "title": "Title",
        "state": state,
        "message": told,
        "passed": earned,
        "total": points,
        "groups": group_marks(points, earned),
        "seconds": 0.25,
    }
    fields = defaults | fields
    return ExerciseMark(
        exercise, fields.pop("title"), earned, points, fields.pop("state"), **fields
    )


def record(student, *marks, chapter="06", opens=(), **fields):
    """A record whose sums follow from its marks."""
    defaults = {
        "notebook": f"{student}/{chapter}_topic.ipynb",
        "notebook_sha256": "ab" * 32,
        "paper": "cd" * 32,
        "tier": "bubblewrap",
        "points": sum(each.points for each in marks),
        "max_points": sum(each.max_points for each in marks),
        "grader": "mi-course 0.1.0, Python 3.12, torch 2.9",
    }
    return Record(student=student, chapter=chapter, marks=marks, opens=opens, **defaults | fields)


def a_class(students, chapters=("00", "06"), seed=0):
    """Records of a class: mostly good work, some slips, open answers partly marked, problems."""
    draw = random.Random(seed)
    return tuple(
        _record(draw, f"Student Nr. {number:03}", chapter)
        for number in range(students)
        for chapter in chapters
    )


def _record(draw, student, chapter):
    if draw.random() < 0.02:
        return record(
            student, chapter=chapter, problem="the file is not a notebook: it is not JSON"
        )
    skill = draw.betavariate(4, 2)
    marks = [_mark(draw, f"{chapter}.{n}", skill - 0.03 * n) for n in range(1, 9)]
    given = draw.choice([None, 0, 2, 4])
    text = f"Heads of layer 1 look for what came before.\n{HOSTILE}"
    comment = "Say which head." if given == 2 else ""
    opened = OpenMark(f"{chapter}.A", "Say it in words", 4, text, given, comment)
    return record(student, *marks, chapter=chapter, opens=(opened,))


def _mark(draw, exercise, skill):
    title = TITLES[int(exercise[3:]) % len(TITLES)]
    seconds = round(draw.lognormvariate(-2 + int(exercise[3:]) / 3, 0.6), 3)
    fields = {"title": title, "seconds": seconds}
    if draw.random() < skill:
        return mark(exercise, **fields)
    kind = draw.random()
    if kind < 0.2:
        return mark(exercise, earned=0, title=title, state=BLANK, message="", seconds=0.0)
    if kind < 0.25:
        return mark(
            exercise,
            earned=0,
            title=title,
            state=MISSING,
            message="no cell answers this",
            seconds=0.0,
        )
    slip = draw.choice(SLIPS)
    printed = HOSTILE if draw.random() < 0.1 else ""
    case = "two heads" if draw.random() < 0.5 else ""
    earned = draw.choice([0, 1, 2])
    return mark(exercise, earned=earned, slip=slip, printed=printed, case=case, **fields)
