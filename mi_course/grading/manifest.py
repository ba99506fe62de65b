"""What the last run in a folder of results was made of.

Records of notebooks that were handed in again, or withdrawn, stay on the disk as history; which
records count is written here, in the order of the submissions. The open questions' marks, the
exports and the merging of shards start from it.
In go a run's facts, out comes `run.json`, and back.
"""

import hashlib
import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from pathlib import Path

from mi_course.grading import records
from mi_course.grading.records import Record

MANIFEST = "run.json"
RECORDS = "records"


@dataclass(frozen=True)
class Manifest:
    """The facts of a run.

    Args:
        secret: fingerprint of the secret.
        folder: digest of the names of all submissions, those of other shards too.
        papers: chapter -> digest of its paper.
        shard: which part this is, counted from 1, of how many.
        records: place in the order of all submissions -> name of the record's file.
        tier: the isolation of the run.
        sheet: digest of the marking sheet as it was written, which tells whether a person has
            changed it since.
    """

    secret: str
    folder: str
    papers: dict[str, str]
    shard: tuple[int, int] = (1, 1)
    records: dict[int, str] = field(default_factory=dict)
    tier: str = ""
    sheet: str = ""


def write(manifest: Manifest, out: Path) -> None:
    """Write a manifest into a folder of results."""
    records.write_text(out / MANIFEST, json.dumps(asdict(manifest), indent=1) + "\n")


def read(out: Path) -> Manifest:
    """The manifest of a folder of results.

    Raises:
        ValueError: there is none that is whole.
    """
    try:
        content = json.loads((out / MANIFEST).read_text(encoding="utf-8"))
        content["records"] = {int(place): name for place, name in content["records"].items()}
        return Manifest(**content | {"shard": tuple(content["shard"])})
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise ValueError(
            f"expected a folder with the results of `mi-course grade`, got {out} without a whole "
            f"{MANIFEST}, try to grade into it again: what is graded stays graded"
        ) from error


def sheet_of(out: Path) -> str:
    """Digest of the marking sheet that the last run wrote, or nothing."""
    return read(out).sheet if (out / MANIFEST).exists() else ""


def current(out: Path) -> tuple[Record, ...]:
    """The records that count, in the order of the submissions.

    Raises:
        ValueError: the folder holds no finished run, or a record is missing.
    """
    listed = sorted(read(out).records.items())
    return tuple(_record(out / RECORDS / name) for _, name in listed)


def refuse_another_secret(out: Path, secret: str) -> None:
    """Stop a run that would grade everything again on other inputs, for want of an option.

    Args:
        out: a folder of results, perhaps empty.
        secret: fingerprint of the secret of the run that begins.

    Raises:
        ValueError: the folder's marks were made with another secret.
    """
    if (out / MANIFEST).exists() and (was := read(out).secret) != secret:
        raise ValueError(
            f"expected the secret {was} that the marks in {out} were made with, got {secret}, "
            "try the same --seed or --secret-file as before, or another --out"
        )


def digest_of(names: Iterable[str]) -> str:
    """Digest of the names of a folder's submissions."""
    text = "\0".join(names)
    return hashlib.sha256(text.encode("utf-8", "surrogateescape")).hexdigest()[:16]


def _record(path: Path) -> Record:
    record = records.read(path)
    if record is None:
        raise ValueError(
            f"expected a whole record, got {path}, try to grade again: the rest stays graded"
        )
    return record
