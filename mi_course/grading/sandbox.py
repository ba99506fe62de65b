"""One driver process behind a wall, and the conversation with it.

`Sandbox` starts the driver on some tier of isolation, hands it one job after another, and reads
its lines until a deadline. It believes only lines with its own nonce, caps what it reads, keeps
an eye on the memory of everything inside, and kills it all when something is wrong; the next job
then gets a fresh driver, so that no answer can spoil the one after it.
In go jobs, out come outcomes; nothing here knows a right answer.
"""

import contextlib
import itertools
import json
import os
import secrets
import select
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from types import TracebackType
from typing import Any

import psutil

from mi_course.grading.inside.sealed import new_key, seal
from mi_course.grading.isolation import SandboxError, command
from mi_course.grading.limits import Limits
from mi_course.grading.returned import parsed
from mi_course.grading.view import build_view

FIRST_UID = 50_000  # above the accounts of people and services, below nobody's 65534
N_UIDS = 10_000
LOOK_SECONDS = 0.2  # how often memory is looked at
_counter = itertools.count()


@dataclass(frozen=True)
class Setup:
    """What is prepared once, before any answer.

    Args:
        cells: code of the teacher's set-up cells.
        models: names of models to load.
        torch: whether to import torch before the first answer comes.
    """

    cells: tuple[str, ...] = ()
    models: tuple[str, ...] = ()
    torch: bool = True


@dataclass(frozen=True)
class Request:
    """One exercise of one submission.

    Args:
        exercise: id of the exercise.
        function: the function to call.
        cells: the submission's answer cells, exercise id -> code.
        calls: encoded arguments of each call.
        others: code of the submission's other cells, where an answer may find what it needs.
        shown: how many of the calls, counted from the first, may be told to the student.
    """

    exercise: str
    function: str
    cells: dict[str, str]
    calls: tuple[Any, ...]
    others: tuple[str, ...] = ()
    shown: int = 0


@dataclass(frozen=True)
class Outcome:
    """What came of one request.

    Args:
        calls: call index -> parsed line and seconds; -1 where nothing could be called.
        end: "ok", "late", "flood", "huge", "memory", "died N", or "gone" (the driver died).
        printed: the beginning of what the answer printed before it had an input to hide.
    """

    calls: dict[int, tuple[Any, float]]
    end: str
    printed: str = ""


class Sandbox:
    """A driver behind a wall; started when first needed and again after it was killed.

    Args:
        tier: name of the isolation, from `find_tier`.
        setup: what is prepared once.
        limits: what one exercise may use.
    """

    def __init__(self, tier: str, setup: Setup, limits: Limits | None = None):
        self.tier = tier
        self.setup = setup
        self.limits = limits or Limits()
        self.starts = 0
        self._process: subprocess.Popen[bytes] | None = None
        self._nonce = b""
        self._buffer = b""
        self._home = Path(tempfile.mkdtemp(prefix="mi-course-"))
        self._work = self._home / "work"
        self._work.mkdir()
        self._home.chmod(0o755)  # the driver reads the view as another user
        self._work.chmod(0o1777)
        root = self._home / "course"
        root.mkdir(mode=0o755)
        self._view = build_view(root)

    def __enter__(self) -> "Sandbox":
        return self

    def __exit__(
        self,
        _kind: type[BaseException] | None,
        _error: BaseException | None,
        _trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Kill everything inside and delete the view."""
        self.kill()
        shutil.rmtree(self._home, ignore_errors=True)

    def run(self, request: Request) -> Outcome:
        """What the student's function gives on each call.

        Args:
            request: code and inputs.

        Returns:
            The outcome; it has no line for a call that was not reached.

        Raises:
            SandboxError: the sandbox or the teacher's set-up does not work.
        """
        outcome = self._try(request)
        # The driver may have died of an earlier answer's doing, so a fresh one tries again.
        return self._try(request) if outcome.end == "gone" else outcome

    def start(self) -> None:
        """Start a driver and wait until it is prepared.

        Raises:
            SandboxError: it does not start, or the set-up cells fail.
        """
        self.starts += 1
        self._nonce, self._buffer = secrets.token_hex(16).encode(), b""
        # Limits on processes count by uid, so no two sandboxes, of this run or another, share one.
        uid = FIRST_UID + (64 * os.getpid() + next(_counter)) % N_UIDS if os.getuid() == 0 else 0
        words = command(self.tier, self._view, self._work, self.limits, uid)
        with (self._home / "driver.log").open("wb") as log:
            self._process = subprocess.Popen(
                words,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                env={"PATH": "/usr/bin:/bin"},
                cwd=self._work,
                start_new_session=True,
            )
        hello = {
            "nonce": self._nonce.decode(),
            "setup": self.setup.cells,
            "models": self.setup.models,
            "torch": self.setup.torch,
            "printed_bytes": self.limits.printed_bytes,
            "line_bytes": self.limits.line_bytes,
        }
        problem = self._prepared(hello)
        if problem:
            self.kill()
            raise SandboxError(f"the sandbox could not be prepared: {problem}")

    def kill(self) -> None:
        """End the driver and all that it started."""
        process, self._process = self._process, None
        if process is None:
            return
        inside = _inside(process.pid)
        for victim in (process, *inside):
            with contextlib.suppress(ProcessLookupError, psutil.NoSuchProcess):
                victim.kill()
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        for pipe in (process.stdin, process.stdout):
            with contextlib.suppress(OSError):
                pipe.close()
        process.wait()

    def _prepared(self, hello: dict[str, Any]) -> str:
        """Send the set-up; what went wrong, or nothing."""
        self._send(hello)
        for head, body in self._lines(time.monotonic() + self.limits.start_seconds):
            if head == "ready":
                return str(body["problem"])
        log = (self._home / "driver.log").read_text(errors="replace")
        return log.strip()[-600:] or f"no answer within {self.limits.start_seconds:.0f} s"

    def _try(self, request: Request) -> Outcome:
        if self._process is None:
            self.start()
        n_calls = len(request.calls)
        more = {
            "seconds": self.limits.seconds,
            "patience": self.limits.patience,
            "limits": self.limits.of_process(n_calls),
            "caps": asdict(self.limits.caps),
        }
        keys = [new_key() for _ in request.calls]
        sealed = [seal(*pair) for pair in zip(request.calls, keys, strict=True)]
        self._send(asdict(request) | more | {"calls": sealed})
        calls: dict[int, tuple[Any, float]] = {}
        for head, body in self._lines(time.monotonic() + self.limits.of_job(n_calls)):
            if head == "end":
                return Outcome(calls, str(body["end"]), str(body["printed"]))
            if head.startswith("ask "):
                self._write(keys[int(head[4:])])
                continue
            _, index, seconds = head.split(" ")
            calls[int(index)] = (body, float(seconds))
        too_large = self._process is not None and self._memory() > self.limits.memory
        self.kill()
        return Outcome(calls, "memory" if too_large else "gone")

    def _send(self, message: dict[str, Any]) -> None:
        self._write(json.dumps(message).encode() + b"\n")

    def _write(self, data: bytes) -> None:
        with contextlib.suppress(BrokenPipeError):  # then reading tells that it is gone
            self._process.stdin.write(data)
            self._process.stdin.flush()

    def _lines(self, deadline: float) -> Iterator[tuple[str, Any]]:
        """Head and parsed body of each line of the driver's, until it is gone or late."""
        look = time.monotonic() + LOOK_SECONDS
        while time.monotonic() < deadline:
            for line in self._read():
                nonce, _, rest = line.partition(b" ")
                if nonce == self._nonce:
                    head, _, body = rest.partition(b" {")
                    yield head.decode("ascii", "replace"), parsed(b"{" + body, self.limits.caps)
            if self._process is None:
                return
            if time.monotonic() > look:
                look = time.monotonic() + LOOK_SECONDS
                if self._memory() > self.limits.memory:
                    return

    def _read(self) -> list[bytes]:
        """Whole lines that have come; kills the driver when it is gone or says too much."""
        pipe = self._process.stdout.fileno()
        if not select.select([pipe], [], [], LOOK_SECONDS)[0]:
            return []
        chunk = os.read(pipe, 1 << 20)
        self._buffer += chunk
        if not chunk or len(self._buffer) > self.limits.line_bytes + (2 << 20):
            self.kill()
            return []
        if b"\n" not in chunk:
            return []
        *lines, self._buffer = self._buffer.split(b"\n")
        return lines

    def _memory(self) -> int:
        """Bytes of memory held by everything inside."""
        return sum(map(_held, _inside(self._process.pid)))


def _inside(pid: int) -> list[psutil.Process]:
    try:
        return psutil.Process(pid).children(recursive=True)
    except psutil.NoSuchProcess:
        return []


def _held(process: psutil.Process) -> int:
    """Bytes of a process's memory, its share of what it has in common with others."""
    try:
        return process.memory_full_info().pss
    except psutil.AccessDenied:
        return process.memory_info().rss
    except psutil.NoSuchProcess:
        return 0
