"""Ways to put one function into a sandbox and to read what came back, shared by several tests."""

import pytest

from mi_course.grading.isolation.isolation import BUBBLEWRAP, LANDLOCK
from mi_course.grading.isolation.sandbox import Request

TIERS = [
    pytest.param(BUBBLEWRAP, marks=pytest.mark.needs_bwrap),
    pytest.param(LANDLOCK, marks=pytest.mark.needs_landlock),
]


def ask(box, code, *calls, cells=None):
    cells = {**(cells or {}), "01.1": code}
    return box.run(Request("01.1", "f", cells, calls or ([],)))


def value(outcome, index=0):
    return outcome.calls[index][0].get("value", outcome.calls[index][0])


def refusal(outcome):
    return value(outcome)["raised"]["kind"]


def run(box, body, **options):
    lines = "\n".join(f"    {line}" for line in body.splitlines())
    return ask(box, f"import os\ndef f():\n{lines}", **options)
