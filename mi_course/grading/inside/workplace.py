"""The work folder between two answers.

A student may have made folders that nobody can enter, or thousands of them inside each other, so
the folder is emptied step by step, without recursion and without long paths.
In goes a folder, and nothing is left in it.
"""

import contextlib
import os
from pathlib import Path

FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC


def empty(folder: Path) -> None:
    """Delete everything in a folder; nobody else may be at work in it."""
    with contextlib.suppress(PermissionError):  # where the folder is not ours to change
        folder.chmod(0o1777)
    here, way = os.open(folder, FOLDER), []
    try:
        while True:
            below = _first_folder_after_deleting_files(here)
            if below:
                way.append(below)
                os.chmod(below, 0o700, dir_fd=here)
                here = _instead(here, below)
            elif way:
                here = _instead(here, "..")
                os.rmdir(way.pop(), dir_fd=here)
            else:
                return
    finally:
        os.close(here)


def _first_folder_after_deleting_files(here: int) -> str:
    with os.scandir(here) as entries:
        for entry in entries:
            if entry.is_dir(follow_symlinks=False):
                return entry.name
            os.unlink(entry.name, dir_fd=here)
    return ""


def _instead(here: int, name: str) -> int:
    """An open folder beside or below another one, which is closed."""
    there = os.open(name, FOLDER, dir_fd=here)
    os.close(here)
    return there
