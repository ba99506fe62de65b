"""A class in parts, and the parts put together.

All notebooks of one student fall into the same part, told by a hash of the name, so that machines
which share nothing but the submissions and the secret agree on who grades what. The parts' records
are then copied into one folder and the same tables written as if one machine had done it all.
In go a part's number or folders of results, out come the submissions of a part or one folder.
"""

import hashlib
import re
import unicodedata
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

from mi_course.grading import manifest, records
from mi_course.grading.manifest import RECORDS, Manifest


def parse_shard(text: str) -> tuple[int, int]:
    """The part and the number of parts in "2/3".

    Raises:
        ValueError: it says no such thing.
    """
    found = re.fullmatch(r"(\d{1,4})/(\d{1,4})", text)
    part, parts = (int(found[1]), int(found[2])) if found else (0, 0)
    if not 1 <= part <= parts:
        raise ValueError(f"expected a shard such as 2/3, from 1/3 to 3/3, got {text!r}")
    return part, parts


def in_shard(student: str, shard: tuple[int, int]) -> bool:
    """Whether a student's notebooks belong to a part, counted from 1."""
    # File systems differ in how they write letters with marks: the name is what counts.
    name = unicodedata.normalize("NFC", student).encode("utf-8", "surrogateescape")
    part, parts = shard
    return int.from_bytes(hashlib.sha256(name).digest()[:8], "big") % parts == part - 1


def gather(shards: Iterable[Path], out: Path) -> Manifest:
    """Copy the records of all parts into one folder.

    Args:
        shards: folders of results, each of another part of the same class.
        out: a folder of results for the whole class.

    Returns:
        The manifest of the whole, which is also written.

    Raises:
        ValueError: parts are missing, come twice, or were not made alike.
    """
    folders = list(shards)
    if out.resolve() in {folder.resolve() for folder in folders}:
        raise ValueError(f"expected a folder of its own for the whole class, got the shard {out}")
    found = {folder: manifest.read(folder) for folder in folders}
    _refuse_unlike(found)
    _refuse_gaps(found)
    whole = _whole(list(found.values()))
    manifest.refuse_another_secret(out, whole.secret)
    (out / RECORDS).mkdir(parents=True, exist_ok=True)
    for folder, part in found.items():
        manifest.current(folder)  # a record that is missing or torn is told before any is copied
        for name in part.records.values():
            text = (folder / RECORDS / name).read_text(encoding="utf-8")
            records.write_text(out / RECORDS / name, text)
    manifest.write(replace(whole, sheet=manifest.sheet_of(out)), out)
    return whole


def _whole(parts: list[Manifest]) -> Manifest:
    papers = {name: digest for part in parts for name, digest in part.papers.items()}
    listed = {place: name for part in parts for place, name in part.records.items()}
    tiers = sorted({part.tier for part in parts})
    first = parts[0]
    return Manifest(
        first.secret, first.folder, dict(sorted(papers.items())), (1, 1),
        dict(sorted(listed.items())), " + ".join(tiers),
    )  # fmt: skip


def _refuse_unlike(found: dict[Path, Manifest]) -> None:
    """Stop where marks would not be comparable."""
    if not found:
        raise ValueError("expected folders of shards, got none")
    advice = {
        "secret": "grade all shards with one --secret-file or --seed",
        "folder": "grade all shards from the same folder of submissions",
    }
    for name, try_this in advice.items():
        _refuse_two({folder: getattr(part, name) for folder, part in found.items()},
                    name, try_this)  # fmt: skip
    for chapter in sorted({chapter for part in found.values() for chapter in part.papers}):
        own = {f: part.papers[chapter] for f, part in found.items() if chapter in part.papers}
        _refuse_two(own, f"paper of chapter {chapter}", "grade with one version of the course")


def _refuse_two(values: dict[Path, str], what: str, advice: str) -> None:
    first, *others = values.items()
    for folder, value in others:
        if value != first[1]:
            raise ValueError(
                f"expected one {what} for all shards, got {first[1]} in {first[0]} and {value} in "
                f"{folder}, try to {advice}"
            )


def _refuse_gaps(found: dict[Path, Manifest]) -> None:
    """Stop where a part is missing or there twice."""
    seen: dict[int, Path] = {}
    totals = {part.shard[1] for part in found.values()}
    if len(totals) > 1:
        raise ValueError(f"expected one number of shards, got {sorted(totals)}")
    for folder, part in found.items():
        if part.shard[0] in seen:
            text = "{}/{}".format(*part.shard)
            raise ValueError(
                f"expected each shard once, got {text} in {seen[part.shard[0]]} and {folder}"
            )
        seen[part.shard[0]] = folder
    parts = totals.pop()
    missing = [f"{part}/{parts}" for part in range(1, parts + 1) if part not in seen]
    if missing:
        raise ValueError(f"expected {parts} shards, got no {', '.join(missing)}, try to grade them")
