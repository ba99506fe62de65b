"""One set of versions: pyproject.toml, constraints.txt and environment.yml agree."""

import ast
import importlib.metadata
import re
import sys
import tomllib
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name

from mi_course import doctor

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
EXTRAS = PROJECT["optional-dependencies"]
DECLARED = [*PROJECT["dependencies"], *(line for lines in EXTRAS.values() for line in lines)]
# What Google Colab had when this was written: a notebook there must not replace any of it.
COLAB_FILE = (ROOT / "constraints-colab.txt").read_text()
COLAB = {
    "torch": re.search(r"torch (\d+\.\d+) with CUDA", COLAB_FILE).group(1),
    **dict(re.findall(r"^(\S+)==(\S+)$", COLAB_FILE.partition("# The rest")[0], re.MULTILINE)),
}
# Modules that only authors of notebooks, tests and clusters import, from extras.
OF_EXTRAS = {"distributed", "jupytext", "nbclient", "nbval", "pytest", "sphinx"}


@pytest.fixture(scope="module")
def conda() -> dict:
    return yaml.safe_load((ROOT / "environment.yml").read_text())


def pip_lines(conda: dict) -> list[str]:
    (section,) = (each["pip"] for each in conda["dependencies"] if isinstance(each, dict))
    return section


@pytest.mark.parametrize("line", DECLARED)
def test_every_requirement_has_a_tested_version_that_fits(line):
    requirement = Requirement(line)
    version = doctor.tested_versions().get(canonicalize_name(requirement.name))
    assert version is not None, "add it to constraints.txt"
    assert requirement.specifier.contains(version, prereleases=True)


def test_constraints_hold_one_exact_version_each():
    lines = (ROOT / "constraints.txt").read_text().splitlines()
    pins = [Requirement(line) for line in lines if line and not line.startswith("#")]
    assert all([each.operator for each in pin.specifier] == ["=="] for pin in pins)
    names = [canonicalize_name(pin.name) for pin in pins]
    assert len(names) == len(set(names))


def test_constraints_name_no_build_for_one_machine():
    assert not [name for name, version in doctor.tested_versions().items() if "+" in version]


def test_conda_installs_this_package_at_the_tested_versions(conda):
    *index, constraint, package = pip_lines(conda)
    assert (constraint, package) == ("--constraint constraints.txt", "--editable .[lab,test]")
    assert index == ["--extra-index-url https://download.pytorch.org/whl/cpu"]


def test_conda_installs_extras_that_exist(conda):
    package = Requirement(pip_lines(conda)[-1].replace("--editable .", "mi-course"))
    assert package.extras <= set(EXTRAS)


def test_conda_python_is_supported(conda):
    (python,) = (each for each in conda["dependencies"] if str(each).startswith("python="))
    assert SpecifierSet(PROJECT["requires-python"]).contains(python.removeprefix("python="))


def test_conda_adds_no_version_of_its_own(conda):
    plain = [each.split("=")[0] for each in conda["dependencies"] if isinstance(each, str)]
    assert plain == ["python", "pip"]


@pytest.mark.parametrize(("name", "version"), COLAB.items())
def test_core_leaves_what_colab_has_in_place(name, version):
    needed = [r for r in map(Requirement, PROJECT["dependencies"]) if r.name == name]
    assert all(requirement.specifier.contains(version) for requirement in needed)


def test_what_colab_has_is_told_from_the_rest():
    named = {Requirement(line).name for line in PROJECT["dependencies"]} & set(COLAB)
    assert named >= {"ipython", "ipywidgets", "numpy", "pandas", "plotly", "torch", "transformers"}


def test_every_requirement_has_a_version_for_colab_that_fits():
    versions = {**doctor.tested_versions(ROOT / "constraints-colab.txt"), **COLAB}
    lacking = [
        line
        for line in PROJECT["dependencies"]
        if (requirement := Requirement(line)).name not in versions
        or not requirement.specifier.contains(versions[requirement.name])
    ]
    assert lacking == []


def test_every_imported_package_is_declared():
    declared = {canonicalize_name(Requirement(line).name) for line in PROJECT["dependencies"]}
    owners = importlib.metadata.packages_distributions()
    undeclared = {
        name
        for path in (ROOT / "mi_course").rglob("*.py")
        for name in top_level_imports(path.read_text())
        if not declared & set(map(canonicalize_name, owners.get(name, [name])))
    }
    assert undeclared <= OF_EXTRAS


def top_level_imports(source: str) -> set[str]:
    """First names of what a module imports from other packages than this one and Python."""
    names = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and not node.level:
            names.add(node.module)
    return {name.split(".")[0] for name in names} - sys.stdlib_module_names - {"mi_course"}
