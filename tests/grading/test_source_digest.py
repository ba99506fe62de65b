import functools
import linecache
from dataclasses import dataclass, replace

import pytest
import torch

from mi_course.grading.source_digest import _class as source_of_class
from mi_course.grading.source_digest import source_digest
from mi_course.metrics import entropy

LIMIT = 3
TABLE = torch.tensor([1.0, 2.0])
OTHER_TABLE = torch.tensor([1.0, 3.0])


@dataclass(frozen=True)
class Rule:
    """A rule with a number."""

    size: int = 1

    def __call__(self, value):
        return value * self.size


def doubled(value):
    return 2 * value


def tripled(value):
    return 3 * value


def even(value):
    return value == 0 or odd(value - 1)


def odd(value):
    return value != 0 and even(value - 1)


def bounded(value):
    def inner(each):
        return min(each, LIMIT)

    return inner(doubled(value))


def looked_up(value):
    return TABLE[value]


def looked_up_elsewhere(value):
    return OTHER_TABLE[value]


def made(factor):
    def scaled(value):
        return value * factor

    return scaled


def measured(logits):
    return entropy(logits)


def test_the_same_things_have_the_same_digest():
    things = (doubled, bounded, even, [1, "a", {"b": (2.5, None)}], Rule(2), made(2))
    assert source_digest(*things) == source_digest(*things)
    assert source_digest(made(2)) == source_digest(made(2))


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (doubled, tripled),
        (lambda v: v + 1, lambda v: v + 2),
        (lambda v, by=1: v + by, lambda v, by=2: v + by),
        (made(2), made(3)),
        (functools.partial(made, 1), functools.partial(made, 2)),
        (functools.partial(doubled), functools.partial(tripled)),
        (Rule(1), Rule(2)),
        (Rule(1).__call__, Rule(2).__call__),
        ([1, 2], [2, 1]),
        ({"a": 1}, {"a": 2}),
        (1, "1"),
        (looked_up, looked_up_elsewhere),
    ],
)
def test_other_things_have_another_digest(one, other):
    assert source_digest(one) != source_digest(other)


@pytest.mark.parametrize(("name", "value"), [("LIMIT", 4), ("doubled", tripled)])
def test_what_a_function_uses_counts_also_inside_an_inner_function(monkeypatch, name, value):
    before = source_digest(bounded)
    monkeypatch.setitem(globals(), name, value)
    assert source_digest(bounded) != before


def test_functions_that_call_each_other_come_to_an_end(monkeypatch):
    before = source_digest(even)
    monkeypatch.setitem(globals(), "odd", tripled)
    assert source_digest(even) != before


def test_a_function_of_the_course_that_is_called_counts(monkeypatch):
    before = source_digest(measured)
    monkeypatch.setitem(globals(), "entropy", tripled)
    assert source_digest(measured) != before


def test_a_function_without_source_is_known_by_its_code(monkeypatch):
    # Python 3.13 keeps the text of `python -c` under the name that `exec` gives to what it runs.
    typed_at_the_shell = (1, None, ["import another\n", "another.program()\n"], "<string>")
    monkeypatch.setitem(linecache.cache, "<string>", typed_at_the_shell)
    made = [{} for _ in range(3)]
    for space, text in zip(made, ("v + 1", "v + 2", "v + 1"), strict=True):
        exec(f"def typed(v):\n    return {text}", space)
    one, other, same = (source_digest(space["typed"]) for space in made)
    assert one == same != other


def test_a_class_is_known_with_its_decorators_wherever_it_stands():
    class Inner:
        @dataclass
        class Most:
            size: int

    assert source_of_class(Rule).startswith("@dataclass(frozen=True)\nclass Rule:\n")
    assert source_of_class(Inner.Most).split() == ["@dataclass", "class", "Most:", "size:", "int"]
    assert source_of_class(int) == ""


def test_a_wrapped_function_is_the_one_inside():
    @functools.wraps(doubled)
    def checked(value):
        return doubled(value)

    assert source_digest(checked) == source_digest(doubled)


def test_a_dataclass_counts_by_its_fields():
    assert source_digest(replace(Rule(1), size=2)) == source_digest(Rule(2))
