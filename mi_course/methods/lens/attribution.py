"""Direct logit attribution: what each part of the network adds to an answer, in logits.

The stream is a sum of what its parts wrote, and the final LayerNorm is linear once its scale s is
taken as it was in this run. So the logit difference of two tokens is a sum over parts c:

    logit(a) - logit(b) = sum over c of (c - mean(c)) / s * gamma (W_U[:, a] - W_U[:, b]) + biases

It says what was written for the answer directly; what a part does through later parts is not in it.
Source: [Elhage21], "logit attribution"; [Wang22], section 3.1. In go prompts with two candidate
answers, out comes an `Attribution`.
"""

import torch
from einops import einsum, rearrange
from jaxtyping import Float, Int
from torch import Tensor
from transformer_lens.model_bridge import TransformerBridge

from mi_course.activations import record
from mi_course.methods.lens.reading import (
    answered_at,
    final_point,
    known_tokens,
    points_of,
    unembed,
)
from mi_course.metrics import logit_diff
from mi_course.results import Attribution, head_name

__all__ = ["direct_logit_attribution"]


@torch.no_grad()
def direct_logit_attribution(
    model: TransformerBridge,
    tokens: Int[Tensor, "batch pos"],
    answers: Int[Tensor, " answer"],
    rivals: Int[Tensor, " rival"],
    *,
    positions: Int[Tensor, " position"] | None = None,
    batch_size: int | None = None,
) -> Attribution:
    """Return what the embedding, each head, each MLP and the biases add to the logit difference.

    Args:
        model: any bridge with LayerNorm or RMSNorm at its end.
        tokens: prompts.
        answers: token id of the right answer of each.
        rivals: token id of the wrong one.
        positions: where each is answered; by default the last position.
        batch_size: rows in one forward pass; all at once when None.

    Returns:
        One value for each part and prompt; they sum to the model's logit difference.

    Raises:
        ValueError: not one answer and one rival for each prompt, no such position, an empty
            prompt, or a model whose stream is no plain sum of embedding, heads, MLPs and biases.
    """
    if not len(answers) == len(rivals) == len(tokens):
        raise ValueError(
            f"expected an answer and a rival for each prompt ({len(tokens)}), "
            f"got {len(answers)} and {len(rivals)}"
        )
    for name, ids in (("prompts", tokens), ("answers", answers), ("rivals", rivals)):
        known_tokens(model, name, ids)
    rows, at = answered_at(tokens, positions)
    mlps = {} if model.cfg.attn_only else points_of(model, "mlp_out")
    z_names = [f"blocks.{i}.attn.hook_z" for i in range(model.cfg.n_layers)]
    names = ["blocks.0.hook_resid_pre", *z_names, *mlps.values(), final_point(model)]
    seen = record(model, tokens, names, batch_size=batch_size)
    here = {name: value[rows, at].float() for name, value in seen.items()}
    device = here[names[0]].device
    answers, rivals = answers.to(device), rivals.to(device)
    direction = _direction(model, here[final_point(model)], answers, rivals)
    added = _written(model, here, z_names, mlps)
    values = torch.stack([(part * direction).sum(dim=-1) for part in added.values()])
    # What LayerNorm's and the unembedding's own biases add does not depend on any part.
    values = torch.cat([values, _constant(model, answers, rivals)[None]])
    total = logit_diff(unembed(model, here[final_point(model)]), answers, rivals)
    return _adds_up(Attribution((*added, "final biases"), values.cpu(), total.cpu()))


def _adds_up(attribution: Attribution) -> Attribution:
    """The same, unless something else wrote into the stream or scaled it."""
    # Far above the rounding of half precision, far below what a missing part leaves.
    allowed = 0.05 * attribution.values.abs().sum(dim=0).max().clamp(min=1).item()
    if attribution.error() > allowed:
        raise ValueError(
            "expected a stream that is the sum of embedding, heads, MLPs and biases, got "
            f"{attribution.error():.2f} logits that none of them wrote, try a model of the kind "
            "of GPT-2, GPT-NeoX or Llama"
        )
    return attribution


def _direction(
    model: TransformerBridge,
    end: Float[Tensor, "batch d_model"],
    answers: Int[Tensor, " batch"],
    rivals: Int[Tensor, " batch"],
) -> Float[Tensor, "batch d_model"]:
    """Which direction of the stream raises the logit difference, for the scale of this run."""
    read = (model.W_U[:, answers] - model.W_U[:, rivals]).float()
    gamma = _parameter(model.ln_final, "weight")
    read = rearrange(read, "d_model batch -> batch d_model")
    read = read if gamma is None else read * gamma
    if model.cfg.normalization_type in {"RMS", "RMSPre"}:
        return read / (end.pow(2).mean(dim=-1, keepdim=True) + model.cfg.eps).sqrt()
    if model.cfg.normalization_type is None:
        return read
    scale = (end.var(dim=-1, keepdim=True, unbiased=False) + model.cfg.eps).sqrt()
    # Subtracting a part's mean and then reading is reading with the direction's mean subtracted.
    return (read - read.mean(dim=-1, keepdim=True)) / scale


def _constant(
    model: TransformerBridge, answers: Int[Tensor, " batch"], rivals: Int[Tensor, " batch"]
) -> Float[Tensor, " batch"]:
    beta = _parameter(model.ln_final, "bias")
    given = (model.b_U[answers] - model.b_U[rivals]).float()
    if beta is None:
        return given
    read = (model.W_U[:, answers] - model.W_U[:, rivals]).float()
    return given + einsum(beta, read, "d_model, d_model batch -> batch")


def _parameter(norm: torch.nn.Module | None, name: str) -> Tensor | None:
    value = getattr(norm, name, None)
    return value.detach().float() if isinstance(value, Tensor) else None


def _written(
    model: TransformerBridge,
    here: dict[str, Tensor],
    z_names: list[str],
    mlps: dict[str, str],
) -> dict[str, Float[Tensor, "batch d_model"]]:
    """Part -> what it wrote at the answering position, in the order of writing."""
    parts = {"embedding": here["blocks.0.hook_resid_pre"]}
    biases = torch.zeros_like(parts["embedding"])
    mlp_of = list(mlps.values())
    for layer, name in enumerate(z_names):
        W_O = model.blocks[layer].attn.W_O.detach().float()
        heads = einsum(
            here[name], W_O, "batch head d_head, head d_head d_model -> head batch d_model"
        )
        parts |= {head_name(layer, head): heads[head] for head in range(len(heads))}
        if mlp_of:
            parts[f"MLP {layer}"] = here[mlp_of[layer]]
        b_O = getattr(model.blocks[layer].attn, "b_O", None)
        biases = biases if b_O is None else biases + b_O.detach().float()
    return parts | {"attention biases": biases}
