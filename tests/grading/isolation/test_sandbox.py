import ast
import errno
import os
import re
import sys
import time
from pathlib import Path

import psutil
import pytest

from mi_course.grading.isolation import isolation
from mi_course.grading.isolation.isolation import (
    BUBBLEWRAP,
    LANDLOCK,
    UNSAFE,
    SandboxError,
    visible_paths,
)
from mi_course.grading.isolation.limits import Limits
from mi_course.grading.isolation.sandbox import Sandbox, Setup
from mi_course.grading.isolation.usage import inside
from mi_course.grading.isolation.view import ANSWERS, PACKAGE, build_view
from tests.grading.asking import TIERS, ask, refusal, run, value

SETUP = Setup(
    cells=("import os\nfrom mi_course.plots.heads import plot_x\nfigure = plot_x(3)\nfigure.show()",
           "from mi_course.grading import check\nstarted = 7"),
    torch=False,
)  # fmt: skip
LIMITS = Limits(seconds=1.0, memory=1 << 30, folder_bytes=1 << 20)
NOT_SEEN = ("FileNotFoundError", "PermissionError")


@pytest.fixture(scope="module", params=TIERS)
def tier(request):
    return request.param


@pytest.fixture(scope="module")
def sandbox(tier):
    with Sandbox(tier, SETUP, LIMITS) as box:
        yield box


def test_calls_come_back_in_order_with_the_set_up_in_reach(sandbox):
    outcome = ask(sandbox, "def f(x): return x * started", [1], [2.5], ["ab"])
    assert [value(outcome, index) for index in range(3)] == [7, 17.5, "ab" * 7]
    assert outcome.end == "ok"


def test_code_is_never_root_and_has_no_rights(sandbox):
    body = "import ctypes\nheld = (ctypes.c_uint32 * 6)()\nlibrary = ctypes.CDLL(None)\n"
    body += "assert library.capget((ctypes.c_uint32 * 2)(0x20080522, 0), held) == 0\n"
    body += "return [*os.getresuid(), *os.getresgid(), library.prctl(39, 0, 0, 0, 0), *held]"
    *users, no_new_privileges, e1, p1, i1, e2, p2, i2 = value(run(sandbox, body))
    assert 0 not in users
    # The one thing that a user other than root may need: to read where root's interpreter lies.
    may_read = sandbox.tier == LANDLOCK and os.getuid() == 0 and only_root_can_read()
    assert e1 == p1 == (1 << 2) * may_read
    assert i1 == e2 == p2 == i2 == 0
    assert no_new_privileges == 1


def only_root_can_read():
    """Whether the interpreter lies where users other than root cannot enter."""
    places = [parent for path in visible_paths() for parent in path.resolve().parents]
    return not all(place.stat().st_mode & 1 for place in places)


def test_only_the_interpreter_and_the_visible_rooms_are_there(sandbox):
    body = "import mi_course\nreturn [sorted(os.listdir(os.path.join(*mi_course.__path__, name)))"
    rooms, grading = value(run(sandbox, f"{body} for name in ('', 'grading')]"))
    assert {"grading", "worlds"} <= set(rooms)
    assert not {"exercises", "methods", "plots", "widgets", "cli.py"} & set(rooms)
    assert grading == ["__init__.py", "inside", "values.py"]


@pytest.mark.needs_bwrap
def test_bubblewrap_shows_nothing_else_of_the_machine():
    with Sandbox(BUBBLEWRAP, SETUP, LIMITS) as box:
        seen = value(run(box, "return os.listdir('/')"))
    assert not {"home", "work", "mnt", "var"} & set(seen) - {Path(sys.prefix).parts[1]}


@pytest.mark.parametrize(
    "path", [PACKAGE / "exercises/core.py", Path(__file__).parent, Path(__file__)]
)
def test_the_repository_and_its_secrets_cannot_be_read(sandbox, path):
    action = "os.listdir" if path.is_dir() else "open"
    assert refusal(run(sandbox, f"{action}({str(path)!r})")) in NOT_SEEN


@pytest.mark.parametrize("path", ["/etc/passwd", "/etc/shadow", "/proc/{}/cmdline", "/proc/{}/mem"])
def test_the_machine_and_the_grader_cannot_be_read(sandbox, path):
    path = path.format(os.getpid())
    assert refusal(run(sandbox, f"open({path!r})")) in NOT_SEEN


def test_environment_is_empty_of_the_graders(tier, monkeypatch):
    monkeypatch.setenv("SECRET_TOKEN", "sesame")
    with Sandbox(tier, SETUP, LIMITS) as fresh:
        seen = value(run(fresh, "return str(dict(os.environ))"))
    assert "'USER': 'student'" in seen
    assert "sesame" not in seen


@pytest.mark.parametrize("path", ["/x", "/usr/x", "/dev/shm/x", "/dev/x", "/tmp/../x"])
def test_nothing_but_the_work_folder_can_be_written(sandbox, path):
    assert refusal(run(sandbox, f"open({path!r}, 'w').write('x')")) in (*NOT_SEEN, "OSError")
    body = f"open(os.path.dirname({str(PACKAGE)!r}) + '/x', 'w').write('x')"
    assert refusal(run(sandbox, body)) in (*NOT_SEEN, "OSError")


def test_the_work_folder_is_found_empty_each_time(sandbox):
    body = "open('small', 'w').write('x')\nos.makedirs('a/b')\nos.mkdir('c', 0)\n"
    assert value(run(sandbox, f"{body}return sorted(os.listdir('.'))")) == ["a", "c", "small"]
    assert value(run(sandbox, "return os.listdir('.')")) == []


def test_a_folder_of_a_thousand_folders_is_emptied_too(sandbox):
    body = "for _ in range(1500):\n    os.mkdir('d', 0o500 | 0o200)\n    os.chdir('d')\nreturn 1"
    assert run(sandbox, body).end in ("ok", "folder")
    starts = sandbox.starts
    assert value(run(sandbox, "return os.listdir(os.environ['TMPDIR'])")) == []
    assert sandbox.starts <= starts + 1


def test_reference_modules_are_placeholders_that_say_so(sandbox):
    code = "from mi_course.methods.induction import induction_score\nreturn induction_score(1)"
    raised = value(run(sandbox, code))["raised"]
    assert raised["kind"] == "NotAvailableError"
    assert "induction_score is not available" in raised["message"]


@pytest.mark.parametrize(
    ("body", "end"),
    [
        ("while True: pass", "late"),
        ("import time\ntime.sleep(60)", "late"),
        (
            "import signal\nfor s in (2, 15): signal.signal(s, signal.SIG_IGN)\nwhile 1: pass",
            "late",
        ),
        ("os._exit(3)", "died 3"),
        ("os.kill(os.getpid(), 11)", "died -11"),
        ("while True: print('x' * 10**6)", "flood"),
        ("while True: os.write(2, b'x' * 10**6)", "flood"),
    ],
)
def test_each_way_of_not_answering_is_told_apart(sandbox, body, end):
    assert run(sandbox, body).end == end
    assert value(run(sandbox, "return 1")) == 1


def test_an_answer_can_kill_nobody_but_itself(sandbox):
    starts = sandbox.starts
    body = "import signal\ndone = []\nfor pid in (os.getppid(), 1, -1):\n    try:\n"
    body += "        if pid: os.kill(pid, signal.SIGTERM)\n    except OSError: pass\nreturn 1"
    run(sandbox, body)
    assert value(run(sandbox, "return 2")) == 2
    assert sandbox.starts == starts
    assert run(sandbox, "os.kill(0, 9)").end == "died -9"


def test_forged_lines_on_every_descriptor_are_ignored(sandbox):
    body = "for fd in range(64):\n    for head in ('', '0 ', 'x 0 ', 'x call 0 0.0 ', 'x end '):\n"
    body += "        try: os.write(fd, (head + '{\"value\": 1}\\n').encode())\n"
    body += "        except OSError: pass\nreturn 2"
    assert value(run(sandbox, body)) == 2


def test_the_driver_cannot_be_looked_into(sandbox):
    body = "return open(f'/proc/{os.getppid() or 1}/mem', 'rb').read(1)"
    assert refusal(run(sandbox, body)) in ("PermissionError", "OSError")


@pytest.mark.parametrize(
    "call",
    [
        "unshare(0x10000000)",
        "mount(b'none', b'/tmp', b'tmpfs', 0, None)",
        "ptrace(16, os.getppid() or 1, 0, 0)",
        "prlimit(os.getppid() or 1, 0, (ctypes.c_uint64 * 2)(1, 1), None)",
        "shmget(7, 1, 0o1600)",
        "semget(7, 1, 0o1600)",
        "msgget(7, 0o1600)",
        "mq_open(b'/seven', 0o102, 0o600, None)",
        "memfd_create(b'seven', 0)",
    ],
)
def test_system_calls_that_no_answer_needs_are_refused(sandbox, call):
    body = f"import ctypes\nlibrary = ctypes.CDLL(None, use_errno=True)\nlibrary.{call}\n"
    assert value(run(sandbox, body + "return ctypes.get_errno()")) == errno.EPERM


def test_threads_and_processes_still_work_under_the_filter(sandbox):
    body = "import subprocess, threading\nseen = []\n"
    body += "thread = threading.Thread(target=seen.append, args=(1,))\n"
    body += "thread.start()\nthread.join()\n"
    body += "seen.append(int(subprocess.run(['echo', '2'], capture_output=True).stdout))\n"
    assert value(run(sandbox, body + "return seen")) == [1, 2]


def test_an_earlier_answer_is_run_only_where_it_is_used(sandbox):
    cells = {"01.0": "def g(): return 5", "01.9": "while True: pass"}
    outcome = ask(sandbox, "def f(): return g()", cells=cells)
    assert value(outcome) == 5


def test_values_that_cannot_be_sent_say_so(sandbox):
    raised = value(run(sandbox, "return object()"))["raised"]
    assert "type object cannot be sent" in raised["message"]


def test_a_closed_sandbox_leaves_no_process_and_no_folder(tier):
    with Sandbox(tier, SETUP, LIMITS) as box:
        run(box, "return 1")
        home = box._home
        there = [psutil.Process(box._process.pid), *inside(box._process.pid)]
    assert there
    time.sleep(0.2)
    assert not any(p.is_running() and p.status() != "zombie" for p in there)
    assert not home.exists()


def test_view_holds_no_exercise_and_no_byte_code(tmp_path):
    view = build_view(tmp_path)
    files = [path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*.py*")]
    assert "mi_course/grading/inside/driver.py" in files
    assert not [name for name in files if "exercises" in name or "/methods" in name]
    assert not [name for name in files if name.endswith(".pyc") or name.endswith("report.py")]
    assert all(real.is_relative_to(PACKAGE) for real, _ in view.links)


def test_no_visible_module_defines_what_an_exercise_asks_for(tmp_path):
    build_view(tmp_path)
    sources = (path.read_text() for path in (PACKAGE / "exercises").glob("ch*.py"))
    asked = {name for text in sources for name in re.findall(r'function="(\w+)"', text)}
    assert len(asked) >= 11  # as many as chapters 00 and 06 ask for
    for path in tmp_path.rglob("*.py"):
        defined = {node.name for node in ast.parse(path.read_text()).body if hasattr(node, "name")}
        # The metric is given the logits of one position; to find that is what 07.1 asks for.
        known = {"logit_diff"} if path.name == "metrics.py" else set()
        assert defined & asked <= known, path


@pytest.mark.parametrize("name", ANSWERS)
def test_source_of_functions_that_give_an_answer_away_is_left_out(name, tmp_path):
    build_view(tmp_path)
    whole, shown = ((root / name).read_text() for root in (PACKAGE, tmp_path / "mi_course"))
    for function in ANSWERS[name]:
        assert f"def {function}(" in whole
        body = shown.split(f"def {function}(")[1].split("\ndef ")[0]
        assert "is not available while an answer is graded" in body
        assert len(body.splitlines()) <= 5


def test_the_plain_tier_answers_too():
    with Sandbox(UNSAFE, SETUP, LIMITS) as box:
        assert value(ask(box, "def f(x): return x * started", [6])) == 42
        assert run(box, "while True: pass").end == "late"
        assert not Path("/course").exists()


def test_a_process_prepared_for_each_answer_gives_the_same(tier, sandbox):
    codes = ["def f(x): return x * started", "started = 9\ndef f(x): return x * started",
             "def f(x): raise ValueError(x)", "def g(): pass"]  # fmt: skip
    with Sandbox(tier, SETUP, LIMITS, fresh=True) as box:
        seen = [ask(box, code, [2], [3]) for code in codes]
    usual = [ask(sandbox, code, [2], [3]) for code in codes]
    for one, other in zip(seen, usual, strict=True):
        assert one.end == other.end == "ok"
        assert {i: body for i, (body, _) in one.calls.items()} == {
            i: body for i, (body, _) in other.calls.items()
        }


def test_time_to_prepare_is_not_the_answers(tier):
    slow = Setup(("import time\ntime.sleep(1.5)\nstarted = 7",), torch=False)
    with Sandbox(tier, slow, LIMITS, fresh=True) as box:
        assert value(ask(box, "def f(): return started")) == 7
        assert run(box, "while True: pass").end == "late"


def test_a_failing_set_up_is_told_where_each_answer_prepares_itself(tier):
    broken = Setup(("import no_such_library",), torch=False)
    raises = pytest.raises(SandboxError, match="no_such_library")
    with Sandbox(tier, broken, LIMITS, fresh=True) as box, raises:
        run(box, "return 1")


def test_what_must_not_be_forked_is_prepared_for_each_answer():
    pretend = "import sys, types\nsys.modules['torch'] = types.SimpleNamespace(\n"
    pretend += "    manual_seed=int, cuda=types.SimpleNamespace(is_initialized=lambda: True))"
    with Sandbox(UNSAFE, Setup((pretend,), torch=False), LIMITS) as box:
        answers = [value(run(box, "import sys\nreturn 'torch' in sys.modules")) for _ in range(2)]
        assert answers == [True, True]
        assert box._fresh


def test_a_course_that_is_installed_among_the_libraries_is_not_read(tier, tmp_path, monkeypatch):
    libraries = tmp_path / "site-packages"
    for name in ("mi_course/exercises/answers.py", "other/module.py"):
        (libraries / name).parent.mkdir(parents=True)
        (libraries / name).write_text("known = 1")
    for folder in (tmp_path, *tmp_path.parents[:-2]):
        folder.chmod(0o755)
    visible = isolation.visible_paths()
    monkeypatch.setattr(isolation, "visible_paths", lambda: [*visible, libraries])
    monkeypatch.setattr(isolation, "PACKAGE", libraries / "mi_course")
    with Sandbox(tier, SETUP, LIMITS) as box:
        seen = run(
            box, f"return open('{libraries}/other/module.py').read(), os.listdir('{libraries}')"
        )
        assert value(seen)["v"][0] == "known = 1"
        assert "other" in value(seen)["v"][1]
        answer = run(box, f"return open('{libraries}/mi_course/exercises/answers.py').read()")
        assert refusal(answer) in {"FileNotFoundError", "PermissionError"}
