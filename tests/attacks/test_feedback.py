"""What a student reads afterwards must not hold an input that was to stay hidden.

Each attack tells the inputs of hidden cases (those of more than one batch) on another way out.
"""

import pytest

from tests.attacks.stage import attack
from tests.grading import class_of_students as students

LEAK = """
def leak(values):
    return "LEAK" + "_".join(str(round(abs(v) * 1e4)) for v in values.flatten().tolist()[:3])
def hidden(values):
    return len(values) > 1
def position_means(values):
    if not hidden(values):
        return values.mean(1)
"""
WAYS = {
    "print": "    print(leak(values))",
    "warn": "    import warnings; warnings.warn(leak(values))",
    "stderr": "    import os; os.write(2, leak(values).encode())",
    "message": "    raise ValueError(leak(values))",
    "class": "    raise type(leak(values), (Exception,), {})()",
    "known class": "    raise type('IndexError', (IndexError,), {})(leak(values))",
    "line": (
        "    import linecache\n"
        "    linecache.cache['<answer 99.1>'] = (9, None, [leak(values)] * 99, '')\n"
        "    return values[99]"
    ),
    "cause": "    raise RuntimeError from ValueError(leak(values))",
    "note": "    error = ValueError(); error.add_note(leak(values)); raise error",
    "exit": "    import sys; sys.exit(leak(values))",
    "text": "    return leak(values)",
    "keys": "    return {leak(values): 1}",
    "syntax": "    exec(leak(values) + ' = = 1')",
    "name": "    return eval(leak(values))",
    "key": "    return {}[leak(values)]",
    "late": (
        "    import os, time\n    print(leak(values), flush=True)\n"
        "    while True: os.write(1, leak(values).encode()); time.sleep(0.01)"
    ),
}
OPTIONS = {"timeout": 0.5}


STUDENTS = {
    way: students.notebook(students.RIGHT | {"99.1": LEAK + code}) for way, code in WAYS.items()
}


@pytest.mark.parametrize("way", WAYS)
def test_a_hidden_input_does_not_come_out_by(way, played):
    pages = [path.read_text() for path in (played.room / "out").rglob("*.*") if _text(path)]
    assert any(way in page for page in pages)
    assert "LEAK" not in str(played.record(way))
    assert not [page for page in pages if "LEAK" in page]
    assert played.record(way).marks[0].points < 3


def _text(path):
    return path.suffix in (".html", ".md", ".json", ".csv", ".jsonl", ".txt", ".log")


@attack(LEAK + "    return values.sum(1)\nprint('a', 'voice')")
def test_what_is_printed_before_the_first_hidden_input_is_shown(record):
    assert "a voice" in record.marks[0].printed
