import pytest

from mi_course.grading.inside.sealed import KEY_BYTES, new_key, seal, unseal
from mi_course.grading.isolation import BUBBLEWRAP
from mi_course.grading.limits import Limits
from mi_course.grading.sandbox import Request, Sandbox, Setup

LIMITS = Limits(seconds=1.0, memory=1 << 30, folder_bytes=1 << 20)


@pytest.fixture(scope="module")
def sandbox():
    with Sandbox(BUBBLEWRAP, Setup(torch=False), LIMITS) as box:
        yield box


def ask(box, code, *calls, shown=0, others=(), cells=None):
    cells = {**(cells or {}), "01.1": code}
    return box.run(Request("01.1", "f", cells, calls or ([],), others, shown))


def value(outcome, index=0):
    return outcome.calls[index][0].get("value", outcome.calls[index][0])


def test_only_its_own_key_opens_an_input():
    value, key = [1, "é", {"t": "tensor", "data": "AAAA"}], new_key()
    assert len(key) == KEY_BYTES
    assert unseal(seal(value, key), key) == value
    with pytest.raises(ValueError):
        unseal(seal(value, key), new_key())
    assert seal(value, key) != seal(value, new_key())


LOOK = """
import gc, re, sys
def places():
    frame, found = sys._getframe(), []
    while frame:
        found.append(str(frame.f_locals)[:100_000])
        frame = frame.f_back
    return found + [str(each)[:10_000] for each in gc.get_objects()]
def f(x):
    return len([part for part in places() if re.search("secret-[2]", part)])
"""


@pytest.mark.needs_bwrap
def test_an_input_cannot_be_found_in_memory_before_its_turn(sandbox):
    outcome = ask(sandbox, LOOK, ["one"], ["secret-2"])
    assert value(outcome, 0) == 0 and value(outcome, 1) > 0


@pytest.mark.needs_bwrap
def test_prints_are_kept_only_before_the_first_hidden_input(sandbox):
    code = "import sys\nprint('defined')\ndef f(x):\n    print('got', x, file=sys.stderr)\n"
    code += "    return x"
    calls = (["hand"], ["secret"], ["hidden"])
    assert ask(sandbox, code, *calls, shown=1).printed.split() == ["defined", "got", "hand"]
    assert ask(sandbox, code, *calls).printed == "defined\n"
    assert ask(sandbox, code, *calls, shown=3).printed.count("got") == 3


@pytest.mark.needs_bwrap
def test_a_thread_that_prints_later_shows_nothing_of_a_hidden_input(sandbox):
    code = "import os, threading, time\nout, seen = os.dup(1), []\n"
    code += "def tell():\n    while True:\n        os.write(out, str(seen).encode())\n"
    code += "        time.sleep(0.001)\n"
    code += "threading.Thread(target=tell, daemon=True).start()\n"
    code += "def f(x):\n    seen.append(x)\n    time.sleep(0.05)\n    return x"
    outcome = ask(sandbox, code, ["hand"], ["secret"], shown=1)
    assert "hand" in outcome.printed and "secret" not in outcome.printed


CHILD = """
import gc
line = next(each for each in gc.get_objects() if type(each).__name__ == "Line")
"""


@pytest.mark.needs_bwrap
def test_keys_come_one_at_a_time_and_only_after_an_answer(sandbox):
    code = "import os, select\n" + CHILD
    code += "def f(x):\n    os.write(line.results, (line.nonce + ' ask 1\\n').encode())\n"
    code += "    ready = select.select([line.keys], [], [], 0.2)[0]\n    return [x, len(ready)]"
    outcome = ask(sandbox, code, ["hand"], ["secret"], shown=1)
    assert value(outcome, 0) == ["hand", 0]


@pytest.mark.needs_bwrap
def test_a_line_that_was_not_asked_for_is_ignored(sandbox):
    code = CHILD + "for index in (-1, 0, 1, 2, -1):\n    line.say(index, {'value': 'forged'})\n"
    outcome = ask(sandbox, code + "def f(x):\n    return x", [1], [2])
    assert set(outcome.calls) == {-1}
    code = CHILD + "def f(x):\n    for n in (-1, 2, 5):\n        line.say(n, {'value': 'forged'})\n"
    outcome = ask(sandbox, code + "    return x", [1], [2])
    assert [value(outcome, 0), value(outcome, 1), len(outcome.calls)] == [1, 2, 2]


@pytest.mark.needs_bwrap
def test_large_inputs_arrive(sandbox):
    text = "x" * 99_000
    assert value(ask(sandbox, "def f(parts): return len(parts)", [[text] * 30])) == 30
