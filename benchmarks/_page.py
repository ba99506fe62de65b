"""All figures as one page for people, and the few of them that the README quotes.

In go the figures and what is known of each script's last run; out comes Markdown. Nothing of it is
written by hand, and a figure measured on a GPU stands in the row of the same figure on the CPU.
"""

from dataclasses import dataclass
from itertools import groupby

from benchmarks._figure import ON_GPU

Figure = dict[str, object]
INTRODUCTION = """# Benchmarks

Written by `make bench`. A ratio above 1 means that this course is better than the peer. Both were
measured in the same run, but for peers that are a published figure, an extrapolation or what was
asked for, and say so. Unless the unit says otherwise, times on the CPU are those of the process on
one thread, which hardly depend on what else the machine does; on a GPU they are wall times. A
target is the ratio that was asked for before anything was measured.
"""
# Figure in `results.json` -> what the README says of it.
HEADLINES = {
    "grading/submissions_per_minute": "Grading a class on two cores",
    "patching/resid_pre_gpt2s": "Patching every layer and position",
    "acdc/gpt2s_sweep": "Four thresholds of exact ACDC, 32,491 edges",
    "eap/eap_gpt2s": "Attributing every edge",
    "sae/topk_512_4096": "Training a TopK autoencoder",
    "sae/jumprelu_512_4096_l0_30": "Training a JumpReLU autoencoder, 30 features active",
    "superposition/5_in_2/one_at_a_time": "Training toy models",
    "probing/resid_post_32x4000x192_lbfgs_1e-8": "Fitting 32 probes",
    "feature_viz/conv5_64": "Drawing the channels of a layer",
}


@dataclass(frozen=True)
class Run:
    """The last run of one script.

    Args:
        date: the day, as 2026-11-27.
        seconds: how long it took, wall clock.
        note: what is missing and why; empty where the script came to its end.
        load: processes that wanted to run during its last minute, itself among them; None when
            nobody looked. Beyond the number of cores, wall times are too long.
    """

    date: str
    seconds: float
    note: str = ""
    load: float | None = None


def page(figures: list[Figure], runs: dict[str, Run]) -> str:
    """Return the whole page: first what the targets say, then a section for each script."""
    by_script = {
        script: list(rows) for script, rows in groupby(figures, key=lambda row: row["script"])
    }
    parts = [INTRODUCTION, targets(figures)]
    for script in sorted({*by_script, *(name.removesuffix(ON_GPU) for name in runs)}):
        ran = [runs[name] for name in (script, script + ON_GPU) if name in runs]
        parts.append(_section(script, by_script.get(script, []), ran))
    return "\n".join(parts)


def targets(figures: list[Figure]) -> str:
    """Return how many targets were met, and which were not."""
    judged = [figure for figure in figures if figure.get("target")]
    missed = [figure for figure in judged if not met(figure)]
    lines = [f"Targets: {len(judged) - len(missed)} of {len(judged)} met."]
    lines += [
        f"- missed: `{figure['benchmark']}`, {_number(figure['ratio'])} of {figure['target']:g}"
        for figure in missed
    ]
    return "\n".join(lines) + "\n"


def met(figure: Figure) -> bool:
    """Return whether a figure's ratio is what was asked for."""
    return figure["ratio"] is not None and figure["ratio"] >= figure["target"]


def headlines(figures: list[Figure]) -> str:
    """Return the table that the README quotes: those figures that were measured."""
    by_name = {figure["benchmark"]: figure for figure in figures}
    lines = ["| | against | times as good |", "|---|---|--:|"]
    for name, told in HEADLINES.items():
        if figure := by_name.get(name):
            lines.append(f"| {told} | {figure['peer_version']} | {_number(figure['ratio'])} |")
    return "\n".join(lines) + "\n"


def _section(script: str, figures: list[Figure], runs: list[Run]) -> str:
    lines = [f"## {script}", ""]
    for run in runs:
        busy = "" if run.load is None else f" on a machine with a load of {run.load:g}"
        lines += [f"{run.date}, {run.seconds:.0f} s{busy}."] if run.seconds else []
        lines += [f"**{run.note}**"] if run.note else []
    dated = dict.fromkeys(f"{row['date']}, on {row['machine']}." for row in figures)
    lines += dated
    if figures:
        lines += ["", *_rows(figures)]
    return "\n".join(lines) + "\n"


def _rows(figures: list[Figure]) -> list[str]:
    """Return the table of one script; columns for the GPU only where it was measured there."""
    gpu = {
        str(figure["benchmark"]).removesuffix(ON_GPU): figure
        for figure in figures
        if str(figure["benchmark"]).endswith(ON_GPU)
    }
    cpu = {
        str(figure["benchmark"]): figure
        for figure in figures
        if not str(figure["benchmark"]).endswith(ON_GPU)
    }
    head = ["figure", "ours", "peer", "ratio", "target"]
    head += ["GPU: ours", "GPU: peer", "GPU: ratio"] if gpu else []
    head += ["unit", "peer"]
    right = ["---"] + ["--:"] * (len(head) - 3) + ["---"] * 2
    lines = [_row(head), "|" + "|".join(right) + "|"]
    for name in dict.fromkeys([*cpu, *gpu]):
        first, second = cpu.get(name), gpu.get(name)
        cells = [name.split("/", 1)[-1], *_numbers(first), _judged(first)]
        cells += _numbers(second) if gpu else []
        told = first or second
        lines.append(_row([*cells, _both(first, second, "unit"), str(told["peer_version"])]))
    return lines


def _row(cells: list[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _numbers(figure: Figure | None) -> list[str]:
    return [_number(figure[key]) if figure else "" for key in ("ours", "peer", "ratio")]


def _number(value: object) -> str:
    return "none" if value is None else f"{value:,}" if isinstance(value, int) else f"{value:g}"


def _judged(figure: Figure | None) -> str:
    if not figure or not figure.get("target"):
        return ""
    return f"{figure['target']:g} {'met' if met(figure) else 'missed'}"


def _both(first: Figure | None, second: Figure | None, key: str) -> str:
    """Return what two figures say, once where it is the same."""
    said = dict.fromkeys(str(figure[key]) for figure in (first, second) if figure)
    return "; GPU: ".join(said)
