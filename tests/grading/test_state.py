"""Nothing passes from one answer to the next, on each tier: one leaves a trace, the next looks."""

import errno
import os

import pytest

from mi_course.grading.isolation.isolation import BUBBLEWRAP, LANDLOCK
from mi_course.grading.isolation.limits import Limits
from mi_course.grading.isolation.sandbox import Sandbox, Setup
from tests.grading.asking import run, value

IPC = "import ctypes\nlibrary = ctypes.CDLL(None, use_errno=True)\n"
ABSTRACT = "import socket\nname = socket.socket(socket.AF_UNIX)\n"
TRACES = {
    "file": ("open('note', 'w').write('5')", "return os.path.exists('note')"),
    "environment": ("os.environ['NOTE'] = '5'", "return 'NOTE' in os.environ"),
    "module": ("import json\njson.note = 5", "import json\nreturn hasattr(json, 'note')"),
    "new module": ("import sys\nsys.modules['note'] = os",
                   "import sys\nreturn 'note' in sys.modules"),
    "set-up name": ("global started\nstarted = 5", "return started != 7"),
    "working folder": ("os.mkdir('d')\nos.chdir('d')",
                       "return os.getcwd() != os.environ['TMPDIR']"),
    "signal": ("import signal\nsignal.signal(signal.SIGUSR1, signal.SIG_IGN)",
               "import signal\nreturn signal.getsignal(signal.SIGUSR1) != signal.SIG_DFL"),
    "mask": ("import signal\nsignal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGUSR1])",
             "import signal\nreturn bool(signal.pthread_sigmask(signal.SIG_BLOCK, []))"),
    "limit": ("import resource\nresource.setrlimit(resource.RLIMIT_NOFILE, (20, 20))",
              "import resource\nreturn resource.getrlimit(resource.RLIMIT_NOFILE)[1] == 20"),
    "umask": ("os.umask(0o77)", "return os.umask(0) == 0o77"),
    "System V memory": (f"{IPC}library.shmget(77, 4096, 0o1666)",
                        f"{IPC}return library.shmget(77, 0, 0) >= 0"),
    "System V semaphore": (f"{IPC}library.semget(77, 1, 0o1666)",
                           f"{IPC}return library.semget(77, 0, 0) >= 0"),
    "System V queue": (f"{IPC}library.msgget(77, 0o1666)",
                       f"{IPC}return library.msgget(77, 0) >= 0"),
    "POSIX memory": (f"{IPC}library.shm_open(b'/note', 0o102, 0o600)",
                     f"{IPC}return library.shm_open(b'/note', 0, 0) >= 0"),
    "POSIX queue": (f"{IPC}library.mq_open(b'/note', 0o102, 0o600, None)",
                    f"{IPC}return library.mq_open(b'/note', 0, 0, None) >= 0"),
    "socket": (f"{ABSTRACT}name.bind(chr(0) + 'note')\nname.listen()\n"
               "if os.fork() == 0:\n    import time\n    time.sleep(60)",
               f"{ABSTRACT}return name.connect_ex(chr(0) + 'note') == 0"),
    "process": ("import time\nif os.fork() == 0:\n    os.fork() and os._exit(0)\n"
                "    while True:\n        open(os.environ['TMPDIR'] + '/note', 'w')\n"
                "        time.sleep(0.01)",
                "import time\ntime.sleep(0.3)\nreturn os.path.exists('note')"),
    "program": ("import subprocess\nsubprocess.Popen(['sh', '-c', 'sleep 0.3; echo > note'])",
                "import time\ntime.sleep(0.6)\nreturn os.path.exists('note')"),
}  # fmt: skip
OF_IPC = {"System V memory", "System V semaphore", "System V queue", "POSIX memory", "POSIX queue"}
SETUP, LIMITS = Setup(("started = 7",), torch=False), Limits(seconds=2.0, memory=1 << 30)
# The walls as they are here, and as they are where a kernel or a container knows less.
WALLS = {
    "as it is": {},
    "no namespaces of its own": {"apart": False},
    "Landlock 1": {"landlock": 1, "alone": os.getuid() == 0},
}
PARAMS = [(BUBBLEWRAP, "as it is"), (BUBBLEWRAP, "no namespaces of its own"),
          (LANDLOCK, "as it is"), (LANDLOCK, "Landlock 1")]  # fmt: skip
MARKS = {BUBBLEWRAP: pytest.mark.needs_bwrap, LANDLOCK: pytest.mark.needs_landlock}


@pytest.fixture(
    scope="module", params=[pytest.param(p, marks=MARKS[p[0]], id=", ".join(p)) for p in PARAMS]
)
def sandbox(request):
    tier, knows = request.param
    with Sandbox(tier, SETUP, LIMITS) as box:
        hello = box._hello
        box._hello = lambda: hello() | WALLS[knows]
        yield box


@pytest.mark.parametrize("trace", TRACES)
def test_no_trace_of_an_answer_is_found_by_the_next(sandbox, trace):
    leave, look = TRACES[trace]
    both = value(run(sandbox, f"{leave}\n{look}"))
    if trace in OF_IPC:  # refused to everybody
        assert both is False
    elif trace == "socket" and sandbox.tier == LANDLOCK:
        assert both["raised"]["kind"] == "PermissionError"
        return
    else:
        assert both is True
    starts = sandbox.starts
    run(sandbox, leave)
    assert value(run(sandbox, look)) is False
    assert sandbox.starts == starts == 1


@pytest.mark.needs_bwrap
def test_the_keeper_beside_an_answer_leads_nowhere_and_cannot_be_changed():
    look = "ways = [os.stat(f'/proc/1/{way}').st_dev for way in ('root/scratch', 'cwd')]\n"
    look += "held = {os.readlink(f'/proc/1/fd/{fd}') for fd in os.listdir('/proc/1/fd')}\n"
    look += "try: open('/proc/1/mem', 'r+b')\nexcept OSError as error: refused = error.errno\n"
    look += "return [[way == os.stat('.').st_dev for way in ways], sorted(held), refused]"
    with Sandbox(BUBBLEWRAP, Setup(torch=False)) as box:
        seen = value(run(box, look))
    assert seen == [[True, True], ["/dev/null"], errno.EROFS]


@pytest.mark.needs_bwrap
def test_under_bubblewrap_each_answer_is_alone_with_a_keeper_and_a_folder_of_its_own():
    look = "return [sorted(filter(str.isdigit, os.listdir('/proc'))), "
    look += "sum(' /scratch ' in line for line in open('/proc/self/mounts'))]"
    with Sandbox(BUBBLEWRAP, Setup(torch=False)) as box:
        assert value(run(box, look)) == [["1", "2"], 2]
