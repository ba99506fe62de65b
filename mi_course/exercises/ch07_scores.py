"""Exercises 07.1 and 07.2: the number that a patch is judged by, and its normalisation.

Prompts differ in length, so the answering position differs; and pairs differ in how far apart their
two runs are, so a mean of ratios is not a ratio of means.
"""

import torch
from einops import reduce
from jaxtyping import Float, Int
from torch import Tensor

from mi_course.exercises.core import Case, Exercise, Wrong

Logits = Float[Tensor, "batch pos d_vocab"]
Ids = Int[Tensor, " batch"]
ByPrompt = Float[Tensor, " batch"]
Patched = Float[Tensor, "cell batch"]
Effect = Float[Tensor, " cell"]


# --- 07.1 -----------------------------------------------------------------------------------------


def logit_diff(logits: Logits, ends: Ids, answers: Ids, wrongs: Ids) -> ByPrompt:
    """Return logit(answer) - logit(wrong) at the answering position of each prompt."""
    rows = torch.arange(len(logits))
    return logits[rows, ends, answers] - logits[rows, ends, wrongs]


def _by_gathering(logits: Logits, ends: Ids, answers: Ids, wrongs: Ids) -> ByPrompt:
    at_end = torch.stack([row[end] for row, end in zip(logits, ends.tolist(), strict=True)])
    both = at_end.gather(1, torch.stack([wrongs, answers], dim=1))
    return both.diff(dim=1).squeeze(1)


def _last_position(logits: Logits, ends: Ids, answers: Ids, wrongs: Ids) -> ByPrompt:
    return logit_diff(logits, torch.full_like(ends, -1), answers, wrongs)


def _one_further(logits: Logits, ends: Ids, answers: Ids, wrongs: Ids) -> ByPrompt:
    return logit_diff(logits, ends - 1, answers, wrongs)


def _probabilities(logits: Logits, ends: Ids, answers: Ids, wrongs: Ids) -> ByPrompt:
    return logit_diff(logits.softmax(dim=-1), ends, answers, wrongs)


def _answer_alone(logits: Logits, ends: Ids, answers: Ids, wrongs: Ids) -> ByPrompt:
    return logits[torch.arange(len(logits)), ends, answers]


def _swapped(logits: Logits, ends: Ids, answers: Ids, wrongs: Ids) -> ByPrompt:
    return logit_diff(logits, ends, wrongs, answers)


def _mean(logits: Logits, ends: Ids, answers: Ids, wrongs: Ids) -> Float[Tensor, ""]:
    return logit_diff(logits, ends, answers, wrongs).mean()


def _difference_cases(seed: int) -> list[Case]:
    generator = torch.Generator().manual_seed(seed)

    def drawn(batch: int, n_pos: int, d_vocab: int) -> tuple[Tensor, ...]:
        logits = 4 * torch.randn(batch, n_pos, d_vocab, generator=generator) + 3
        ends = torch.randint(1, n_pos, (batch,), generator=generator)
        ends[0] = 1  # not the last position
        answers = torch.randint(d_vocab, (batch,), generator=generator)
        steps = torch.randint(1, d_vocab, (batch,), generator=generator)
        return logits, ends, answers, (answers + steps) % d_vocab

    by_hand = torch.zeros(2, 3, 3)
    by_hand[0, 2], by_hand[1, 1] = torch.tensor([3.0, 1.0, 0.5]), torch.tensor([1.0, 5.0, 2.0])
    asked = torch.tensor([2, 1]), torch.tensor([0, 2]), torch.tensor([1, 1])
    shifted, *rest = drawn(4, 6, 7)
    offsets = 5 * torch.randn(4, 6, 1, generator=generator)
    return [
        Case("two prompts, the second is shorter", (by_hand, *asked), "hand"),
        Case("five prompts of several lengths", drawn(5, 8, 11)),
        Case("more prompts than positions", drawn(9, 4, 5)),
        Case("a constant added to all logits changes nothing", (shifted + offsets, *rest),
             "property"),
    ]  # fmt: skip


LOGIT_DIFF = Exercise(
    id="07.1",
    function="logit_diff",
    title="One number for one prompt",
    points=2,
    stars=1,
    minutes=10,
    reference=logit_diff,
    cases=_difference_cases,
    alternatives=(_by_gathering,),
    wrong=(
        Wrong(
            "the last position",
            _last_position,
            "the last position of the batch",
            "this reads the last position of the batch: short prompts answer earlier, at `ends`",
        ),
        Wrong(
            "one too early",
            _one_further,
            "before the answering one",
            "this reads the position before the answering one: logits at `ends` predict what "
            "follows",
        ),
        Wrong(
            "probabilities",
            _probabilities,
            "probabilities",
            "these are differences of probabilities: subtract the logits themselves",
        ),
        Wrong(
            "the answer alone",
            _answer_alone,
            "the wrong name's logit is missing",
            "the wrong name's logit is missing: a logit alone means nothing, subtract the rival's",
        ),
        Wrong(
            "answer and wrong exchanged",
            _swapped,
            "exchanged",
            "answer and wrong are exchanged: positive must mean that the right answer wins",
        ),
        Wrong("one mean", _mean, "shape"),
    ),
    hints=(
        "For each prompt take its own answering position, and there two entries: the answer's and "
        "the wrong token's.",
        "Index with three lists of equal length: `logits[torch.arange(len(logits)), ends, "
        "answers]`.",
        "Three index tensors with the axis `batch` pick one entry for each row: what is left has "
        "the axis `batch`.",
    ),
    groups={"random": 1, "property": 1},
    axes="batch",
)


# --- 07.2 -----------------------------------------------------------------------------------------


def patching_effect(patched: Patched, clean: ByPrompt, corrupted: ByPrompt) -> Effect:
    """Return how far each patch moves the mean from the corrupted (0) to the clean run (1)."""
    gap = clean.mean() - corrupted.mean()
    return (patched.mean(dim=1) - corrupted.mean()) / gap


def _as_a_share(patched: Patched, clean: ByPrompt, corrupted: ByPrompt) -> Effect:
    moved = reduce(patched - corrupted, "cell batch -> cell", "sum")
    return moved / (clean - corrupted).sum()


def _mean_of_ratios(patched: Patched, clean: ByPrompt, corrupted: ByPrompt) -> Effect:
    return ((patched - corrupted) / (clean - corrupted)).mean(dim=1)


def _from_clean(patched: Patched, clean: ByPrompt, corrupted: ByPrompt) -> Effect:
    return (clean.mean() - patched.mean(dim=1)) / (clean - corrupted).mean()


def _of_clean(patched: Patched, clean: ByPrompt, corrupted: ByPrompt) -> Effect:
    return patched.mean(dim=1) / clean.mean()


def _by_clean(patched: Patched, clean: ByPrompt, corrupted: ByPrompt) -> Effect:
    return (patched - corrupted).mean(dim=1) / clean.mean()


def _not_normalised(patched: Patched, clean: ByPrompt, corrupted: ByPrompt) -> Effect:
    return (patched - corrupted).mean(dim=1)


def _clipped(patched: Patched, clean: ByPrompt, corrupted: ByPrompt) -> Effect:
    return patching_effect(patched, clean, corrupted).clamp(0, 1)


def _effect_cases(seed: int) -> list[Case]:
    generator = torch.Generator().manual_seed(seed)

    def drawn(cells: int, batch: int) -> tuple[Tensor, ...]:
        clean = 6 + 3 * torch.randn(batch, generator=generator)
        corrupted = -5 + 2 * torch.randn(batch, generator=generator)
        return 6 * torch.randn(cells, batch, generator=generator), clean, corrupted

    by_hand = [[2.0, 0.0], [1.0, -2.0], [4.0, 2.0]], [3.0, 1.0], [-1.0, -3.0]
    _, clean, corrupted = drawn(1, 6)
    shares = torch.tensor([-0.3, 0.0, 0.4, 1.0, 1.3]) + torch.rand(5, generator=generator) / 4
    mixed = shares[:, None] * clean + (1 - shares[:, None]) * corrupted
    return [
        Case("three patches, two prompts", tuple(map(torch.tensor, by_hand)), "hand"),
        Case("five patches, seven prompts", drawn(5, 7)),
        Case("three patches, four prompts", drawn(3, 4)),
        Case("runs that are mixtures of clean and corrupted, some beyond both",
             (mixed, clean, corrupted), "truth"),
    ]  # fmt: skip


PATCHING_EFFECT = Exercise(
    id="07.2",
    function="patching_effect",
    title="From 0 to 1",
    points=2,
    stars=1,
    minutes=10,
    reference=patching_effect,
    cases=_effect_cases,
    alternatives=(_as_a_share,),
    wrong=(
        Wrong(
            "a mean of ratios",
            _mean_of_ratios,
            "a mean of ratios",
            "this is a mean of ratios, which one pair may rule: take means over prompts first",
        ),
        Wrong(
            "counted from the clean run",
            _from_clean,
            "one minus",
            "this is one minus what was asked: 0 is the corrupted run, 1 the clean one",
        ),
        Wrong(
            "a share of the clean value",
            _of_clean,
            "share of the clean run",
            "this is the share of the clean run's value: at the corrupted run it is not 0",
        ),
        Wrong(
            "divided by the clean value",
            _by_clean,
            "the gap between the two runs",
            "divide by the gap between the two runs, not by the clean value",
        ),
        Wrong(
            "not normalised",
            _not_normalised,
            "still in logits",
            "this is still in logits: divide by clean minus corrupted",
        ),
        Wrong(
            "cut off",
            _clipped,
            "cut off at 0 and 1",
            "this is cut off at 0 and 1: a patch may do harm, or more than the clean run",
        ),
    ),
    hints=(
        "Average over prompts first. Then ask how far the patched mean has come from the corrupted "
        "mean, as a fraction of the whole way to the clean mean.",
        "Subtract `corrupted.mean()` above and below, and divide.",
        "`patched.mean(dim=1)` turns `cell batch` into `cell`; the other two means are single "
        "numbers.",
    ),
    groups={"random": 1, "truth": 1},
    axes="cell",
)
