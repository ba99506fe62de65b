"""The first page of the teacher kit: the chapters at a glance, three courses, and their reading."""

from docs.teaching import kit
from docs.teaching.pages import row, total
from docs.teaching.syllabus import LESSON, Course, Week, load, notebook_minutes, raw

HEAD = """# Teaching the course

For each chapter there is one page for the evening before: a lesson of 45 minutes and one of 90,
what students usually think and what the check then says, the rubric of the open question with two
answers marked, and slides. Below are courses of 6, 10 and 14 weeks.

Handing out, collecting and grading: [Grading a class](../grade_a_class.md) and
[How grading works](../grading.md). `make figures` draws the slides. To change a plan, edit
`NN.toml` or `syllabus.toml` and run `make teaching`: minutes, points, rubrics, messages and
headings come from the course itself, and what does not fit is refused.

| chapter | hours | exercises | min | points | open question | slides |
|---|---|---|---|---|---|---|
"""
COLUMNS = (
    "week",
    "lesson (min)",
    "done in class",
    "left for home",
    "reading",
    "due on Friday",
    "points (exercises + open)",
)
PROJECT = """## The project

Two or three students take a behaviour of one of the models that no chapter explains, and explain
it. 100 points:
"""
READING = """## Reading

Each notebook says which sections it follows. *Left for home* is the time that the notebook names,
less the lesson, and half an hour for the open question; reading and project come on top.
"""


def index() -> str:
    """Return the page."""
    parts = [HEAD + "\n".join(map(_chapter, kit.chapters()))]
    parts += [_course(course) for course in load()]
    parts += [_project(), _reading()]
    return "\n\n".join(parts) + "\n"


def _chapter(chapter: str) -> str:
    here = kit.load(chapter)
    minutes, points = total(here.exercises)
    hours = f"{notebook_minutes(here.source) / 60:g}"
    return (
        f"| [{chapter} {here.title}]({chapter}.md) | {hours} | {len(here.exercises)} | {minutes} | "
        f"{points} | {here.question.points} points | {len(here.slides)} |"
    )


def _course(course: Course) -> str:
    machine, rubric = course.points(course.chapters)
    asked = [e for chapter in course.chapters for e in course.asked(chapter)]
    home = sum(course.home_minutes(c, n) for week in course.plan for c, n in week.lessons)
    worth = {
        "exercises, by the grader": machine,
        "open questions, by rubric": rubric,
        "project": 100,
    }
    weights = ", ".join(
        f"{name} {weight} % (a point is worth {weight / worth[name]:.2f} %)"
        for name, weight in course.weights.items()
    )
    skipped = f" Skipped: {', '.join(f'`{each}`' for each in course.skip)}." if course.skip else ""
    rows = [_week(course, number, week) for number, week in enumerate(course.plan, start=1)]
    opens = f"{len(course.chapters)} open questions"
    return "\n".join(
        [
            f"## {len(course.plan)} weeks",
            "",
            f"{course.about}{skipped}",
            "",
            f"| {' | '.join(COLUMNS)} |",
            "|---" * len(COLUMNS) + "|",
            *rows,
            f"| **all** | {len(course.plan) * LESSON / 60:g} h | | {home / 60:.0f} h | | "
            f"{len(asked)} exercises, {opens} | {machine} + {rubric} |",
            "",
            f"Marks: {weights}.",
        ]
    )


def _week(course: Course, number: int, week: Week) -> str:
    lessons = [f"[{c}]({c}.md) ({n})" for c, n in week.lessons]
    lessons += [week.note] if week.note else []
    done = [e for c, n in week.lessons for e in kit.load(c).in_class(n) if e not in course.skip]
    home = sum(course.home_minutes(c, n) for c, n in week.lessons)
    reading = dict.fromkeys(key for c, _ in week.lessons for key in raw()["reading"][c])
    machine, rubric = course.points(week.due)
    return row(
        f"{number}",
        "; ".join(lessons),
        ", ".join(f"`{each}`" for each in done),
        f"{home / 60:.1f} h" if home else "",
        ", ".join(reading),
        ", ".join(week.due),
        f"{machine} + {rubric}" if machine else "",
    )


def _project() -> str:
    criteria = (f"- {each['points']} points: {each['text']}." for each in raw()["project"])
    return PROJECT + "\n" + "\n".join(criteria)


def _reading() -> str:
    sources = (f"- [{key}] {text}." for key, text in raw()["sources"].items())
    return READING + "\n" + "\n".join(sources)
