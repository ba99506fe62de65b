"""Tables that are measured row by row: rows lie on disk as JSON, and pages are made of them.

Measuring takes long, so rows of before are kept, unless other settings made them.
In go a row and the settings; out come all rows as they lie on disk, and lines of Markdown.
"""

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

__all__ = ["Row", "keep", "line"]

Row = dict[str, Any]


def keep(data: Path, kind: str, row: dict[str, Row], *, settings: Row, order: Iterable[str]) -> Row:
    """Write a row beside those that were measured with the same settings; returns what lies there.

    Args:
        data: the file.
        kind: what the rows are, such as "tasks".
        row: name -> what was measured.
        settings: what all rows have in common.
        order: names of rows.
    """
    kept = json.loads(data.read_text()) if data.exists() else {}
    rows = (kept[kind] if kept.get("settings") == settings else {}) | row
    found = {"settings": settings, kind: {name: rows[name] for name in order if name in rows}}
    data.write_text(json.dumps(found, indent=1) + "\n")
    return json.loads(data.read_text())  # numbers as keys have become text


def line(*cells: object) -> str:
    """Return a line of a table."""
    return f"| {' | '.join(map(str, cells))} |"
