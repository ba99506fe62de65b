"""The logit lens as a grid: what each point of the stream would predict at each position.

Sources: [nostalgebraist20]; [Belrose23], section 2. In go a bridge and tokens, out come a
`LensGrid` for one text and `LensTrajectories` for one position, or every position, of many.
"""

from collections.abc import Callable
from functools import cache

import torch
from jaxtyping import Int
from torch import Tensor
from transformer_lens.model_bridge import TransformerBridge

from mi_course.methods.lens.reading import answered_at, known_tokens, points_of, stream
from mi_course.methods.lens.statistics import UNKNOWN, Reading, Translation, read_in_chunks
from mi_course.results import LensGrid, LensTrajectories

__all__ = ["answer_trajectories", "logit_lens", "text_trajectories"]


def logit_lens(
    model: TransformerBridge,
    tokens: Int[Tensor, "batch pos"],
    *,
    hook: str = "resid_post",
    k: int = 5,
    targets: Int[Tensor, "batch target"] | None = None,
    translators: Translation | None = None,
    chunk: int = 64,
) -> LensGrid:
    """Return what every point of the stream predicts at every position of one text.

    Args:
        model: any bridge; without a tokenizer, words are token ids.
        tokens: one text, as a batch of one.
        hook: "resid_pre", "resid_mid", "resid_post" (with the embedding below), "attn_out" or
            "mlp_out".
        k: how many of the best tokens to keep.
        targets: the right token at each position, -1 where none is known; by default the next
            token, and none at the last position.
        translators: a tuned lens; None reads the activations as they are.
        chunk: positions whose logits are held at once.

    Returns:
        Words, logits, ranks, entropies and divergences.

    Raises:
        ValueError: an empty text, several texts, an unknown hook, or targets of another shape.
    """
    if len(tokens) > 1:
        raise ValueError(f"expected one text, got {len(tokens)}, try text_trajectories")
    points, read, final = stream(model, tokens, hook)
    targets = _next_tokens(tokens) if targets is None else targets
    if targets.shape != tokens.shape:
        raise ValueError(
            f"expected a target for each token {tuple(tokens.shape)}, got {tuple(targets.shape)}"
        )
    names = tuple(points_of(model, hook).values())
    reading = read_in_chunks(model, names, read[:, 0], final[0], targets[0], translators, k, chunk)
    word = _decoder(model)
    rows = reading.ids.tolist()
    return LensGrid(
        points=points,
        tokens=tuple(map(word, tokens[0].tolist())),
        targets=tuple(map(word, targets[0].tolist())),
        words=tuple(tuple(tuple(map(word, cell)) for cell in row) for row in rows),
        logits=reading.logits,
        probs=reading.probs,
        target_rank=reading.rank,
        entropy=reading.entropy,
        kl_to_final=reading.kl,
        hook=hook.removeprefix("hook_"),
        lens=_lens_name(translators),
    )


def answer_trajectories(
    model: TransformerBridge,
    tokens: Int[Tensor, "batch pos"],
    answers: Int[Tensor, " answer"],
    *,
    positions: Int[Tensor, " answer"] | None = None,
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
        ValueError: not one answer that the model knows for each prompt, no such position, an empty
            prompt, or an unknown hook.
    """
    if len(answers) != len(tokens):
        raise ValueError(f"expected an answer for each prompt ({len(tokens)}), got {len(answers)}")
    known_tokens(model, "answers", answers)
    rows, at = answered_at(tokens, positions)
    points, read, final = stream(model, tokens, hook, batch_size=batch_size)
    names = tuple(points_of(model, hook).values())
    found = read_in_chunks(
        model, names, read[:, rows, at], final[rows, at], answers, translators, 1, chunk
    )
    return _trajectories(points, found, name, translators)


def text_trajectories(
    model: TransformerBridge,
    tokens: Int[Tensor, "batch pos"],
    *,
    skip: int | None = None,
    hook: str = "resid_post",
    name: str = "positions",
    translators: Translation | None = None,
    chunk: int = 64,
    batch_size: int | None = None,
) -> LensTrajectories:
    """Return how readings of whole texts move through the layers; the answer is the next token.

    Args:
        model: any bridge.
        tokens: texts of one length.
        skip: a token, such as padding, that is neither read nor asked for.
        hook: as in `logit_lens`.
        name: what is read, for the summary.
        translators: a tuned lens; None reads the activations as they are.
        chunk: positions whose logits are held at once.
        batch_size: rows in one forward pass; all at once when None.

    Returns:
        Ranks, log-probabilities, entropies and divergences, one for each position with a next one.

    Raises:
        ValueError: no position has a next one, or an unknown hook.
    """
    kept = tokens[:, 1:] >= 0
    kept = kept if skip is None else (tokens[:, 1:] != skip) & (tokens[:, :-1] != skip)
    if not kept.any():
        raise ValueError("expected texts of two tokens or more, got none, try another `skip`")
    points, read, final = stream(model, tokens, hook, batch_size=batch_size)
    here = kept.to(read.device)
    names = tuple(points_of(model, hook).values())
    found = read_in_chunks(
        model,
        names,
        read[:, :, :-1][:, here],
        final[:, :-1][here],
        tokens[:, 1:][kept],
        translators,
        1,
        chunk,
    )
    return _trajectories(points, found, name, translators)


def _trajectories(
    points: tuple[str, ...], found: Reading, name: str, translators: Translation | None
) -> LensTrajectories:
    return LensTrajectories(
        points=points,
        rank=found.rank,
        log_prob=found.log_prob,
        entropy=found.entropy,
        kl_to_final=found.kl,
        name=name,
        lens=_lens_name(translators),
    )


def _next_tokens(tokens: Int[Tensor, "1 pos"]) -> Int[Tensor, "1 pos"]:
    following = torch.full_like(tokens, UNKNOWN)
    following[:, :-1] = tokens[:, 1:]
    return following


def _lens_name(translators: Translation | None) -> str:
    return "logit lens" if translators is None else "tuned lens"


def _decoder(model: TransformerBridge) -> Callable[[int], str]:
    """A function from a token id to its text; -1, no token, is empty."""

    @cache
    def word(token: int) -> str:
        if token == UNKNOWN:
            return ""
        return str(token) if model.tokenizer is None else model.tokenizer.decode([token])

    return word
