import importlib.util
import json
import sys
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


def load(stem):
    spec = importlib.util.spec_from_file_location(f"benchmarks_{stem}", FOLDER / f"{stem}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def runner():
    return load("__main__")


@pytest.fixture(scope="module")
def grading():
    return load("grading")


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


def test_without_nbgrader_its_benchmark_says_how_to_get_it(grading, monkeypatch, tmp_path, capsys):
    monkeypatch.setattr(grading, "NBGRADER", tmp_path / "nbgrader")
    grading.main()
    assert capsys.readouterr().out == (
        "skipped: nbgrader is not installed here, `make .venv-nbgrader/.ready` installs it\n"
    )


def test_every_slip_of_the_class_changes_its_solution(grading):
    right = grading.solutions("06")
    assert set(grading.SLIPS) == set(right)
    assert [key for key, text in right.items() if text.replace(*grading.SLIPS[key]) == text] == []


def test_the_class_has_right_answers_slips_and_blanks_the_same_each_time(grading):
    classes = [[grading.answers(student) for student in range(20)] for _ in range(2)]
    assert classes[0] == classes[1]
    lengths = [len(written) for written in classes[0]]
    assert (min(lengths), max(lengths)) == (0, 8)
    assert len({str(written) for written in classes[0] if written}) == 16


def test_memory_counts_the_children_of_a_command(grading, tmp_path):
    grow = "x = bytearray(2**26); import time; time.sleep(1.2)"
    child = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {grow!r}])"
    run = grading.measured([sys.executable, "-c", child], tmp_path)
    assert run.peak > 2**26
    assert run.seconds > 1.2


def test_a_command_that_fails_is_not_timed(grading, tmp_path):
    with pytest.raises(RuntimeError, match="what went wrong"):
        grading.measured([sys.executable, "-c", "raise SystemExit('what went wrong')"], tmp_path)


def test_more_submissions_and_less_memory_are_better(grading, capsys):
    grading.report("a", 30.0, 2.0, "submissions a minute", "1.0")
    grading.report("b", 1.0, 3.0, "GiB", "1.0")
    ratios = [json.loads(line)["ratio"] for line in capsys.readouterr().out.splitlines()]
    assert ratios == [15.0, 3.0]


def test_the_page_on_nbgrader_shows_the_configuration_that_is_tested(grading):
    page = (FOLDER.parent / "docs" / "nbgrader.md").read_text(encoding="utf-8")
    assert f"```python\n{grading.CONFIG}```" in page
