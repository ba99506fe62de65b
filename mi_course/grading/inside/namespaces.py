"""Namespaces of its own for each answer, made by an attendant that may make them.

The attendant takes mounts, System V memory, network and host name of its own, with an empty work
folder in memory. Its children are born into a new process namespace: first a keeper, which the
kernel makes the parent of every orphan in there, then the answer, which sees a fresh /proc and
gives up the right to do such things. When the keeper is killed, the kernel kills all the rest, and
the folder goes with the last of them. The keeper is a small program and no fork, since copying
the tables of a large process is what costs time here.
Source: namespaces(7), pid_namespaces(7). In go sizes, out comes a keeper's process id.
"""

import ctypes
import os
import signal
from collections.abc import Callable
from pathlib import Path

from mi_course.grading.inside.rights import LIBRARY, LINUX, keep_only

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
        """Make room for one answer, in its attendant; children are born apart from here on."""
        _done(LIBRARY.unshare(NEW_MOUNTS | NEW_NAMES | NEW_IPC | NEW_NETWORK), "namespaces")
        _mount("none", "/", "", MS_REC | MS_PRIVATE)
        _mount("tmpfs", str(self.work), "tmpfs", MS_NOSUID | MS_NODEV, self.options)
        os.chdir(self.work)  # the way through the keeper's /proc/1/cwd must not lead outside
        _done(LIBRARY.unshare(NEW_PIDS), "a process namespace")
        self.keeper = _keeper()

    def enter(self) -> None:
        """Give up the rights that made the room, in the answer's process."""
        _mount("proc", "/proc", "proc", MS_RDONLY | MS_NOSUID | MS_NODEV | MS_NOEXEC)
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


def _keeper() -> int:
    """Start what does nothing until it is killed; the kernel reaps its children."""
    quiet = [(os.POSIX_SPAWN_OPEN, fd, os.devnull, os.O_RDWR, 0) for fd in range(3)]
    before = signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # what is ignored stays so over there
    try:
        return os.posix_spawnp("sleep", ["sleep", "2147483647"], {}, file_actions=quiet)
    finally:
        signal.signal(signal.SIGCHLD, before)


def _mount(source: str, target: str, kind: str, flags: int, options: str = "") -> None:
    words = [text.encode() or None for text in (source, target, kind)]
    done = LIBRARY.mount(*words, ctypes.c_ulong(flags), options.encode() or None)
    _done(done, f"a mount on {target}")


def _done(result: int, what: str) -> None:
    if result != 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{what}: {os.strerror(number)}")
