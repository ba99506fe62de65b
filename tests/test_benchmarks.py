import importlib.util
import json
from pathlib import Path

import pytest

FOLDER = Path(__file__).parents[1] / "benchmarks"
FIGURE = {
    "benchmark": "grading/one",
    "ours": 2.0,
    "peer": 1.0,
    "ratio": 2.0,
    "unit": "per second",
    "peer_version": "1.0",
    "machine": "x86_64",
}


@pytest.fixture(scope="module")
def runner():
    spec = importlib.util.spec_from_file_location("benchmarks_main", FOLDER / "__main__.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_figures_are_found_among_other_lines(runner):
    assert runner.figures(f"warming up\n{json.dumps(FIGURE)}\ndone\n") == [FIGURE]


def test_a_figure_without_its_machine_is_refused(runner):
    half = {key: value for key, value in FIGURE.items() if key != "machine"}
    with pytest.raises(ValueError, match=r"without \['machine'\]"):
        runner.figures(json.dumps(half))


def test_a_new_figure_replaces_the_old_one_of_its_name(runner):
    new, other = FIGURE | {"ours": 3.0}, FIGURE | {"benchmark": "eap/one"}
    assert runner.merged([FIGURE, other], [new]) == [other, new]


def test_the_page_has_one_row_for_each_figure(runner):
    assert runner.table([FIGURE]).splitlines()[-1] == (
        "| grading/one | 2.0 | 1.0 | 2.0 | per second | 1.0 | x86_64 |"
    )


def test_the_runner_does_not_run_itself(runner):
    assert "__main__" not in {path.stem for path in runner.scripts([])}
