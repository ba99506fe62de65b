"""What Binder and repo2docker do with a clone: environment.yml, then `postBuild` once."""

import json
import os
import shutil
import subprocess
import sys
import sysconfig
import venv
from pathlib import Path

import nbformat
import pytest
from nbformat.sign import NotebookNotary

from mi_course.lab import PACKAGE

ROOT = Path(__file__).parents[1]
SCRIPT = ROOT / "postBuild"
# repo2docker reads from the first of these that exists, and otherwise from the root.
HIDING = ("binder", ".binder")
SCRIPTS = {
    "mi-course": "from mi_course.cli import main; main()",
    "jupyter": "from jupyter_core.command import main; main()",
    "jupyter-trust": "from nbformat.sign import TrustNotebookApp as App; App.launch_instance()",
}


def test_both_files_lie_where_repo2docker_reads_them():
    assert (ROOT / "environment.yml").is_file()
    assert SCRIPT.is_file()
    assert [name for name in HIDING if (ROOT / name).exists()] == []


def test_the_script_names_its_shell_may_be_run_and_parses():
    assert SCRIPT.read_text().startswith("#!/bin/bash\n")
    assert os.access(SCRIPT, os.X_OK)
    subprocess.run(["bash", "-n", SCRIPT], check=True)


def test_the_script_stops_at_its_first_failure():
    assert "set -euo pipefail" in SCRIPT.read_text()


@pytest.fixture
def image(tmp_path) -> Path:
    """A small clone with one chapter, and an environment of its own whose commands use it."""
    shutil.copytree(PACKAGE, tmp_path / "clone" / "mi_course", ignore=lambda *_: {"__pycache__"})
    shutil.copy(SCRIPT, tmp_path / "clone")
    for folder in ("chapters", "solutions"):
        (tmp_path / "clone" / folder).mkdir()
        shutil.copy(ROOT / folder / "06_induction_heads.ipynb", tmp_path / "clone" / folder)
    venv.create(tmp_path / "env", with_pip=False)
    python = tmp_path / "env" / "bin" / "python"
    site = tmp_path / "env" / "lib" / f"python3.{sys.version_info.minor}" / "site-packages"
    lines = [str(tmp_path / "clone"), sysconfig.get_path("purelib")]  # as pip's in-place install
    (site / "ours.pth").write_text("\n".join(lines))
    for name, code in SCRIPTS.items():
        command = python.with_name(name)
        command.write_text(f"#!{python}\n{code}\n")
        command.chmod(0o755)
    return tmp_path


def post_build(image: Path) -> subprocess.CompletedProcess:
    """Run the script of the clone as the image's build does."""
    environment = {
        "PATH": f"{image / 'env' / 'bin'}:/usr/bin:/bin",
        "HOME": str(image / "home"),
        "PYTHONDONTWRITEBYTECODE": "",
    }
    clone = image / "clone"
    return subprocess.run(
        [clone / "postBuild"], cwd=clone, env=environment, capture_output=True, text=True
    )


@pytest.mark.slow
def test_an_image_is_quiet_trusted_and_compiled(image):
    done = post_build(image)
    assert done.returncode == 0, done.stderr
    assert "town: " in done.stdout
    settings = image / "env" / "share" / "jupyter" / "lab" / "settings" / "overrides.json"
    assert json.loads(settings.read_text())["@jupyterlab/apputils-extension:notification"]
    notary = NotebookNotary(data_dir=str(image / "home" / ".local" / "share" / "jupyter"))
    for folder in ("chapters", "solutions"):
        path = image / "clone" / folder / "06_induction_heads.ipynb"
        assert notary.check_signature(nbformat.read(path, as_version=4))
    assert not notary.check_signature(nbformat.v4.new_notebook())
    compiled = {path.name.split(".")[0] for path in (image / "clone").rglob("*.pyc")}
    assert compiled >= {path.stem for path in (image / "clone" / "mi_course").rglob("*.py")}


@pytest.mark.slow
def test_damaged_weights_stop_the_image(image):
    weights = next((image / "clone").rglob("town/**/*.safetensors"))
    weights.write_text("version https://git-lfs.github.com/spec/v1\n")
    done = post_build(image)
    assert done.returncode != 0
    assert "damaged or missing" in done.stdout
    assert not (image / "env" / "share" / "jupyter").exists()
