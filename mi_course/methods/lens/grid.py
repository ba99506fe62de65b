"""The logit lens as a grid: what each point of the stream would predict at each position.

Logits are large (13 points, 1,024 positions and 50,257 tokens are 2.7 GB), so positions are read in
chunks and only what the grid shows is kept: the best tokens, the right token's rank, the entropy,
and the divergence from what the model says in the end.

    KL(final || reading) = sum over tokens of p_final (ln p_final - ln p_reading)      [nats]

Sources: [nostalgebraist20]; [Belrose23], section 2. In go a bridge and tokens, out come a
`LensGrid` for one text and `LensTrajectories` for one position of many.
"""

from typing import NamedTuple, Protocol

import torch
from einops import rearrange
from jaxtyping import Float, Int
from torch import Tensor
from transformer_lens.model_bridge import TransformerBridge

from mi_course.methods.lens.reading import points_of, stream, unembed
from mi_course.results import LensGrid, LensTrajectories

__all__ = ["Translation", "answer_trajectories", "logit_lens"]

UNKNOWN = -1


class Translation(Protocol):
    """What may stand between a point and the unembedding: a tuned lens."""

    def apply(self, name: str, resid: Float[Tensor, "... d_model"]) -> Float[Tensor, "... d_model"]:
        """Return the activations of hook `name` in the basis of the last point."""


class Reading(NamedTuple):
    """What is kept of the logits of some positions."""

    ids: Int[Tensor, "point pos k"]
    logits: Float[Tensor, "point pos k"]
    rank: Int[Tensor, "point pos"]
    log_prob: Float[Tensor, "point pos"]
    entropy: Float[Tensor, "point pos"]
    kl: Float[Tensor, "point pos"]


def logit_lens(
    model: TransformerBridge,
    tokens: Int[Tensor, "1 pos"],
    *,
    hook: str = "resid_post",
    k: int = 5,
    targets: Int[Tensor, "1 pos"] | None = None,
    translators: Translation | None = None,
    chunk: int = 64,
) -> LensGrid:
    """Return what every point of the stream predicts at every position of one text.

    Args:
        model: any bridge with a tokenizer.
        tokens: one text.
        hook: "resid_pre", "resid_mid", "resid_post" (with the embedding below), "attn_out" or
            "mlp_out".
        k: how many of the best tokens to keep.
        targets: the right token at each position, -1 where none is known; by default the next one.
        translators: a tuned lens; None reads the activations as they are.
        chunk: positions whose logits are held at once, for all points.

    Returns:
        Words, logits, ranks, entropies and divergences.

    Raises:
        ValueError: an empty text, several texts, an unknown hook, or targets of another shape.
    """
    if tokens.shape[0] != 1:
        raise ValueError(f"expected one text, got {tokens.shape[0]}, try answer_trajectories")
    points, read, final = stream(model, tokens, hook)
    if targets is None:
        targets = torch.full_like(tokens, UNKNOWN)
        targets[:, :-1] = tokens[:, 1:]
    if targets.shape != tokens.shape:
        raise ValueError(f"expected a target for each token, got {tuple(targets.shape)}")
    names = tuple(points_of(model, hook).values())
    reading = _read(model, names, read[:, 0], final[0], targets[0], translators, k, chunk)
    word = model.tokenizer.decode
    rows = reading.ids.tolist()
    return LensGrid(
        points=points,
        tokens=tuple(word([token]) for token in tokens[0].tolist()),
        targets=tuple(word([t]) if t >= 0 else "" for t in targets[0].tolist()),
        words=tuple(tuple(tuple(word([i]) for i in cell) for cell in row) for row in rows),
        logits=reading.logits,
        target_rank=reading.rank,
        entropy=reading.entropy,
        kl_to_final=reading.kl,
        hook=hook,
        lens="tuned lens" if translators else "logit lens",
    )


def answer_trajectories(
    model: TransformerBridge,
    tokens: Int[Tensor, "batch pos"],
    answers: Int[Tensor, " batch"],
    *,
    positions: Int[Tensor, " batch"] | None = None,
    hook: str = "resid_post",
    name: str = "prompts",
    translators: Translation | None = None,
    chunk: int = 64,
    batch_size: int | None = None,
) -> LensTrajectories:
    """Return how the answer's rank and probability move through the layers, for each prompt.

    Args:
        model: any bridge.
        tokens: prompts.
        answers: the right next token of each.
        positions: where each is read; by default the last position.
        hook: as in `logit_lens`.
        name: what the prompts are, for the summary.
        translators: a tuned lens; None reads the activations as they are.
        chunk: prompts whose logits are held at once.
        batch_size: rows in one forward pass; all at once when None.

    Returns:
        Ranks, log-probabilities, entropies and divergences.

    Raises:
        ValueError: not one answer for each prompt, or an unknown hook.
    """
    if len(answers) != len(tokens):
        raise ValueError(f"expected an answer for each prompt ({len(tokens)}), got {len(answers)}")
    points, read, final = stream(model, tokens, hook, batch_size=batch_size)
    rows = torch.arange(len(tokens), device=read.device)
    at = torch.full_like(rows, -1) if positions is None else positions.to(read.device)
    names = tuple(points_of(model, hook).values())
    found = _read(model, names, read[:, rows, at], final[rows, at], answers, translators, 1, chunk)
    return LensTrajectories(
        points=points,
        rank=found.rank,
        log_prob=found.log_prob,
        entropy=found.entropy,
        kl_to_final=found.kl,
        name=name,
        lens="tuned lens" if translators else "logit lens",
    )


@torch.no_grad()
def _read(
    model: TransformerBridge,
    names: tuple[str, ...],
    read: Float[Tensor, "point pos d_model"],
    final: Float[Tensor, "pos d_model"],
    targets: Int[Tensor, " pos"],
    translators: Translation | None,
    k: int,
    chunk: int,
) -> Reading:
    if chunk < 1:
        raise ValueError(f"expected a chunk of at least 1, got {chunk}, try 64")
    targets = targets.to(read.device)
    parts: list[Reading] = []
    for start in range(0, read.shape[1], chunk):
        here = slice(start, start + chunk)
        end = unembed(model, final[here]).float().log_softmax(dim=-1)
        rows = [
            _reading(unembed(model, _translated(translators, name, x)), end, targets[here], k)
            for name, x in zip(names, read[:, here], strict=True)
        ]
        parts.append(Reading(*(torch.stack(each) for each in zip(*rows, strict=True))))
    return Reading(*(torch.cat(each, dim=1).cpu() for each in zip(*parts, strict=True)))


def _translated(translators: Translation | None, name: str, resid: Tensor) -> Tensor:
    return resid if translators is None else translators.apply(name, resid)


def _reading(
    logits: Float[Tensor, "pos d_vocab"],
    end: Float[Tensor, "pos d_vocab"],
    targets: Int[Tensor, " pos"],
    k: int,
) -> tuple[Tensor, ...]:
    """What is kept of one point's logits, in the order of `Reading`'s fields."""
    logits = logits.float()
    best = logits.topk(k, dim=-1)
    log_probs = logits.log_softmax(dim=-1)
    known = targets >= 0
    of_target = rearrange(targets.clamp(min=0), "pos -> pos 1")
    above = (logits > logits.gather(-1, of_target)).sum(dim=-1)
    own = rearrange(log_probs.gather(-1, of_target), "pos 1 -> pos")
    entropy = -(log_probs.exp() * log_probs.clamp(min=-1e9)).sum(dim=-1)
    kl = (end.exp() * (end - log_probs).clamp(min=-1e9, max=1e9)).sum(dim=-1)
    rank = torch.where(known, above, UNKNOWN)
    return best.indices, best.values, rank, own, entropy, kl.clamp(min=0)
