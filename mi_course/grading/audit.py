"""What the grader did, one line of JSON for each event, never rewritten.

Marks are disputed months later; then it must be clear what ran, on what, and which mark a regrade
changed from what to what. The log is only ever appended to and is flushed to the disk after each
line. It names the secret by a fingerprint. Holding it open also keeps a second grader out of the
same folder.
In go events, out comes `audit.jsonl`.
"""

import fcntl
import json
import os
import platform
from datetime import UTC, datetime
from functools import lru_cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from types import TracebackType
from typing import Any

AUDIT = "audit.jsonl"


@lru_cache
def versions() -> str:
    """The grader, and what a mark may depend on, with versions."""
    return ", ".join(
        [*map(_version, ("mi-course", "torch")), f"python {platform.python_version()}"]
    )


def _version(package: str) -> str:
    try:
        return f"{package} {version(package)}"
    except PackageNotFoundError:  # run from a checkout that is not installed
        return f"{package} unknown"


class Audit:
    """The log of one folder of results, and the right to write into that folder.

    Args:
        out: the folder; made where it is missing.
    """

    def __init__(self, out: Path):
        self.path = out / AUDIT
        out.mkdir(parents=True, exist_ok=True)
        flags = os.O_RDWR | os.O_CREAT | os.O_APPEND
        self._descriptor = os.open(self.path, flags, 0o600)
        try:
            fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            os.close(self._descriptor)
            raise ValueError(
                f"expected {out} for ourselves, got a grader that is at work in it, try again "
                "when it is done or take another --out"
            ) from error
        except OSError:  # a file system without locks: then nothing keeps a second one out
            pass
        self._mend()
        _sweep(out)

    def __enter__(self) -> "Audit":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        _trace: TracebackType | None,
    ) -> None:
        if kind is not None:
            self.log("stopped", reason=f"{kind.__name__}: {error}"[:500])
        os.close(self._descriptor)

    def log(self, event: str, **what: Any) -> None:
        """Append one event with the time; it is on the disk when this returns."""
        line = {"time": datetime.now(UTC).isoformat(timespec="seconds"), "event": event} | what
        os.write(self._descriptor, json.dumps(line).encode() + b"\n")
        os.fsync(self._descriptor)

    def _mend(self) -> None:
        """End a line that a killed run left half written."""
        size = os.fstat(self._descriptor).st_size
        if size and os.pread(self._descriptor, 1, size - 1) != b"\n":
            os.write(self._descriptor, b"\n")


def _sweep(out: Path) -> None:
    """Delete what a killed run had begun to write; we hold the folder, so nobody needs it."""
    for path in (*out.glob("*.part"), *out.glob("*/*.part")):
        path.unlink(missing_ok=True)
