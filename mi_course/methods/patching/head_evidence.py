"""Measure what `classify_heads` asks for: where heads look, what they copy, and what they cause.

Effects compare two runs of symmetric pairs, in which the answer is exchanged for its rival. With LD
the mean logit difference,

    effect(part) = (LD(clean) - LD(clean with that part corrupted)) / (LD(clean) - LD(corrupted))

The part is all that a head writes (total), only its way into the end of the stream (direct), or
its way into the queries of the heads that copy names. Source: [Wang22], section 3. In go a bridge,
pairs with a symmetric corruption, and others with an ABC corruption; out comes a `HeadEvidence`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial

import torch
from einops import einsum, reduce
from jaxtyping import Float
from torch import Tensor
from transformer_lens.model_bridge import TransformerBridge

from mi_course.activations import Edit, record
from mi_course.methods.lens.reading import final_point, unembed
from mi_course.methods.patching.head_classes import Criteria
from mi_course.methods.patching.paths import path_patch
from mi_course.methods.patching.prompts import PatchPrompts, patch_prompts
from mi_course.methods.patching.sites import patch_heads, patch_heads_by_position
from mi_course.metrics import logit_diff
from mi_course.results import HeadEvidence, head_name
from mi_course.worlds.tasks import Task

__all__ = ["head_evidence"]

PLACES = ("io", "s1", "s1+1", "s2", "end")
LOOKS = {
    "previous_token": ("s1+1", "s1"),
    "duplicate_token": ("s2", "s1"),
    "s2_to_io": ("s2", "io"),
    "induction": ("s2", "s1+1"),
    "current_token": ("s2", "s2"),
    "to_io": ("end", "io"),
    "to_s2": ("end", "s2"),
}
Scores = Float[Tensor, "layer head_index"]
Silence = Mapping[str, Edit]


@torch.no_grad()
def head_evidence(
    model: TransformerBridge, pairs: Task, reference: Task, *, criteria: Criteria | None = None
) -> HeadEvidence:
    """Return what heads look at, copy and cause on indirect object identification.

    Args:
        model: any bridge.
        pairs: such as `ioi(tokenizer, 96, 0)`: symmetric corruption.
        reference: prompts of the same templates with corruption "abc"; the means over its corrupted
            prompts, by template, stand for heads that are silenced.
        criteria: which heads count as copying names.

    Raises:
        ValueError: prompts without the places of IOI, a reference that lacks a template, or clean
            and corrupted runs with the same logit difference.
    """
    by = criteria or Criteria()
    prompts, means = patch_prompts(model, pairs), patch_prompts(model, reference)
    if missing := [place for place in PLACES if place not in prompts.places]:
        raise ValueError(f"expected prompts with the places {PLACES}, got none of {missing}")
    if unknown := sorted(set(prompts.groups) - set(means.groups)):
        raise ValueError(
            f"expected a reference with the same templates, got none of {unknown}, "
            "try the same seed"
        )
    looks = _looks(model, prompts)
    copying, anti_copying = _copying(model, prompts, 1), _copying(model, prompts, -1)
    movers = ((looks["to_io"] >= by.attention) & (copying >= by.copying)).nonzero().tolist()
    at = patch_heads_by_position(
        model, prompts, "z", direction="noising", places=("s1+1", "s2")
    ).values
    runs = _runs(model, prompts, {})
    silent = _runs(model, prompts, _silence(model, prompts, means, movers))
    return HeadEvidence(
        **looks,
        copying=copying,
        anti_copying=anti_copying,
        at_s1_next=1 - at[..., 0],
        at_s2=1 - at[..., 1],
        direct=_direct(model, prompts, runs) / runs.gap,
        after_ablation=_direct(model, prompts, silent) / runs.gap,
        through_queries=_through_queries(model, prompts, movers),
        on_names=_on_names(model, prompts, runs),
        total=1 - patch_heads(model, prompts, "z", direction="noising").values,
    )


@dataclass(frozen=True, eq=False)
class _Runs:
    """Outputs z of all heads in the clean and the corrupted run, and the clean end."""

    z: Float[Tensor, "layer prompt pos head_index d_head"]
    corrupted: Float[Tensor, "layer prompt pos head_index d_head"]
    end: Float[Tensor, "prompt d_model"]
    gap: Float[Tensor, ""]


def _z_names(model: TransformerBridge) -> list[str]:
    return [f"blocks.{layer}.attn.hook_z" for layer in range(model.cfg.n_layers)]


def _runs(model: TransformerBridge, prompts: PatchPrompts, silence: Silence) -> _Runs:
    names, final = _z_names(model), final_point(model)
    rows = torch.arange(len(prompts), device=prompts.ends.device)
    seen = [
        record(model, tokens, [*names, final], edits=silence)
        for tokens in (prompts.clean, prompts.corrupted)
    ]
    z, corrupted = (torch.stack([run[name] for name in names]) for run in seen)
    ends = [run[final][rows, prompts.ends] for run in seen]
    gap = _difference(model, prompts, ends[0]) - _difference(model, prompts, ends[1])
    return _Runs(z, corrupted, ends[0], gap)


def _difference(
    model: TransformerBridge, prompts: PatchPrompts, end: Float[Tensor, "prompt d_model"]
) -> Float[Tensor, ""]:
    return logit_diff(unembed(model, end), prompts.answers[:, 0], prompts.wrongs[:, 0]).mean().cpu()


def _looks(model: TransformerBridge, prompts: PatchPrompts) -> dict[str, Scores]:
    names = [f"blocks.{layer}.attn.hook_pattern" for layer in range(model.cfg.n_layers)]
    seen = record(model, prompts.clean, names)
    rows, places = torch.arange(len(prompts)), prompts.places

    def mean(query: str, key: str) -> Scores:
        at = (rows, slice(None), places[query], places[key])
        return torch.stack([pattern[at].float().mean(0) for pattern in seen.values()]).cpu()

    return {name: mean(query, key) for name, (query, key) in LOOKS.items()}


def _copying(model: TransformerBridge, prompts: PatchPrompts, sign: int, k: int = 5) -> Scores:
    """Return how often a name is among the k tokens that a head writes most (or against most).

    The head reads the stream behind layer 0 at the name, as if it looked nowhere else.
    """
    point = "blocks.0.hook_resid_post"
    resid = record(model, prompts.clean, point)[point]
    rows = torch.arange(len(prompts), device=resid.device)
    at = [(rows, prompts.places[place]) for place in ("io", "s1", "s2")]
    x, names = (torch.cat([t[where] for where in at]) for t in (resid, prompts.clean))
    layers = [_written(model, layer, x) for layer in range(model.cfg.n_layers)]
    top = [unembed(model, sign * out).topk(k, dim=-1).indices for out in layers]
    return torch.stack([(best == names[:, None]).any(-1).float().mean(1) for best in top]).cpu()


def _written(
    model: TransformerBridge, layer: int, x: Float[Tensor, "row d_model"]
) -> Float[Tensor, "head_index row d_model"]:
    """Return what each head writes where it looks only at x."""
    block = model.blocks[layer]
    read = block.ln1(x[None])[0]
    v = einsum(read, block.attn.W_V, "row d_model, head d_model d_head -> head row d_head")
    b_V = getattr(block.attn, "b_V", None)
    v = v if b_V is None else v + b_V[:, None]
    v = v.repeat_interleave(len(block.attn.W_O) // len(v), dim=0)  # several heads may share one
    return einsum(v, block.attn.W_O, "head row d_head, head d_head d_model -> head row d_model")


def _at_end(
    model: TransformerBridge,
    prompts: PatchPrompts,
    z: Float[Tensor, "layer prompt pos head d_head"],
) -> Float[Tensor, "layer head_index prompt d_model"]:
    """Return what each head writes at the end of each prompt."""
    here = z[:, torch.arange(len(prompts)), prompts.ends]
    W_O = torch.stack([block.attn.W_O for block in model.blocks])
    pattern = "layer prompt head d_head, layer head d_head d_model -> layer head prompt d_model"
    return einsum(here, W_O, pattern)


def _direct(model: TransformerBridge, prompts: PatchPrompts, runs: _Runs) -> Scores:
    """Return what is lost when the end reads another run's output of one head, logits."""
    change = _at_end(model, prompts, runs.corrupted - runs.z)
    whole = _difference(model, prompts, runs.end)
    lost = [[whole - _difference(model, prompts, runs.end + c) for c in heads] for heads in change]
    return torch.tensor(lost)


def _on_names(model: TransformerBridge, prompts: PatchPrompts, runs: _Runs) -> Scores:
    """Return the share of each head's direct write in the distance of both names from others."""
    out = _at_end(model, prompts, runs.z)
    mean = reduce(out, "layer head prompt d_model -> layer head 1 d_model", "mean")
    own = torch.cat([prompts.answers[:, :1], prompts.wrongs[:, :1]], dim=1)
    names = own.unique()
    others = (names != own[:, :1]) & (names != own[:, 1:])

    def apart(end: Float[Tensor, "prompt d_model"]) -> Float[Tensor, ""]:
        logits = unembed(model, end)
        rest = (logits[:, names] * others).sum(-1) / others.sum(-1)
        return (logits.gather(1, own).mean(-1) - rest).mean().cpu()

    whole = apart(runs.end)
    lost = [[whole - apart(runs.end + c) for c in heads] for heads in mean - out]
    return torch.tensor(lost) / whole


def _silence(
    model: TransformerBridge,
    prompts: PatchPrompts,
    means: PatchPrompts,
    heads: Sequence[Sequence[int]],
) -> Silence:
    """Return edits that put a template's mean over ABC prompts in place of some heads' outputs."""
    layers = sorted({layer for layer, _ in heads})
    if not layers:
        return {}
    n_pos = prompts.clean.shape[1]
    z = record(model, means.corrupted, [_z_names(model)[layer] for layer in layers])
    same = torch.tensor([[a == b for b in means.groups] for a in prompts.groups]).float()
    same = (same / same.sum(1, keepdim=True)).to(means.ends.device)
    return {
        name: partial(
            _replaced,
            heads=[head for at, head in heads if at == layer],
            by=einsum(same, z[name][:, :n_pos], "prompt other, other ... -> prompt ..."),
        )
        for name, layer in zip(z, layers, strict=True)
    }


def _replaced(z: Tensor, heads: list[int], by: Tensor) -> Tensor:
    z = z.clone()
    z[:, :, heads] = by[:, :, heads]
    return z


def _through_queries(
    model: TransformerBridge, prompts: PatchPrompts, movers: Sequence[Sequence[int]]
) -> Scores:
    """Return what is lost when only the copying heads' queries see a head of the other run."""
    if not movers:
        return torch.zeros(model.cfg.n_layers, model.cfg.n_heads)
    receivers = [f"{head_name(layer, head)}.q" for layer, head in movers]
    return 1 - path_patch(model, prompts, receivers).values
