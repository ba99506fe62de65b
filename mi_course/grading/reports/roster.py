"""Sheets downloaded from a learning platform, and which of their rows belongs to a student.

A sheet is read with its encoding, byte order mark, separator, quotes and line ends, and is written
back with the same; cells that nobody changed come back as they were. A student is matched by login,
number or name, by what the platforms put into the names of downloaded files, and never by a guess:
who fits no row or two of them is told.
In goes a file and names, out come rows.
"""

import csv
import io
import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

LARGEST = 32 << 20  # characters of one cell; Moodle puts whole texts into one
# What platforms call a downloaded file or folder: name, number, and more.
MOODLE = re.compile(r"(?P<name>.*)_(?P<number>\d+)_assignsubmission_[a-z]+_?")
CANVAS = re.compile(r"(?P<name>[^_]+)(?:_LATE)?_(?P<number>\d+)_\d+")


@dataclass(frozen=True)
class Sheet:
    """A table as it was downloaded.

    Args:
        rows: all rows, the head first.
        encoding: of the file.
        separator: between cells.
        line_end: after each row.
        quoted: whether every cell stands in quotes.
    """

    rows: tuple[tuple[str, ...], ...]
    encoding: str
    separator: str
    line_end: str
    quoted: bool

    def column(self, *names: str) -> int | None:
        """Index of the first column that is called one of `names`, in upper or lower case."""
        head = [cell.strip().casefold() for cell in self.rows[0]]
        found = [head.index(name.casefold()) for name in names if name.casefold() in head]
        return found[0] if found else None

    def cell(self, row: int, column: int | None) -> str:
        """A cell's text without spaces around it; nothing where the row is shorter."""
        if column is None or column >= len(self.rows[row]):
            return ""
        return self.rows[row][column].strip()

    def with_cells(self, cells: dict[tuple[int, int], str]) -> bytes:
        """The file with some cells replaced.

        Args:
            cells: (row, column) -> text.
        """
        rows = [list(row) for row in self.rows]
        for (row, column), text in cells.items():
            rows[row] += [""] * (column + 1 - len(rows[row]))
            rows[row][column] = text
        text = io.StringIO()
        quoting = csv.QUOTE_ALL if self.quoted else csv.QUOTE_MINIMAL
        csv.writer(
            text, delimiter=self.separator, lineterminator=self.line_end, quoting=quoting
        ).writerows(rows)
        # Only a comment of ours can hold what an old encoding lacks, and comments are HTML.
        return text.getvalue().encode(self.encoding, "xmlcharrefreplace")


@dataclass(frozen=True)
class Person:
    """A row of a sheet, with what its student may be known by.

    Args:
        row: index in the sheet.
        name: as the sheet has it, in any order.
        number: the platform's number, which names of downloaded files hold.
        logins: logins, addresses and numbers.
    """

    row: int
    name: str
    number: str
    logins: tuple[str, ...]

    @cached_property
    def keys(self) -> frozenset[str]:
        """Everything that names this person alone, addresses without their domain too."""
        found = {*self.logins, self.number}
        found |= {login.partition("@")[0] for login in self.logins}
        return frozenset(_folded(key) for key in found if key)

    @cached_property
    def words(self) -> tuple[str, ...]:
        """The words of the name, sorted, so that "Lovelace, Ada" is "Ada Lovelace"."""
        return _words(self.name)


def read_sheet(path: Path, needed: tuple[str, ...], what: str) -> Sheet:
    """A downloaded table.

    Args:
        path: the file.
        needed: columns without which it is not such a table.
        what: the kind of table, for the error.

    Raises:
        ValueError: it cannot be read, or lacks a column.
    """
    try:
        encoding, text = _decoded(path.read_bytes())
        sheets = [_parsed(text, encoding, separator) for separator in ",;\t"]
    except (OSError, UnicodeError, csv.Error) as error:
        raise ValueError(
            f"expected {what}, got {path}: {error}, try downloading it again"
        ) from error
    for sheet in sheets:
        if sheet.rows and all(sheet.column(name) is not None for name in needed):
            return sheet
    raise ValueError(
        f"expected {what} with the columns {', '.join(needed)}, got {path} with the first line "
        f"{text[:100].splitlines()[:1]}, try downloading it with the platform set to English"
    )


def find(student: str, people: Iterable[Person]) -> tuple[int | None, str]:
    """The row of a student, or None and why.

    Args:
        student: as the submission names them.
        people: rows of the sheet.
    """
    people = tuple(people)
    found = MOODLE.fullmatch(student) or CANVAS.fullmatch(student)
    if found:
        number, said = found["number"], _words(found["name"], plain_letters=True)
        rows = [p for p in people if p.number == number and _agrees(said, p)]
        if rows:
            return _only(rows)
    name = found["name"] if found and MOODLE.fullmatch(student) else student
    key, words = _folded(name), _words(name)
    rows = [p for p in people if key in p.keys or (words and words == p.words)]
    if not rows:
        words = _words(name, plain_letters=True)
        rows = [p for p in people if words and words == _words(p.name, plain_letters=True)]
    return _only(rows)


def _only(rows: list[Person]) -> tuple[int | None, str]:
    if len(rows) == 1:
        return rows[0].row, ""
    names = ", ".join(f"row {person.row + 1} ({person.name})" for person in rows[:4])
    return None, f"fits {len(rows)} rows: {names}" if rows else "fits no row"


def _agrees(said: tuple[str, ...], person: Person) -> bool:
    """Whether the name beside a number is this person's, as far as both are told."""
    words = _words(person.name, plain_letters=True)
    together = "".join(said)
    return not words or said == ("participant",) or any(word in together for word in words)


def _folded(text: str) -> str:
    return unicodedata.normalize("NFKC", text).casefold().strip()


def _words(name: str, *, plain_letters: bool = False) -> tuple[str, ...]:
    text = _folded(name)
    if plain_letters:
        text = "".join(
            c for c in unicodedata.normalize("NFKD", text) if not unicodedata.combining(c)
        )
    return tuple(sorted(re.findall(r"[^\W_]+", text)))


def _decoded(data: bytes) -> tuple[str, str]:
    for mark, encoding in ((b"\xef\xbb\xbf", "utf-8-sig"), (b"\xff\xfe", "utf-16")):
        if data.startswith(mark):
            return encoding, data.decode(encoding)
    try:
        return "utf-8", data.decode("utf-8")
    except UnicodeDecodeError:
        return "cp1252", data.decode("cp1252")  # what Excel saves in Western Europe


def _parsed(text: str, encoding: str, separator: str) -> Sheet:
    csv.field_size_limit(LARGEST)
    rows = tuple(
        tuple(row) for row in csv.reader(io.StringIO(text, newline=""), delimiter=separator)
    )
    first = text.splitlines()[0] if text.strip() else ""
    quoted = bool(rows) and first == separator.join(f'"{cell}"' for cell in rows[0])
    return Sheet(rows, encoding, separator, "\r\n" if "\r\n" in text else "\n", quoted)
