"""Namespaces of its own for each answer, made by an attendant that may make them.

The attendant's children are born into a new process namespace: first a keeper, which the kernel
makes the parent of every orphan in there, then the answer. The answer's process takes new mounts,
System V memory, network and host name, sees a fresh /proc and an empty work folder in memory, and
then gives up the right to do such things. When the keeper is killed, the kernel kills all the
rest, and the folder goes with the last of them.
Source: namespaces(7), pid_namespaces(7). In go sizes, out comes a keeper's process id.
"""

import ctypes
import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import NoReturn

from mi_course.grading.inside.rights import LIBRARY, LINUX, dumpable, keep_only
from mi_course.grading.inside.seccomp import install

NEW_MOUNTS, NEW_NAMES, NEW_IPC = 0x00020000, 0x04000000, 0x08000000
NEW_PIDS, NEW_NETWORK = 0x20000000, 0x40000000
MS_RDONLY, MS_NOSUID, MS_NODEV, MS_NOEXEC, MS_REC, MS_PRIVATE = 1, 2, 4, 8, 16384, 1 << 18


class Apart:
    """Makes room for one answer after another.

    Args:
        work: the work folder, which each answer finds empty.
        folder_bytes: how much it holds.
        folder_files: how many files it holds.
    """

    def __init__(self, work: Path, folder_bytes: int, folder_files: int):
        self.work = work
        self.options = f"size={folder_bytes},nr_inodes={folder_files},mode=1777"
        self.keeper = 0

    def open(self) -> None:
        """Let this process's next children be born apart, once and for all; put a keeper there."""
        _done(LIBRARY.unshare(NEW_PIDS), "a process namespace")
        self.keeper = os.fork()
        if self.keeper == 0:
            _keep()

    def enter(self) -> None:
        """Take the rest of what is apart, in the answer's process, and give up the right to it."""
        _done(LIBRARY.unshare(NEW_MOUNTS | NEW_NAMES | NEW_IPC | NEW_NETWORK), "namespaces")
        _mount("none", "/", "", MS_REC | MS_PRIVATE)
        _mount("proc", "/proc", "proc", MS_RDONLY | MS_NOSUID | MS_NODEV | MS_NOEXEC)
        _mount("tmpfs", str(self.work), "tmpfs", MS_NOSUID | MS_NODEV, self.options)
        keep_only(())

    def works(self) -> bool:
        """Whether this machine lets us do so: the whole way is gone once, with no code inside."""
        if not LINUX:
            return False
        return _ends_well(self._rehearse)

    def _rehearse(self) -> None:
        self.open()
        ended_well = _ends_well(self.enter)
        os.kill(self.keeper, signal.SIGKILL)
        os.waitpid(self.keeper, 0)
        if not ended_well:
            raise OSError("an answer cannot have mounts of its own here")


def _ends_well(action: Callable[[], None]) -> bool:
    """Whether an action succeeds, in a child of its own."""
    pid = os.fork()
    if pid == 0:
        try:
            action()
            os._exit(0)
        except OSError:
            os._exit(1)
        finally:
            os._exit(2)
    return os.waitpid(pid, 0)[1] == 0


def _keep() -> NoReturn:
    """Wait to be killed, as the parent of all orphans; the kernel reaps them."""
    try:
        os.closerange(0, os.sysconf("SC_OPEN_MAX"))
        keep_only(())
        dumpable(False)
        signal.signal(signal.SIGCHLD, signal.SIG_IGN)
        install()
        while True:
            signal.pause()
    finally:
        os._exit(1)


def _mount(source: str, target: str, kind: str, flags: int, options: str = "") -> None:
    words = [text.encode() or None for text in (source, target, kind)]
    done = LIBRARY.mount(*words, ctypes.c_ulong(flags), options.encode() or None)
    _done(done, f"a mount on {target}")


def _done(result: int, what: str) -> None:
    if result != 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{what}: {os.strerror(number)}")
