"""What every test shares: one thread, no network, and an honest account of what was skipped."""

import os
import shutil
from collections import Counter

import pytest

# Set before anything imports torch or huggingface_hub: they read these once.
os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("MKL_NUM_THREADS", "1")
os.environ["HF_HUB_OFFLINE"] = "1"
os.environ["HF_DATASETS_OFFLINE"] = "1"
os.environ["TOKENIZERS_PARALLELISM"] = "false"
os.environ["WANDB_MODE"] = "disabled"

from mi_course.grading.inside import landlock

REQUIRE_ALL = "MI_COURSE_REQUIRE_ALL"
MARKERS = ("needs_bwrap", "needs_landlock", "needs_browser")
PROGRAMS = {
    "needs_bwrap": ("bwrap", "bubblewrap"),
    "needs_browser": ("chromium", "chromium"),
}


def pytest_collection_modifyitems(items):
    for marker, reason in missing().items():
        skip = pytest.mark.skip(reason=reason)
        for item in items:
            if item.get_closest_marker(marker):
                item.add_marker(skip)


def missing() -> dict[str, str]:
    """Why tests with a marker cannot run here."""
    found = {
        marker: f"no {program}: install the Debian package {package}"
        for marker, (program, package) in PROGRAMS.items()
        if not shutil.which(program)
    }
    if landlock.version() == 0:
        found["needs_landlock"] = "no Landlock: take a Linux kernel from 5.13 on that has it on"
    return found


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item):
    report = yield
    must_run = os.environ.get(REQUIRE_ALL) and any(map(item.get_closest_marker, MARKERS))
    if report.skipped and must_run and not hasattr(report, "wasxfail"):
        report.outcome = "failed"
        report.longrepr = f"{REQUIRE_ALL} is set and this was skipped: {_reason(report)}"
    return report


def pytest_terminal_summary(terminalreporter):
    skipped = terminalreporter.stats.get("skipped", [])
    if not skipped:
        return
    terminalreporter.section("skipped, and why")
    for reason, count in Counter(map(_reason, skipped)).most_common():
        terminalreporter.line(f"{count} x {reason}")
        for report in skipped:
            if _reason(report) == reason:
                terminalreporter.line(f"      {report.nodeid}")


def _reason(report) -> str:
    text = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
    return text.removeprefix("Skipped: ")
