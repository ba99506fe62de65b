"""Run every benchmark and collect its figures: `python -m benchmarks [NAME ...]`.

Each script of this folder prints one JSON object per figure: `benchmark`, `ours`, `peer`, `ratio`
(above 1 where we are better), `unit`, `peer_version`, `machine`. Out come `results.json` for
machines and `RESULTS.md` for people.
"""

import json
import subprocess
import sys
from pathlib import Path

FOLDER = Path(__file__).parent
KEYS = ("benchmark", "ours", "peer", "ratio", "unit", "peer_version", "machine")
Figure = dict[str, object]


def scripts(names: list[str]) -> list[Path]:
    """Return the benchmark scripts, or those whose names were given."""
    found = sorted(path for path in FOLDER.glob("*.py") if not path.stem.startswith("_"))
    return [path for path in found if not names or path.stem in names]


def figures(printed: str) -> list[Figure]:
    """Return the figures among the lines that a script printed.

    Raises:
        ValueError: a figure lacks a key.
    """
    found = [json.loads(line) for line in printed.splitlines() if line.startswith('{"benchmark"')]
    for figure in found:
        if lacking := [key for key in KEYS if key not in figure]:
            raise ValueError(f"expected {', '.join(KEYS)}, got {figure} without {lacking}")
    return found


def table(found: list[Figure]) -> str:
    """Return the figures as a Markdown page, ratios above 1 where we are better."""
    lines = ["# Benchmarks", "", "A ratio above 1 means that this course is better.", ""]
    lines += ["| benchmark | ours | peer | ratio | unit | peer version | machine |"]
    lines += ["|---|--:|--:|--:|---|---|---|"]
    lines += [f"| {' | '.join(str(figure[key]) for key in KEYS)} |" for figure in found]
    return "\n".join(lines) + "\n"


def merged(old: list[Figure], new: list[Figure]) -> list[Figure]:
    """Return old figures with new ones in their places, by name."""
    by_name = {figure["benchmark"]: figure for figure in [*old, *new]}
    return [by_name[name] for name in sorted(by_name)]


def main(names: list[str]) -> None:
    """Run the scripts and write what they measured."""
    new: list[Figure] = []
    for path in scripts(names):
        print(f"== {path.stem}", flush=True)
        done = subprocess.run(
            [sys.executable, str(path)], stdout=subprocess.PIPE, text=True, check=True
        )
        print(done.stdout, end="", flush=True)
        new += figures(done.stdout)
    results = FOLDER / "results.json"
    old = json.loads(results.read_text()) if names and results.exists() else []
    found = merged(old, new)
    results.write_text(json.dumps(found, indent=1) + "\n")
    (FOLDER / "RESULTS.md").write_text(table(found))


if __name__ == "__main__":
    main(sys.argv[1:])
