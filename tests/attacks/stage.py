"""A class in which every attack sits beside an honest neighbour, graded in one run.

`attack` turns a test into a student: the notebook that it describes is handed in under the test's
name. After each attacker, in the same warm sandbox, comes a witness whose right answer first looks
for traces. `play` grades all of them at once and then looks for what was left on the machine.
"""

import ast
import hashlib
import json
import os
import resource
import signal
import socket
import subprocess
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import psutil

from mi_course.grading.grade import Summary, grade
from mi_course.grading.isolation.home import FIRST_UID, N_UIDS
from mi_course.grading.records import Record
from tests.grading import class_of_students as students

DECOY = "decoy-4f1c"  # stands in every place that no answer may read
FULL, REST, SHAPE = 6, 3, 1  # points of all exercises, of all but 99.1, of the shape in 99.1
SYSV = [Path(f"/proc/sysvipc/{kind}") for kind in ("shm", "msg", "sem")]
WITNESS = (
    f"""
PRIORITY, PROCESSORS = {os.getpriority(os.PRIO_PROCESS, 0)}, {len(os.sched_getaffinity(0))}
"""
    + """
import os, signal, time
def traces():
    found = os.listdir(os.environ["TMPDIR"])
    for _ in range(20):  # what was killed stays listed until somebody has waited for it
        others = [p for p in listed("/proc") if p.isdigit() and alive(p)]
        others = [f"process {p}" for p in others if int(p) not in family()]
        if not others: break
        time.sleep(0.1)
    found += others
    for kind in ("shm", "msg", "sem"):
        try:
            found += open(f"/proc/sysvipc/{kind}").read().splitlines()[1:]
        except OSError:
            pass
    found += ["nice"] if os.getpriority(os.PRIO_PROCESS, 0) != PRIORITY else []
    found += ["policy"] if os.sched_getscheduler(0) else []
    found += ["processors"] if len(os.sched_getaffinity(0)) != PROCESSORS else []
    found += ["umask"] if os.umask(0o22) != 0o22 else []
    found += [f"signal {s}" for s in range(1, 32) if signal.getsignal(s) is signal.SIG_IGN
              and s not in (signal.SIGPIPE, signal.SIGXFSZ)]
    found += ["blocked"] if signal.pthread_sigmask(signal.SIG_BLOCK, ()) else []
    return found
def listed(folder):
    try:
        return os.listdir(folder)
    except OSError:
        return []
def alive(pid):
    try:
        mine = os.stat(f"/proc/{pid}").st_uid == os.getuid()
        return mine and open(f"/proc/{pid}/stat").read().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False
def family():
    mine = [1, os.getpid()]
    while mine[-1] > 1:
        status = open(f"/proc/{mine[-1]}/stat").read().rpartition(")")[2].split()
        mine.append(int(status[1]))
    return mine
def position_means(values):
    found = traces()
    if found:
        raise RuntimeError(f"somebody left {found}")
    return values.mean(1)
"""
)

# Finds the words that mark the lines of the answer's own process, and writes lines of its own.
KNOWS = """
import os, re, sys
def words():
    frame, found = sys._getframe(), []
    while frame:
        found += list(frame.f_locals.values())
        frame = frame.f_back
    for value in list(found):
        found += list(getattr(value, "__dict__", {}).values())
        found += [c.cell_contents for c in getattr(value, "__closure__", None) or ()]
    return found
def nonces():
    texts = {w if isinstance(w, str) else w.decode("latin1") for w in words()
             if isinstance(w, (str, bytes))}
    return [text for text in texts if re.fullmatch("[0-9a-f]{16,64}", text)]
def say(text, known=()):
    for nonce in known or nonces():
        for descriptor in range(3, 64):
            try:
                os.write(descriptor, f"{nonce} {text}\\n".encode())
            except OSError:
                pass
"""


def attack(code="", **answers):
    """Let a student named after the test hand in `code` for 99.1, and other answers by function."""
    for each in (code, *answers.values()):
        ast.parse(each)  # a slip of ours would earn nothing, as if the attack had been beaten
    ids = {function: key for key, function in students.FUNCTIONS.items()}
    others = {ids[name]: answer for name, answer in answers.items()}

    def mark(test):
        test.handed_in = students.notebook(
            students.RIGHT | ({"99.1": code} if code else {}) | others
        )
        return test

    return mark


def hand_in(content):
    """Let a student named after the test hand in this notebook, as data or as text or bytes."""

    def mark(test):
        test.handed_in = content
        return test

    return mark


@dataclass(frozen=True)
class Played:
    """A graded class, where it lies, seconds and bytes that the grader took, and traces of it."""

    summary: Summary
    room: Path
    seconds: float
    grown: int
    traces: list[str]

    def record(self, student: str) -> Record:
        return next(record for record in self.summary.records if record.student == student)


def play(handed_in: dict[str, object], tier: str, prepare=None, **options) -> Played:
    """Grade attackers, each followed by a witness, and look for traces.

    Args:
        handed_in: student -> notebook.
        tier: the isolation.
        prepare: called with the folder of submissions, for what is no plain file.
        options: for `grade`.
    """
    room = Path(tempfile.mkdtemp(prefix="attacks-"))
    room.chmod(0o755)  # the sandbox's user must be kept out by the sandbox, not by our own mode
    _furnish(room, handed_in)
    if prepare:
        prepare(room / "submissions")
    before = _machine(room)
    given = {"timeout": 1.0, "jobs": 1, "chapters": room / "chapters", "isolation": tier}
    began, peak = time.monotonic(), _peak()
    with _Surroundings(room):
        summary = grade(room / "submissions", room / "out", **given | options)
    spent = time.monotonic() - began
    return Played(summary, room, spent, _peak() - peak, _differences(before, room))


def _peak() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def clear(played: Played) -> None:
    """Delete the class."""
    subprocess.run(["rm", "-rf", str(played.room)], check=False)  # deeper than Python can delete


def _furnish(room: Path, handed_in: dict[str, object]) -> None:
    for name in ("chapters", "solutions", "temporary", "home/.ssh"):
        (room / name).mkdir(parents=True)
    (room / "temporary").chmod(0o1777)
    (room / "home/.ssh/id_ed25519").write_text(DECOY)
    (room / "solutions/99_demo.py").write_text(f"# {DECOY}")
    write(room / "chapters/99_demo.ipynb", students.notebook(students.STUBS))
    witness = students.first(WITNESS)
    for name, content in handed_in.items():
        write(room / "submissions" / name / "99_demo.ipynb", content)
        write(room / "submissions" / f"{name}~witness" / "99_demo.ipynb", witness)


def write(path: Path, content: object) -> None:
    """Write a notebook given as data, text or bytes."""
    path.parent.mkdir(parents=True, exist_ok=True)
    text = content if isinstance(content, str | bytes) else json.dumps(content)
    path.write_bytes(text if isinstance(text, bytes) else text.encode())


class _Surroundings:
    """The environment of a grader in the background, with secrets and temporary files apart."""

    def __init__(self, room: Path):
        self.new = {"HOME": str(room / "home"), "SECRET_TOKEN": DECOY}
        self.folder = str(room / "temporary")

    def __enter__(self):
        self.old = dict(os.environ), tempfile.tempdir
        os.environ.update(self.new)
        tempfile.tempdir = self.folder
        self.heeded = {n: signal.signal(n, signal.SIG_IGN) for n in (signal.SIGHUP, signal.SIGQUIT)}

    def __exit__(self, *_):
        os.environ.clear()
        os.environ.update(self.old[0])
        tempfile.tempdir = self.old[1]
        for number, handler in self.heeded.items():
            signal.signal(number, handler)


def _machine(room: Path) -> dict[str, str]:
    """What must be the same after the run."""
    words = ["find", str(room / "submissions"), str(room / "home"), "-printf", "%p %m %U %s %T@\\n"]
    listed = subprocess.run(words, capture_output=True, check=True).stdout.decode(errors="replace")
    state = {f"file {line}": "" for line in listed.splitlines()}
    for path in room.glob("*/*/*.ipynb"):
        if path.is_file() and not path.is_symlink():
            state[f"bytes {path}"] = hashlib.sha256(path.read_bytes()).hexdigest()
    return state | {f"{path}": path.read_text() for path in SYSV if path.exists()}


def _differences(before: dict[str, str], room: Path) -> list[str]:
    after = _machine(room)
    found = [key for key in before.keys() | after.keys() if before.get(key) != after.get(key)]
    found += [f"temporary {path.name}" for path in (room / "temporary").iterdir()]
    return found + [f"file {path}" for path in _strangers(room)] + _processes()


def _strangers(room: Path) -> list[str]:
    """Files of a sandbox's user where everybody may write; other runs keep theirs to themselves."""
    places = [place for place in ("/tmp", "/var/tmp", "/dev/shm") if Path(place).is_dir()]
    by_user = ["-uid", f"+{FIRST_UID - 1}", "-uid", f"-{FIRST_UID + N_UIDS}"]
    words = ["find", *places, "-path", "*/mi-course-*", "-prune", "-o", *by_user]
    words += ["-newer", str(room / "solutions"), "-print"]
    return subprocess.run(words, capture_output=True, text=True, check=False).stdout.splitlines()


def _processes() -> list[str]:
    """Our children that outlived the run; what was just killed gets a moment to go."""
    for _ in range(20):
        alive = [p for p in psutil.Process().children(recursive=True) if _is_sandbox(p)]
        if not alive:
            return []
        time.sleep(0.1)
    return [f"process {process.pid}" for process in alive]


def _is_sandbox(process: psutil.Process) -> bool:
    try:
        return process.uids().real >= FIRST_UID or process.name() == "bwrap"
    except psutil.NoSuchProcess:
        return False


def listeners(folder: Path) -> dict[str, socket.socket]:
    """Servers that nobody inside may reach, one on each way that a socket can be named."""
    tcp = socket.create_server(("127.0.0.1", 0))
    udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    udp.bind(("127.0.0.1", 0))
    abstract, path = (socket.socket(socket.AF_UNIX) for _ in range(2))
    abstract.bind(f"\0attacks-{os.getpid()}")
    path.bind(str(folder / "socket"))
    (folder / "socket").chmod(0o777)
    abstract.listen()
    path.listen()
    return {"tcp": tcp, "udp": udp, "abstract": abstract, "path": path}
