"""The mutants of `make mutation`: each operator by hand, and what holds of every mutant."""

import ast

import pytest

from benchmarks.mutation.answers import SOLUTIONS
from benchmarks.mutation.mutants import OPERATORS, mutants, normal
from benchmarks.mutation.scope import Scope
from mi_course.grading.notebooks.source import read_chapter


def changed_lines(line, operator, head="def f(a, b):"):
    """What one operator makes of one line of a function, without the rest."""
    source = f"{head}\n    {line}\n"
    before = normal(source).splitlines()[1].strip()
    chosen = [each for each in OPERATORS if each[0] == operator]
    made = [each for each in mutants(source, "f", chosen) if "nothing  →  " not in each.diff]
    assert all(each.diff.startswith(f"{before}  →  ") for each in made)
    return {each.diff.split("  →  ")[1] for each in made}


@pytest.mark.parametrize(
    ("operator", "line", "expected"),
    [
        ("arithmetic", "return a + b", {"return a - b", "return a * b"}),
        ("arithmetic", "return a @ b", {"return a * b"}),
        ("dropped term", "return (a + b) * 2", {"return a * 2", "return b * 2", "return a + b",
                                                "return 2"}),
        ("swapped terms", "return a @ b", {"return b @ a"}),
        ("swapped terms", "return a + b", set()),
        ("comparison", "return a < b", {"return a <= b", "return a > b"}),
        ("boolean", "return a and (not b)", {"return a or not b", "return a and b"}),
        ("boolean", "return a if b else 2", {"return a", "return 2"}),
        ("dropped minus", "return -a", {"return a"}),
        ("constant", "return 3", {"return 4", "return 2", "return 0", "return 1", "return -3"}),
        ("constant", "return True", {"return False"}),
        ("constant", "return 0.5", {"return 2 * 0.5", "return -0.5", "return 0.0"}),
        ("constant", "return a.sum(dim=-1)", {"return a.sum(dim=-2)",
                                              "return a.sum(dim=0)"}),
        ("axis names", "return g('a b -> b a')", {
            "return g('b a -> b a')", "return g('a b -> a b')", "return g('a b -> b ')",
            "return g('a b -> a')"}),
        ("reduction", "return g('mean')", {"return g('sum')", "return g('max')"}),
        ("dropped item", "return g((0, 1))", {"return g((0,))", "return g((1,))",
                                              "return g((1, 0))"}),
        ("dropped condition", "return [x for x in a if x]", {"return [x for x in a]"}),
        ("swapped arguments", "return g(a, b, c=1)", {"return g(b, a, c=1)"}),
        ("dropped argument", "return g(1, keepdim=True)", {"return g(keepdim=True)",
                                                           "return g(1)"}),
        ("dropped call", "return a.abs()", {"return a"}),
        ("dropped call", "return torch.exp(a)", {"return a"}),
        ("twin", "return a.mean()", {"return a.sum()"}),
        ("twin", "return a.log_softmax(-1)", {"return a.softmax(-1)"}),
        ("twin", "return torch.tril(a)", {"return torch.triu(a)"}),
        ("dropped attribute", "return a.T", {"return a"}),
        ("dropped attribute", "return torch.pi", set()),
        ("range one off", "return range(a)", {"return range(a + 1)", "return range(a - 1)"}),
        ("index one off", "return a[b]", {"return a[b + 1]", "return a[b - 1]"}),
        ("index one off", "return a[:-1]", {"return a[1:-1]", "return a[:-1 + 1]",
                                            "return a[:-1 - 1]", "return a[:]"}),
        ("deleted statement", "a += b", {"pass"}),
        ("other return", "return a * b", {"return a", "return b"}),
        ("sign", "return a * b", {"return -(a * b)"}),
        ("augmented assignment", "a += b", {"a = b", "a -= b"}),
        ("other name", "return g(a)", {"return g(b)"}),
        ("ignored argument", "return g(a)", {"return g(0)", "return g(1)"}),
    ],
)  # fmt: skip
def test_an_operator_makes_these_changes_and_no_others(operator, line, expected):
    assert changed_lines(line, operator) == expected


def test_an_argument_is_ignored_as_a_whole_too():
    made = mutants("def f(a, b):\n    return g(a, a, b)\n", "f")
    first = {each.diff for each in made if "nothing  →  " in each.diff}
    assert first == {f"nothing  →  {x}" for x in ("a = b", "a = 0", "a = 1", "b = a", "b = 0",
                                                  "b = 1")}  # fmt: skip


def test_a_condition_holds_always_or_never():
    made = mutants("def f(a):\n    if a > 1:\n        a = 1\n    return a\n", "f")
    found = {each.diff for each in made if each.operator == "branch"}
    assert found == {"if a > 1:  →  if True:", "if a > 1:  →  if False:"}


def test_a_name_is_only_replaced_by_one_that_has_a_value_by_then():
    source = normal("def f(a):\n    b = g(a)\n    c = g(b)\n    return c\n")
    scope = Scope.of(source, "f")
    assert scope.before(2).locals == ("a",)
    assert scope.before(3).locals == ("a", "b")
    assert "b = g(c)" not in "".join(each.source for each in mutants(source, "f"))


def test_types_docstrings_and_other_functions_are_left_alone():
    source = "def g(x=1):\n    return x + 1\n\n"
    source += 'def f(a: "T[1, 2]" = 3) -> "T[1]":\n    """1 -> 2."""\n'
    assert mutants(source + "    return None\n", "g")
    kept = [each.source.splitlines()[:5] for each in mutants(source + "    return g(a)\n", "f")]
    assert kept
    assert all(lines == normal(source).splitlines()[:5] for lines in kept)


def test_a_function_that_is_not_there_is_named():
    with pytest.raises(ValueError, match="'f' at the top level"):
        mutants("def g(): pass", "f")


@pytest.mark.parametrize("path", sorted(SOLUTIONS.glob("[0-9][0-9]_*.py")), ids=lambda p: p.stem)
def test_every_mutant_of_a_solution_parses_and_differs_by_one_change(path):
    chapter = read_chapter(path)
    for cell in chapter.cells:
        if cell.exercise is None:
            continue
        original = normal(cell.text)
        made = mutants(cell.text, chapter.exercises[cell.exercise].function)
        trees = {ast.dump(ast.parse(each.source)) for each in made}
        assert len(trees) == len(made) >= 30
        assert ast.dump(ast.parse(original)) not in trees
        for each in made:
            assert _lines_changed(original, each.source) <= 1, each.diff


def _lines_changed(before, after):
    """Lines that a change touches; a line put in or a loop left out counts as one."""
    old, new = before.splitlines(), after.splitlines()
    while old and new and old[0] == new[0]:
        old, new = old[1:], new[1:]
    while old and new and old[-1] == new[-1]:
        old, new = old[:-1], new[:-1]
    if [line.strip() for line in new] == ["pass"]:
        return 1
    return max(len(old), len(new))
