"""One driver process behind a wall, and the conversation with it.

`Sandbox` starts the driver on some tier of isolation, hands it one job after another, and reads
its lines until a deadline. It believes only lines with its own nonce, caps what it reads, keeps
an eye on the memory of everything inside, and kills it all when something is wrong; the next job
then gets a fresh driver, so that no answer can spoil the one after it.
In go jobs, out come outcomes; nothing here knows a right answer.
"""

import contextlib
import json
import os
import secrets
import select
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from types import TracebackType
from typing import Any

from mi_course.grading.inside.sealed import new_key, seal
from mi_course.grading.inside.workplace import empty
from mi_course.grading.isolation.ending import dismiss, end_all
from mi_course.grading.isolation.home import WORK, make_home, remove, take_uid
from mi_course.grading.isolation.isolation import BUBBLEWRAP, SandboxError, command, wall
from mi_course.grading.isolation.limits import Limits
from mi_course.grading.isolation.usage import memory, too_full
from mi_course.grading.isolation.view import build_view
from mi_course.grading.returned import parsed

LOOK_SECONDS = 0.2  # how often memory and the work folder are looked at


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
        end: "ok", "late", "flood", "huge", "memory", "folder", "died N", or "gone" (the driver
            died).
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
        fresh: prepare a process for each answer instead of forking a prepared one, which is
            unsafe on macOS, and once CUDA is in use (then it happens without being asked for).
    """

    def __init__(
        self,
        tier: str,
        setup: Setup,
        limits: Limits | None = None,
        *,
        fresh: bool = sys.platform == "darwin",
    ):
        self.tier = tier
        self.setup = setup
        self.limits = limits or Limits()
        self.starts = 0
        self._process: subprocess.Popen[bytes] | None = None
        self._nonce = b""
        self._buffer = b""
        self._fresh = fresh
        self._uid, self._name = take_uid()
        self._home = make_home()
        self._work = self._home / WORK
        self._work.mkdir()
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
        remove(self._home)
        if self._name:
            self._name.close()

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
        ready = self._start()
        if ready.get("unforkable") and not self._fresh:
            self.kill()
            self._fresh = True
            ready = self._start()
        if ready["problem"]:
            self.kill()
            raise SandboxError(f"the sandbox could not be prepared: {ready['problem']}")

    def _start(self) -> dict[str, Any]:
        """Start a driver; what it says when it is prepared, or a problem."""
        self.starts += 1
        self._nonce, self._buffer = secrets.token_hex(16).encode(), b""
        with (self._home / "driver.log").open("wb") as log:
            self._process = subprocess.Popen(
                command(self.tier, self._view, self._work, self.limits),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                env={"PATH": "/usr/bin:/bin"},
                cwd=self._work,
                start_new_session=True,
            )
        self._send(self._hello())
        for head, body in self._lines(time.monotonic() + self.limits.start_seconds):
            if head == "ready":
                return body
        log = (self._home / "driver.log").read_text(errors="replace")
        late = f"no answer within {self.limits.start_seconds:.0f} s"
        return {"problem": log.strip()[-600:] or late}

    def _hello(self) -> dict[str, Any]:
        names = ("printed_bytes", "line_bytes", "folder_bytes", "folder_files", "start_seconds")
        return {
            "nonce": self._nonce.decode(),
            "setup": self.setup.cells,
            "models": self.setup.models,
            "torch": self.setup.torch,
            "fresh": self._fresh,
            **{name: getattr(self.limits, name) for name in names},
            **wall(self.tier, self._view, self._uid),
        }

    def kill(self) -> None:
        """End the driver and all that it started."""
        process, self._process = self._process, None
        if process is None:
            return
        if self.tier != BUBBLEWRAP:  # there nobody kills the answer when the driver is killed
            dismiss(process, self._uid)
        end_all(process)
        empty(self._work)

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
        end = self._process and self._excess()
        self.kill()
        return Outcome(calls, end or "gone")

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
                if self._excess():
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

    def _excess(self) -> str:
        """What everything inside uses too much of: "memory", "folder" or nothing."""
        if memory(self._process.pid) > self.limits.memory:
            return "memory"
        # Under bubblewrap the work folder is a file system of limited size.
        full = self.tier != BUBBLEWRAP and too_full(self._work, self.limits)
        return "folder" if full else ""
