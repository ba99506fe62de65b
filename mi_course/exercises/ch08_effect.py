"""Exercise 08.3: by how much the loss rises without one more edge into the logits.

The model has no LayerNorm, so that what the logits read is a sum of what is carried, nothing else.
"""

import torch
from einops import reduce
from jaxtyping import Float
from torch import Tensor

from mi_course.exercises.core import Case, Exercise, Wrong
from mi_course.metrics import kl_divergence

Written = Float[Tensor, "writer batch d_model"]
Unembedding = Float[Tensor, "d_model d_vocab"]


def edge_effect(
    written: Written, corrupted: Written, W_U: Unembedding, removed: list[int], edge: int
) -> float:
    """Return by how much KL(whole model || circuit) rises without one more edge (nats)."""
    whole = (written.sum(dim=0) @ W_U).log_softmax(dim=-1)

    def kl(out: list[int]) -> Tensor:
        carried = written.clone()
        carried[out] = corrupted[out]
        log_probs = (carried.sum(dim=0) @ W_U).log_softmax(dim=-1)
        return (whole.exp() * (whole - log_probs)).sum(dim=-1).mean()

    return (kl([*removed, edge]) - kl(removed)).item()


def _by_offsets(
    written: Written, corrupted: Written, W_U: Unembedding, removed: list[int], edge: int
) -> float:
    """A removed edge moves the logits by (corrupted - written) W_U: add up what is removed."""
    whole = reduce(written, "writer batch d_model -> batch d_model", "sum") @ W_U
    moves = (corrupted - written) @ W_U
    now = whole + sum((moves[writer] for writer in removed), torch.zeros_like(whole))
    losses = [kl_divergence(whole, logits).mean() for logits in (now, now + moves[edge])]
    return float(losses[1] - losses[0])


def _kl(whole: Tensor, logits: Tensor) -> Tensor:
    return kl_divergence(whole, logits).mean()


def _logits(written: Written, instead: Written, W_U: Unembedding, out: list[int]) -> Tensor:
    carried = written.clone()
    carried[out] = instead[out]
    return carried.sum(dim=0) @ W_U


def _not_a_difference(
    written: Written, corrupted: Written, W_U: Unembedding, removed: list[int], edge: int
) -> float:
    without = _logits(written, corrupted, W_U, [*removed, edge])
    return _kl(written.sum(dim=0) @ W_U, without).item()


def _others_kept(
    written: Written, corrupted: Written, W_U: Unembedding, removed: list[int], edge: int
) -> float:
    without = _logits(written, corrupted, W_U, [edge])
    return _kl(written.sum(dim=0) @ W_U, without).item()


def _against_now(
    written: Written, corrupted: Written, W_U: Unembedding, removed: list[int], edge: int
) -> float:
    now = _logits(written, corrupted, W_U, removed)
    return _kl(now, _logits(written, corrupted, W_U, [*removed, edge])).item()


def _zeros(
    written: Written, corrupted: Written, W_U: Unembedding, removed: list[int], edge: int
) -> float:
    return edge_effect(written, torch.zeros_like(corrupted), W_U, removed, edge)


def _other_way(
    written: Written, corrupted: Written, W_U: Unembedding, removed: list[int], edge: int
) -> float:
    whole = written.sum(dim=0) @ W_U
    now, then = (_logits(written, corrupted, W_U, out) for out in (removed, [*removed, edge]))
    return (_kl(then, whole) - _kl(now, whole)).item()


def _summed(
    written: Written, corrupted: Written, W_U: Unembedding, removed: list[int], edge: int
) -> float:
    return written.shape[1] * edge_effect(written, corrupted, W_U, removed, edge)


def _falls(
    written: Written, corrupted: Written, W_U: Unembedding, removed: list[int], edge: int
) -> float:
    return -edge_effect(written, corrupted, W_U, removed, edge)


def _effect_cases(seed: int) -> list[Case]:
    generator = torch.Generator().manual_seed(seed)

    def drawn(n: int, batch: int, d_model: int, d_vocab: int) -> tuple[Tensor, Tensor, Tensor]:
        written, corrupted = torch.randn(2, n, batch, d_model, generator=generator)
        return written, corrupted, torch.randn(d_model, d_vocab, generator=generator)

    def pick(n: int, k: int) -> list[int]:
        return torch.randperm(n, generator=generator)[:k].tolist()

    # Two writers and two tokens: removing writer 1 turns logits (3, 0) into (1, 0).
    by_hand = torch.tensor([[[1.0, 0.0]], [[2.0, 0.0]]]), torch.zeros(2, 1, 2), torch.eye(2)
    # Writer 2 pulls against what is right: without it the circuit is nearer to the whole again.
    three = torch.tensor([[[2.0, 0.0]], [[2.0, 0.0]], [[0.0, 2.0]]])
    some, more = pick(6, 3), pick(5, 4)
    return [
        Case("two writers, nothing removed yet", (*by_hand, [], 1), "hand"),
        Case("two writers, one removed already", (*by_hand, [0], 1), "hand"),
        Case("six writers, two removed", (*drawn(6, 4, 5, 7), some[:2], some[2])),
        Case("five writers, three removed", (*drawn(5, 3, 4, 9), more[:3], more[3])),
        Case("an edge without which the circuit is nearer to the model",
             (three * (1 + torch.rand(1, generator=generator)), torch.zeros(3, 1, 2), torch.eye(2),
              [0], 2), "property"),
        Case("a writer that writes the same on both prompts",
             _same_on_both(drawn(4, 3, 5, 6)), "property"),
    ]  # fmt: skip


def _same_on_both(drawn: tuple[Tensor, Tensor, Tensor]) -> tuple:
    written, corrupted, W_U = drawn
    corrupted[2] = written[2]
    return written, corrupted, W_U, [0], 2


EDGE_EFFECT = Exercise(
    id="08.3",
    function="edge_effect",
    title="What is one more edge worth?",
    points=3,
    stars=2,
    minutes=20,
    reference=edge_effect,
    cases=_effect_cases,
    alternatives=(_by_offsets,),
    wrong=(
        Wrong(
            "not a difference",
            _not_a_difference,
            "the loss without the edge",
            "this is the loss without the edge: subtract what it was with the edge",
        ),
        Wrong(
            "others kept",
            _others_kept,
            "removed before stay removed",
            "the edges that were removed before stay removed, both times",
        ),
        Wrong(
            "KL to the circuit now",
            _against_now,
            "the whole model",
            "both circuits are compared with the whole model, not with each other",
        ),
        Wrong(
            "zeros",
            _zeros,
            "carries what its writer writes on the corrupted prompt",
            "a removed edge carries what its writer writes on the corrupted prompt, not zero",
        ),
        Wrong(
            "KL the other way",
            _other_way,
            "the whole model's probabilities weigh",
            "KL the other way round: the whole model's probabilities weigh the differences",
        ),
        Wrong("summed over prompts", _summed, "a sum in place of a mean",
              "a sum in place of a mean over the prompts"),
        Wrong("the sign", _falls, "sign is wrong",
              "the sign is wrong: an edge that is needed has a positive effect"),
    ),
    hints=(
        "Three predictions: of the whole model, of the circuit now, and of the circuit without one "
        "edge more. Two divergences from the first; their difference is the effect.",
        "Clone `written`, put rows of `corrupted` in the place of the removed ones, sum over the "
        "writers, multiply with `W_U`, and take `log_softmax`.",
        "`carried.sum(dim=0) @ W_U` has axes `batch d_vocab`; KL sums over `d_vocab` and takes the "
        "mean over `batch`; `[*removed, edge]` is the longer list.",
    ),
)  # fmt: skip
