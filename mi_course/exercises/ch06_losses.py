"""Exercise 06.4: how much lower the loss is late in a text than early in it, in nats."""

import math

import torch
from jaxtyping import Float, Int
from torch import Tensor

from mi_course.exercises.core import Case, Exercise, Wrong

Logits = Float[Tensor, "batch pos d_vocab"]
Tokens = Int[Tensor, "batch pos"]
Number = Float[Tensor, ""]


def in_context_learning_score(logits: Logits, tokens: Tokens, early: int, late: int) -> Number:
    """Return the mean loss at token `late` minus that at token `early`, in nats."""
    log_probs = logits.log_softmax(dim=-1)
    rows = torch.arange(len(tokens))
    at_late = -log_probs[rows, late - 1, tokens[:, late]].mean()
    at_early = -log_probs[rows, early - 1, tokens[:, early]].mean()
    return at_late - at_early


def _by_cross_entropy(logits: Logits, tokens: Tokens, early: int, late: int) -> Number:
    losses = torch.nn.functional.cross_entropy(
        logits[:, :-1].transpose(1, 2), tokens[:, 1:], reduction="none"
    )
    by_token = losses.mean(dim=0)
    return by_token[late - 1] - by_token[early - 1]


def _at(values: Logits, tokens: Tokens, place: int, shift: int = 1) -> Float[Tensor, " batch"]:
    """Entries about the token at `place`, read at the position `shift` before it."""
    return values[torch.arange(len(tokens)), place - shift, tokens[:, place]]


def _shifted(logits: Logits, tokens: Tokens, early: int, late: int) -> Number:
    log_probs = logits.log_softmax(dim=-1)
    return (_at(log_probs, tokens, early, 0) - _at(log_probs, tokens, late, 0)).mean()


def _next_token(logits: Logits, tokens: Tokens, early: int, late: int) -> Number:
    return in_context_learning_score(logits, tokens, early + 1, late + 1)


def _raw(logits: Logits, tokens: Tokens, early: int, late: int) -> Number:
    return (_at(logits, tokens, early) - _at(logits, tokens, late)).mean()


def _probabilities(logits: Logits, tokens: Tokens, early: int, late: int) -> Number:
    probs = logits.softmax(dim=-1)
    return (_at(probs, tokens, early) - _at(probs, tokens, late)).mean()


def _over_positions(logits: Logits, tokens: Tokens, early: int, late: int) -> Number:
    log_probs = logits.log_softmax(dim=1)
    return (_at(log_probs, tokens, early) - _at(log_probs, tokens, late)).mean()


def _cases(seed: int) -> list[Case]:
    generator = torch.Generator().manual_seed(seed)
    by_hand = torch.tensor([[[0.0, math.log(3)], [0.0, 0.0], [2.0, -1.0], [1.0, 3.0]]])
    text = torch.tensor([[1, 0, 1, 0]])

    def drawn(batch: int, n_pos: int, d_vocab: int) -> tuple[Logits, Tokens]:
        noise = 3 * torch.randn(batch, n_pos, d_vocab, generator=generator)
        # An offset for each position changes no probability.
        offset = 5 * torch.randn(batch, n_pos, 1, generator=generator)
        return noise + offset, torch.randint(d_vocab, (batch, n_pos), generator=generator)

    # On the second copy the right token is about ten times as likely as all others together.
    odds = 60 + 60 * torch.rand((), generator=generator)
    sure = torch.zeros(2, 13, 11)
    repeated = torch.cat([torch.randperm(11, generator=generator)[:6].repeat(2), torch.tensor([0])])
    sure[:, 5:12] = torch.nn.functional.one_hot(repeated[6:], 11) * odds.log()
    return [
        Case("losses of ln 4 and ln 2", (by_hand, text, 1, 2), "hand"),
        Case("5 texts of 9 tokens", (*drawn(5, 9, 7), 2, 7)),
        Case("3 texts of 14 tokens", (*drawn(3, 14, 23), 1, 12)),
        Case("a copy that is known", (sure, repeated.expand(2, -1), 2, 9), "truth"),
    ]


IN_CONTEXT_LEARNING_SCORE = Exercise(
    id="06.4",
    function="in_context_learning_score",
    title="Score learning in context",
    points=3,
    stars=2,
    minutes=15,
    reference=in_context_learning_score,
    cases=_cases,
    alternatives=(_by_cross_entropy,),
    wrong=(
        Wrong(
            "early minus late",
            lambda logits, tokens, early, late: in_context_learning_score(
                logits, tokens, late, early
            ),
            "late minus early",
            "the sign is turned: the score is late minus early, negative where context helps",
        ),
        Wrong(
            "not shifted",
            _shifted,
            "one position before it",
            "logits at a position are about the next token: read them one position before it",
        ),
        Wrong(
            "about the next token",
            _next_token,
            "one token too late",
            "these are the losses at early + 1 and late + 1: one token too late",
        ),
        Wrong(
            "logits",
            _raw,
            "log_softmax is missing",
            "a loss is minus a log-probability: log_softmax is missing, logits have any offset",
        ),
        Wrong(
            "probabilities",
            _probabilities,
            "the logarithm is missing",
            "these are probabilities: the logarithm is missing",
        ),
        Wrong(
            "softmax over positions",
            _over_positions,
            "softmax over the vocabulary",
            "the softmax runs over positions: take log_softmax over the vocabulary, dim=-1",
        ),
        Wrong(
            "bits",
            lambda *args: in_context_learning_score(*args) / math.log(2),
            "bits",
            "this is in bits: nats use the natural logarithm",
        ),
    ),
    hints=(
        "The loss at token p is minus the log-probability that the model gave to `tokens[:, p]`. "
        "Average it over the batch at `late` and at `early`, and subtract.",
        "`logits.log_softmax(dim=-1)`; what is said about token p stands at position p - 1.",
        "`log_probs[rows, p - 1, tokens[:, p]]` with `rows = torch.arange(len(tokens))` has the "
        "axis `batch`.",
    ),
    groups={"hand": 1, "random": 1, "truth": 1},
)
