"""Exercise 05.5: keep the k largest pre-activations of each activation.

Where two are equal either may be kept, so an answer is judged by what it keeps and not by where.
"""

import torch
from jaxtyping import Float
from torch import Tensor

from mi_course.exercises.core import Case, Exercise, Wrong

Pre = Float[Tensor, "batch d_sae"]


def top_k(pre: Pre, k: int) -> Pre:
    """Return the k largest of each row where they are positive, and 0 elsewhere."""
    values, indices = pre.topk(k, dim=1)
    return torch.zeros_like(pre).scatter(1, indices, values.relu())


def _by_ranks(pre: Pre, k: int) -> Pre:
    ranks = pre.argsort(dim=1, descending=True, stable=True).argsort(dim=1)
    return pre.clamp(min=0) * (ranks < k)


def _one_by_one(pre: Pre, k: int) -> Pre:
    kept = torch.zeros_like(pre)
    for row, left in zip(kept, pre.clone(), strict=True):
        for _ in range(k):
            place = left.argmax()
            row[place] = max(left[place].item(), 0.0)
            left[place] = -torch.inf
    return kept


def _of_the_batch(pre: Pre, k: int) -> Pre:
    flat = pre.flatten()[None]
    return top_k(flat, k * len(pre)).view_as(pre)


def _no_relu(pre: Pre, k: int) -> Pre:
    values, indices = pre.topk(k, dim=1)
    return torch.zeros_like(pre).scatter(1, indices, values)


def _by_size(pre: Pre, k: int) -> Pre:
    indices = pre.abs().topk(k, dim=1).indices
    return torch.zeros_like(pre).scatter(1, indices, pre.gather(1, indices))


def _by_size_and_relu(pre: Pre, k: int) -> Pre:
    return _by_size(pre, k).relu()


def _at_least_the_kth(pre: Pre, k: int) -> Pre:
    bound = pre.topk(k, dim=1).values[:, -1:]
    return torch.where(pre >= bound, pre, 0).relu()


def _above_the_kth(pre: Pre, k: int) -> Pre:
    bound = pre.topk(k, dim=1).values[:, -1:]
    return torch.where(pre > bound, pre, 0).relu()


def _mask(pre: Pre, k: int) -> Pre:
    return (top_k(pre, k) > 0).float()


def _smallest(pre: Pre, k: int) -> Pre:
    values, indices = pre.topk(k, dim=1, largest=False)
    return torch.zeros_like(pre).scatter(1, indices, values.relu())


def _of_each_feature(pre: Pre, k: int) -> Pre:
    return top_k(pre.T, min(k, len(pre))).T


def _silenced(pre: Pre, k: int) -> Pre:
    return pre.relu() - top_k(pre, k)


def _judge(case: Case, got: Pre, expected: Pre) -> str | None:
    pre, k = case.args
    got = torch.as_tensor(got).to(pre.dtype)
    if (got < 0).any():
        return f"codes are never negative: a ReLU is missing\ngot {got.min():.4g}"
    active = (got != 0).sum(dim=1)
    if (active > k).any():
        row = int(active.argmax())
        return f"more than k are active in a row\ngot {int(active[row])} in row {row}, k is {k}"
    kept = got != 0
    if not torch.allclose(got[kept], pre[kept], rtol=1e-4, atol=1e-5):
        row, place = (int(each[0]) for each in ((got != pre) & kept).nonzero(as_tuple=True))
        numbers = f"got {got[row, place]:.4g}, expected {pre[row, place]:.4g}"
        return f"what is kept keeps its value and its place\n{numbers} at [{row}, {place}]"
    ours, theirs = (each.sort(dim=1, descending=True).values for each in (got, expected))
    if not torch.allclose(ours, theirs, rtol=1e-4, atol=1e-5):
        row, rank = (int(each[0]) for each in (ours - theirs).abs().gt(1e-5).nonzero().T)
        numbers = f"got {ours[row, rank]:.4g}, expected {theirs[row, rank]:.4g}"
        return f"not the k largest\n{numbers} as number {rank + 1} of row {row}"
    return None


def _cases(seed: int) -> list[Case]:
    generator = torch.Generator().manual_seed(seed)

    def drawn(batch: int, d_sae: int, shift: float) -> Pre:
        return 2 * torch.randn(batch, d_sae, generator=generator) + shift

    hand = torch.tensor([[3.0, -4, 1.0, 2.0, 0.2], [-1.0, -3, 0.5, -2, -5], [9.0, 8, 7, 6, 5]])
    few = -torch.rand(4, 9, generator=generator) - 0.1
    few[:, 2] = 1 + torch.rand(4, generator=generator)
    # Of four equal ones any two will do.
    tied = torch.randint(-3, 4, (6, 10), generator=generator).float()
    tied[:, :4] = 2 + torch.rand((), generator=generator)
    return [
        Case("the 2 largest of five", (hand, 2), "hand"),
        Case("the 3 largest of 11", (drawn(7, 11, 0.3), 3)),
        Case("the 5 largest of 8", (drawn(4, 8, 0.5), 5)),
        Case("the largest of 6", (drawn(9, 6, 0.0), 1)),
        Case("fewer than k are positive", (few, 4), "property"),
        Case("all may stay", (drawn(5, 7, 0.0), 7), "property"),
        Case("some are equal", (tied, 2), "property"),
    ]


TOP_K = Exercise(
    id="05.5",
    function="top_k",
    title="Keep the k largest",
    points=2,
    stars=2,
    minutes=10,
    reference=top_k,
    cases=_cases,
    alternatives=(_by_ranks, _one_by_one),
    wrong=(
        Wrong(
            "k a row of the batch together",
            _of_the_batch,
            "over the whole batch",
            "these are the largest over the whole batch (this is BatchTopK): k for each row",
        ),
        Wrong("no ReLU", _no_relu, "a ReLU is missing"),
        Wrong(
            "largest in size",
            _by_size,
            "largest in size",
            "these are the largest in size: a strongly negative one is not an active feature",
        ),
        Wrong(
            "largest in size, then ReLU",
            _by_size_and_relu,
            "negative ones took places",
            "negative ones took places among the k: choose by value, not by size",
        ),
        Wrong("at least the k-th", _at_least_the_kth, "more than k are active"),
        Wrong(
            "above the k-th",
            _above_the_kth,
            "the k-th itself",
            "the k-th itself is lost: it is among the k largest",
        ),
        Wrong(
            "ones",
            _mask,
            "ones in place of values",
            "ones in place of values: a code says how strongly, keep what was there",
        ),
        Wrong(
            "the smallest",
            _smallest,
            "the smallest",
            "these are the smallest: keep the largest",
        ),
        Wrong(
            "k of each feature",
            _of_each_feature,
            "along the wrong axis",
            "chosen along the wrong axis: k features for each activation",
        ),
        Wrong(
            "the k largest silenced",
            _silenced,
            "were silenced",
            "the k largest were silenced: they are to stay, and all others to be 0",
        ),
    ),
    hints=(
        "Find the k largest numbers of each row and where they are. Put them, cut off below 0, "
        "into a tensor of zeros at their own places.",
        "`values, indices = pre.topk(k, dim=1)`, then `.scatter(1, indices, values)` on zeros.",
        "`values` and `indices` have axes `batch k`; the zeros have `batch d_sae`.",
    ),
    judge=_judge,
    groups={"random": 1, "property": 1},
    axes="batch d_sae",
)
