"""Where the time of the tests goes: the page docs/test_times.md.

`make test` leaves reports (JUnit XML) in `.make/`; `make test-times` turns them into the page. A
log of `pytest --durations=0` will do as well: `python -m docs.test_times FILE ...`.
"""

import os
import platform
import re
import sys
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple
from xml.etree import ElementTree

PAGE = Path(__file__).with_suffix(".md")
DURATION = re.compile(r"^\s*([\d.]+)s (?:setup|call|teardown)\s+(\S+?)::(.*)$", re.MULTILINE)
CLOCK = re.compile(r"\d+ passed.* in ([\d.]+)s")
SLOWEST = 20


class Timed(NamedTuple):
    """A test, or a cell of a notebook.

    Args:
        file: where it stands, from the root on.
        name: of the test.
        seconds: to set it up, run it and clean up.
    """

    file: str
    name: str
    seconds: float


def read(report: Path) -> tuple[list[Timed], float]:
    """Return the tests of a report, and the seconds that the whole run took by the clock.

    Args:
        report: JUnit XML, or a log with pytest's durations.

    Raises:
        ValueError: nothing in it was timed.
    """
    text = report.read_text(encoding="utf-8", errors="replace")
    tests, clock = _from_xml(text) if text.lstrip().startswith("<") else _from_log(text)
    if not tests:
        raise ValueError(
            f"expected tests with times in {report}, got none, try a log of `pytest --durations=0`"
        )
    return tests, clock


def _from_xml(text: str) -> tuple[list[Timed], float]:
    root = ElementTree.fromstring(text)
    cases = [(each.get("classname", ""), each) for each in root.iter("testcase")]
    tests = [
        Timed(_file(place), each.get("name", ""), float(each.get("time", 0)))
        for place, each in cases
    ]
    return tests, sum(float(suite.get("time", 0)) for suite in root.iter("testsuite"))


def _file(place: str) -> str:
    """Return the file of `tests.plots.test_style` or `solutions.00_start_here.ipynb`."""
    stem, dot, ending = place.rpartition(".ipynb")
    return (stem or ending).replace(".", "/") + (dot or ".py")


def _from_log(text: str) -> tuple[list[Timed], float]:
    seconds: Counter[tuple[str, str]] = Counter()
    for part, file, name in DURATION.findall(text):
        seconds[file, name] += float(part)
    tests = [Timed(file, name, total) for (file, name), total in seconds.items()]
    return tests, sum(map(float, CLOCK.findall(text)))


def room(test: Timed) -> str:
    """Return the folder of a test, as a part of the course: `tests/methods/sae`."""
    return "/".join(test.file.split("/")[:-1][:3])


def page(tests: Sequence[Timed], clock: float) -> str:
    """Return the page: seconds by folder, and by the files that take most of them.

    Args:
        tests: of all reports.
        clock: seconds that the runs took, one after the other.
    """
    total = sum(test.seconds for test in tests)
    lines = [
        "# Where the time of the tests goes",
        "",
        f"{len(tests):,} tests and notebook cells took {clock / 60:.1f} minutes by the clock and "
        f"{total / 60:.1f} of the processes that shared them. Written by `make test-times` from "
        f"the last `make test`, on {os.cpu_count()} processors ({platform.machine()}) with Python "
        f"{platform.python_version()}.",
        "",
        *_table("folder", tests, room, total),
        "",
        f"The {SLOWEST} files that take longest:",
        "",
        *_table("file", tests, lambda test: test.file, total)[: SLOWEST + 2],
    ]
    return "\n".join(lines) + "\n"


def _table(
    name: str, tests: Sequence[Timed], key: Callable[[Timed], str], total: float
) -> list[str]:
    seconds, number, longest = Counter[str](), Counter[str](), {}
    for test in sorted(tests, key=lambda test: test.seconds):
        seconds[key(test)] += test.seconds
        number[key(test)] += 1
        longest[key(test)] = test
    rows = [
        f"| {place} | {number[place]} | {spent:.0f} | {spent / total:.1%} | "
        f"{longest[place].name.split('[')[0]}, {longest[place].seconds:.0f} |"
        for place, spent in seconds.most_common()
    ]
    return [f"| {name} | tests | seconds | share | the longest |", "|---|--:|--:|--:|---|", *rows]


def main(reports: Sequence[str]) -> None:
    """Write the page from these reports."""
    if not reports:
        sys.exit("expected reports, got none, try `make test` first")
    read_ones = [read(Path(report)) for report in reports]
    tests = [test for found, _ in read_ones for test in found]
    PAGE.write_text(page(tests, sum(clock for _, clock in read_ones)), encoding="utf-8")
    print(f"wrote docs/{PAGE.name} from {len(reports)} reports of {len(tests)} tests")


if __name__ == "__main__":
    main(sys.argv[1:])
