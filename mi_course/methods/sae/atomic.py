"""Write tensors so that a file is either the old one or the new one, and never half of either.

The new file is written beside the old one, flushed to the disk, and only then put in its place. A
full disk leaves the old file as it was.
"""

import os
from pathlib import Path

import safetensors.torch
from torch import Tensor

__all__ = ["write_bytes", "write_tensors"]


def write_tensors(path: Path, tensors: dict[str, Tensor], metadata: dict[str, str]) -> None:
    """Write a safetensors file in place of an old one.

    Raises:
        OSError: the disk is full or cannot be written to; an old file stays as it was.
    """
    held = {name: value.detach().cpu().contiguous() for name, value in tensors.items()}
    write_bytes(path, safetensors.torch.save(held, metadata))


def write_bytes(path: Path, data: bytes) -> None:
    """Write a file in place of an old one.

    Raises:
        OSError: the disk is full or cannot be written to; an old file stays as it was.
    """
    partial = path.with_name(path.name + ".partial")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with partial.open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        partial.replace(path)
    except OSError as error:
        partial.unlink(missing_ok=True)
        kept = f"; the last good {path.name} is kept" if path.exists() else ""
        raise OSError(
            error.errno,
            f"expected room for {len(data) / 1e6:.1f} MB, got {error.strerror!r}{kept}, try "
            "another disk",
            str(path),
        ) from error
