"""The secret that all inputs are drawn from.

Whoever knows it knows the inputs, so it lies in a file that only its owner may read and appears
nowhere else; records and logs name it by a fingerprint. The file comes to be whole or not at all,
and of several runs that start at once one makes it and the others read it.
In goes a file or a number, out come bytes.
"""

import contextlib
import hashlib
import json
import os
import secrets
from pathlib import Path

SECRET = "secret-seed.json"  # kept beside the results, so that a run can be resumed


def of_seed(seed: int) -> bytes:
    """The secret that a number stands for: the same inputs on any machine."""
    return f"seed {seed}".encode()


def of_file(path: Path) -> bytes:
    """The secret in a file, which is made where there is none.

    Args:
        path: the file; copy it, or name it again, to draw the same inputs elsewhere.

    Returns:
        32 random bytes.

    Raises:
        ValueError: the file holds something else.
    """
    if not path.exists():
        _make(path)
    try:
        secret = bytes.fromhex(json.loads(path.read_text(encoding="utf-8"))["secret"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ValueError(
            f"expected a secret made by the grader, got {path} ({type(error).__name__}), try a "
            "copy of the file or, to draw new inputs and grade all again, delete it"
        ) from error
    if len(secret) < 16:
        raise ValueError(f"expected a secret of at least 16 bytes, got {len(secret)} in {path}")
    return secret


def fingerprint_of(secret: bytes) -> str:
    """A name for a secret that does not tell it."""
    return hashlib.sha256(b"mi-course grader " + secret).hexdigest()[:12]


def _make(path: Path) -> None:
    """Write a new secret; where another run was quicker, its secret stays."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f"{path.name}.{os.getpid()}.part")
    temporary.unlink(missing_ok=True)
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as file:
        json.dump({"secret": secrets.token_hex(32)}, file)
        file.flush()
        os.fsync(file.fileno())
    try:
        with contextlib.suppress(FileExistsError):
            os.link(temporary, path)  # unlike a rename, it never replaces
    except OSError:  # a file system without links
        if not path.exists():
            temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)
