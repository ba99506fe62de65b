"""How many sandboxes this machine can take at once.

One for each processor that this process may use, as long as the free memory lasts. Both are what
a container or a batch system leaves us, which may be far less than what the machine has.
"""

import math
import os
from pathlib import Path

import psutil

# A warm one holds 0.3 to 0.6 GiB, with CUDA's libraries 0.9; an answer at work needs some too.
SANDBOX_BYTES = 1 << 30
CGROUP = Path("/sys/fs/cgroup")


def default_jobs(cgroup: Path = CGROUP) -> int:
    """Sandboxes at a time, at least one.

    Args:
        cgroup: where the kernel tells a container's limits.
    """
    return max(1, min(processors(cgroup), free_memory(cgroup) // SANDBOX_BYTES))


def processors(cgroup: Path = CGROUP) -> int:
    """Processors that this process may use, parts of one rounded up."""
    allowed = getattr(os, "sched_getaffinity", None)
    count = len(allowed(0)) if allowed else os.cpu_count() or 1
    quota = _words(cgroup / "cpu.max")
    if len(quota) == 2 and all(word.isdigit() for word in quota) and int(quota[1]):
        return max(1, min(count, math.ceil(int(quota[0]) / int(quota[1]))))
    return count


def free_memory(cgroup: Path = CGROUP) -> int:
    """Bytes that can be had without swapping."""
    free = psutil.virtual_memory().available
    most, used = _words(cgroup / "memory.max"), _words(cgroup / "memory.current")
    if most and used and most[0].isdigit() and used[0].isdigit():
        return max(0, min(free, int(most[0]) - int(used[0])))
    return free


def _words(path: Path) -> list[str]:
    try:
        return path.read_text().split()
    except OSError:
        return []
