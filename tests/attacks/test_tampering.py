"""Changing what runs around the answer: libraries, the grader's own modules, its lines, its checks.

All of it happens in the answer's own process, which holds no right value and is thrown away.
"""

from tests.attacks.stage import KNOWS, SHAPE, attack
from tests.grading import class_of_students as students

SUM = "def position_means(values):\n    return values.sum(1)\n"


@attack(
    """
import math, json, base64, os
import numpy as np
torch.allclose = torch.equal = torch.isclose = lambda *a, **k: True
torch.Tensor.__eq__ = torch.Tensor.allclose = lambda *a, **k: True
np.isclose = np.allclose = lambda *a, **k: np.array(True)
math.isfinite = math.isclose = lambda *a, **k: True
check = print
"""
    + SUM
)
def test_comparisons_that_always_agree_are_asked_by_nobody(mark):
    assert mark.points == SHAPE
    assert "a sum in place of a mean" in mark.message


@attack(
    """
import sys
for name, module in list(sys.modules.items()):
    if name.startswith("mi_course.grading"):
        for key, value in list(vars(module).items()):
            if callable(value) and key in ("encode", "line", "_outcome", "_describe", "Caps"):
                setattr(module, key, lambda *a, **k: {"value": True, "points": 3, "passed": True})
"""
    + SUM
)
def test_the_drivers_own_functions_replaced_give_nothing(mark):
    assert mark.points == 0


@attack("""
import builtins, json, os
real = os.write
os.write = lambda descriptor, data: real(descriptor, data)
json.dumps = lambda value, *a, **k: '{"value": true, "finding": null}'
builtins.isinstance = lambda *a: True
def position_means(values):
    return values.sum(1)
""")
def test_the_writer_of_json_replaced_gives_nothing(mark):
    assert mark.points == 0


@attack("""
import ast, gc, inspect
for module in [m for m in gc.get_objects() if isinstance(m, type(ast))]:
    for name, function in list(vars(module).items()):
        try:
            tree = ast.parse(inspect.getsource(function))
            for node in ast.walk(tree):
                if isinstance(node, ast.Assert):
                    node.test = ast.Constant(True)
            exec(compile(ast.fix_missing_locations(tree), "x", "exec"), vars(module))
        except BaseException:
            pass
        if module.__name__.count(".") > 1 and "mi_course" not in module.__name__:
            break
def position_means(values):
    return values[:, 0]
""")
def test_asserts_taken_out_of_every_module_change_no_mark(mark):
    assert mark.points <= SHAPE


@attack(students.FORGED)
def test_result_lines_written_to_every_descriptor_are_not_believed(mark):
    assert mark.points == 0
    assert "forged" in mark.message


@attack(
    KNOWS
    + """
def position_means(values):
    if not nonces():
        raise ValueError("no nonce was found: this test attacks nothing")
    say('end')
    os._exit(0)
"""
)
def test_a_run_that_its_answer_declares_finished_earns_nothing(mark):
    assert mark.points == 0
    assert "no nonce" not in mark.message


@attack(
    KNOWS
    + """
def position_means(values):
    for index in range(9, -3, -1):
        say(f'{index} {{"value": true, "points": 3}}')
        say(f'call {index} 0.0 {{"value": true}}')
    say('end {"end": "ok", "printed": ""}')
    return values.sum(1)
"""
)
def test_lines_for_later_calls_under_the_right_nonce_change_only_the_answers_own_values(mark):
    assert mark.points == 0


@attack(
    KNOWS
    + """
import threading, time
def speak(known):
    while True:
        say('-1 {"raised": {"kind": "NotImplementedError", "message": ""}}', known)
        time.sleep(0.3)
def position_means(values):
    threading.Thread(target=speak, args=(nonces(),), daemon=True).start()
    time.sleep(60)
"""
)
def test_lines_that_reset_the_clock_win_no_time(mark, played):
    assert mark.points == 0
    assert played.seconds < 30  # a call may take 4 s; the whole job would be given up after 46 s


@attack(
    KNOWS
    + """
def position_means(values):
    values[:] = 0
    for held in words():
        if isinstance(held, list):
            held.clear()
    return values.mean(1)
"""
)
def test_calls_taken_out_of_the_list_are_not_answered(mark):
    assert mark.points <= SHAPE


def test_nothing_is_left_behind(played):
    assert played.traces == []
    assert played.summary.problems == ()
