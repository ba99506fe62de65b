import json
import re
import sys
from pathlib import Path

import pytest

import benchmarks.__main__ as runner
from benchmarks import _figure, _page, grading

ROOT = Path(__file__).parents[1]
FOLDER = ROOT / "benchmarks"
FIGURE = {
    "benchmark": "grading/one",
    "ours": 2.0,
    "peer": 1.0,
    "ratio": 2.0,
    "unit": "per second",
    "peer_version": "1.0",
    "machine": "a processor",
}
TAKEN = FIGURE | {"script": "grading", "date": "2026-01-01"}


@pytest.fixture
def saved(monkeypatch, tmp_path):
    """A folder for all that the runner writes, with a README that quotes."""
    monkeypatch.setattr(runner, "FOLDER", tmp_path)
    monkeypatch.setattr(runner, "ROOT", tmp_path)
    (tmp_path / "README.md").write_text(f"before\n{''.join(runner.QUOTED)}\nafter\n")
    return tmp_path


def names(folder):
    return [figure["benchmark"] for figure in json.loads((folder / "results.json").read_text())]


# --- one figure


def printed(capsys, *args, **more):
    _figure.report(*args, **more)
    return json.loads(capsys.readouterr().out)


def test_a_figure_has_what_machines_read(capsys):
    figure = printed(capsys, "sae/one", 2.0, 6.0, "seconds", "1.0")
    assert list(figure) == list(_figure.KEYS)
    assert figure["machine"].startswith(_figure._processor())


def test_less_time_and_more_work_are_better(capsys):
    less = printed(capsys, "sae/one", 2.0, 6.0, "seconds", "1.0")
    more = printed(capsys, "sae/one", 6.0, 2.0, "a second", "1.0", more_is_better=True)
    assert less["ratio"] == more["ratio"] == 3.0


def test_what_was_not_reached_has_no_ratio(capsys):
    figure = printed(capsys, "lens/one", None, 6.0, "seconds to 1 nat", "1.0", target=2.0)
    assert (figure["ours"], figure["ratio"]) == (None, None)
    assert not _page.met(figure)


def test_small_numbers_keep_their_digits_and_large_ones_have_no_others(capsys):
    figure = printed(capsys, "sae/one", 0.000123456, 123456.7, "seconds", "1.0")
    assert (figure["ours"], figure["peer"]) == (0.0001235, 123457)


def test_no_name_of_the_machine_is_told(capsys):
    import platform

    told = _figure.machine()
    assert platform.node() not in told
    assert re.search(r"\d+ cores, .*Python 3\.\d+\.\d+, torch \d", told)


def test_ways_are_measured_in_turn():
    order = []
    ways = {name: lambda name=name: order.append(name) for name in "ab"}
    assert set(_figure.fastest(ways, 2)) == {"a", "b"}
    assert order == ["a", "b", "a", "b"]


def test_a_gpu_that_is_not_there_is_told(monkeypatch):
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    with pytest.raises(SystemExit, match="expected a GPU"):
        _figure.asked_device(["--device", "cuda"])


# --- collecting


def test_figures_are_found_among_other_lines():
    text = f"warming up\n{json.dumps(FIGURE)}\ndone\n"
    assert runner.figures(text, "grading", "2026-01-01") == [TAKEN]


def test_a_figure_without_its_machine_is_refused():
    half = {key: value for key, value in FIGURE.items() if key != "machine"}
    with pytest.raises(ValueError, match=r"without \['machine'\]"):
        runner.figures(json.dumps(half), "grading", "2026-01-01")


def test_a_script_that_came_to_its_end_replaces_all_its_rows_and_no_others():
    gone, other = TAKEN | {"benchmark": "grading/gone"}, TAKEN | {"script": "eap"}
    other |= {"benchmark": "eap/one"}
    new = TAKEN | {"ours": 3.0}
    found = runner.merged([TAKEN, gone, other], [new], whole={"grading": True})
    assert found == [other, new]


def test_a_script_that_was_stopped_keeps_its_older_rows():
    rest = TAKEN | {"benchmark": "grading/rest"}
    new = TAKEN | {"ours": 3.0}
    assert runner.merged([TAKEN, rest], [new], whole={"grading": False}) == [new, rest]


def test_a_run_on_the_cpu_keeps_what_a_gpu_measured():
    gpu = TAKEN | {"benchmark": "grading/one/gpu"}
    assert runner.merged([TAKEN, gpu], [TAKEN], whole={"grading": True}) == [TAKEN, gpu]


def test_a_script_without_its_peer_is_listed_and_keeps_its_rows(saved):
    runner.write([TAKEN], {"grading": _page.Run("2026-01-01", 1)})
    note = runner.note("not run: no nbgrader\n", 0, 1.0, 10.0)
    runner.write([], {"grading": _page.Run("2026-01-02", 1, note)})
    assert names(saved) == ["grading/one"]
    assert "**not run: no nbgrader." in (saved / "RESULTS.md").read_text()


def test_a_script_that_never_ran_to_a_figure_is_listed_too(saved):
    runner.write([], {"eap": _page.Run("2026-01-01", 1, "Failed with exit status 1.")})
    page = (saved / "RESULTS.md").read_text()
    assert "## eap\n\n2026-01-01, 1 s.\n**Failed with exit status 1.**" in page


@pytest.mark.parametrize(
    ("failed", "seconds", "said"),
    [(1, 3.0, "Failed with exit status 1"), (-9, 10.0, "Stopped after 10 s"), (0, 3.0, "")],
)
def test_the_end_of_a_run_is_told_as_it_was(failed, seconds, said):
    found = runner.note("", failed, seconds, 10.0)
    assert found.startswith(said) and bool(found) == bool(said)


def test_a_script_is_stopped_at_its_limit_with_what_it_started(monkeypatch, tmp_path):
    (tmp_path / "benchmarks").mkdir()
    child = "import subprocess, sys; print('begun', flush=True)\n"
    child += "subprocess.run([sys.executable, '-c', 'import time; time.sleep(60)'])"
    (tmp_path / "benchmarks" / "endless.py").write_text(child)
    monkeypatch.setattr(runner, "ROOT", tmp_path)
    text, run = runner.run("endless", "cpu", 1.0)
    assert text == "begun\n"
    assert run.note.startswith("Stopped after 1 s")


def test_figures_of_another_machine_are_taken_in_beside_ours(saved):
    runner.write([TAKEN], {"grading": _page.Run("2026-01-01", 1)})
    there = FIGURE | {"benchmark": "grading/one/gpu", "machine": "a GPU"}
    (saved / "there.txt").write_text(f"== grading\n{json.dumps(there)}\n")
    runner.take(saved / "there.txt")
    assert names(saved) == ["grading/one", "grading/one/gpu"]


def test_what_broke_off_on_another_machine_is_listed(saved):
    there = "== sae\nTraceback\nModuleNotFoundError: No module named 'peer'\n"
    (saved / "there.txt").write_text(there)
    runner.take(saved / "there.txt")
    page = (saved / "RESULTS.md").read_text()
    assert "## sae\n\n**On a GPU: stopped by ModuleNotFoundError: No module named 'peer'.**" in page


def test_all_scripts_but_the_runner_and_its_parts_are_run():
    found = runner.scripts([])
    assert not {"__main__", "_figure", "_page"} & {*found}
    assert {"grading", "sae", "notebooks"} <= {*found}
    assert set(runner.FOR_GPUS) == set(runner.scripts([], "cuda"))


def test_a_benchmark_that_is_not_there_is_told():
    with pytest.raises(ValueError, match=r"expected names of benchmarks, got .'sea'"):
        runner.scripts(["sea"])


# --- the page


def test_a_gpu_s_figure_stands_in_the_row_of_the_cpu_s():
    gpu = TAKEN | {"benchmark": "grading/one/gpu", "ratio": 5.0, "machine": "a GPU"}
    page = _page.page([TAKEN | {"target": 3.0}, gpu], {})
    assert "| one | 2 | 1 | 2 | 3 missed | 2 | 1 | 5 | per second | 1.0 |" in page
    assert "2026-01-01, on a processor.\n2026-01-01, on a GPU." in page


def test_missed_targets_are_named_at_the_top():
    page = _page.page([TAKEN | {"target": 3.0}, TAKEN | {"target": 1.5}], {})
    assert "Targets: 1 of 2 met.\n- missed: `grading/one`, 2 of 3\n" in page


def test_the_readme_quotes_what_was_measured(saved):
    name = next(iter(_page.HEADLINES))
    runner.write([TAKEN | {"benchmark": name}], {})
    readme = (saved / "README.md").read_text()
    assert f"| {_page.HEADLINES[name]} | 1.0 | 2 |" in readme
    assert readme.startswith("before\n") and readme.endswith("\nafter\n")


def test_page_and_readme_are_those_of_the_results():
    results = json.loads((FOLDER / "results.json").read_text())
    ran = json.loads((FOLDER / "runs.json").read_text())
    runs = {script: _page.Run(**each) for script, each in ran.items()}
    assert (FOLDER / "RESULTS.md").read_text(encoding="utf-8") == _page.page(results, runs)
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    assert runner.quoted(readme, results) == readme
    assert runner.QUOTED[0] in readme


def test_every_result_is_a_figure_of_a_script():
    results = json.loads((FOLDER / "results.json").read_text())
    scripts = runner.scripts([])
    assert [figure for figure in results if not {*_figure.KEYS, "date"} <= {*figure}] == []
    assert [figure["script"] for figure in results if figure["script"] not in scripts] == []


# --- the grading benchmark


def test_without_nbgrader_its_benchmark_says_how_to_get_it(monkeypatch, tmp_path, capsys):
    monkeypatch.setattr(grading, "NBGRADER", tmp_path / "nbgrader")
    grading.main()
    assert capsys.readouterr().out == (
        "not run: nbgrader is not installed here, `make .venv-nbgrader/.ready` installs it\n"
    )


def test_every_slip_of_the_class_changes_its_solution():
    right = grading.solutions("06")
    assert set(grading.SLIPS) == set(right)
    assert [key for key, text in right.items() if text.replace(*grading.SLIPS[key]) == text] == []


def test_the_class_has_right_answers_slips_and_blanks_the_same_each_time():
    classes = [[grading.answers(student) for student in range(20)] for _ in range(2)]
    assert classes[0] == classes[1]
    lengths = [len(written) for written in classes[0]]
    assert (min(lengths), max(lengths)) == (0, 8)
    assert len({str(written) for written in classes[0] if written}) == 16


def test_memory_and_time_count_the_children_of_a_command(tmp_path):
    grow = "x = bytearray(2**26); import time; time.sleep(1.2); sum(range(10**7))"
    child = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {grow!r}])"
    run = grading.measured([sys.executable, "-c", child], tmp_path)
    assert run.peak > 2**26
    assert run.seconds > 1.2
    assert 0.02 < run.cpu < run.seconds + 1


def test_a_command_that_fails_is_not_timed(tmp_path):
    with pytest.raises(RuntimeError, match="what went wrong"):
        grading.measured([sys.executable, "-c", "raise SystemExit('what went wrong')"], tmp_path)


def test_the_page_on_nbgrader_shows_the_configuration_that_is_tested():
    page = (ROOT / "docs" / "nbgrader.md").read_text(encoding="utf-8")
    assert f"```python\n{grading.CONFIG}```" in page
