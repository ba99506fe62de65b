import pytest

from docs import test_times as times

XML = """<testsuites><testsuite time="40.5">
<testcase classname="tests.methods.sae.test_rules" name="test_a[1]" time="20.0" />
<testcase classname="tests.methods.sae.test_rules" name="test_b" time="1.0" />
<testcase classname="solutions.00_start_here.ipynb" name="Cell 3" time="9.0" />
</testsuite></testsuites>"""
LOG = """
12.50s call     tests/plots/test_style.py::test_blanks
0.25s setup    tests/plots/test_style.py::test_blanks
0.25s call     tests/test_cli.py::test_help[a::b]
3 passed, 1 skipped in 14.00s
"""


def written(tmp_path, text):
    (tmp_path / "report").write_text(text)
    return tmp_path / "report"


def test_a_report_gives_files_names_and_seconds(tmp_path):
    tests, clock = times.read(written(tmp_path, XML))
    assert tests[0] == ("tests/methods/sae/test_rules.py", "test_a[1]", 20.0)
    assert tests[2] == ("solutions/00_start_here.ipynb", "Cell 3", 9.0)
    assert clock == 40.5


def test_a_log_adds_what_a_test_takes_before_and_after(tmp_path):
    tests, clock = times.read(written(tmp_path, LOG))
    assert tests == [
        ("tests/plots/test_style.py", "test_blanks", 12.75),
        ("tests/test_cli.py", "test_help[a::b]", 0.25),
    ]
    assert clock == 14.0


def test_the_page_sorts_folders_and_files_by_their_time(tmp_path):
    said = times.page(*times.read(written(tmp_path, XML)))
    assert "took 0.7 minutes by the clock and 0.5 of the processes" in said
    rows = [line for line in said.splitlines() if line.startswith(("| tests", "| solutions"))]
    assert rows == [
        "| tests/methods/sae | 2 | 21 | 70.0% | test_a, 20 |",
        "| solutions | 1 | 9 | 30.0% | Cell 3, 9 |",
        "| tests/methods/sae/test_rules.py | 2 | 21 | 70.0% | test_a, 20 |",
        "| solutions/00_start_here.ipynb | 1 | 9 | 30.0% | Cell 3, 9 |",
    ]


def test_a_report_without_times_is_refused(tmp_path):
    with pytest.raises(ValueError, match=r"expected tests with times in .*, got none, try a log"):
        times.read(written(tmp_path, "5 passed"))
    with pytest.raises(SystemExit, match="try `make test` first"):
        times.main([])
