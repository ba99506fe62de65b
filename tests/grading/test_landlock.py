"""What the wall of Landlock rules and the filter refuse where no namespaces stand around."""

import os
import subprocess

import pytest

from mi_course.grading.inside import landlock, seccomp
from mi_course.grading.inside.syscalls import MACHINES
from mi_course.grading.isolation.isolation import LANDLOCK
from mi_course.grading.isolation.limits import Limits
from mi_course.grading.isolation.sandbox import Sandbox, Setup
from tests.grading.asking import refusal, run, value

pytestmark = pytest.mark.needs_landlock
CALL = "import ctypes\nlibrary = ctypes.CDLL(None, use_errno=True)\n"


@pytest.fixture(scope="module", params=[landlock.version(), 5, 3, 1])
def sandbox(request):
    """The wall as this kernel builds it, and as older ones would."""
    with Sandbox(LANDLOCK, Setup(torch=False), Limits(seconds=2.0)) as box:
        hello = box._hello
        newest = request.param >= landlock.SCOPES_SINCE
        alone = os.getuid() == 0 or newest
        box._hello = lambda: hello() | {"landlock": request.param, "alone": alone}
        yield box


@pytest.mark.parametrize(
    "body",
    [
        "import socket\nsocket.socket(socket.AF_UNIX)",
        "import socket\nsocket.socket()",
        "import socket\nsocket.socketpair()",
        "os.mkdir('d')\nos.chmod('d', 0o777)",
        "os.fchmod(os.open('.', 0), 0o777)",
        "os.chown('.', os.getuid(), -1)",
        "os.utime('.')",
        "os.setxattr('.', 'user.note', b'5')",
        "os.open('.', os.O_TMPFILE | os.O_RDWR)",
        "open('a', 'w').close()\nos.unlink('a')",
        "os.mkdir('d')\nos.rmdir('d')",
        "os.setsid()",
        "os.setpgid(0, 0)",
        "os.sched_setaffinity(0, {0})",
        "os.setpriority(os.PRIO_USER, os.getuid(), 19)",
        "os.kill(os.getppid(), 0)",
        "import fcntl\nfcntl.fcntl(os.open('.', 0), fcntl.F_SETOWN, os.getppid())",
        "import fcntl\nfcntl.fcntl(os.open('.', 0), fcntl.F_NOTIFY, 1)",
        "import fcntl\nfcntl.ioctl(os.open('.', 0), 0x40086602, bytes(8))",
        "os.memfd_create('note')",
        "os.listdir('/')",
        "os.listdir('/proc')",
        "open('/proc/self/environ')",
        "open('/etc/passwd')",
        "open('/dev/tty')",
        "os.mkdir('../beside')",
        "os.symlink('/etc/passwd', 'link')\nopen('link')",
        "os.link('/usr/bin/env', 'env')",
    ],
)
def test_what_no_answer_needs_is_refused(sandbox, body):
    assert refusal(run(sandbox, body)) in ("PermissionError", "OSError")


@pytest.mark.parametrize(
    "call",
    ["truncate(b'/usr/bin/env', 0)", "inotify_init()", "msgget(5, 0o1600)", "personality(0)",
     "syscall(434, os.getppid(), 0)", "syscall(437, -100, b'.', 0, 0)"],
)  # fmt: skip
def test_calls_by_number_are_refused_too(sandbox, call):
    body = f"{CALL}return library.{call}"
    assert value(run(sandbox, body)) == -1


def test_what_an_answer_may_need_still_works(sandbox):
    body = "import subprocess, tempfile, threading\n"
    body += "open('a', 'w').write('5')\nos.mkdir('d')\nopen('d/b', 'w').write('6')\n"
    body += "thread = threading.Thread(target=int)\nthread.start()\nthread.join()\n"
    body += "said = subprocess.run(['cat', 'a', 'd/b'], capture_output=True).stdout.decode()\n"
    body += "noise = len(os.urandom(4)) + len(open('/dev/urandom', 'rb').read(4))\n"
    body += "open(os.devnull, 'w').write('x')\nimport statistics\n"
    body += "return [said, noise, os.cpu_count() > 0, tempfile.gettempdir() == os.getcwd()]"
    assert value(run(sandbox, body)) == ["56", 8, True, True]


def test_signals_reach_nobody_outside(sandbox):
    bystander = subprocess.Popen(["sleep", "60"])
    try:
        body = f"done = []\nfor pid in ({bystander.pid}, {os.getpid()}):\n    try:\n"
        body += "        os.kill(pid, 0)\n        done.append(pid)\n    except OSError: pass\n"
        assert value(run(sandbox, f"{body}return done")) == []
    finally:
        bystander.kill()
        bystander.wait()


@pytest.mark.parametrize("machine", MACHINES.values(), ids=MACHINES)
@pytest.mark.parametrize("unwalled", [False, True])
def test_the_filter_is_a_program_that_ends_and_fits_the_kernel(machine, unwalled):
    code = seccomp.program(machine, unwalled=unwalled, only_pid=77)
    steps = [code[i : i + 8] for i in range(0, len(code), 8)]
    assert len(steps) < 4096  # BPF_MAXINSNS
    assert steps[-1][0] == seccomp.RETURN
    for i, step in enumerate(steps):
        if step[0] in (seccomp.EQUAL, seccomp.ANY_BIT, seccomp.AT_LEAST):
            assert i + 1 + max(step[2], step[3]) < len(steps)
