"""The table of ways to find a circuit, on the six tasks of [Conmy23], as a page.

`make circuits-table` measures it and writes `circuits_table.json` and, from that alone, the page
`circuits_table.md`; `python -m docs.circuits_table NAME ...` measures these tasks anew and keeps
the others, if they were measured in the same way. The two compiled models have a known circuit, so
their edges are scored against it. For the three tasks of `town` and for induction in `attn-2l`
nobody knows the true edges, and none are invented: what counts there is how many edges each method
needs to do what the model does. One thread; seconds are of work.
"""

import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from transformer_lens.model_bridge import TransformerBridge

from docs.tables import Row, keep, line
from mi_course.methods.circuits import (
    CircuitTask,
    acdc_sweep,
    attribution_by_prompt,
    bootstrap,
    circuit_task,
    edge_attribution,
    edge_runs,
    faithfulness_by_size,
    graph_of,
    head_importance,
    integrated_edge_attribution,
    prompts_task,
    roc_auc,
    roc_of_circuits,
    subnetwork_probing,
)
from mi_course.models import load
from mi_course.models.compiled import reverse, xproportion
from mi_course.results import Circuit, CircuitGraph, EdgeScores
from mi_course.worlds import tasks

FOLDER = Path(__file__).parent
DATA, PAGE = FOLDER / "circuits_table.json", FOLDER / "circuits_table.md"
METHODS = ("ACDC", "HISP", "SP", "EAP", "EAP-IG")
MOST_PROMPTS, SEED = 16, 0
TAUS = (1.0, 0.5, 0.2, 0.1, 0.05, 0.02, 0.01)  # nats of KL, in trained models
COMPILED_TAUS = (10.0, 1.0, 0.1, 0.01, 1e-3, 1e-4)
SIZES = (*range(0, 20), *range(20, 60, 2), *range(60, 200, 10), *range(200, 1600, 50))
SHARE = 0.9  # recovered
SP_PENALTY, SP_STEPS, IG_STEPS = 5.0, 120, 10
TRAINED = {
    "ioi": ("town", lambda tokenizer: tasks.ioi(tokenizer, 40, SEED)),
    "docstring": ("town", lambda tokenizer: tasks.docstring(tokenizer, 60, SEED)),
    "greater_than": ("town", lambda tokenizer: tasks.greater_than(tokenizer, 40, SEED)),
    "induction": ("attn-2l", lambda tokenizer: tasks.induction(tokenizer, 40, SEED)),
}
COMPILED = {"reverse": reverse, "xproportion": xproportion}
# [Conmy23]: edge AUC of ACDC, HISP, SP; tables 2 (corrupted activations) and 3 (zero ablation).
PUBLISHED = {
    ("ioi", "kl"): (0.869, 0.789, 0.823),
    ("ioi", "task"): (0.589, 0.836, 0.707),
    ("docstring", "kl"): (0.982, 0.805, 0.937),
    ("docstring", "task"): (0.972, 0.821, 0.942),
    ("greater_than", "kl"): (0.853, 0.693, 0.806),
    ("greater_than", "task"): (0.461, 0.706, 0.812),
    ("reverse", "task"): (0.200, 0.577, 0.193),
    ("xproportion", "task"): (0.679, 0.679, 0.525),
}
PUBLISHED_ZERO = {"reverse": 1.000, "xproportion": 1.000}  # of ACDC
Model = TransformerBridge


def trained(name: str) -> Row:
    """Return what the page tells of a task on a trained model."""
    model_name, build = TRAINED[name]
    model = load(model_name, device="cpu")
    drawn = build(model.tokenizer)
    task, answers = (_few(circuit_task(drawn, metric)) for metric in ("kl", "logit_diff"))
    graph = graph_of(model)
    runs = edge_runs(model, task)
    circuits, spent = _timed(lambda: acdc_sweep(runs, None, TAUS))
    whole, empty = (runs.loss_of(torch.full((len(graph.edges),), keep)) for keep in (True, False))
    found: Row = {"ACDC": _of_acdc(circuits, whole, empty) | {"seconds": round(spent, 2)}}
    for method, (scores, seconds) in _rivals(model, task, answers, graph, "corrupted").items():
        sizes = sorted({*SIZES, *(len(c.kept) for c in circuits), len(graph.edges)})
        sizes = [size for size in sizes if size <= len(graph.edges)]
        curve = faithfulness_by_size(runs, None, scores, sizes)
        recovered = dict(zip(sizes, curve.recovered().tolist(), strict=True))
        found[method] = {
            "needed": curve.needed(SHARE),
            "at": {len(c.kept): round(recovered[len(c.kept)], 3) for c in circuits},
            "seconds": round(seconds, 2),
        }
    by_prompt = attribution_by_prompt(model, task, steps=IG_STEPS)
    kept = found["EAP-IG"]["needed"] or 50
    stable = bootstrap(by_prompt, graph.edges, kept)
    return {
        "model": model_name,
        "edges": len(graph.edges),
        "prompts": len(task),
        "methods": found,
        "jaccard": round(stable.jaccard.mean().item(), 3),
    }


def compiled(name: str) -> Row:
    """Return what the page tells of a task on a compiled model: areas under ROC curves."""
    made = COMPILED[name]()
    graph = graph_of(made.bridge, split_embed=True)
    prompts = made.prompts(MOST_PROMPTS, SEED)
    task = prompts_task(prompts, "distance")
    # Only where the output is a prediction has it a logit difference.
    answers = None if prompts.answers.is_floating_point() else prompts_task(prompts, "logit_diff")
    areas: Row = {}
    for ablation in ("zero", "corrupted"):
        truth = made.truth.edges[ablation]
        runs = edge_runs(made.bridge, task, graph=graph, ablation=ablation)
        circuits, seconds = _timed(lambda runs=runs: acdc_sweep(runs, None, COMPILED_TAUS))
        area = roc_of_circuits([c.kept for c in circuits], truth, graph.edges).area()
        areas[ablation] = {"true": len(truth), "ACDC": _told(area, seconds)}
        rivals = _rivals(made.bridge, task, answers, graph, ablation)
        for method, (scores, seconds) in rivals.items():
            areas[ablation][method] = _told(roc_auc(scores, truth), seconds)
    return {"model": name, "edges": len(graph.edges), "prompts": len(task), "areas": areas}


def _rivals(
    model: Model,
    task: CircuitTask,
    answers: CircuitTask | None,
    graph: CircuitGraph,
    ablation: str,
) -> dict[str, tuple[EdgeScores, float]]:
    """Return scores and seconds of all methods but ACDC; EAP and HISP only where a slope exists."""
    given = {"graph": graph, "ablation": ablation}
    work: dict[str, Callable[[], EdgeScores]] = {
        "SP": lambda: subnetwork_probing(
            model, task, penalty=SP_PENALTY, steps=SP_STEPS, seed=SEED, **given
        ),
        "EAP-IG": lambda: integrated_edge_attribution(model, task, steps=IG_STEPS, **given),
    }
    if answers is not None:
        work["HISP"] = lambda: head_importance(model, answers, **given)
        work["EAP"] = lambda: edge_attribution(model, answers, **given)
    return {method: _timed(work[method]) for method in METHODS if method in work}


def _of_acdc(circuits: list[Circuit], whole: float, empty: float) -> Row:
    """Return size and share recovered at each threshold, and the least size that suffices."""
    shares = {
        len(c.kept): round((empty - c.loss) / (empty - whole), 3)
        for c in sorted(circuits, key=lambda c: len(c.kept))
    }
    enough = [size for size, share in shares.items() if share >= SHARE]
    taus = {f"{c.tau:g}": len(c.kept) for c in circuits}
    return {"needed": min(enough, default=None), "at": shares, "taus": taus}


def _told(area: float, seconds: float) -> Row:
    return {"area": round(area, 4), "seconds": round(seconds, 2)}


def _few(task: CircuitTask) -> CircuitTask:
    return task.select(list(range(min(len(task), MOST_PROMPTS))))


def _timed(work: Callable[[], Any]) -> tuple[Any, float]:
    begun = time.process_time()
    found = work()
    return found, time.process_time() - begun


def page(found: Row) -> str:
    """Return the page that tells what was measured."""
    rows: dict[str, Row] = found["tasks"]
    told = found["settings"]
    lines = [
        "# Circuits found by machine: six tasks, five methods",
        "",
        "Written by `make circuits-table` from `circuits_table.json`; do not edit.",
        "",
        f"Up to {told['prompts']} pairs of prompts of one length for each task; q, k and v inputs "
        "told apart. ACDC is exact, one circuit for each threshold of a sweep. HISP (head "
        "importance) and EAP take the slope of the logit difference; ACDC, SP (subnetwork probing, "
        f"{told['sp_steps']} steps, lambda {told['sp_penalty']:g}) and EAP-IG ({told['ig_steps']} "
        "steps along the inputs) take KL, or, where the output is no prediction, the squared "
        "distance. In italics what [Conmy23] publish for their models. CPU seconds of one thread, "
        "a whole sweep for ACDC.",
        "",
        *_known({name: row for name, row in rows.items() if "areas" in row}),
        *_unknown({name: row for name, row in rows.items() if "methods" in row}),
    ]
    return "\n".join(lines) + "\n"


def _known(rows: dict[str, Row]) -> list[str]:
    lines = [
        "## Where the circuit is known: area under the ROC curve, by edges",
        "",
        "Which edges are true depends on what a removed edge carries: both truths are data of the "
        "compiled models. A dash: the method needs a slope at the clean run, and the squared "
        "distance to the whole model has none.",
        "",
        line("task", "removed edges carry", "true", "edges", *METHODS, "*ACDC*", "*HISP*", "*SP*"),
        line("---", "---", *["--:"] * (len(METHODS) + 5)),
    ]
    for name, row in rows.items():
        for ablation, areas in row["areas"].items():
            cells = (f"{areas[m]['area']:.3f}" if m in areas else "-" for m in METHODS)
            paper = PUBLISHED[name, "task"] if ablation == "corrupted" else None
            italics = map(_italic, paper or (PUBLISHED_ZERO[name], None, None))
            lines.append(line(name, ablation, areas["true"], row["edges"], *cells, *italics))
    return [*lines, ""]


def _unknown(rows: dict[str, Row]) -> list[str]:
    lines = [
        "## Where nobody knows the circuit: how many edges it takes",
        "",
        f"The fewest edges that bring back {SHARE:.0%} of what KL loses when every edge is removed "
        "(for scores: from this size on, of the sizes tried; for ACDC: of the thresholds tried). "
        "Jaccard: of the sets that EAP-IG keeps, at its size, on two draws of the prompts. In "
        "italics the areas that [Conmy23] publish (KL), against circuits that people had found.",
        "",
        line("task", "model", "edges", *METHODS, "Jaccard", "*ACDC*", "*HISP*", "*SP*"),
        line("---", "---", *["--:"] * (len(METHODS) + 5)),
    ]
    for name, row in rows.items():
        needed = (row["methods"][m]["needed"] or "more" for m in METHODS)
        italics = map(_italic, PUBLISHED.get((name, "kl"), (None,) * 3))
        lines.append(line(name, row["model"], row["edges"], *needed, row["jaccard"], *italics))
    lines += ["", "At each of ACDC's sizes, the fraction that is recovered:", ""]
    lines += [line("task", "tau", "edges kept", *METHODS)]
    lines += [line("---", *["--:"] * (len(METHODS) + 2))]
    for name, row in rows.items():
        for tau, size in row["methods"]["ACDC"]["taus"].items():
            shares = (f"{row['methods'][m]['at'][str(size)]:.2f}" for m in METHODS)
            lines.append(line(name, tau, size, *shares))
    lines += ["", "CPU seconds:", "", line("task", *METHODS)]
    lines += [line("---", *["--:"] * len(METHODS))]
    for name, row in rows.items():
        lines.append(line(name, *(f"{row['methods'][m]['seconds']:.1f}" for m in METHODS)))
    return lines


def _italic(value: float | None) -> str:
    return "" if value is None else f"*{value:.3f}*"


def main(names: list[str]) -> None:
    """Measure tasks, all by default, and write data and page."""
    torch.set_num_threads(1)
    everything = (*COMPILED, *TRAINED)
    if unknown := set(names) - set(everything):
        raise ValueError(f"expected tasks of {list(everything)}, got {sorted(unknown)}")
    settings = {
        "prompts": MOST_PROMPTS,
        "seed": SEED,
        "sp_penalty": SP_PENALTY,
        "sp_steps": SP_STEPS,
        "ig_steps": IG_STEPS,
        "taus": list(TAUS),
    }
    for name in names or everything:
        row = compiled(name) if name in COMPILED else trained(name)
        found = keep(DATA, "tasks", {name: row}, settings=settings, order=everything)
        PAGE.write_text(page(found))
        print(f"{name}: {row['edges']} edges, {row['prompts']} prompts")


if __name__ == "__main__":
    main(sys.argv[1:])
