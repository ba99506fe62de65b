"""Run work in a child process that may hang, crash or eat memory without harm.

The child is a fork of a warm parent, so that libraries and models cost nothing again. It gets a
limit of processor time and of memory, and the wall clock ends what only waits.
In goes work without arguments, out comes what it returned, or None where it ended otherwise.
"""

import json
import os
import resource
import select
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

CPU_SECONDS = 10
WALL_SECONDS = 60.0
MEMORY = 2 << 30  # bytes on top of what the parent has


def in_child(
    work: Callable[[], Any], *, seconds: int = CPU_SECONDS, wall: float = WALL_SECONDS
) -> Any | None:
    """What `work` returns, which must be JSON; None if the child was ended or failed.

    Args:
        work: runs in a fork of this process.
        seconds: processor time that it may use.
        wall: seconds that it may take.
    """
    reading, writing = os.pipe()
    sys.stdout.flush()
    sys.stderr.flush()
    pid = os.fork()
    if pid == 0:
        _child(work, writing, seconds)
    os.close(writing)
    try:
        text = _read(reading, wall)
    finally:
        os.close(reading)
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
    return json.loads(text) if text else None


def _child(work: Callable[[], Any], writing: int, seconds: int) -> None:
    """Run the work and write its value; never returns, whatever the work does."""
    try:
        quiet = os.open(os.devnull, os.O_RDWR)
        for descriptor in (0, 1, 2):
            os.dup2(quiet, descriptor)
        _limit("CPU", seconds)
        _limit("CORE", 0)
        pages = Path("/proc/self/statm")
        if pages.exists():  # elsewhere the limit of time has to do
            used = int(pages.read_text().split()[0]) * resource.getpagesize()
            _limit("AS", used + MEMORY)
        data = json.dumps(work()).encode()
        with os.fdopen(writing, "wb") as pipe:
            pipe.write(data)
    finally:
        os._exit(0)


def _limit(name: str, value: int) -> None:
    which = getattr(resource, f"RLIMIT_{name}")
    resource.setrlimit(which, (value, value))


def _read(reading: int, wall: float) -> bytes:
    """What the child wrote until it closed its end, or nothing where that took too long."""
    text = b""
    while select.select([reading], [], [], wall)[0]:
        chunk = os.read(reading, 1 << 16)
        if not chunk:
            return text
        text += chunk
    return b""
