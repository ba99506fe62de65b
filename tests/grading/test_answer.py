import ast

import pytest

from mi_course.grading.inside.borrowed import borrowed
from mi_course.grading.inside.sealed import KEY_BYTES, new_key, seal, unseal
from mi_course.grading.isolation.isolation import BUBBLEWRAP
from mi_course.grading.isolation.limits import Limits
from mi_course.grading.isolation.sandbox import Request, Sandbox, Setup

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


@pytest.mark.needs_bwrap
@pytest.mark.parametrize(
    "other",
    [
        "import math as m",
        "from math import *\nm = __import__('math')",
        "%matplotlib inline\nm = 0\nprint(1)\nimport math as m",
        "import math as maths\nm = maths",
        "class m:\n    def sqrt(x): return root(x)\ndef root(x): return x ** 0.5",
    ],
)
def test_what_an_answer_needs_is_borrowed_from_other_cells(sandbox, other):
    code = "def f(x):\n    return m.sqrt(x)"
    assert value(ask(sandbox, code, [9.0], others=("def broken(", other))) == 3


@pytest.mark.needs_bwrap
def test_an_import_in_another_answers_cell_is_found_without_running_that_answer(sandbox):
    cells = {"01.0": "import math\nwhile True: pass\ndef g(): pass"}
    assert value(ask(sandbox, "def f(x): return math.sqrt(x)", [4.0], cells=cells)) == 2


@pytest.mark.needs_bwrap
def test_a_name_that_is_nowhere_is_named(sandbox):
    raised = ask(sandbox, "def f(): return lost()").calls[0][0]["raised"]
    assert "'lost'" in raised["message"] and raised["kind"] == "NameError"
    assert (raised["cell"], raised["number"]) == ("01.1", 1)


@pytest.mark.needs_bwrap
def test_names_of_the_set_up_are_not_borrowed():
    setup = Setup(cells=("started, other = 7, 8",), torch=False)
    with Sandbox(BUBBLEWRAP, setup, LIMITS) as box:
        outcome = ask(box, "def f(): return [started, extra]", others=("started, extra = 1, 2",))
    assert value(outcome) == [7, 2]


def borrow(answer, *others, known=()):
    return [ast.unparse(part) for part in borrowed([answer], list(others), known)]


def test_only_what_is_read_as_a_global_is_borrowed():
    answer = "def f(model, tokens):\n    kept = [row for row in tokens]\n    return model(kept)"
    assert borrow(answer, "model = slow()\ntokens = 1\nkept = 2\nrow = 3") == []
    assert borrow(answer + " + bias", "bias = slow()", known=("bias",)) == []
    assert borrow(answer + " + bias", "bias = slow()") == ["bias = slow()"]


def test_borrowed_statements_bring_what_they_need_in_the_notebooks_order():
    others = ("def slow(): return base", "base = 1\nbase += 1", "bias = slow()\nslow = 5", "x = 1")
    assert borrow("def f(): return bias", *others) == [
        "def slow():\n    return base",
        "base = 1",
        "bias = slow()",
    ]


def test_statements_that_do_something_else_are_never_borrowed():
    others = ("for bias in range(3): pass", "with open('x') as bias: pass", "bias: int", "bias()")
    assert borrow("def f(): return bias", *others) == ["bias: int"]
    assert borrow("def f(:", "bias = 1") == borrow("bias", "bias = (") == []
