import nbformat
import pytest

from mi_course.grading.notebooks.rehearse import Rehearsal, printed, rehearse


def write_notebook(path, *cells):
    """Write a notebook of (source, metadata) cells; returns its path."""
    made = [nbformat.v4.new_code_cell(source, metadata=metadata) for source, metadata in cells]
    nbformat.write(nbformat.v4.new_notebook(cells=made), path)
    return path


@pytest.fixture(scope="module")
def rehearsals(tmp_path_factory):
    """One passing check, one failing check, one that raises, after a cell that raises."""
    path = write_notebook(
        tmp_path_factory.mktemp("student") / "a.ipynb",
        ("raise NotImplementedError('not yet')", {}),
        ("print('✓ f: all 3 checks passed')", {"check": "06.1"}),
        ("print('✗ g: 1 of 3')", {"check": "06.2"}),
        ("check(missing)", {"check": "06.3"}),
    )
    before = path.read_bytes()
    found = rehearse(path)
    assert path.read_bytes() == before
    return found


def test_every_check_speaks_although_an_earlier_cell_raised(rehearsals):
    assert [each.exercise for each in rehearsals] == ["06.1", "06.2", "06.3"]
    assert [each.passed for each in rehearsals] == [True, False, False]


def test_a_check_that_raises_is_told_by_its_error(rehearsals):
    assert rehearsals[2] == Rehearsal("06.3", "NameError: name 'check' is not defined")


def test_a_silent_check_is_not_a_pass():
    cell = nbformat.v4.new_code_cell("")
    assert printed(cell) == "the check printed nothing"
    assert not Rehearsal("06.1", printed(cell)).passed


def test_a_notebook_without_checks_is_refused(tmp_path):
    path = write_notebook(tmp_path / "a.ipynb", ("1", {}))
    with pytest.raises(ValueError, match="expected a notebook of the course with checks"):
        rehearse(path)


def test_what_is_no_notebook_is_refused(tmp_path):
    path = tmp_path / "a.ipynb"
    path.write_text("not json")
    with pytest.raises(ValueError, match="expected a notebook, got"):
        rehearse(path)


def test_a_missing_notebook_is_refused(tmp_path):
    with pytest.raises(ValueError, match="expected a notebook, got"):
        rehearse(tmp_path / "a.ipynb")
