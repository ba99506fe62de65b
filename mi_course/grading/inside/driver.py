"""The program inside the sandbox: prepares once, then runs each answer in a child of its own.

It reads one line of JSON with the set-up (libraries are loaded here, once), then one line per
job. For each job it forks an attendant, which reads the job and forks again; that child holds the
student's code and a pipe; the attendant watches the pipe, kills what hangs or stays behind, and
passes on the lines that carry the child's nonce. A job that crashes, hangs or floods thus ends
alone, and nothing that a student wrote or an answer returned is ever in the memory from which the
next answer is forked. Where forking what is loaded is unsafe, each child prepares itself instead.
In go requests on stdin, out come lines on what was stdout: `nonce call index seconds json` and
`nonce end json`.
"""

import contextlib
import gc
import json
import os
import secrets
import select
import signal
import sys
import tempfile
import traceback
from pathlib import Path
from typing import Any, NoReturn

from mi_course.grading.inside import landlock, seccomp
from mi_course.grading.inside.answer import RESOLVERS, Job, Line, restrict, run, write_all
from mi_course.grading.inside.masked import mask
from mi_course.grading.inside.namespaces import Apart
from mi_course.grading.inside.rights import (
    DAC_READ_SEARCH,
    SYS_ADMIN,
    adopt_orphans,
    become,
    dumpable,
    keep_only,
)
from mi_course.grading.inside.sealed import KEY_BYTES
from mi_course.grading.inside.setup import namespace_of
from mi_course.grading.inside.watch import OrphanedError, Watch
from mi_course.grading.inside.workplace import empty


def main() -> None:
    """Serve until stdin ends."""
    requests, replies = os.dup(0), os.dup(1)
    quiet = os.open(os.devnull, os.O_RDWR)
    os.dup2(quiet, 0)
    os.dup2(quiet, 1)
    _heed_signals()
    driver = Driver(replies, requests, json.loads(_line(requests)))
    driver.prepare()
    while driver.attend():
        pass


def _heed_signals() -> None:
    """Undo what `nohup`, or `&` in a script, makes all that it starts ignore."""
    signal.signal(signal.SIGHUP, signal.SIG_DFL)
    signal.signal(signal.SIGQUIT, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.default_int_handler)


def _line(pipe: int) -> bytes:
    """The one line that has been sent, without reading ahead; nothing where no more come."""
    parts = [b""]
    while not parts[-1].endswith(b"\n"):
        part = os.read(pipe, 1 << 16)
        if not part:
            return b""
        parts.append(part)
    return b"".join(parts)


class Driver:
    """Holds what is prepared, and serves one job after another.

    Args:
        replies: descriptor that the grader reads.
        requests: descriptor of the grader's requests, which a child must close.
        hello: what the grader says first: nonce, wall, set-up cells, names of models, caps.
    """

    def __init__(self, replies: int, requests: int, hello: dict[str, Any]):
        self.nonce = hello["nonce"]
        self.replies = replies
        self.requests = requests
        self.hello = hello
        self.work = Path(os.environ["TMPDIR"])
        tempfile.tempdir = str(self.work)  # else looked for by deleting, which may be refused
        self.namespace: dict[str, Any] = {}
        self.landlock = hello["landlock"]  # its version, 0 where it is not the wall
        self.fresh = hello["fresh"]
        self._stand_behind_wall()
        apart = Apart(self.work, hello["folder_bytes"], hello["folder_files"])
        self.apart = apart if hello["apart"] and apart.works() else None

    def _stand_behind_wall(self) -> None:
        """Give up root and, on the Landlock tier, the rest of the machine."""
        adopt_orphans()
        keep = {SYS_ADMIN} if self.hello["apart"] else set()
        if not self.landlock:
            become(self.hello["uid"], keep)
            return
        # Paths are looked up with the old rights, the wall stands with the new ones.
        paths = self.hello["readable"], self.work, self.hello["listed"]
        wall = landlock.around_driver(self.landlock, *paths)
        become(self.hello["uid"], {DAC_READ_SEARCH} if self.hello["closed"] else set())
        wall.stand()

    def prepare(self) -> None:
        """Load libraries and models, run the set-up, and say that it is done."""
        problem = self._rehearsed() if self.fresh else self._load()
        cuda = "torch" in sys.modules and sys.modules["torch"].cuda.is_initialized()
        gc.freeze()
        dumpable(False)
        state = {"problem": problem, "apart": self.apart is not None, "unforkable": cuda}
        self.say("ready", json.dumps(state).encode())

    def _load(self) -> str:
        """Prepare this process; what went wrong, or nothing."""
        mask("mi_course")
        try:
            if self.hello["torch"]:
                import torch

                torch.set_num_threads(1)
            self.namespace = namespace_of(self.hello["setup"])
            for name in self.hello["models"]:
                RESOLVERS["model"](name)
        except Exception as error:
            return f"{type(error).__name__}: {error}"
        return ""

    def _rehearsed(self) -> str:
        """Prepare a child that is thrown away; what went wrong, or nothing."""
        answer, say = os.pipe()
        pid = os.fork()
        if pid == 0:
            write_all(say, self._load().encode())
            os._exit(0)
        os.close(say)
        with os.fdopen(answer, "rb") as words:
            problem = words.read().decode()
        status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
        return problem or (f"the set-up ended with {status}" if status else "")

    def say(self, head: str, body: bytes) -> None:
        """Send one line to the grader."""
        write_all(self.replies, f"{self.nonce} {head} ".encode() + body + b"\n")

    def attend(self) -> bool:
        """Have an attendant serve the next job; False when none comes or it did not end well."""
        select.select([self.requests], [], [])
        pid = os.fork()
        if pid == 0:
            self._serve_one()
        status = os.waitpid(pid, 0)[1]
        self._clear()
        return status == 0

    def _serve_one(self) -> NoReturn:
        """The attendant's life: never returns."""
        status = 1
        try:
            request = _line(self.requests)
            if request:
                self.serve(Job(**json.loads(request)))
                status = 0
        except (OrphanedError, BrokenPipeError):
            pass
        except Exception:
            traceback.print_exc()
        finally:
            os._exit(status)

    def serve(self, job: Job) -> None:
        """Run one job in a child and report how it ended."""
        nonce = secrets.token_hex(8)
        results, child_results = os.pipe()
        printed, child_printed = os.pipe()
        child_keys, keys = os.pipe()
        if self.apart:
            self.apart.open()
        pid = os.fork()
        if pid == 0:
            for pipe in (results, printed, keys):
                os.close(pipe)
            self.child(job, nonce, (child_results, child_printed, child_keys))
        for pipe in (child_results, child_printed, child_keys):
            os.close(pipe)
        patience = self.hello["start_seconds"] if self.fresh else 0.0
        watch = Watch(job, pid, nonce.encode(), (results, printed, keys), self.hello, patience)
        try:
            end = watch.until_end(self.say, self.replies, self.hand_over)
        finally:
            self._end(pid)
            for pipe in (results, printed, keys):
                os.close(pipe)
        if not self.apart:  # before the grader may look at the folder on the next answer's account
            empty(self.work)
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
            self._wall_in()
            os.chdir(self.work)
            dumpable(True)
            if self.fresh:
                self._load()
                write_all(results, f"{nonce} prepared\n".encode())
            restrict(job.limits)
            run(job, self.namespace, Line(nonce, results, keys))
            write_all(results, f"{nonce} end\n".encode())
        finally:
            os._exit(0)

    def _wall_in(self) -> None:
        """Put the last walls around the answer's process, before it holds any of its code."""
        if self.apart:
            self.apart.enter()
        if self.landlock:
            landlock.stand_around_answer(self.landlock)
            own = self.landlock < landlock.SCOPES_SINCE
            if not seccomp.install(unwalled=True, only_own=own):
                os._exit(1)  # Landlock alone leaves too much open
        else:
            keep_only(())
            seccomp.install()

    def _end(self, pid: int) -> None:
        """Kill the child and its group, and all that is apart with it."""
        if self.apart:
            os.kill(self.apart.keeper, signal.SIGKILL)
        for kill in (os.killpg, os.kill):
            with contextlib.suppress(ProcessLookupError, PermissionError):
                kill(pid, signal.SIGKILL)
        with contextlib.suppress(ChildProcessError):
            while os.waitpid(-1, 0)[0]:
                pass

    def _clear(self) -> None:
        """Kill whatever else an answer started, and empty the work folder."""
        if self.hello["alone"]:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.kill(-1, signal.SIGKILL)
        # Whom nobody may kill cannot be waited for; behind Landlock nobody leaves the killed group.
        options = 0 if self.hello["alone"] or self.landlock else os.WNOHANG
        with contextlib.suppress(ChildProcessError):
            while os.waitpid(-1, options)[0]:
                pass
        if not self.apart:
            empty(self.work)
