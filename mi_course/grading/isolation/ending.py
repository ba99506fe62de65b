"""How a driver, and all that it started, is ended.

Where a process namespace stands around them, killing its first process kills all. Elsewhere the
driver is asked first, by closing its pipes: the kernel lets it kill all that it may kill at one
stroke, which looking for processes and killing them one by one cannot do.
In goes a driver's process, and nothing of it runs afterwards.
"""

import contextlib
import os
import signal
import subprocess

import psutil

from mi_course.grading.isolation.usage import inside

FAREWELL_SECONDS = 2.0  # what a driver has to kill its answer when it is dismissed


def dismiss(process: subprocess.Popen[bytes], uid: int) -> None:
    """Give a driver time to end its answer and itself, and where it has a user of its own, be sure.

    Args:
        process: the driver; its pipes are closed.
        uid: a user that nobody else has, or 0.
    """
    _close(process)
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(FAREWELL_SECONDS)
    if uid:
        words = ["/bin/kill", "-KILL", "-1"]
        subprocess.run(
            words, user=uid, group=uid, extra_groups=[], check=False, stderr=subprocess.DEVNULL
        )


def end_all(process: subprocess.Popen[bytes]) -> None:
    """Kill a process, its descendants and its group, and wait for it."""
    for victim in (process, *inside(process.pid)):
        with contextlib.suppress(ProcessLookupError, psutil.NoSuchProcess):
            victim.kill()
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    _close(process)
    process.wait()


def _close(process: subprocess.Popen[bytes]) -> None:
    for pipe in (process.stdin, process.stdout):
        with contextlib.suppress(OSError):
            pipe.close()
