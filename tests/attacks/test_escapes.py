"""Leaving the answer's process: exits, signals, daemons, the network, the files of others."""

import select

from mi_course.exercises import registry
from tests.attacks.stage import SHAPE, attack, clear, listeners, play
from tests.exercises import demo
from tests.grading import class_of_students as students

OPTIONS = {"timeout": 0.5}
TEARS = "def position_means(values):\n    {}"


@attack(TEARS.format("import os; os._exit(0)"))
def test_leaving_without_a_word_earns_nothing(mark):
    assert mark.points == 0
    assert "ended the Python process" in mark.message


@attack("import sys\nsys.exit(0)\n" + TEARS.format("return values.mean(1)"))
def test_leaving_before_the_function_is_there_earns_nothing(mark):
    assert mark.points == 0
    assert "SystemExit" in mark.message


@attack("class End(BaseException): pass\n" + TEARS.format("raise End('here')"))
def test_an_exception_of_the_base_class_is_caught(mark):
    assert mark.points == 0
    assert "here" in mark.message


@attack(TEARS.format("raise KeyboardInterrupt"))
def test_an_interrupt_of_ones_own_stops_only_the_answer(mark):
    assert mark.points == 0
    assert "KeyboardInterrupt" in mark.message


@attack("""
import atexit, os, threading
atexit.register(os.kill, os.getppid(), 9)
threading._register_atexit(os.kill, os.getppid(), 9)
def position_means(values):
    return values.mean(1)
""")
def test_what_is_registered_for_the_end_is_never_run(mark):
    assert mark.points == 3


@attack("""
import os, signal
def position_means(values):
    signal.alarm(1)
    signal.signal(signal.SIGALRM, lambda *a: os._exit(0))
    signal.raise_signal(signal.SIGSEGV)
""")
def test_a_crash_is_told_as_a_crash(mark):
    assert mark.points == 0
    assert "crash" in mark.message


ANCESTORS = """
import os, signal, time
def ancestors():
    pid, found = os.getppid(), []
    while pid > 0:
        found.append(pid)
        try:
            pid = int(open(f"/proc/{pid}/stat").read().rpartition(")")[2].split()[1])
        except OSError:
            break
    return found
def everybody(number):
    for pid in [*ancestors(), -1]:
        try:
            os.kill(pid, number)
        except OSError:
            pass
"""


@attack(ANCESTORS + TEARS.format("everybody(signal.SIGKILL); time.sleep(9)"))
def test_killing_all_that_can_be_killed_costs_only_the_killer(mark):
    assert mark.points == 0


@attack(ANCESTORS + TEARS.format("everybody(signal.SIGTERM); return values.sum(1)"))
def test_ending_all_that_can_be_ended_costs_only_the_attacker(mark):
    assert mark.points <= SHAPE


@attack(ANCESTORS + TEARS.format("everybody(signal.SIGINT); return values.sum(1)"))
def test_interrupting_all_that_can_be_interrupted_costs_only_the_attacker(mark):
    assert mark.points <= SHAPE


@attack("""
import os, time
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        while True:
            for name in ("late", "later"):
                try:
                    open(name, "a").write("I am still here")
                except OSError:
                    pass
            time.sleep(0.01)
    os._exit(0)
def position_means(values):
    return values.mean(1)
""")
def test_a_daemon_ends_with_the_answer_that_started_it(mark):
    assert mark.points in (0, 3)  # a tier without processes of one's own refuses setsid


@attack("""
import ctypes, os
libc = ctypes.CDLL(None, use_errno=True)
def tried(function, *arguments):
    try:
        function(*arguments)
        return function.__name__
    except (OSError, ValueError):
        return ""
def position_means(values):
    driver, cpu = os.getppid(), {min(os.sched_getaffinity(0))}
    tries = [tried(os.setpriority, os.PRIO_PROCESS, driver, 19),
             tried(os.setpriority, os.PRIO_USER, os.getuid(), 19),
             tried(os.sched_setaffinity, driver, cpu),
             tried(os.sched_setscheduler, driver, os.SCHED_IDLE, os.sched_param(0)),
             tried(os.sched_setparam, driver, os.sched_param(0))]
    if libc.syscall(251, 1, driver, 3 << 13) == 0:
        tries.append("ioprio_set")
    raise RuntimeError(f"worked: {list(filter(None, tries))}")
""")
def test_the_graders_process_cannot_be_slowed_down(mark):
    assert "worked: []" in mark.message


@attack("""
import os
from pathlib import Path
def position_means(values):
    worked = []
    places = [Path("/"), Path("/usr"), Path("/etc"), Path("/course"), Path(os.__file__).parent,
              Path(torch.__file__).parent, Path(torch.__file__), Path("/dev/null"), Path("/proc/1")]
    for place in places:
        for change in (lambda: place.chmod(0o777), lambda: os.chown(place, os.getuid(), -1),
                       lambda: os.utime(place), lambda: (place / "new").write_text("x"),
                       lambda: os.rename(place, place.parent / "old"), place.unlink,
                       lambda: os.setxattr(place, "user.x", b"x"), lambda: os.truncate(place, 0)):
            try:
                change()
                worked.append(str(place))
            except OSError:
                pass
    raise RuntimeError(f"worked: {sorted({*worked} - {'/dev/null'})}")
""")
def test_no_file_but_ones_own_can_be_changed(mark):
    assert "worked: []" in mark.message


@attack("""
import ctypes, errno, os
libc = ctypes.CDLL(None, use_errno=True)
CALLS = {"unshare": (0x10000000,), "setns": (3, 0), "mount": (b"none", b"/tmp", b"tmpfs", 0, None),
         "chroot": (b"/tmp",), "ptrace": (16, os.getppid(), 0, 0), "setuid": (0,), "setgid": (0,),
         "setgroups": (0, None), "personality": (0x0040000,), "swapon": (b"/tmp", 0),
         "sethostname": (b"x", 1), "memfd_create": (b"x", 0), "shmget": (7, 4096, 0o1666),
         "msgget": (7, 0o1666), "semget": (7, 1, 0o1666), "init_module": (None, 0, b""),
         "klogctl": (3, None, 0)}
def position_means(values):
    worked = [name for name, arguments in CALLS.items() if getattr(libc, name)(*arguments) >= 0]
    raise RuntimeError(f"worked: {worked}")
""")
def test_system_calls_that_no_answer_needs_are_refused(mark):
    assert "worked: []" in mark.message


CALLER = """
import socket
def reached(kind, place, family=socket.AF_INET):
    try:
        with socket.socket(family, kind) as client:
            client.settimeout(0.2)
            client.connect(place)
            client.send(b"hello")
        return [str(place)]
    except OSError:
        return []
def position_means(values):
    found = reached(socket.SOCK_STREAM, ("127.0.0.1", {tcp}))
    found += reached(socket.SOCK_STREAM, ("1.1.1.1", 80))
    found += reached(socket.SOCK_STREAM, "\\0{abstract}", socket.AF_UNIX)
    found += reached(socket.SOCK_STREAM, "{path}", socket.AF_UNIX)
    reached(socket.SOCK_DGRAM, ("127.0.0.1", {udp}))
    reached(socket.SOCK_DGRAM, ("1.1.1.1", 53))
    raise RuntimeError(f"reached: {{found}}")
"""


def test_nobody_can_be_called(tier, tmp_path):
    servers = listeners(tmp_path)
    named = {kind: server.getsockname() for kind, server in servers.items()}
    code = CALLER.format(
        tcp=named["tcp"][1],
        udp=named["udp"][1],
        abstract=named["abstract"].decode().strip("\0"),
        path=named["path"],
    )
    demo.install()
    played = play({"caller": students.first(code)}, tier, **OPTIONS)
    try:
        assert "reached: []" in played.record("caller").marks[0].message
        assert select.select(list(servers.values()), [], [], 0)[0] == []
    finally:
        clear(played)
        registry.unregister(demo.CHAPTER)
        for server in servers.values():
            server.close()


def test_nothing_is_left_behind(played):
    assert played.traces == []
    assert played.summary.problems == ()
    assert played.seconds < 60
