"""What travels with the package, and the cell that installs it where it is missing.

The slow tests build the wheel and run a student's notebook against it in an environment that holds
everything but this package, without a network: what happens on Colab, but for the download.
`make test-colab` runs them once more with Colab's versions.
"""

import importlib.util
import json
import subprocess
import sys
import sysconfig
import venv
import zipfile
from pathlib import Path

import nbclient
import nbformat
import pytest
from hatchling.builders.wheel import WheelBuilder
from IPython.core.interactiveshell import InteractiveShell

from mi_course.grading.notebooks.address import read_address
from mi_course.grading.notebooks.colab import install_command

ROOT = Path(__file__).parents[1]
CLOSED = "http://127.0.0.1:9"  # the discard port: whoever asks the network fails at once
CHAPTER = ROOT / "chapters" / "00_start_here.ipynb"
# What the package brings along: weights by their hashes, a model that sees, a dictionary, words.
USE = """
import pathlib
import mi_course
from mi_course.doctor import WEIGHTS, weights
from mi_course.exercises import registry
from mi_course.methods.sae.shipped import load_town_sae
from mi_course.models.vision import load_vision
from mi_course.worlds.town.corpus import stream

assert [found.text for found in weights(WEIGHTS) if found.state != "ok"] == []
assert load_vision("shapes-a").name == "shapes-a"
assert load_town_sae().W_dec.ndim == 2
assert next(iter(stream(0))).text
assert [registry.chapter(number) for number in registry.chapters()]
print(pathlib.Path(mi_course.__file__).parent)
"""
LEFT_OUT = ("__pycache__", ".ipynb_checkpoints", "tests/", ".pyc", ".ipynb", ".log")


def tracked(folder: str) -> set[str]:
    """Files that git knows and that are present."""
    command = ["git", "ls-files", "-z", folder]
    listed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    if listed.returncode:
        pytest.skip("not a git checkout: what is tracked cannot be asked")
    return {name for name in listed.stdout.split("\0") if name and (ROOT / name).is_file()}


def test_the_wheel_takes_the_whole_package_and_nothing_beside_it():
    names = {file.distribution_path for file in WheelBuilder(str(ROOT)).recurse_included_files()}
    assert tracked("mi_course") <= names
    assert {name.partition("/")[0] for name in names} == {"mi_course"}
    assert [name for name in names if any(part in name for part in LEFT_OUT)] == []


@pytest.fixture
def recorded(monkeypatch):
    """Runs cells in a shell whose `%pip` only writes down what it was asked."""
    shell = InteractiveShell()
    asked = []
    shell.register_magic_function(asked.append, magic_name="pip")

    def run(cell: str) -> list[str]:
        shell.run_cell(cell).raise_error()
        return asked

    return run


def test_the_cell_installs_nothing_where_the_package_is(recorded):
    assert recorded(install_command(read_address().requirement)) == []


def test_the_cell_asks_pip_for_the_published_branch_where_the_package_is_missing(
    recorded, monkeypatch
):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    assert recorded(install_command(read_address().requirement)) == [
        f'install -q "{read_address().requirement}"'
    ]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory) -> Path:
    """This checkout as a wheel, built as pip builds it from a repository."""
    folder = tmp_path_factory.mktemp("wheel")
    pip = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-index"]
    subprocess.run([*pip, "--no-build-isolation", "-w", folder, ROOT], check=True)
    (built,) = folder.glob("*.whl")
    return built


@pytest.fixture
def elsewhere(tmp_path, monkeypatch) -> Path:
    """An environment like Colab's before the first cell: all that we need, but not us.

    A plain line in a .pth file adds a folder without reading the .pth files in it, so that the
    checkout, which is installed in place, is not found.
    """
    venv.create(tmp_path / "env", with_pip=False)
    python = tmp_path / "env" / "bin" / "python"
    ask = "import sysconfig; print(sysconfig.get_path('purelib'))"
    own = subprocess.run([python, "-c", ask], capture_output=True, text=True, check=True)
    Path(own.stdout.strip(), "ours.pth").write_text(sysconfig.get_path("purelib"))
    kernel = tmp_path / "share" / "kernels" / "elsewhere" / "kernel.json"
    kernel.parent.mkdir(parents=True)
    command = [str(python), "-m", "ipykernel_launcher", "-f", "{connection_file}"]
    kernel.write_text(json.dumps({"argv": command, "display_name": "elsewhere"}))
    for name, value in {
        "JUPYTER_PATH": str(tmp_path / "share"),
        "PIP_NO_INDEX": "1",
        "http_proxy": CLOSED,
        "https_proxy": CLOSED,
        "PLOTLY_RENDERER": "plotly_mimetype",
    }.items():
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("PYTHONPATH", raising=False)
    return tmp_path


def run_there(notebook: nbformat.NotebookNode, folder: Path) -> None:
    """Run a notebook in that environment, in a folder where nothing of ours lies."""
    (folder / "lesson").mkdir()
    client = nbclient.NotebookClient(
        notebook,
        timeout=600,
        kernel_name="elsewhere",
        resources={"metadata": {"path": str(folder / "lesson")}},
    )
    client.execute()


@pytest.mark.slow
def test_a_notebook_installs_the_wheel_in_its_first_cell_and_runs_to_its_end(wheel, elsewhere):
    notebook = nbformat.read(CHAPTER, as_version=4)
    cells = {cell.id: cell for cell in notebook.cells}
    address, install = read_address().requirement, cells["colab-install"]
    assert install.source == install_command(address)
    install.source = install_command(f"mi-course @ {wheel.as_uri()}")
    notebook.cells.append(nbformat.v4.new_code_cell(USE))
    run_there(notebook, elsewhere)
    assert [output for output in install.outputs if "ERROR" in output.get("text", "")] == []
    where = Path(notebook.cells[-1].outputs[-1].text.strip())
    assert where.is_relative_to(elsewhere / "env")


@pytest.mark.slow
def test_without_that_cell_the_package_is_missing_there(elsewhere):
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell("import mi_course")])
    with pytest.raises(nbclient.exceptions.CellExecutionError, match="No module named"):
        run_there(notebook, elsewhere)


@pytest.mark.slow
def test_the_built_wheel_holds_what_it_should(wheel):
    names = {name for name in zipfile.ZipFile(wheel).namelist() if ".dist-info/" not in name}
    assert tracked("mi_course") <= names
    assert [name for name in names if not name.startswith("mi_course/")] == []
