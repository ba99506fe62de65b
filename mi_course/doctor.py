"""What the course needs and what this machine has, in plain words.

Nothing here imports a package in order to ask for its version, so that the doctor still speaks
where one is broken.
In go the installed packages, programs and weight files; out come `Finding`s.
"""

import hashlib
import importlib.metadata
import json
import shutil
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from mi_course.grading.isolation.isolation import PROBLEMS
from mi_course.models.recipes import RECIPES

PACKAGE = Path(__file__).parent
CONSTRAINTS = PACKAGE.parent / "constraints.txt"
WEIGHTS = PACKAGE / "models" / "weights"
PYTHONS = ((3, 11), (3, 13))
PURPOSE = {"lab": "`make lab`", "test": "`make test`", "book": "`mi-course book`"}


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at.

    Attributes:
        state: "ok", "note" (worth knowing; the course runs) or "wrong" (it does not).
        text: a sentence for a person.
    """

    state: Literal["ok", "note", "wrong"]
    text: str


def examine() -> list[Finding]:
    """Return everything that the doctor finds on this machine, in reading order."""
    checks = (python(), core_packages(), extras(), device(), programs(), weights(WEIGHTS))
    return [finding for check in checks for finding in check]


def python(version: tuple[int, int] = sys.version_info[:2]) -> Iterator[Finding]:
    """Yield whether this Python is one that the course supports."""
    name = f"Python {version[0]}.{version[1]}"
    if PYTHONS[0] <= version <= PYTHONS[1]:
        yield Finding("ok", name)
    else:
        yield Finding("wrong", f"{name}, but the course needs 3.11, 3.12 or 3.13")


def requirements(extra: str = "") -> list[Requirement]:
    """Return what the package declares: its core requirements, or those of one extra."""
    declared = [Requirement(line) for line in importlib.metadata.requires("mi-course") or ()]
    if not extra:
        return [each for each in declared if "extra" not in str(each.marker)]
    return [each for each in declared if each.marker and each.marker.evaluate({"extra": extra})]


def installed(name: str) -> str | None:
    """Return the installed version of a distribution, or None."""
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return None


def complaint(requirement: Requirement, found: str | None) -> str | None:
    """Return what is wrong with an installed version in plain words, or None."""
    mend = f"pip install '{requirement.name}{requirement.specifier}'"
    if found is None:
        return f"{requirement.name} is missing: {mend}"
    if requirement.specifier.contains(found, prereleases=True):
        return None
    wanted = requirement.specifier
    return f"{requirement.name} {found} is the wrong version, the course needs {wanted}: {mend}"


def core_packages() -> Iterator[Finding]:
    """Yield every missing or unfit core package, and how they differ from the tested versions."""
    needed = requirements()
    complaints = [text for each in needed if (text := complaint(each, installed(each.name)))]
    yield from (Finding("wrong", text) for text in complaints)
    if not complaints:
        yield Finding(
            "ok", f"all {len(needed)} packages that the course needs, in fitting versions"
        )
    tested = tested_versions()
    others = [
        f"{each.name} {found} (tested with {wanted})"
        for each in needed
        if (found := installed(each.name))
        and (wanted := tested.get(canonicalize_name(each.name)))
        and found.split("+")[0] != wanted
    ]
    if others:
        yield Finding("note", "other versions than the tested ones: " + ", ".join(others))


def tested_versions(path: Path = CONSTRAINTS) -> dict[str, str]:
    """Return name -> version of constraints.txt; empty where the course is not a checkout."""
    if not path.exists():
        return {}
    lines = (line.partition("#")[0].strip() for line in path.read_text().splitlines())
    pairs = (line.split("==") for line in lines if "==" in line)
    return {canonicalize_name(name): version for name, version in pairs}


def extras() -> Iterator[Finding]:
    """Yield which optional parts of the package are installed."""
    for extra, purpose in PURPOSE.items():
        lacking = [
            each.name for each in requirements(extra) if complaint(each, installed(each.name))
        ]
        if lacking:
            install = f"pip install 'mi-course[{extra}]'"
            yield Finding("note", f"{purpose} also needs {', '.join(lacking)}: {install}")
        else:
            yield Finding("ok", f"everything for {purpose}")


def device() -> Iterator[Finding]:
    """Yield what tensors are computed on."""
    try:
        import torch
    except Exception as error:  # a broken torch fails in many ways, and the doctor goes on
        yield Finding("wrong", f"torch cannot be imported: {error}")
        return
    if torch.cuda.is_available():
        yield Finding("ok", f"a GPU is used: {torch.cuda.get_device_name()}")
    else:
        threads = torch.get_num_threads()
        yield Finding("ok", f"no GPU is used; the CPU with {threads} thread(s) is enough")


def programs() -> Iterator[Finding]:
    """Yield whether student code can be kept apart, and whether the test browser is there."""
    told = {tier: problem() for tier, problem in PROBLEMS.items()}
    for tier, problem in told.items():
        if problem:
            yield Finding("note", f"{tier} cannot keep student code apart here: {problem}")
        else:
            yield Finding("ok", f"`mi-course grade` can run student code behind {tier}")
    if all(told.values()):
        advice = "on Debian and Ubuntu: apt-get install bubblewrap"
        yield Finding("note", f"`mi-course grade` has no sandbox for student code; {advice}")
    if shutil.which("chromium"):
        yield Finding("ok", "chromium is there for the browser tests")
    else:
        advice = "on Debian and Ubuntu: apt install chromium"
        yield Finding("note", f"chromium is missing, the browser tests will be skipped; {advice}")


def weights(root: Path) -> Iterator[Finding]:
    """Yield whether each embedded model's files are those that its card names.

    Args:
        root: folder with one folder per model, and one for lenses; its `card.json` maps each file
            to its SHA-256.
    """
    others = sorted(each.parent.name for each in root.glob("*/card.json"))
    for name in dict.fromkeys([*RECIPES, *others]):
        card = root / name / "card.json"
        if not card.is_file():
            yield Finding("wrong", f"{name}: no card and no weights: mi-course train {name}")
            continue
        files = json.loads(card.read_text())["files"]
        bad = [file for file, digest in files.items() if sha256(card.parent / file) != digest]
        if bad:
            mend = f"git checkout -- mi_course/models/weights/{name}, or mi-course train {name}"
            yield Finding("wrong", f"{name}: damaged or missing {', '.join(bad)}: {mend}")
        else:
            many = f"{len(files)} weight files match their hashes"
            told = "its weight file matches its hash" if len(files) == 1 else many
            yield Finding("ok", f"{name}: {told}")


def sha256(path: Path) -> str | None:
    """Return the SHA-256 of a file in hexadecimal, or None where there is no file."""
    return hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else None
