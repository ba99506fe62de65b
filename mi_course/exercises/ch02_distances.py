"""Exercises 02.2 and 02.3: how good a reading is, by rank and by divergence.

Both are asked of bare logits: with ties, with predictions that are certain, and with constants that
must not matter.
"""

import torch
from einops import einsum, rearrange
from jaxtyping import Float, Int
from torch import Tensor

from mi_course.exercises.core import Case, Exercise, Wrong

# --- 02.2 -----------------------------------------------------------------------------------------

Logits = Float[Tensor, "point batch d_vocab"]
Ranks = Int[Tensor, "point batch"]


def answer_rank(logits: Logits, answers: Int[Tensor, " batch"]) -> Ranks:
    """Return how many tokens have a higher logit than the answer; 0 is the best token."""
    own = logits[:, torch.arange(len(answers)), answers]
    return (logits > rearrange(own, "point batch -> point batch 1")).sum(dim=-1)


def _by_sorting(logits: Logits, answers: Int[Tensor, " batch"]) -> Ranks:
    n_points = logits.shape[0]
    index = answers.repeat(n_points, 1).unsqueeze(-1)
    ranked = logits.sort(dim=-1, descending=True).values
    return (ranked == logits.gather(-1, index)).int().argmax(dim=-1)


def _token_at_that_rank(logits: Logits, answers: Int[Tensor, " batch"]) -> Ranks:
    order = logits.argsort(dim=-1, descending=True)
    return order[:, torch.arange(len(answers)), answers]


def _over_prompts(logits: Logits, answers: Int[Tensor, " batch"]) -> Ranks:
    own = logits[:, torch.arange(len(answers)), answers]
    of_answers = logits[:, :, answers]
    return (of_answers > own[:, :, None]).sum(dim=-1)


def _ties_above(logits: Logits, answers: Int[Tensor, " batch"]) -> Ranks:
    own = logits[:, torch.arange(len(answers)), answers]
    return (logits >= own[:, :, None]).sum(dim=-1) - 1


def _rank_cases(seed: int) -> list[Case]:
    generator = torch.Generator().manual_seed(seed)
    by_hand = torch.tensor([[[1.0, 4, 2, 4], [5, 5, 5, 5]], [[9, 0, 8, 1], [1, 2, 3, 4]]])

    def drawn(n_points: int, batch: int, d_vocab: int) -> tuple[Tensor, Tensor]:
        logits = 3 * torch.randn(n_points, batch, d_vocab, generator=generator)
        return logits, torch.randint(d_vocab, (batch,), generator=generator)

    one, answer = drawn(4, 5, 9)
    raised = one.clone()
    raised[:2, torch.arange(5), answer] = 20.0
    return [
        Case("two points, two prompts, with ties", (by_hand, torch.tensor([3, 1])), "hand"),
        Case("four points, five prompts", drawn(4, 5, 13)),
        Case("two points, seven prompts", drawn(2, 7, 5)),
        Case("whole logits, with ties", (drawn(3, 6, 11)[0].round(), drawn(1, 6, 11)[1]), "random"),
        Case(
            "the answer raised above all others in the first points", (raised, answer), "property"
        ),
    ]


ANSWER_RANK = Exercise(
    id="02.2",
    function="answer_rank",
    title="Rank the answer",
    points=2,
    stars=1,
    minutes=10,
    reference=answer_rank,
    cases=_rank_cases,
    alternatives=(_by_sorting,),
    wrong=(
        Wrong(
            "counts from 1",
            lambda logits, answers: answer_rank(logits, answers) + 1,
            "counts from 1",
            "this counts from 1: the best token has no token above it, its rank is 0",
        ),
        Wrong(
            "counts those below",
            lambda logits, answers: answer_rank(-logits, answers),
            "tokens below",
            "this counts the tokens below the answer: count those with a higher logit",
        ),
        Wrong(
            "ties count as above",
            _ties_above,
            "exactly the answer's logit",
            "tokens with exactly the answer's logit are not above it: compare with `>`",
        ),
        Wrong(
            "the token that has this rank",
            _token_at_that_rank,
            "which token stands",
            "argsort tells which token stands at a place, not at which place a token stands",
        ),
        Wrong(
            "only the answers compete",
            _over_prompts,
            "only with the other prompts' answers",
            "this compares only with the other prompts' answers: compare with the whole vocabulary",
        ),
        Wrong(
            "the first prompt's answer for all",
            lambda logits, answers: (logits > logits[:, :, answers[:1]]).sum(dim=-1),
            "the first prompt's answer",
            "all prompts are asked for the first prompt's answer: each row has its own",
        ),
    ),
    hints=(
        "Take the answer's logit at each point and prompt, and count the tokens whose logit is "
        "strictly higher.",
        "`logits[:, torch.arange(len(answers)), answers]` picks one token for each prompt; compare "
        "with `>` and sum over the vocabulary.",
        'The picked logits have axes `point batch`; `rearrange(own, "point batch -> point batch '
        '1")` lets them be compared with `point batch d_vocab`.',
    ),
    groups={"hand": 1, "random": 1},
    axes="point batch",
)

# --- 02.3 -----------------------------------------------------------------------------------------

Layers = Float[Tensor, "point pos d_vocab"]
Nats = Float[Tensor, "point pos"]


def kl_to_final(logits: Layers) -> Nats:
    """Return KL(last point || each point) at every position, in nats."""
    log_probs = logits.log_softmax(dim=-1)
    final = log_probs[-1]
    return (final.exp() * (final - log_probs)).sum(dim=-1)


def _entropy_apart(logits: Layers) -> Nats:
    """The cross-entropy of each reading under the last one, less the last one's entropy."""
    p = logits[-1].softmax(dim=-1)
    scores = logits.log_softmax(dim=-1)
    cross = -einsum(p, scores, "pos vocab, point pos vocab -> point pos")
    return cross - cross[-1]


def _reversed(logits: Layers) -> Nats:
    log_probs = logits.log_softmax(dim=-1)
    return (log_probs.exp() * (log_probs - log_probs[-1])).sum(dim=-1)


def _to_the_first(logits: Layers) -> Nats:
    log_probs = logits.log_softmax(dim=-1)
    return (log_probs[0].exp() * (log_probs[0] - log_probs)).sum(dim=-1)


def _to_the_last_position(logits: Layers) -> Nats:
    log_probs = logits.log_softmax(dim=-1)
    final = log_probs[:, -1:]
    return (final.exp() * (final - log_probs)).sum(dim=-1)


def _cross_entropy(logits: Layers) -> Nats:
    return -(logits[-1].softmax(dim=-1) * logits.log_softmax(dim=-1)).sum(dim=-1)


def _bare_logits(logits: Layers) -> Nats:
    return (logits[-1].softmax(dim=-1) * (logits[-1] - logits)).sum(dim=-1)


def _underflows(logits: Layers) -> Nats:
    p = logits.softmax(dim=-1)
    return (p[-1] * (p[-1] / p).log()).sum(dim=-1)


def _kl_cases(seed: int) -> list[Case]:
    generator = torch.Generator().manual_seed(seed)
    ln3 = torch.tensor(3.0).log().item()
    by_hand = torch.tensor([[[0.0, 0.0]], [[0.0, ln3]], [[ln3, 0.0]]])

    def drawn(scale: float, *shape: int) -> tuple[Tensor]:
        return (scale * torch.randn(shape, generator=generator),)

    (base,) = drawn(2.0, 3, 6, 8)
    shifts = 40 * torch.randn(3, 6, 1, generator=generator)
    return [
        Case("three points, two tokens", (by_hand,), "hand"),
        Case("four points, five positions", drawn(2.0, 4, 5, 9)),
        Case("two points, eight positions", drawn(3.0, 2, 8, 4)),
        Case("certain predictions: logits of size 300", drawn(300.0, 3, 4, 6), "random"),
        Case("a constant added to all logits of a point changes nothing", (base + shifts,),
             "property"),
    ]  # fmt: skip


KL_TO_FINAL = Exercise(
    id="02.3",
    function="kl_to_final",
    title="How far from the end?",
    points=3,
    stars=2,
    minutes=15,
    reference=kl_to_final,
    cases=_kl_cases,
    alternatives=(_entropy_apart,),
    wrong=(
        Wrong(
            "the other direction",
            _reversed,
            "the other direction",
            "this is the other direction, KL(reading || final): weigh by the final probabilities",
        ),
        Wrong(
            "bits",
            lambda logits: kl_to_final(logits) / torch.tensor(2.0).log(),
            "bits in place of nats",
        ),
        Wrong(
            "compared with the first point",
            _to_the_first,
            "the first point",
            "this compares with the first point: the model's own prediction is the last, [-1]",
        ),
        Wrong(
            "compared with the last position",
            _to_the_last_position,
            "the last position",
            "this compares with the last position of each point: the last *point* is axis 0",
        ),
        Wrong(
            "cross-entropy",
            _cross_entropy,
            "this is the cross-entropy",
            "this is the cross-entropy: subtract the final prediction's own entropy",
        ),
        Wrong(
            "logits in place of log-probabilities",
            _bare_logits,
            "not normalised",
            "these logits are not normalised: take log_softmax before subtracting",
        ),
        Wrong(
            "mean over the vocabulary",
            lambda logits: kl_to_final(logits) / logits.shape[-1],
            "mean over the vocabulary",
            "this is a mean over the vocabulary: an expectation is a sum weighted by p",
        ),
        Wrong(
            "log of a probability that underflowed",
            _underflows,
            "not finite",
        ),
    ),
    hints=(
        "For each token: the final probability times (final log-probability minus the reading's "
        "log-probability). Sum over the vocabulary.",
        "`logits.log_softmax(dim=-1)` once, and `.exp()` of its last point; `softmax(...).log()` "
        "turns small probabilities into minus infinity.",
        "The final point has axes `pos d_vocab` and broadcasts against `point pos d_vocab`; the "
        "sum has `point pos`.",
    ),
    groups={"hand": 1, "random": 1, "property": 1},
    axes="point pos",
)
