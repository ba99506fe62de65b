import re
import sqlite3
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from mi_course.grading.records import OpenMark
from mi_course.grading.reports import database
from tests.grading.class_records import HOSTILE, a_class, mark, record

OPEN = OpenMark("06.A", "In words", 4, HOSTILE, None, "")


def asked(path, query):
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as connection:
        return connection.execute(query).fetchall()


@pytest.fixture
def a_few(tmp_path):
    records = (
        record("ada", mark("06.1", 3, 3), mark("06.2", 2, 1), opens=(OPEN,)),
        record("ada", mark("06.1", 3, 1), mark("06.2", 2, 0), notebook="old.ipynb"),
        record("bob", mark("06.1", 3, 0), mark("06.2", 2, 2), opens=(replace(OPEN, points=3),)),
        record("cleo", problem="not JSON"),
    )
    return database.write(records, tmp_path / "gradebook.sqlite")


def test_every_submission_is_a_row_and_says_whether_it_counts(a_few):
    rows = asked(a_few, "SELECT student, counts, total, max_total, problem FROM submissions")
    assert rows == [
        ("ada", 1, 4, 9, ""),
        ("ada", 0, 1, 5, ""),
        ("bob", 1, 5, 9, ""),
        ("cleo", 1, 0, 0, "not JSON"),
    ]


def test_the_query_in_the_documentation_finds_the_hardest_exercise(a_few):
    query = re.search(r"SELECT.*;", database.__doc__, re.DOTALL).group()
    assert asked(a_few, query) == [("06.1", "Title", 0.5, 2), ("06.2", "Title", 0.75, 2)]


def test_an_unmarked_answer_is_null_and_text_is_kept_as_it_was(a_few):
    rows = asked(a_few, "SELECT points, answer FROM open_marks")
    assert rows == [(None, HOSTILE), (3, HOSTILE)]


def test_groups_add_up_to_the_points(a_few):
    rows = asked(
        a_few,
        "SELECT submission, exercise, sum(g.points * passed), e.points "
        "FROM groups g JOIN exercises e USING (submission, exercise) GROUP BY 1, 2",
    )
    assert len(rows) == 6
    assert all(earned == points for _, _, earned, points in rows)


def test_keys_hold_and_nothing_is_broken(tmp_path):
    path = database.write(a_class(20), tmp_path / "gradebook.sqlite")
    assert asked(path, "PRAGMA integrity_check") == [("ok",)]
    assert asked(path, "PRAGMA foreign_key_check") == []
    with closing(sqlite3.connect(path)) as connection:
        for table in ("submissions", "exercises", "groups", "open_marks"):
            first = connection.execute(f"SELECT * FROM {table} LIMIT 1").fetchone()
            places = ", ".join("?" * len(first))
            with pytest.raises(sqlite3.IntegrityError, match="UNIQUE"):
                connection.execute(f"INSERT INTO {table} VALUES ({places})", first)


def test_an_older_database_is_replaced_whole(tmp_path):
    path = tmp_path / "gradebook.sqlite"
    database.write(a_class(20), path)
    database.write((record("ada", mark("06.1")),), path)
    assert asked(path, "SELECT count(*) FROM submissions") == [(1,)]
    assert list(tmp_path.iterdir()) == [path]


def test_a_failure_leaves_the_older_database_and_no_part(tmp_path, monkeypatch):
    path = tmp_path / "gradebook.sqlite"
    database.write((record("ada", mark("06.1")),), path)
    before = path.read_bytes()

    def full(descriptor):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(database.os, "fsync", full)
    with pytest.raises(OSError, match="No space"):
        database.write(a_class(5), path)
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


def test_what_a_killed_run_left_behind_is_no_obstacle(tmp_path):
    path = tmp_path / "gradebook.sqlite"
    left = Path(f"{path}.{database.os.getpid()}.part")
    left.write_bytes(b"half a database")
    database.write((record("ada", mark("06.1")),), path)
    assert asked(path, "SELECT student FROM submissions") == [("ada",)]
    assert not left.exists()


def test_hostile_names_are_values_and_never_statements(tmp_path):
    names = ["'); DROP TABLE submissions; --", "nul\x00byte", "odd \udcff", "王"]
    records = tuple(record(name, mark("06.1")) for name in names)
    path = database.write(records, tmp_path / "gradebook.sqlite")
    rows = asked(path, "SELECT student FROM submissions ORDER BY submission")
    assert [name for (name,) in rows] == [names[0], "nul\x00byte", "odd ?", "王"]
