"""Each limit, on each tier: what goes beyond it is stopped, and the next answer works."""

import pytest

from mi_course.grading.isolation.isolation import BUBBLEWRAP
from mi_course.grading.isolation.limits import Limits
from mi_course.grading.isolation.sandbox import Sandbox, Setup
from tests.grading.asking import TIERS, refusal, run, value

LIMITS = Limits(
    seconds=1.0,
    patience=2.0,
    memory=1 << 30,
    processes=12,
    files=40,
    file_bytes=1 << 20,
    folder_bytes=2 << 20,
    folder_files=100,
    printed_bytes=1 << 20,
    line_bytes=1 << 20,
)


@pytest.fixture(scope="module", params=TIERS)
def sandbox(request):
    with Sandbox(request.param, Setup(torch=False), LIMITS) as box:
        yield box


@pytest.fixture(autouse=True)
def the_next_answer_works(sandbox):
    yield
    assert value(run(sandbox, "return os.listdir('.')")) == []


@pytest.mark.parametrize("body", ["while True: pass", "import time\ntime.sleep(60)"])
def test_time_ends_by_processor_and_by_wall_clock(sandbox, body):
    assert run(sandbox, body).end == "late"


def test_processor_time_of_all_calls_is_limited_by_the_kernel_too(sandbox):
    limit = value(
        run(sandbox, "import resource\nreturn [*resource.getrlimit(resource.RLIMIT_CPU)]")
    )
    assert limit == [LIMITS.of_process(1)["CPU"]] * 2


def test_memory_of_one_process_is_limited(sandbox):
    assert refusal(run(sandbox, "return len(bytearray(2 << 30))")) == "MemoryError"


def test_what_is_only_mapped_does_not_count_as_memory(sandbox):
    body = "import mmap\nreturn len(mmap.mmap(-1, 3 << 30, mmap.MAP_PRIVATE, mmap.PROT_READ))"
    assert LIMITS.memory < 3 << 30
    assert value(run(sandbox, body)) == 3 << 30


MANY = "import time\nfor _ in range(4):\n    if os.fork() == 0:\n"
MANY += "        held = b'x' * (200 << 20)\n        time.sleep(60)\ntime.sleep(60)"
SHARED = "import mmap, time\nheld = mmap.mmap(-1, 700 << 20)\n"
SHARED += "for _ in range(700):\n    held.write(bytes(1 << 20))\ntime.sleep(60)"


@pytest.mark.parametrize("body", [MANY, SHARED], ids=["many processes", "shared"])
def test_memory_of_all_together_is_limited(sandbox, body):
    limits = Limits(seconds=20.0, memory=500 << 20)  # time enough on a busy machine
    with Sandbox(sandbox.tier, Setup(torch=False), limits) as box:
        assert run(box, body).end == "memory"


def test_a_file_is_limited(sandbox):
    assert refusal(run(sandbox, "open('big', 'wb').write(bytes(2 << 20))")) == "OSError"


def test_the_work_folder_is_limited_in_bytes(sandbox):
    body = "import time\nfor n in range(20):\n    open(str(n), 'wb').write(os.urandom(1 << 19))\n"
    outcome = run(sandbox, body + "time.sleep(60)")
    full = refusal(outcome) if sandbox.tier == BUBBLEWRAP else outcome.end
    assert full == ("OSError" if sandbox.tier == BUBBLEWRAP else "folder")


def test_the_work_folder_is_limited_in_files(sandbox):
    body = "import time\nfor n in range(300):\n    os.mkdir(str(n))\n"
    outcome = run(sandbox, body + "time.sleep(60)")
    full = refusal(outcome) if sandbox.tier == BUBBLEWRAP else outcome.end
    assert full == ("OSError" if sandbox.tier == BUBBLEWRAP else "folder")


def test_a_folder_that_cannot_be_looked_into_hides_nothing(sandbox):
    body = "import time\nos.mkdir('d')\nos.chdir('d')\nfor n in range(20):\n"
    body += "    open(str(n), 'wb').write(os.urandom(1 << 19))\n    os.mkdir(f'{n}d', 0o300)\n"
    outcome = run(sandbox, body + "time.sleep(60)")
    assert outcome.end == "folder" or refusal(outcome) == "OSError"


def test_processes_are_limited(sandbox):
    body = "n = 0\ntry:\n    while True:\n        if os.fork() == 0:\n"
    body += "            import time; time.sleep(60)\n        n += 1\nexcept OSError: return n"
    assert 0 < value(run(sandbox, body)) < LIMITS.of_process(1)["NPROC"]


def test_open_files_are_limited(sandbox):
    body = "held = []\ntry:\n    while True: held.append(os.open('/dev/null', 0))\n"
    assert 0 < value(run(sandbox, body + "except OSError: return len(held)")) < LIMITS.files


@pytest.mark.parametrize("write", ["print('x' * 10**5)", "os.write(2, b'x' * 10**5)"])
def test_printing_is_limited(sandbox, write):
    assert run(sandbox, f"while True: {write}").end == "flood"


def test_a_returned_value_is_limited(sandbox):
    outcome = run(sandbox, "return 'x' * (4 << 20)")
    assert outcome.end == "huge" or "raised" in value(outcome)


def test_limits_cannot_be_raised_again(sandbox):
    body = "import resource\nsoft, hard = resource.getrlimit(resource.RLIMIT_NPROC)\n"
    body += "resource.setrlimit(resource.RLIMIT_NPROC, (hard + 1, hard + 1))"
    assert refusal(run(sandbox, body)) == "ValueError"
