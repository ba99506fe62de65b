"""The folder and the user of one sandbox, and the removal of what a killed grader left.

The folder's name tells the process that owns it, so that a later grader can see whether that still
runs. A user is a number that nobody else's sandbox has on this machine: limits on processes count
by user, and "every process of this user" then means the sandbox. A name in the kernel, which
vanishes with the grader however it ends, keeps the number.
Nothing goes in; out come a folder and a number.
"""

import contextlib
import os
import shutil
import socket
import stat
import tempfile
from pathlib import Path

import psutil

from mi_course.grading.inside.workplace import empty

PREFIX, WORK = "mi-course", "work"
FIRST_UID = 50_000  # above the accounts of people and services, below nobody's 65534
N_UIDS = 10_000


def make_home() -> Path:
    """A new folder for one sandbox; folders whose grader was killed are removed first."""
    remove_stale()
    home = Path(tempfile.mkdtemp(prefix=f"{PREFIX}-{_process_space()}-{os.getpid()}-"))
    home.chmod(0o755)  # the driver reads the view as another user
    return home


def remove_stale() -> None:
    """Remove the folders of graders that no longer run and were ours."""
    for path in Path(tempfile.gettempdir()).glob(f"{PREFIX}-*-*-*"):
        owner = path.name.split("-")[3]
        with contextlib.suppress(OSError):
            about = path.lstat()
            ours = stat.S_ISDIR(about.st_mode) and about.st_uid == os.getuid()
            here = path.name.startswith(f"{PREFIX}-{_process_space()}-") and owner.isdigit()
            if ours and here and not psutil.pid_exists(int(owner)):
                remove(path)


def remove(home: Path) -> None:
    """Delete a sandbox's folder; its processes must be dead."""
    with contextlib.suppress(OSError):
        empty(home / WORK)
    shutil.rmtree(home, ignore_errors=True)


def take_uid() -> tuple[int, socket.socket | None]:
    """A user that no other sandbox has, and what keeps it; 0 where this is not root.

    Raises:
        ValueError: other sandboxes have them all.
    """
    if os.getuid() != 0:
        return 0, None
    for offset in range(N_UIDS):
        uid = FIRST_UID + (64 * os.getpid() + offset) % N_UIDS
        name = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            name.bind(f"\0{PREFIX}-uid-{uid}")
            return uid, name
        except OSError:  # another sandbox's
            name.close()
    raise ValueError(f"expected a free user, got {N_UIDS} in use, try again when others are done")


def _process_space() -> int:
    """A number of this process's namespace of process ids; 0 where there is no such thing."""
    try:
        return Path("/proc/self/ns/pid").stat().st_ino
    except OSError:
        return 0
