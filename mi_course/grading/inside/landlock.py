"""A wall of Landlock rules, for machines where no namespaces can be had.

Any process may give up access to files for good, and for all that it starts: what no rule allows
is refused. The driver allows reading of the interpreter and the view, and writing in its work
folder; it also gives up TCP and signals to whoever stands outside, as far as this kernel knows how.
The process of an answer gives up deleting and moving files on top, so that what it has written
can be counted, and signals to the driver.
Source: landlock(7). In go paths, out comes nothing: from then on the wall stands.
"""

import contextlib
import ctypes
import os
import stat
import struct
from collections.abc import Iterable
from pathlib import Path

from mi_course.grading.inside.rights import LIBRARY, LINUX, no_new_privileges

CREATE_RULESET, ADD_RULE, RESTRICT_SELF = 444, 445, 446  # the same numbers on every processor
ASK_VERSION, PATH_BENEATH = 1, 1
EXECUTE, WRITE_FILE, READ_FILE, READ_DIR, REMOVE_DIR, REMOVE_FILE = (1 << i for i in range(6))
MAKE_DIR, MAKE_REG, MAKE_FIFO, MAKE_SYM = 1 << 7, 1 << 8, 1 << 10, 1 << 12
REFER, TRUNCATE = 1 << 13, 1 << 14
ALL_FILES = ((1, 13), (2, 14), (3, 15), (5, 16))  # from this version on, so many rights exist
ALL_NET = 0b11  # bind and connect TCP, from version 4 on
ALL_SCOPES = 0b11  # abstract sockets and signals, from version 6 on
SCOPES_SINCE = 6
READ = EXECUTE | READ_FILE | READ_DIR
WRITE = READ_FILE | READ_DIR | WRITE_FILE | TRUNCATE | MAKE_DIR | MAKE_REG
WRITE |= MAKE_FIFO | MAKE_SYM | REMOVE_DIR | REMOVE_FILE | REFER
OF_A_FILE = EXECUTE | READ_FILE | WRITE_FILE | TRUNCATE  # other rights are those of folders

# Single files, never their folders: the command lines of all processes lie in /proc.
DEVICES = ("/dev/zero", "/dev/random", "/dev/urandom", "/dev/null")
ABOUT_THE_MACHINE = ("cpuinfo", "meminfo", "stat", "version", "filesystems",
                     "sys/vm/overcommit_memory", "sys/kernel/osrelease")  # fmt: skip


def version() -> int:
    """Which version of Landlock this kernel has; 0 where it has none."""
    if not LINUX:
        return 0
    return max(0, LIBRARY.syscall(CREATE_RULESET, None, ctypes.c_size_t(0), ASK_VERSION))


class Wall:
    """Rules that are collected first and put in place later, by a process of fewer rights.

    Args:
        known: version of Landlock, from `version`; a smaller one behaves as on an older kernel.
    """

    def __init__(self, known: int):
        self.files = max((1 << n) - 1 for since, n in ALL_FILES if known >= since)
        net, scopes = ALL_NET * (known >= 4), ALL_SCOPES * (known >= SCOPES_SINCE)
        self.ruleset = _ruleset(self.files, net, scopes)

    def allow(self, path: str | Path, access: int) -> None:
        """Allow access below a path; a path that is not there is passed over."""
        with contextlib.suppress(FileNotFoundError):
            place = os.open(path, os.O_PATH | os.O_CLOEXEC)
            try:
                if not stat.S_ISDIR(os.fstat(place).st_mode):
                    access &= OF_A_FILE
                rule = struct.pack("=Qi", access & self.files, place)
                _done(LIBRARY.syscall(ADD_RULE, self.ruleset, PATH_BENEATH, rule, 0))
            finally:
                os.close(place)

    def stand(self) -> None:
        """Put the rules in place for this process and all that it will start, for good."""
        _stand(self.ruleset)


def around_driver(
    known: int,
    readable: Iterable[str | Path],
    work: str | Path,
    listed: Iterable[str | Path] = (),
) -> Wall:
    """The wall around a driver and its answers.

    Args:
        known: version of Landlock.
        readable: what may be read, and executed.
        work: the one folder to write in.
        listed: folders in which names may be read, and no files.

    Returns:
        A wall that does not stand yet.
    """
    wall = Wall(known)
    for path in readable:
        wall.allow(path, READ)
    for path in listed:
        wall.allow(path, READ_DIR)
    for name in DEVICES:
        wall.allow(name, READ_FILE)
    wall.allow("/dev/null", READ_FILE | WRITE_FILE | TRUNCATE)
    for name in ABOUT_THE_MACHINE:
        wall.allow(f"/proc/{name}", READ_FILE)
    wall.allow(work, WRITE)
    return wall


def stand_around_answer(known: int) -> None:
    """Take deleting, moving and signals to the driver from one answer's process.

    A deleted file that is still open would take space that nobody sees.
    """
    scopes = ALL_SCOPES * (known >= SCOPES_SINCE)
    _stand(_ruleset(REMOVE_DIR | REMOVE_FILE, 0, scopes))


def _ruleset(files: int, net: int, scopes: int) -> int:
    head = struct.pack("=QQQ", files, net, scopes)
    # Older kernels know a shorter struct, and take a longer one where the rest is zero.
    return _done(LIBRARY.syscall(CREATE_RULESET, head, ctypes.c_size_t(len(head)), 0))


def _stand(ruleset: int) -> None:
    no_new_privileges()
    try:
        _done(LIBRARY.syscall(RESTRICT_SELF, ruleset, 0))
    finally:
        os.close(ruleset)


def _done(result: int) -> int:
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, f"Landlock: {os.strerror(number)}")
    return result
