"""Answers that somebody else wrote: the reference, the visible rooms, the cases of the check.

The chapters are the real ones, since it is their rooms and their models that are in reach. What is
in reach does not depend on the tier, so one tier has to do.
"""

import json
from pathlib import Path

import pytest
import torch

from mi_course.exercises import registry
from mi_course.exercises.core import GeneratorRef, ModelRef
from mi_course.grading.grade import grade
from mi_course.grading.isolation.isolation import find_tier
from mi_course.grading.isolation.sandbox import Request, Sandbox, Setup
from mi_course.grading.paper import CHAPTERS, _refer
from mi_course.grading.values import decode, encode
from tests.attacks.stage import write
from tests.grading.class_of_students import cell

SOLUTIONS = Path(__file__).parents[2] / "solutions"
pytestmark = pytest.mark.needs_bwrap
REAL = ("00", "06")
EXERCISES = [exercise for name in REAL for exercise in registry.chapter(name)]
SEARCH = """
import importlib, inspect, sys
from pathlib import Path
places = map(Path, sys.path)
root = next(place for place in places if (place / "mi_course/grading/inside").is_dir())
FOUND = {}
for path in sorted((root / "mi_course").rglob("*.py")):
    name = ".".join(path.relative_to(root).with_suffix("").parts).removesuffix(".__init__")
    if ".grading" in name or name.endswith("__main__"):
        continue
    for key, value in list(vars(importlib.import_module(name)).items()):
        if inspect.isfunction(value) and value.__module__.startswith("mi_course"):
            FOUND[f"{value.__module__}.{key}"] = value
"""
CALLS_ALL = """
from mi_course.grading.values import Caps, encode
def {function}(*arguments):
    import inspect
    results = []
    for name, found in FOUND.items():
        try:
            inspect.signature(found).bind(*arguments)
            value = found(*[each.clone() if hasattr(each, "clone") else each for each in arguments])
            encode(value, Caps(nbytes=1 << 18, items=1000))
        except BaseException:
            continue
        results.append([name, value])
    return [len(FOUND), results]
"""
LOOKS_UP = '''
import hashlib, json
TABLE = {table}
def {function}(*arguments):
    """Know the cases that the check shows, and nothing else."""
    key = hashlib.sha256(repr([told(each) for each in arguments]).encode()).hexdigest()[:16]
    return torch.tensor(TABLE[key]) if isinstance(TABLE[key], list) else TABLE[key]
def told(value):
    if hasattr(value, "tolist"):
        return value.tolist()
    return value if isinstance(value, (int, float, str, list)) else type(value).__name__
'''
BORROWS = """
from mi_course.exercises import registry
from mi_course.exercises.ch{chapter} import EXERCISES
{function} = registry.get("{id}").reference
"""
SPOILS = """
def {function}(model, tokens, *rest):
    for parameter in model.parameters():
        parameter.data.zero_()
    return 0.0
"""


def variants(value):
    yield value
    if isinstance(value, torch.Tensor) and value.dtype.is_floating_point:
        yield from (-value, value.T if value.ndim == 2 else value, value.mean())


@pytest.fixture(scope="module")
def visible():
    cells = (SEARCH, "import torch")
    with Sandbox(find_tier(), Setup(cells, models=("tiny-1", "tiny-2"))) as box:
        yield box


@pytest.mark.parametrize("exercise", EXERCISES, ids=lambda exercise: exercise.id)
def test_no_function_in_reach_answers_an_exercise(exercise, visible):
    cases = [case for case in exercise.cases(7) if case.group != "hand"][:2]
    calls = tuple(encode(list(case.args), refer=_refer) for case in cases)
    code = CALLS_ALL.format(function=exercise.function)
    outcome = visible.run(Request(exercise.id, exercise.function, {exercise.id: code}, calls))
    answers = {}
    for index, case in enumerate(cases):
        body = outcome.calls[index][0]
        n_found, results = decode(body["value"])
        assert n_found > 100  # the rooms that an answer may enter were searched
        expected = exercise.expect(case)
        for name, value in results:
            right = any(exercise.verdict(case, each, expected) is None for each in variants(value))
            answers[name] = answers.get(name, True) and right
    assert [name for name, right in answers.items() if right] == []


def _solved(chapter):
    path = next(SOLUTIONS.glob(f"{chapter}_*.ipynb"))
    return json.loads(path.read_text())


def _with(chapter, codes):
    """The handed-out notebook with other answers."""
    content = json.loads(next(CHAPTERS.glob(f"{chapter}_*.ipynb")).read_text())
    content["cells"] += [cell(code, exercise=key) for key, code in codes.items()]
    return content


def _key(value):
    if isinstance(value, ModelRef):
        return "TransformerBridge"
    if isinstance(value, GeneratorRef):
        return "Generator"
    return value.tolist() if hasattr(value, "tolist") else value


def _looked_up(exercise):
    """An answer that knows the hand cases and those of the check's own seed."""
    import hashlib

    table = {}
    for case in exercise.cases(0):
        key = hashlib.sha256(repr([_key(each) for each in case.args]).encode()).hexdigest()[:16]
        right = exercise.expect(case)
        table[key] = right.tolist() if hasattr(right, "tolist") else right
    return LOOKS_UP.format(table=table, function=exercise.function)


@pytest.fixture(scope="module", params=REAL)
def chapter(request, tmp_path_factory):
    """A chapter graded for one honest student among three who are not, and who come first."""
    name, folder = request.param, tmp_path_factory.mktemp("real")
    exercises = registry.chapter(name)
    spoilt = {e.id: SPOILS.format(function=e.function) for e in exercises if _has_model(e)}
    borrowed = {e.id: BORROWS.format(chapter=name, id=e.id, function=e.function) for e in exercises}
    looked_up = {e.id: _looked_up(e) for e in exercises}
    file = f"{name}_chapter.ipynb"
    write(folder / "in/a-looks-up" / file, _with(name, looked_up))
    write(folder / "in/b-borrows" / file, _with(name, borrowed))
    write(folder / "in/c-spoils" / file, _with(name, spoilt))
    write(folder / "in/d-honest" / file, _solved(name))
    return grade(folder / "in", folder / "out", jobs=1, timeout=5.0)


def _has_model(exercise):
    return any(isinstance(value, ModelRef) for case in exercise.cases(0) for value in case.args)


def test_an_answer_that_knows_the_visible_cases_earns_nothing(chapter):
    record = chapter.records[0]
    assert record.problem == ""
    assert [(mark.exercise, mark.points) for mark in record.marks if mark.points] == []
    assert any(mark.passed for mark in record.marks)  # it did know some


def test_a_borrowed_reference_earns_nothing(chapter):
    assert [mark.points for mark in chapter.records[1].marks if mark.points] == []


def test_weights_that_one_answer_zeroes_are_whole_for_the_next(chapter):
    spoilt, honest = chapter.records[2:]
    assert spoilt.points == 0
    assert honest.points == honest.max_points
