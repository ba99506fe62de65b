import contextlib
import json
import os
import pickle
import re
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import psutil
import pytest
from distributed import Client

from mi_course.grading.cluster import cluster
from mi_course.grading.cluster.cluster import Cluster
from mi_course.grading.cluster.cluster_worker import Desk, order_of
from mi_course.grading.grade import grade
from mi_course.grading.handed_in import hand_in, prepare
from mi_course.grading.isolation.isolation import find_tier
from mi_course.grading.isolation.limits import Limits
from mi_course.grading.notebook import collect
from mi_course.grading.paper import Papers
from mi_course.grading.pool import Pool
from tests.grading import class_of_students as students
from tests.grading import cluster_preload

pytestmark = pytest.mark.needs_bwrap
ROOT = Path(__file__).parents[3]
SEED = 3
N_STUDENTS = 12
SLOW = "import time\ndef position_means(values):\n    time.sleep(0.25)\n    return values.{}(1)"
# A second worker that dies of a task is one too many; dask's own limit is the fourth.
ENVIRONMENT = {"OMP_NUM_THREADS": "1", "DASK_DISTRIBUTED__SCHEDULER__ALLOWED_FAILURES": "1"}


def start(folder, name, *words):
    """One process of the cluster, with its log in `folder`."""
    log = (folder / f"{name}.log").open("w")
    command = [sys.executable, "-m", f"distributed.cli.{words[0]}", *words[1:]]
    command += ["--scheduler-file", str(folder / "scheduler.json"), "--no-dashboard"]
    environment = os.environ | ENVIRONMENT
    return subprocess.Popen(command, cwd=ROOT, env=environment, stdout=log, stderr=log)


def start_worker(folder, name, *words):
    """A worker that knows the tests' chapters."""
    preload = ["--preload", "tests.grading.cluster_preload", "--name", name]
    own = ["--local-directory", str(folder), "--nthreads", "1"]
    return start(folder, name, "dask_worker", *preload, *own, *(words or ["--no-nanny"]))


@pytest.fixture(scope="module")
def chapters_98_and_99():
    cluster_preload.install()
    yield
    cluster_preload.uninstall()


@pytest.fixture(scope="module")
def scheduler(tmp_path_factory):
    """A scheduler on loopback; the folder holds its file."""
    folder = tmp_path_factory.mktemp("cluster")
    process = start(folder, "scheduler", "dask_scheduler", "--host", "127.0.0.1", "--port", "0")
    deadline = time.monotonic() + 30
    while not (folder / "scheduler.json").exists() and time.monotonic() < deadline:
        time.sleep(0.1)
    yield folder
    process.kill()
    process.wait()


@pytest.fixture
def workers(scheduler, request):
    """Two workers; what is left of them is killed."""
    started = [start_worker(scheduler, f"{request.node.name[:20]}-{n}") for n in range(2)]
    yield started
    for process in started:
        process.kill()
        process.wait()


@pytest.fixture
def nannies(scheduler):
    """Two workers, each with a nanny that starts it again when it dies."""
    started = [start_worker(scheduler, f"nanny-{n}", "--nanny") for n in range(2)]
    yield
    for process in started:
        nanny = psutil.Process(process.pid)
        nanny.suspend()  # it would start what is killed again
        family = [*nanny.children(recursive=True), nanny]
        for each in family:
            each.kill()
        process.wait()
        psutil.wait_procs(family)


@pytest.fixture(scope="module")
def room(tmp_path_factory, chapters_98_and_99):
    """A class of slow answers, every third of them wrong, and the handed-out chapters."""
    folder = tmp_path_factory.mktemp("class")
    (folder / "chapters").mkdir()
    content = json.dumps(students.notebook(students.STUBS))
    for name in ("98_poison.ipynb", "99_demo.ipynb"):
        (folder / "chapters" / name).write_text(content)
    for n in range(N_STUDENTS):
        own = folder / "submissions" / f"student{n:02}"
        own.mkdir(parents=True)
        answer = SLOW.format("mean" if n % 3 else "sum")
        (own / "99_demo.ipynb").write_text(json.dumps(students.first(answer)))
    return folder


def address(scheduler):
    return json.loads((scheduler / "scheduler.json").read_text())["address"]


def run(room, out, **options):
    options = {"seed": SEED, "timeout": 2.0, "chapters": room / "chapters", "jobs": 2} | options
    return grade(room / "submissions", room / out, **options)


def wait_for(condition, seconds=40):
    deadline = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < deadline, "it never came to that"
        time.sleep(0.02)
    return found


def kill_when_busy(scheduler, process, written):
    """Kill a worker that has work while `written` holds two records; its processes, the records."""
    wait_for(lambda: len(list(written.glob("*.json"))) >= 2)
    name = process.args[process.args.index("--name") + 1]
    with Client(address(scheduler), set_as_default=False) as client:
        known = client.scheduler_info(n_workers=-1)["workers"]
        (worker,) = (where for where, each in known.items() if each["id"] == name)
        wait_for(lambda: client.processing()[worker])
    inside = psutil.Process(process.pid).children(recursive=True)
    os.kill(process.pid, signal.SIGKILL)
    return inside, len(list(written.glob("*.json")))


def plain(record):
    """A record without what the clock says."""
    return replace(record, marks=tuple(replace(mark, seconds=0.0) for mark in record.marks))


def test_a_worker_killed_in_mid_run_loses_nothing_and_grades_nothing_twice(
    room, scheduler, workers
):
    local = run(room, "local")
    with ThreadPoolExecutor() as thread:
        killing = thread.submit(kill_when_busy, scheduler, workers[0], room / "remote" / "records")
        remote = run(room, "remote", cluster=address(scheduler))
        inside, n_written = killing.result()
    assert workers[0].wait() == -signal.SIGKILL
    assert 2 <= n_written < N_STUDENTS
    assert inside  # its sandbox, which must not live on
    wait_for(lambda: not any(process.is_running() for process in inside))
    assert remote.gradebook.read_bytes() == local.gradebook.read_bytes()
    assert list(map(plain, remote.records)) == list(map(plain, local.records))
    assert sorted({record.points for record in remote.records}) == [4, 6]
    events = (room / "remote" / "audit.jsonl").read_text().splitlines()
    graded = [each["student"] for each in map(json.loads, events) if each["event"] == "graded"]
    assert sorted(graded) == [f"student{n:02}" for n in range(N_STUDENTS)]


@pytest.mark.usefixtures("nannies")
def test_what_kills_its_workers_is_reported_and_the_rest_is_graded(room, scheduler, tmp_path):
    poison = f"def clipped(values, limit):\n    return [{cluster_preload.POISON} for v in values]"
    for name, code in (("poison", poison), ("right", students.RIGHT["99.2"])):
        (tmp_path / name).mkdir()
        content = students.notebook({}, chapter="98_poison")
        content["cells"].append(students.cell(code, exercise="98.1"))
        (tmp_path / name / "98_poison.ipynb").write_text(json.dumps(content))
    summary = grade(
        tmp_path, room / "poisoned", seed=SEED, chapters=room / "chapters",
        cluster=address(scheduler),
    )  # fmt: skip
    poisoned, right = summary.records
    assert "every worker that graded this died" in poisoned.problem
    assert (poisoned.points, poisoned.max_points) == (0, 1)
    assert (right.points, right.problem) == (1, "")


def test_without_workers_there_is_a_word_and_no_endless_wait(room, scheduler, monkeypatch):
    monkeypatch.setattr(cluster, "LONELY_SECONDS", 0.5)
    with pytest.raises(ValueError, match=r"expected workers of .* try to start some: dask worker"):
        run(room, "lonely", cluster=address(scheduler))


def test_a_worker_that_has_just_died_is_left_out(scheduler, workers):
    where = address(scheduler)
    desk = Desk("desk", Cluster(where), Limits(), b"", chapter="99", cells=(), digest="")
    with Client(where, set_as_default=False) as client:
        client.wait_for_workers(2)
        workers[0].kill()
        answers = cluster._asked(client, where, os.getpid)
        assert list(answers.values()) == [workers[1].pid]
        workers[1].kill()
        cluster._register(client, desk)
        client.unregister_worker_plugin(desk.name)


def test_without_a_scheduler_the_address_is_named(monkeypatch):
    monkeypatch.setattr(cluster, "CONNECT_SECONDS", 0.5)
    with pytest.raises(ValueError, match=r"expected a dask scheduler at tcp.*, got none"):
        Cluster("tcp://127.0.0.1:1").tiers()


def test_without_dask_the_extra_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "distributed", None)
    with pytest.raises(ValueError, match=r"pip install 'mi-course\[cluster\]'"):
        Cluster("tcp://127.0.0.1:1").tiers()


@pytest.mark.parametrize("theirs", ["0.0.9", ModuleNotFoundError("no mi-course")])
def test_a_worker_with_another_version_is_named(theirs):
    found = {"tcp://a:1": "0.1.0", "tcp://b:2": theirs}
    with pytest.raises(ValueError, match=r"expected mi-course 0.1.0 on all workers.* tcp://b:2"):
        cluster._refuse_others("mi-course", "0.1.0", found)
    cluster._refuse_others("mi-course", "0.1.0", {"tcp://a:1": "0.1.0"})


@pytest.fixture
def work(room):
    """One submission that is ready to be graded."""
    paper = Papers(b"secret", room / "chapters").make("99")
    submission = collect(room / "submissions")[1]
    return prepare(hand_in(submission), paper, room / "none", tier="bubblewrap")


def desk(work, digest):
    made = Desk(
        "desk", Cluster("nowhere"), Limits(seconds=2.0), b"secret",
        chapter="99", cells=work.paper.setup.cells, digest=digest,
    )  # fmt: skip
    made = pickle.loads(pickle.dumps(made))  # as it travels
    made.setup(SimpleNamespace(address="tcp://b:2"))
    return made


def test_a_desk_makes_the_paper_again_and_grades_on_it(work):
    at_work = desk(work, work.paper.digest)
    order = pickle.loads(pickle.dumps(order_of(work)))
    assert order.asks == ("99.1", "99.2", "99.3")
    with contextlib.closing(Pool(work.paper, find_tier(), Limits(seconds=2.0))) as pool:
        assert plain(at_work.grade(order)) == plain(pool.grade(work))
    at_work.teardown(None)
    assert at_work.grade(order) == "the grader is done"


def test_a_desk_with_another_paper_refuses_in_words(work):
    refusal = desk(work, "0" * 16).grade(order_of(work))
    assert "expected the grader's version of the course on all workers" in refusal
    assert "tcp://b:2" in refusal


def test_the_slurm_script_of_the_documentation_makes_a_job_script():
    (script,) = re.findall(r"```python\n(.*?)```", (ROOT / "docs" / "cluster.md").read_text(), re.S)
    room = {"__name__": "not main"}
    exec(script, room)
    with room["workers"]() as jobs:
        text = jobs.job_script()
    assert "#SBATCH --cpus-per-task=8" in text and "#SBATCH -t 02:00:00" in text
    assert "distributed.cli.dask_worker" in text and "--nworkers 2" in text and "--lifetime" in text


def test_a_refusal_ends_the_run_in_an_error(work):
    done = SimpleNamespace(result=lambda: "expected the grader's version")
    with pytest.raises(ValueError, match="expected the grader's version"):
        cluster._Run(None, "desk", {0: work})._record(done)
