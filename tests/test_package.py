import ast
import subprocess
import sys

import pytest

import mi_course

HEAVY = "torch transformers transformer_lens plotly pandas sklearn IPython ipywidgets circuitsvis"


def modules_after(statement: str) -> set[str]:
    """The top-level names in sys.modules of a new interpreter after the statement."""
    code = f"import sys; {statement}; print({{name.split('.')[0] for name in sys.modules}})"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return ast.literal_eval(done.stdout)


@pytest.mark.parametrize(
    "module",
    ["mi_course", "mi_course.cli", "mi_course.worlds.town.corpus", "mi_course.exercises.registry"],
)
def test_import_loads_nothing_heavy(module):
    assert modules_after(f"import {module}") & set(HEAVY.split()) == set()


def test_the_guard_sees_a_heavy_import():
    assert "pandas" in modules_after("import pandas")


def test_parts_are_reached_as_attributes_on_first_use():
    assert modules_after("import mi_course; mi_course.worlds") >= {"mi_course"}
    assert mi_course.worlds.__name__ == "mi_course.worlds"


def test_unknown_attribute_is_an_error():
    with pytest.raises(AttributeError, match="no_such_part"):
        mi_course.no_such_part  # noqa: B018
