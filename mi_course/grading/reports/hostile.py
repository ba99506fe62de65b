"""Text that a student may have written, made harmless for the place where it is shown.

Names, messages, prints and answers can hold markup, spreadsheet formulas, control characters and
characters that turn the direction of writing. HTML is escaped by the templates; what a table, a
Markdown page, a database or a file name needs is here. In goes any text, out comes text that its
reader shows and never runs.
"""

import hashlib
import re
import unicodedata

from mi_course.grading.records import slug

# A spreadsheet runs what starts so. Where lists are separated by ";", it starts a cell too.
FORMULA = re.compile(r"(^|[;|])(\s*)([=+\-@＝＋－＠])")
DEVICES = re.compile(r"(con|prn|aux|nul|com\d|lpt\d)(\..*)?")  # file names that Windows keeps
NUMBERED = re.compile(r".*-[0-9a-f]{10}")
TURNS = "\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\ufeff"


def plain(text: str) -> str:
    """`text` without characters that cannot be stored, act on a terminal or turn the writing."""
    text = text.encode("utf-8", "replace").decode("utf-8")
    return "".join(c for c in text if c in "\n\t" or not _acts(c))


def one_line(text: str) -> str:
    """`text` on one line."""
    return " ".join(plain(re.sub(r"\s", " ", text)).split())


def cell(value: object) -> object:
    """A value as a cell of a table: text on one line that no spreadsheet takes for a formula."""
    return FORMULA.sub(r"\1\2'\3", one_line(value)) if isinstance(value, str) else value


def markdown_line(text: str) -> str:
    """`text` on one line, in which Markdown and HTML mean nothing."""
    harmless = (c if c.isalnum() or c in " _-./,:()%" else _entity(c) for c in one_line(text))
    text = "".join(harmless).replace("_", "\\_")
    return text.replace("://", ":&#47;&#47;").replace("www.", "www&#46;")  # no links by themselves


def markdown_block(text: str) -> str:
    """`text` as an indented block, in which Markdown and HTML mean nothing."""
    return "\n".join(f"    {line}" for line in plain(text).splitlines())


def page_name(student: str) -> str:
    """A file name for a student's page, without its ending.

    It depends on nothing but the student's name, so that a page never changes hands when others
    join; it is the same on every file system, and no two students get one that differs only in
    upper case. A digest is added wherever the name itself is not such a file name.
    """
    stem = slug(student).lstrip("-") or "student"  # no file's name may be an option
    taken = DEVICES.fullmatch(stem) or NUMBERED.fullmatch(stem)
    if stem == student == stem.lower() and not taken:
        return stem
    digest = hashlib.sha256(student.encode("utf-8", "surrogateescape")).hexdigest()
    # Windows keeps "nul" and "nul.txt" alike: what stands before the first dot is the name.
    return f"{stem.replace('.', '_') if DEVICES.fullmatch(stem.lower()) else stem}-{digest[:10]}"


def _acts(character: str) -> bool:
    return character in TURNS or unicodedata.category(character) == "Cc"


def _entity(character: str) -> str:
    return f"&#{ord(character)};"
