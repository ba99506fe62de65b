"""The program inside the sandbox: prepares once, then runs each answer in a child of its own.

It reads one line of JSON with the set-up (libraries are loaded here, once), then one line per
job. For each job it forks; the child holds the student's code and a pipe; this process reads the
pipe, keeps the time, caps what comes out, kills what hangs or stays behind, and passes on the
lines that carry the child's nonce. A job that crashes, hangs or floods thus ends alone.
In go requests on stdin, out come lines on what was stdout: `nonce call index seconds json` and
`nonce end json`.
"""

import contextlib
import ctypes
import gc
import json
import os
import secrets
import select
import shutil
import signal
import sys
import time
from pathlib import Path
from typing import Any, NoReturn

from mi_course.grading.inside.answer import RESOLVERS, Job, Line, restrict, run, write_all
from mi_course.grading.inside.masked import mask
from mi_course.grading.inside.sealed import KEY_BYTES
from mi_course.grading.inside.seccomp import install
from mi_course.grading.inside.setup import namespace_of

PR_SET_DUMPABLE = 4
KEEP_PRINTED = 2_000
TICKS = os.sysconf("SC_CLK_TCK")


def main() -> None:
    """Serve until stdin ends."""
    _become(int(os.environ.get("GRADER_UID", "0")))
    requests, replies = os.fdopen(os.dup(0), "rb"), os.dup(1)
    quiet = os.open(os.devnull, os.O_RDWR)
    os.dup2(quiet, 0)
    os.dup2(quiet, 1)
    hello = json.loads(requests.readline())
    driver = Driver(hello["nonce"], replies, requests.fileno(), hello)
    driver.prepare()
    for request in requests:
        driver.serve(Job(**json.loads(request)))


def _become(uid: int) -> None:
    """Give up root for good: limits on processes do not hold for uid 0."""
    if os.getuid() == 0:
        if uid == 0:
            sys.exit("the grader's driver was started as root without a uid to change to")
        os.setgroups([])
        os.setresgid(uid, uid, uid)
        os.setresuid(uid, uid, uid)
    _dumpable(True)


def _dumpable(yes: bool) -> None:
    """Whether processes of the same user may look into this one's memory."""
    ctypes.CDLL(None, use_errno=True).prctl(PR_SET_DUMPABLE, int(yes), 0, 0, 0)


class Driver:
    """Holds what is prepared, and serves one job after another.

    Args:
        nonce: marks this process's lines; known to it and to the grader.
        replies: descriptor that the grader reads.
        requests: descriptor of the grader's requests, which a child must close.
        hello: set-up cells, names of models, caps of output.
    """

    def __init__(self, nonce: str, replies: int, requests: int, hello: dict[str, Any]):
        self.nonce = nonce
        self.replies = replies
        self.requests = requests
        self.hello = hello
        self.work = Path(os.environ["TMPDIR"])
        self.namespace: dict[str, Any] = {}
        # Only where nobody else's process can be seen may every process be killed.
        self.alone = len([p for p in Path("/proc").iterdir() if p.name.isdigit()]) <= 2

    def prepare(self) -> None:
        """Load libraries and models, run the set-up, and say that it is done."""
        mask("mi_course")
        problem = ""
        try:
            if self.hello["torch"]:
                import torch

                torch.set_num_threads(1)
            self.namespace = namespace_of(self.hello["setup"])
            for name in self.hello["models"]:
                RESOLVERS["model"](name)
        except Exception as error:
            problem = f"{type(error).__name__}: {error}"
        gc.freeze()
        _dumpable(False)
        state = {"problem": problem, "uid": os.getuid(), "filtered": install()}
        self.say("ready", json.dumps(state).encode())

    def say(self, head: str, body: bytes) -> None:
        """Send one line to the grader."""
        write_all(self.replies, f"{self.nonce} {head} ".encode() + body + b"\n")

    def serve(self, job: Job) -> None:
        """Run one job in a child and report how it ended."""
        nonce = secrets.token_hex(8)
        results, child_results = os.pipe()
        printed, child_printed = os.pipe()
        child_keys, keys = os.pipe()
        pid = os.fork()
        if pid == 0:
            for pipe in (results, printed, keys):
                os.close(pipe)
            self.child(job, nonce, (child_results, child_printed, child_keys))
        for pipe in (child_results, child_printed, child_keys):
            os.close(pipe)
        watch = Watch(self, job, pid, nonce.encode(), (results, printed, keys))
        try:
            end = watch.until_end()
        finally:
            self.clear(pid)
            for pipe in (results, printed, keys):
                os.close(pipe)
        self.say("end", json.dumps({"end": end, "printed": watch.printed_text()}).encode())

    def hand_over(self, keys: int) -> None:
        """Pass on the key that the grader sends when it is asked for one."""
        key = os.read(self.requests, KEY_BYTES)
        with contextlib.suppress(BrokenPipeError):  # the child may have died meanwhile
            write_all(keys, key)

    def child(self, job: Job, nonce: str, pipes: tuple[int, int, int]) -> NoReturn:
        """The student's process: never returns."""
        results, printed, keys = pipes
        try:
            os.setsid()
            os.close(self.replies)
            os.close(self.requests)
            os.dup2(printed, 1)
            os.dup2(printed, 2)
            os.chdir(self.work)
            _dumpable(True)
            restrict(job.limits)
            run(job, self.namespace, Line(nonce, results, keys))
            write_all(results, f"{nonce} end\n".encode())
        finally:
            os._exit(0)

    def clear(self, pid: int) -> None:
        """Kill the child and whatever it started, and empty the work folder."""
        for kill, target in ((os.killpg, pid), (os.kill, -1 if self.alone else pid)):
            try:
                kill(target, signal.SIGKILL)
            except (ProcessLookupError, PermissionError):
                continue
        with contextlib.suppress(ChildProcessError):
            while os.waitpid(-1, 0)[0]:
                pass
        with contextlib.suppress(PermissionError):  # where the folder is not ours to change
            self.work.chmod(0o1777)
        for path in self.work.iterdir():
            path.chmod(0o700) if path.is_dir() and not path.is_symlink() else None
            shutil.rmtree(path, onerror=_mend) if path.is_dir() else path.unlink()


def _mend(_function: Any, path: str, _info: Any) -> None:
    """Delete what a student made unreadable."""
    Path(path).parent.chmod(0o700)
    Path(path).chmod(0o700)
    shutil.rmtree(path, ignore_errors=True) if Path(path).is_dir() else Path(path).unlink()


class Watch:
    """Reads one child's pipes until it ends, hangs or floods."""

    def __init__(self, driver: Driver, job: Job, pid: int, nonce: bytes, pipes: tuple[int, ...]):
        self.driver = driver
        self.job = job
        self.pid = pid
        self.nonce = nonce
        self.results, self.printed, self.keys = pipes
        self.buffer = bytearray()
        self.kept = bytearray()
        self.keeping = True  # until the first input that must stay unknown is handed over
        self.n_printed = 0
        self.next_call = 0
        self.asked = 0
        self.since = time.monotonic()
        self.spent = 0.0  # processor time when the present call began

    def until_end(self) -> str:
        """How the child ended: "ok", "late", "flood", "huge", or "died N"."""
        poll = select.poll()
        for pipe in (self.results, self.printed):
            os.set_blocking(pipe, False)
            poll.register(pipe, select.POLLIN | select.POLLHUP)
        while True:
            poll.poll(50)
            dead, status = os.waitpid(self.pid, os.WNOHANG)
            end = self._read_printed() or self._read_results()
            if end:
                return end
            if dead:
                return f"died {os.waitstatus_to_exitcode(status)}"
            if self._late():
                return "late"

    def _late(self) -> bool:
        """Whether the present call has used up its time.

        Processor time is what counts, since a busy machine is not the student's fault; the wall
        clock, with patience, ends what waits without working.
        """
        waited = time.monotonic() - self.since
        if waited <= self.job.seconds:
            return False
        worked = _processor_seconds(self.pid) - self.spent
        return worked > self.job.seconds or waited > self.job.patience * self.job.seconds

    def printed_text(self) -> str:
        """The beginning of what the student's code printed."""
        return self.kept.decode("utf-8", "replace")

    def _read_printed(self) -> str:
        chunk = _read(self.printed)
        self.n_printed += len(chunk)
        if self.keeping:
            self.kept += chunk[: KEEP_PRINTED - len(self.kept)]
        return "flood" if self.n_printed > self.driver.hello["printed_bytes"] else ""

    def _read_results(self) -> str:
        while chunk := _read(self.results):
            self.buffer += chunk
            if b"\n" in chunk:
                *lines, self.buffer = self.buffer.split(b"\n")
                if any(self._line(bytes(text)) for text in lines):
                    return "ok"
            if len(self.buffer) > self.driver.hello["line_bytes"]:
                return "huge"
            if self._late():
                return "late"
        return ""

    def _line(self, text: bytes) -> bool:
        """Pass on a call's line; True for the child's last line. Others are ignored."""
        nonce, _, rest = text.partition(b" ")
        if nonce != self.nonce:
            return False
        if rest == b"end":
            self._read_printed()
            return True
        index, _, body = rest.partition(b" ")
        if index == b"ask":
            self._ask(body)
            return False
        # One outcome for each input that was asked for; or -1, once, when nothing can be called.
        nothing = index == b"-1" and self.asked == self.next_call == 0
        due = self.next_call < self.asked and index == str(self.next_call).encode()
        if not (nothing or due):
            return False
        now = time.monotonic()
        self.driver.say(f"call {index.decode()} {now - self.since:.3f}", body)
        self.next_call += 1
        self.since = now
        self.spent = _processor_seconds(self.pid)
        return False

    def _ask(self, index: bytes) -> None:
        """Hand over the next input's key, once all before it is answered and its prints read."""
        due = self.asked == self.next_call < len(self.job.calls)
        if not due or index != str(self.asked).encode():
            return
        self._read_printed()
        self.keeping = self.asked < self.job.shown
        self.driver.say(f"ask {self.asked}", b"{}")
        self.driver.hand_over(self.keys)
        self.asked += 1


def _read(pipe: int) -> bytes:
    try:
        return os.read(pipe, 1 << 20)
    except BlockingIOError:
        return b""


def _processor_seconds(pid: int) -> float:
    """Processor time that a process has used so far."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0.0
    return (int(fields[11]) + int(fields[12])) / TICKS
