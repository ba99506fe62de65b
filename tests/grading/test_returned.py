import json

import pytest

from mi_course.grading.returned import UNREADABLE, Thrown, parsed, returned
from mi_course.grading.values import Caps, RefusedError

CAPS = Caps(items=100)
RAISED = {"kind": "IndexError", "message": "too far", "cell": "99.1", "number": 3}


def read(line):
    return returned(parsed(line if isinstance(line, bytes) else line.encode(), CAPS), CAPS)


def test_values_and_exceptions_are_read():
    assert read('{"value": [1, {"t": "tuple", "v": ["a"]}]}') == [1, ("a",)]
    assert read(json.dumps({"raised": RAISED})) == Thrown("IndexError", "too far", "99.1", 3)
    assert read('{"value": null}') is None


@pytest.mark.parametrize(
    "line",
    [
        "",
        "{",
        "[1]",
        "3",
        '"value"',
        "{}",
        '{"value": NaN}',
        '{"value": -Infinity}',
        '{"value": 1, "value": 2}',
        '{"value": 1, "raised": null}',
        '{"value": [{"t": "float", "t": "tuple", "v": []}]}',
        '{"Value": 1}',
        '{"value": 1}}',
        '{"value": ' + "9" * 5_000 + "}",
        '{"value": ' + "9" * 4_000 + "}",
        '{"value": ' + "[" * 50_000 + "}",
        b'{"value": "\xff"}',
        b'{"value": "\x00"}',
        "\ufeff{}",
    ],
    ids=lambda line: str(line)[:40],
)
def test_lines_of_another_form_are_refused(line):
    with pytest.raises(RefusedError):
        read(line)


@pytest.mark.parametrize(
    "change",
    [
        {"kind": 3},
        {"kind": "x" * 81},
        {"message": ["x"]},
        {"message": "x" * 501},
        {"cell": None},
        {"number": True},
        {"number": -1},
        {"number": 10**9},
        {"number": "3"},
        {"number": 3.0},
        {"line": "secret"},
    ],
    ids=str,
)
def test_an_exception_has_exactly_its_fields(change):
    with pytest.raises(RefusedError):
        read(json.dumps({"raised": RAISED | change}))


@pytest.mark.parametrize("name", RAISED)
def test_an_exception_that_lacks_a_field_is_refused(name):
    lacking = {key: value for key, value in RAISED.items() if key != name}
    with pytest.raises(RefusedError):
        read(json.dumps({"raised": lacking}))


def test_texts_of_an_exception_can_be_written_to_a_file():
    thrown = read('{"raised": ' + json.dumps(RAISED | {"message": "\ud800"}) + "}")
    assert thrown.message == "?"


@pytest.mark.parametrize("bomb", [b"[],", b"{},", b'"",', b"1,"])
def test_more_entries_than_a_value_may_hold_are_not_even_parsed(bomb, monkeypatch):
    monkeypatch.setattr(json, "loads", lambda *_, **__: pytest.fail("it was parsed"))
    assert parsed(b'{"value": [' + bomb * 2_000 + b"1]}", CAPS) is UNREADABLE


def test_the_largest_honest_value_is_parsed():
    tensors = [{"t": "tensor", "dtype": "int8", "shape": [1] * 12, "data": "AA=="}] * 99
    line = json.dumps({"value": tensors}).encode()
    assert len(read(line)) == 99
