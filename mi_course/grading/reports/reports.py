"""Everything that a teacher and the students read, made from records alone.

`gradebook.csv` and `students.csv` open in a spreadsheet, `gradebook.sqlite` answers questions,
`class.html` shows how the class did, and `feedback/` holds a page for each student. The same
records give the same files, byte for byte; a page that would not change is left alone.
In go records, out come files.
"""

from dataclasses import dataclass
from pathlib import Path

from mi_course.grading.records import Record, write_text
from mi_course.grading.reports import class_page, database, feedback, tables
from mi_course.grading.reports.class_statistics import class_statistics
from mi_course.grading.reports.hostile import page_name


@dataclass(frozen=True)
class Reports:
    """Where the reports are.

    Args:
        gradebook: table with a row for each submission.
        feedback: folder of the students' pages.
        class_page: how the class did.
        database: the gradebook in SQLite.
        students: table with a row for each student.
    """

    gradebook: Path
    feedback: Path
    class_page: Path
    database: Path
    students: Path


def write_reports(records: tuple[Record, ...], out: Path) -> Reports:
    """Write the tables, the database, the class's page and all feedback pages.

    Args:
        records: one for each submission, in the order of the rows.
        out: the folder to write into.

    Returns:
        Where each of them is.
    """
    reports = Reports(
        gradebook=out / "gradebook.csv",
        feedback=out / "feedback",
        class_page=out / "class.html",
        database=out / "gradebook.sqlite",
        students=out / "students.csv",
    )
    reports.feedback.mkdir(parents=True, exist_ok=True)
    write_text(reports.gradebook, tables.gradebook(records))
    write_text(reports.students, tables.students(records))
    database.write(records, reports.database)
    write_text(reports.class_page, class_page.html(class_statistics(records)))
    _feedback(records, reports.feedback)
    return reports


def _feedback(records: tuple[Record, ...], folder: Path) -> None:
    own: dict[str, list[Record]] = {}
    for record in records:
        own.setdefault(record.student, []).append(record)
    for student, theirs in own.items():
        stem = page_name(student)
        _put(folder / f"{stem}.html", feedback.html_page(student, tuple(theirs)))
        _put(folder / f"{stem}.md", feedback.markdown_page(student, tuple(theirs)))


def _put(path: Path, text: str) -> None:
    """Write a page, whole or not at all, where it is not there already.

    Unlike the gradebook, a page is not flushed to disk one by one: the wait would cost more than
    all the rest, and a page that a power cut loses is made again from the records.
    """
    content = text.encode("utf-8", "replace")
    if path.is_file() and not path.is_symlink() and path.read_bytes() == content:
        return
    temporary = path.with_name(f"{path.name}.part")
    temporary.write_bytes(content)
    temporary.replace(path)
