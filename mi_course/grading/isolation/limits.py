"""How much one exercise of one submission may use of the machine."""

import os
from dataclasses import dataclass, field

import psutil

from mi_course.grading.values import Caps


@dataclass(frozen=True)
class Limits:
    """What one exercise of one submission may use.

    Args:
        seconds: processor time of one call.
        patience: how many times `seconds` one call may take by the wall clock.
        start_seconds: wall clock of loading libraries and running the set-up cells.
        memory: bytes of data of one process, and of memory of all together. Libraries do not
            count as data: with CUDA's, the address space of a process is 5 GB before it begins.
        processes: processes and threads.
        files: open files.
        file_bytes: size of one file.
        folder_bytes: size of the work folder.
        folder_files: number of files in the work folder.
        printed_bytes: what the answer may print.
        line_bytes: size of one returned value as text.
        caps: what one returned value may hold.
    """

    seconds: float = 10.0
    patience: float = 4.0
    start_seconds: float = 300.0
    memory: int = 4 << 30
    processes: int = 32
    files: int = 256
    file_bytes: int = 32 << 20
    folder_bytes: int = 64 << 20
    folder_files: int = 10_000
    printed_bytes: int = 8 << 20
    line_bytes: int = 48 << 20
    caps: Caps = field(default_factory=Caps)

    def of_process(self, n_calls: int) -> dict[str, int]:
        """The limits that the kernel keeps for one process, by the name of its `RLIMIT_*`."""
        return {
            "DATA": self.memory,
            "CPU": int(self.seconds * (n_calls + 1)) + 5,
            "FSIZE": self.file_bytes,
            "NOFILE": self.files,
            "NPROC": self.processes + _threads_of_user(),
            "CORE": 0,
        }

    def of_job(self, n_calls: int) -> float:
        """Seconds after which a job whose driver says nothing is given up."""
        return 30.0 + self.patience * self.seconds * (n_calls + 1)


def _threads_of_user() -> int:
    """Threads that count against an ordinary user's limit already."""
    if os.getuid() == 0:  # then each sandbox has a uid of its own
        return 0
    found = (process.info for process in psutil.process_iter(["uids", "num_threads"]))
    mine = (info for info in found if info["uids"] and info["uids"].real == os.getuid())
    return sum(info["num_threads"] or 1 for info in mine)
