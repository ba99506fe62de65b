"""ACDC at many thresholds, each helped by the one before, interrupted and continued at will.

Thresholds go from large to small: few edges are kept at first, which is quick, and the effects
found are the guesses for the next. With a folder as checkpoint every finished circuit is a JSON
file there, and beside it lies what is decided so far at the present threshold, written after each
node. In go a model, a task and thresholds; out come `Circuit`s.
"""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor
from tqdm.auto import tqdm
from transformer_lens.model_bridge import TransformerBridge

from mi_course.methods.circuits.acdc import Search
from mi_course.methods.circuits.graph import CircuitGraph
from mi_course.methods.circuits.runs import EdgeRuns, edge_runs
from mi_course.methods.circuits.sequential import above_zero
from mi_course.methods.circuits.task import CircuitTask
from mi_course.methods.sae.atomic import write_bytes, write_tensors
from mi_course.models.plain import PlainTransformer
from mi_course.results import Circuit

__all__ = ["acdc_sweep"]

WHOSE, CURRENT = "sweep.json", "current.safetensors"
STRIDE = 997  # every so many weights are told apart in the fingerprint


@torch.no_grad()
def acdc_sweep(
    model: TransformerBridge | PlainTransformer | EdgeRuns,
    task: CircuitTask | None,
    taus: Sequence[float],
    *,
    graph: CircuitGraph | None = None,
    ablation: str = "corrupted",
    chunk: int = 32,
    checkpoint: str | Path | None = None,
) -> list[Circuit]:
    """Return the circuit that ACDC keeps at each threshold, in the order of `taus`.

    Args:
        model: a bridge, its plain form, or `edge_runs`, which then says all but the thresholds.
        task: the task; None with `edge_runs`.
        taus: thresholds.
        graph: the model's graph; the default one when None.
        ablation: what a removed edge carries: "corrupted", "zero" or "mean".
        chunk: circuits in one batch, at most; memory grows with it.
        checkpoint: a folder. A sweep that was interrupted goes on after the last node it finished.

    Raises:
        ValueError: a tau that is not above 0, a folder that holds the sweep of another model or
            task, or as `edge_runs`.
    """
    wanted = sorted({above_zero(tau) for tau in taus}, reverse=True)
    if not isinstance(model, EdgeRuns):
        model = edge_runs(model, task, graph=graph, ablation=ablation)
    folder = None if checkpoint is None else _opened(Path(checkpoint), model)
    found: dict[float, Circuit] = {}
    guess = None
    for tau in tqdm(wanted, desc="ACDC sweep", leave=False):
        path = None if folder is None else folder / f"tau-{tau!r}.json"
        if path is not None and path.exists():
            found[tau] = Circuit.load(path)
        else:
            search = Search(model, tau, guess=guess, chunk=chunk)
            found[tau] = _searched(search, folder)
            if path is not None:
                found[tau].save(path)
                (folder / CURRENT).unlink(missing_ok=True)
        guess = found[tau]
    return [found[float(tau)] for tau in taus]


def _searched(search: Search, folder: Path | None) -> Circuit:
    """Return the circuit of a search, continued from the folder and noted there node by node."""
    path = None if folder is None else folder / CURRENT
    if path is not None and path.exists():
        _resume(search, path)
    for node in tqdm(search.pending, desc=f"ACDC at {search.tau:g}", leave=False):
        search.visit(node)
        if path is not None:
            state, counts = search.state()
            write_tensors(path, state, {"tau": repr(search.tau), "counts": json.dumps(counts)})
    return search.circuit()


def _resume(search: Search, path: Path) -> None:
    try:
        with safe_open(path, framework="pt") as file:
            notes, state = file.metadata(), {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except SafetensorError as error:
        raise ValueError(f"expected a checkpoint, got {path}: {error}, try without it") from error
    if notes["tau"] == repr(search.tau):
        search.resume(state, json.loads(notes["counts"]))


def _opened(folder: Path, runs: EdgeRuns) -> Path:
    """Return the folder after it was made, or found to belong to the same sweep."""
    path, mine = folder / WHOSE, _fingerprint(runs)
    if not path.exists():
        write_bytes(path, json.dumps(mine, indent=1).encode())
    theirs = json.loads(path.read_text(encoding="utf-8"))
    if theirs != mine:
        differing = [name for name in mine if theirs.get(name) != mine[name]]
        raise ValueError(
            f"expected the checkpoint of this sweep, got {folder} with another {differing}, "
            "try another folder"
        )
    return folder


def _fingerprint(runs: EdgeRuns) -> dict:
    """Return what must be the same for a sweep to go on."""
    task = runs.task
    prompts = [task.clean, task.corrupted, task.mask, task.answers, task.wrongs]
    weights = [runs.model.W_E, runs.model.W_U]
    for layer in runs.model.layers:
        weights += [value for value in vars(layer).values() if isinstance(value, Tensor)]
    return {
        "graph": asdict(runs.graph),
        "metric": task.metric,
        "ablation": runs.ablation,
        "prompts": _digest([each for each in prompts if each is not None], 1),
        "weights": _digest(weights, STRIDE),
    }


def _digest(tensors: Sequence[Tensor], stride: int) -> str:
    digest = hashlib.sha256()
    for tensor in tensors:
        digest.update(repr(tuple(tensor.shape)).encode())
        digest.update(tensor.flatten()[::stride].cpu().numpy().tobytes())
    return digest.hexdigest()
