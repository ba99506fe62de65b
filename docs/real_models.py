"""What each chapter needs and should show on real models, as a page.

`python -m docs.real_models FILE ...` takes in runs that `python -m tests.notebooks.full_size`
printed, one line of JSON each, into `real_models.json`, and writes `real-models.md` from that and
from the text here; without files it only writes the page. Runs are on random weights of the true
sizes, so time and memory are measured; what trained weights show is published by others.
"""

import json
import sys
from pathlib import Path
from typing import Any

from docs.real_models_text import CHAPTERS, CLOSING, OPENING, Section
from docs.tables import line

FOLDER = Path(__file__).parent
READ = """\
*CPU seconds* are the work of one core. *Seconds* are by the clock, with other work beside the runs,
so a quiet machine needs less. The peak is that of the GPU's memory where there is a GPU."""
DATA, PAGE = FOLDER / "real_models.json", FOLDER / "real-models.md"
EMBEDDED = "embedded"
T4_FLOP, T4_SHARE = 8.1e12, 1 / 3  # published, in single precision; what small batches get of it
KEYS = ("model", "chapter", "device", "dtype")
BYTES = {"float32": 4, "bfloat16": 2}
Run = dict[str, Any]


def page(runs: list[Run]) -> str:
    """Return the page that tells of these runs."""
    lines = [OPENING, *_sizes(runs), *_all_runs(runs)]
    for number, section in CHAPTERS.items():
        lines += _section(number, section, [run for run in runs if run["chapter"] == number])
    return "\n".join([*lines, CLOSING])


def taken_in(files: list[Path], runs: list[Run]) -> list[Run]:
    """Return the runs with those of the files, each in place of an older one of its kind.

    Raises:
        SystemExit: a run that did not reach the end of its chapter.
    """
    found = {tuple(run[key] for key in KEYS): run for run in runs}
    for file in files:
        for told in file.read_text(encoding="utf-8").splitlines():
            run = json.loads(told)
            if run["error"] is not None:
                raise SystemExit(f"expected runs without errors, got in {file}:\n{run['error']}")
            kept = {name: value for name, value in run.items() if name not in {"error", "crosses"}}
            found[tuple(run[key] for key in KEYS)] = kept
    return [found[key] for key in sorted(found, key=lambda key: (key[1], key))]


def t4_seconds(run: Run, runs: list[Run]) -> float | None:
    """Return an estimate of seconds on a T4 in single precision; None where a part is unknown.

    What the chapter costs on its embedded model, mostly work that stays on the CPU, and its matrix
    products at a third of what the card can do; never less than a faster GPU was seen to take.
    """
    same = (EMBEDDED, run["chapter"], "cpu", "float32")
    own = [each for each in runs if tuple(each[key] for key in KEYS) == same]
    if not own or run["tflop"] is None:
        return None
    seen = [
        each["seconds"]
        for each in runs
        if each["peak_gpu_mib"]
        and (each["model"], each["chapter"]) == (run["model"], run["chapter"])
    ]
    return max([own[0]["cpu_seconds"] + run["tflop"] * 1e12 / (T4_FLOP * T4_SHARE), *seen])


def _sizes(runs: list[Run]) -> list[str]:
    sizes = {run["model"]: run["parameters"] for run in runs if run["parameters"]}
    if not sizes:
        return []
    lines = ["| model | parameters | float32 | bfloat16 |", "| --- | --: | --: | --: |"]
    for name, n in sizes.items():
        memory = (f"{n * size / 2**20:,.0f} MiB" for size in BYTES.values())
        lines.append(line(name, f"{n / 1e6:.1f} M", *memory))
    return ["## Weights", "", *lines, ""]


def _all_runs(runs: list[Run]) -> list[str]:
    if not runs:
        return []
    machines = sorted({run["machine"] for run in runs})
    lines = ["## Measured", "", *(f"- {each}" for each in machines), "", READ, ""]
    head = ("chapter", "model", "dtype", "on", "CPU seconds", "seconds", "peak MiB", "TFLOP")
    lines += [line(*head), line("---", "---", "---", "---", *["--:"] * 4)]
    for run in runs:
        peak = run["peak_gpu_mib"] or run["peak_mib"]
        numbers = (run["cpu_seconds"], run["seconds"], peak, run["tflop"])
        told = ("" if value is None else f"{value:,.0f}" for value in numbers)
        lines.append(line(run["chapter"], run["model"], run["dtype"], run["device"], *told))
    return [*lines, ""]


def _section(number: str, section: Section, runs: list[Run]) -> list[str]:
    lines = [f"## {number} · {section.title}", "", f"**Model.** {section.model}", ""]
    lines += [f"**Switch.** {section.told}", ""]
    if section.switch:
        lines += ["```python", *section.switch, "```", ""]
    needs = [_needs(run, runs) for run in filter(_large, runs)]
    if section.named and not needs:
        needs = _on_gpus(runs) or ["Not measured yet; the tests allow 8 GiB."]
    for told in needs:
        lines += [f"**Needs.** {told}", ""]
    lines += ["**Should be seen.**", "", *(f"- {each}" for each in section.seen), ""]
    return lines


def _large(run: Run) -> bool:
    return (run["device"], run["dtype"]) == ("cpu", "float32") and run["model"] != EMBEDDED


def _minutes(seconds: float) -> str:
    if seconds < 60:
        return "less than a minute"
    minutes = round(seconds / 60)
    return f"about {minutes} minute{'s' if minutes > 1 else ''}"


def _needs(run: Run, runs: list[Run]) -> str:
    told = f"{run['model']} in float32: {run['peak_mib'] / 1024:.1f} GiB at the peak, "
    told += f"{_minutes(run['cpu_seconds'])} of one CPU core"
    seconds = t4_seconds(run, runs)
    return f"{told}." if seconds is None else f"{told}; {_minutes(seconds)} on a T4."


def _on_gpus(runs: list[Run]) -> list[str]:
    return [
        f"{run['model']} in {run['dtype']}: {run['peak_gpu_mib'] / 1024:.1f} GiB of a GPU's "
        f"memory, {_minutes(run['seconds'])} on {run['device']}; not measured on a CPU yet."
        for run in runs
        if run["peak_gpu_mib"]
    ]


def main(files: list[str]) -> None:
    """Take in runs from files, if there are any, and write the page."""
    runs = json.loads(DATA.read_text(encoding="utf-8")) if DATA.exists() else []
    if files:
        runs = taken_in([Path(file) for file in files], runs)
        DATA.write_text(json.dumps(runs, indent=1) + "\n", encoding="utf-8")
    PAGE.write_text(page(runs), encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1:])
