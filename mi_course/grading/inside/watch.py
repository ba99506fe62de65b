"""What one answer does, seen from the driver: its lines, its prints and its time.

Lines count only with the answer's nonce and in their order; prints are kept up to the first input
that must stay unknown. Whoever takes too long, prints or sends too much, is told apart here, and
so is a grader that has gone away.
In go pipes and a job, out comes how the answer ended.
"""

import os
import select
import time
from collections.abc import Callable

from mi_course.grading.inside.answer import Job
from mi_course.grading.inside.rights import LINUX

KEEP_PRINTED = 2_000
LOOK_MILLISECONDS = 50
CPU_TIME_OF_PROCESS = 2  # the kind of a process's clock, in the lowest bits of its number


class OrphanedError(Exception):
    """Nobody reads what this driver says."""


class Watch:
    """Reads one child's pipes until it ends, hangs or floods.

    Args:
        job: what the child does.
        pid: the child.
        nonce: marks its lines.
        pipes: its results and prints, to read, and the keys of inputs, to write.
        caps: the most `printed_bytes` and `line_bytes`.
        start_seconds: how long the child may prepare itself; 0 where it is prepared already.
    """

    def __init__(
        self,
        job: Job,
        pid: int,
        nonce: bytes,
        pipes: tuple[int, ...],
        caps: dict[str, int],
        start_seconds: float = 0.0,
    ):
        self.job = job
        self.pid = pid
        self.nonce = nonce
        self.results, self.printed, self.keys = pipes
        self.caps = caps
        self.buffer = bytearray()
        self.kept = bytearray()
        self.keeping = True  # until the first input that must stay unknown is handed over
        self.n_printed = 0
        self.next_call = 0
        self.asked = 0
        self.preparing = start_seconds > 0
        self.since = time.monotonic() + start_seconds
        self.spent = 0.0  # processor time when the present call began

    def until_end(
        self, say: Callable[[str, bytes], None], replies: int, hand_over: Callable[[int], None]
    ) -> str:
        """How the child ended: "ok", "late", "flood", "huge", or "died N".

        Args:
            say: sends a line to the grader.
            replies: the pipe that the grader reads.
            hand_over: passes the grader's next key on to a pipe.

        Raises:
            OrphanedError: the grader has gone.
        """
        self.say, self.hand_over = say, hand_over
        poll = select.poll()
        for pipe in (self.results, self.printed):
            os.set_blocking(pipe, False)
            poll.register(pipe, select.POLLIN | select.POLLHUP)
        poll.register(replies, 0)  # only to be told of its reader's end
        while True:
            if any(pipe == replies for pipe, _ in poll.poll(LOOK_MILLISECONDS)):
                raise OrphanedError
            dead, status = os.waitpid(self.pid, os.WNOHANG)
            end = self._read_printed() or self._read_results()
            if end:
                return end
            if dead:
                return f"died {os.waitstatus_to_exitcode(status)}"
            if self._late():
                return "late"

    def printed_text(self) -> str:
        """The beginning of what the student's code printed."""
        return self.kept.decode("utf-8", "replace")

    def _late(self) -> bool:
        """Whether the present call has used up its time.

        Processor time is what counts, since a busy machine is not the student's fault; the wall
        clock, with patience, ends what waits without working.
        """
        waited = time.monotonic() - self.since
        if waited <= self.job.seconds:
            return False
        worked = processor_seconds(self.pid) - self.spent
        return worked > self.job.seconds or waited > self.job.patience * self.job.seconds

    def _read_printed(self) -> str:
        chunk = _read(self.printed)
        self.n_printed += len(chunk)
        if self.keeping:
            self.kept += chunk[: KEEP_PRINTED - len(self.kept)]
        return "flood" if self.n_printed > self.caps["printed_bytes"] else ""

    def _read_results(self) -> str:
        while chunk := _read(self.results):
            self.buffer += chunk
            if b"\n" in chunk:
                *lines, self.buffer = self.buffer.split(b"\n")
                if any(self._line(bytes(text)) for text in lines):
                    return "ok"
            if len(self.buffer) > self.caps["line_bytes"]:
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
        if rest == b"prepared" and self.preparing:  # comes before any code of the student's
            self.preparing = False
            self._begin()
        elif index == b"ask":
            self._ask(body)
        # One outcome for each input that was asked for; or -1, once, when nothing can be called.
        nothing = index == b"-1" and self.asked == self.next_call == 0
        due = self.next_call < self.asked and index == str(self.next_call).encode()
        if nothing or due:
            waited = max(0.0, time.monotonic() - self.since)
            self.say(f"call {index.decode()} {waited:.3f}", body)
            self.next_call += 1
            self._begin()
        return False

    def _begin(self) -> None:
        """From now on the time of the next call counts."""
        self.since = time.monotonic()
        self.spent = processor_seconds(self.pid)

    def _ask(self, index: bytes) -> None:
        """Hand over the next input's key, once all before it is answered and its prints read."""
        due = self.asked == self.next_call < len(self.job.calls)
        if not due or index != str(self.asked).encode():
            return
        self._read_printed()
        self.keeping = self.asked < self.job.shown
        self.say(f"ask {self.asked}", b"{}")
        self.hand_over(self.keys)
        self.asked += 1


def processor_seconds(pid: int) -> float:
    """Processor time that a process has used so far; 0 where it cannot be asked."""
    try:
        if LINUX:  # needs no /proc, unlike psutil
            return time.clock_gettime((~pid << 3) | CPU_TIME_OF_PROCESS)
        import psutil

        spent = psutil.Process(pid).cpu_times()
    except Exception:  # it may have ended meanwhile
        return 0.0
    return spent.user + spent.system


def _read(pipe: int) -> bytes:
    try:
        return os.read(pipe, 1 << 20)
    except BlockingIOError:
        return b""
