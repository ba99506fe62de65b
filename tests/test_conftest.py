"""The account of skipped tests, run on a small suite of its own."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

SUITE = """
import pytest

@pytest.mark.needs_bwrap
def test_sandbox():
    pass

@pytest.mark.skip(reason="for another day")
def test_other():
    pass
"""


@pytest.fixture
def run_suite(tmp_path):
    """Runs SUITE under our conftest on a machine without any program; returns its result."""
    conftest = Path(__file__).with_name("conftest.py").read_text()
    (tmp_path / "conftest.py").write_text(conftest)
    (tmp_path / "test_suite.py").write_text(SUITE)
    (tmp_path / "pytest.ini").write_text("[pytest]\nmarkers =\n  needs_bwrap\n  needs_browser\n")

    def run(**variables: str):
        clean = {name: value for name, value in os.environ.items() if "PYTEST" not in name}
        clean.pop("MI_COURSE_REQUIRE_ALL", None)
        return subprocess.run(
            [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "."],
            cwd=tmp_path,
            env=clean | {"PATH": "", **variables},
            capture_output=True,
            text=True,
            check=False,
        )

    return run


def test_skipped_tests_are_listed_with_their_reason(run_suite):
    done = run_suite()
    assert done.returncode == 0
    assert "1 x no bwrap: install the Debian package bubblewrap" in done.stdout
    assert "test_suite.py::test_sandbox" in done.stdout
    assert "1 x for another day" in done.stdout


def test_where_all_is_required_only_skips_for_want_of_a_program_fail(run_suite):
    done = run_suite(MI_COURSE_REQUIRE_ALL="1")
    assert done.returncode == 1
    assert "1 skipped, 1 error" in done.stdout
    assert "this was skipped: no bwrap" in done.stdout
