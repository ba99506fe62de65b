import importlib.util
import shutil

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

from mi_course.book import site, write_book


@pytest.fixture
def solutions(tmp_path):
    """A folder with one executed notebook."""
    cells = [
        new_markdown_cell("# 00 · Title"),
        new_code_cell("1", outputs=[new_output("stream", text="1")]),
    ]
    folder = tmp_path / "solutions"
    folder.mkdir()
    nbformat.write(new_notebook(cells=cells), folder / "00_title.ipynb")
    return folder


@pytest.fixture
def no_sphinx(monkeypatch):
    """As if everything were installed; Sphinx writes its page and the scripts, nothing else."""
    copied = {}

    def written(folder, out):
        copied["pages"] = sorted(path.name for path in (folder / "pages").iterdir())
        (out / "_static").mkdir(parents=True)
        for path in (folder / "static").iterdir():
            (out / "_static" / path.name).write_bytes(path.read_bytes())
        return ("a warning",)

    monkeypatch.setattr(site, "NEEDED", ())
    monkeypatch.setattr(site, "_copy_scripts", lambda folder: shutil.copytree(site.STATIC, folder))
    monkeypatch.setattr(site, "_run_sphinx", written)
    return copied


def test_a_folder_without_notebooks_is_refused(tmp_path):
    with pytest.raises(ValueError, match="expected executed notebooks"):
        write_book(tmp_path, tmp_path / "book")


def test_what_is_missing_is_named_with_how_to_get_it(solutions, monkeypatch, tmp_path):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(ValueError, match=r"expected sphinx, myst_nb.*try `make book`"):
        write_book(solutions, tmp_path / "book")
    assert not (tmp_path / "book").exists()


def test_a_folder_with_other_files_is_left_alone(solutions, no_sphinx, tmp_path):
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").write_text("years of work")
    with pytest.raises(ValueError, match=r"got .*mine with other files in it, try `--out`"):
        write_book(solutions, tmp_path / "mine")
    assert (tmp_path / "mine" / "thesis.txt").read_text() == "years of work"


def test_an_older_book_is_replaced(solutions, no_sphinx, tmp_path):
    out = tmp_path / "book"
    write_book(solutions, out)
    (out / "08_gone.html").write_text("a chapter that is no more")
    book = write_book(solutions, out)
    assert not (out / "08_gone.html").exists()
    assert no_sphinx["pages"] == ["00_title.ipynb", "index.md"]
    assert book.chapters == ("00_title",) and book.warnings == ("a warning",)
    assert book.n_bytes == sum(path.stat().st_size for path in (out / "_static").iterdir())
