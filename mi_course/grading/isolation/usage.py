"""What everything in one sandbox uses at this moment, seen from the grader.

The kernel limits single processes; that many of them together, or many small files, use too much
is found by looking. In go a process or a folder, out come bytes or a verdict.
"""

import contextlib
import os
from pathlib import Path

import psutil

from mi_course.grading.isolation.limits import Limits


def inside(pid: int) -> list[psutil.Process]:
    """All descendants of a process."""
    try:
        return psutil.Process(pid).children(recursive=True)
    except psutil.NoSuchProcess:
        return []


def memory(pid: int) -> int:
    """Bytes of memory held by all descendants of a process."""
    return sum(map(_held, inside(pid)))


def too_full(folder: Path, limits: Limits) -> bool:
    """Whether the work folder holds more bytes or files than the limits say.

    A folder that cannot be entered, or one below so many others that its path is too long, counts
    as too full: no answer needs it, and what it holds cannot be seen.
    """
    n_bytes, n_files, folders = 0, 0, [folder]
    try:
        while folders:
            for about, path in _entries(folders.pop()):
                n_bytes += about.st_blocks * 512
                n_files += 1
                folders += [path] if path else []
    except OSError:
        return True
    return n_bytes > limits.folder_bytes or n_files > limits.folder_files


def _entries(folder: Path) -> list[tuple[os.stat_result, Path | None]]:
    """What lies in a folder, each with its path where it is a folder itself."""
    found: list[tuple[os.stat_result, Path | None]] = []
    # What vanishes meanwhile was deleted by the driver, after the answer.
    with contextlib.suppress(FileNotFoundError), os.scandir(folder) as entries:
        for entry in entries:
            below = Path(entry.path) if entry.is_dir(follow_symlinks=False) else None
            found.append((entry.stat(follow_symlinks=False), below))
    return found


def _held(process: psutil.Process) -> int:
    """Bytes of a process's memory, its share of what it has in common with others."""
    try:
        return process.memory_full_info().pss
    except psutil.AccessDenied:
        return process.memory_info().rss
    except psutil.NoSuchProcess:
        return 0
