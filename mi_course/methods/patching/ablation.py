"""Remove any set of heads and MLPs, and see what is left of the answer.

    zero        nothing is written
    mean        the mean over all reference prompts and positions
    group_mean  the mean over reference prompts of the same template, at each position
    resample    what the node writes in the pair's other prompt

Zero takes the model off what it knows; `group_mean` keeps all that the template tells, as [Wang22]
do with ABC prompts. Rows of many sets share a forward pass, which starts at the first layer that
any of them touches. In go a bridge, pairs and sets of nodes such as ("L2H1", "MLP0"); out come
`AblationEffects`.
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from einops import reduce
from jaxtyping import Bool, Float, Int
from torch import Tensor
from transformer_lens.model_bridge import TransformerBridge

from mi_course.activations import record
from mi_course.methods.lens.reading import final_point, hooks_of
from mi_course.methods.patching.hooked import HookedEngine, hook_name, noisy
from mi_course.methods.patching.intervals import bootstrap_means
from mi_course.methods.patching.live import LiveEngine
from mi_course.methods.patching.metrics import PatchMetric, chosen_metric
from mi_course.methods.patching.prompts import PatchPrompts, patch_prompts
from mi_course.methods.patching.sites import CHUNK
from mi_course.methods.patching.sweep import engine_of, judged
from mi_course.results.patching import AblationEffects
from mi_course.worlds.tasks import PromptPair, Task

__all__ = ["MODES", "ablate", "node_names"]

MODES = ("zero", "mean", "group_mean", "resample")
NODE = re.compile(r"L(\d+)H(\d+)|MLP(\d+)")


@dataclass(frozen=True, eq=False)
class _Removed:
    """What is removed in each set, and what stands in its place.

    Attributes:
        heads: for each set which heads.
        mlps: for each set which MLPs.
        z: for each layer the replacement of z.
        mlp_out: for each layer the replacement of what its MLP writes.
    """

    heads: Bool[Tensor, "set layer head_index"]
    mlps: Bool[Tensor, "set layer"]
    z: list[Float[Tensor, "prompt pos head_index d_head"]]
    mlp_out: list[Float[Tensor, "prompt pos d_model"]]


def node_names(model: TransformerBridge) -> tuple[str, ...]:
    """Return the names of all heads and MLPs, in the order in which they run."""
    found: list[str] = []
    for layer in range(model.cfg.n_layers):
        found += [f"L{layer}H{head}" for head in range(model.cfg.n_heads)]
        found += [f"MLP{layer}"] if "mlp_out" in hooks_of(model) else []
    return tuple(found)


@torch.no_grad()
def ablate(
    model: TransformerBridge,
    prompts: PatchPrompts | Task | Sequence[PromptPair],
    sets: Sequence[Sequence[str]],
    *,
    mode: str = "group_mean",
    reference: str = "corrupted",
    metric: str | PatchMetric = "logit_diff",
    chunk: int = CHUNK,
) -> AblationEffects:
    """Return the metric of the clean prompts, not normalised, without each set of nodes.

    Args:
        model: any bridge.
        prompts: a task, pairs, or `PatchPrompts`.
        sets: nodes that are removed together, such as [("L2H1",), ("L2H1", "MLP0"), ()].
        mode: "zero", "mean", "group_mean" or "resample".
        reference: the prompts, "corrupted" or "clean", whose activations stand in.
        metric: as in `patch_by_position`.
        chunk: rows (one set in one prompt) in one forward pass.

    Raises:
        ValueError: an unknown mode, reference, metric or node, no sets, or values that are NaN.
    """
    if mode not in MODES or reference not in ("corrupted", "clean") or not sets:
        raise ValueError(
            f"expected a mode among {MODES}, a reference 'corrupted' or 'clean' and at least one "
            f"set, got {mode!r}, {reference!r} and {len(sets)} sets"
        )
    batch, metric = patch_prompts(model, prompts), chosen_metric(metric)
    heads, mlps = _masks(model, sets, batch.ends.device)
    engine = engine_of(model, batch, "noising", chunk)
    removed = _Removed(heads, mlps, *_replacements(model, batch, mode, reference))
    run = _plain_rows if isinstance(engine, LiveEngine) else _hooked_rows
    values = _in_batches(
        engine, metric, len(sets), chunk, lambda *rows: run(engine, removed, *rows)
    )
    every = torch.arange(len(batch), device=batch.ends.device)
    means = bootstrap_means(values)
    return AblationEffects(
        *(t.cpu() for t in means),
        by_prompt=values.cpu(),
        sets=tuple(map(tuple, sets)),
        clean=judged(engine, metric, engine.base_resid, every, "noising").cpu(),
        metric=metric.name,
        unit=metric.unit,
        mode=mode,
    )


def _in_batches(
    engine: LiveEngine | HookedEngine,
    metric: PatchMetric,
    n_sets: int,
    chunk: int,
    run: Callable[[Tensor, Tensor], Tensor],
) -> Float[Tensor, "set prompt"]:
    n_prompts, device = len(engine.prompts), engine.prompts.ends.device
    rows = torch.arange(n_sets * n_prompts, device=device)
    found = []
    for some in rows.split(chunk):
        which, prompt = some // n_prompts, some % n_prompts
        found.append(judged(engine, metric, run(which, prompt), prompt, "noising"))
    return torch.cat(found).reshape(n_sets, n_prompts)


def _masks(
    model: TransformerBridge, sets: Sequence[Sequence[str]], device: torch.device
) -> tuple[Bool[Tensor, "set layer head_index"], Bool[Tensor, "set layer"]]:
    known, (n_layers, n_heads) = set(node_names(model)), (model.cfg.n_layers, model.cfg.n_heads)
    heads = torch.zeros(len(sets), n_layers, n_heads, dtype=torch.bool, device=device)
    mlps = torch.zeros(len(sets), n_layers, dtype=torch.bool, device=device)
    for i, nodes in enumerate(sets):
        for node in nodes:
            if node not in known:
                raise ValueError(
                    f"expected nodes of this model such as 'L0H0' or 'MLP0', with layers up to "
                    f"{n_layers - 1} and heads up to {n_heads - 1}, got {node!r}"
                )
            layer, head, mlp = NODE.fullmatch(node).groups()
            if mlp is None:
                heads[i, int(layer), int(head)] = True
            else:
                mlps[i, int(mlp)] = True
    return heads, mlps


def _replacements(
    model: TransformerBridge, prompts: PatchPrompts, mode: str, reference: str
) -> tuple[list[Tensor], list[Tensor]]:
    """Return for each layer what stands for z and for the MLP's output."""
    sites = ["z", *(["mlp_out"] if "mlp_out" in hooks_of(model) else [])]
    layers = range(model.cfg.n_layers)
    names = {site: [hook_name(model, site, layer) for layer in layers] for site in sites}
    corrupted = reference == "corrupted"
    seen = record(
        model,
        prompts.corrupted if corrupted else prompts.clean,
        [name for site in sites for name in names[site]],
        edits=noisy({}, prompts.noise if corrupted else None),
    )
    found = {site: [_standing_in(seen[n], prompts, mode) for n in names[site]] for site in sites}
    return found["z"], found.get("mlp_out", [])


def _standing_in(
    x: Float[Tensor, "prompt pos *rest"], prompts: PatchPrompts, mode: str
) -> Float[Tensor, "prompt pos *rest"]:
    if mode == "resample":
        return x
    if mode == "zero":
        return torch.zeros_like(x)
    if mode == "mean":
        return reduce(x[prompts.inside()], "place ... -> ...", "mean").expand_as(x)
    out = torch.empty_like(x)
    groups = torch.tensor([prompts.groups.index(group) for group in prompts.groups])
    for group in groups.unique().tolist():
        rows = (groups == group).to(x.device)
        out[rows] = x[rows].mean(0, keepdim=True)
    return out


def _plain_rows(
    engine: LiveEngine, removed: _Removed, which: Int[Tensor, " row"], prompt: Int[Tensor, " row"]
) -> Float[Tensor, "row d_model"]:
    """Return the ends of rows, from the first layer on that any of their sets touches."""
    model, ends = engine.twin, engine.prompts.ends[prompt]
    touched = (removed.heads.any(-1) | removed.mlps)[which].any(0)
    first = int(touched.int().argmax()) if touched.any() else model.n_layers
    x = engine.base.resid_pre[first][prompt]
    for layer in range(first, model.n_layers):
        z = model.attend(*model.qkv(layer, x))
        heads = removed.heads[which, layer]
        if heads.any():
            z = torch.where(heads[:, None, :, None], removed.z[layer][prompt], z)
        read, x = x, x + model.attn_out(layer, z)
        if not model.attn_only:
            out = model.mlp(layer, read if model.parallel else x)
            gone = removed.mlps[which, layer][:, None, None]
            x = x + torch.where(gone, removed.mlp_out[layer][prompt], out)
    return x[torch.arange(len(x), device=x.device), ends]


def _hooked_rows(
    engine: HookedEngine, removed: _Removed, which: Int[Tensor, " row"], prompt: Int[Tensor, " row"]
) -> Float[Tensor, "row d_model"]:
    edits = {}
    for layer, z in enumerate(removed.z):
        heads = removed.heads[which, layer][:, None, :, None]
        edits[hook_name(engine.model, "z", layer)] = _swap(heads, z[prompt])
    for layer, out in enumerate(removed.mlp_out):
        gone = removed.mlps[which, layer][:, None, None]
        edits[hook_name(engine.model, "mlp_out", layer)] = _swap(gone, out[prompt])
    final = final_point(engine.model)
    resid = record(engine.model, engine.prompts.clean[prompt], final, edits=edits)[final]
    return resid[torch.arange(len(resid), device=resid.device), engine.prompts.ends[prompt]]


def _swap(mask: Tensor, new: Tensor) -> Callable[[Tensor], Tensor]:
    return lambda old: torch.where(mask, new.to(old.dtype), old)
