"""Exercise 08.4: the loop that removes edges.

The loss of every subset of a few edges is given as a table, so that the rule stands alone: entry
`losses[1, 0, 1]` is the loss with the first and the third edge kept.
"""

import torch
from jaxtyping import Float
from torch import Tensor

from mi_course.exercises.core import Case, Exercise, Wrong

Table = Float[Tensor, "..."]


def acdc(losses: Table, tau: float) -> list[bool]:
    """Return which edges are kept, visited from the last to the first."""
    kept = [1] * losses.ndim
    for edge in reversed(range(losses.ndim)):
        without = [*kept[:edge], 0, *kept[edge + 1 :]]
        if losses[tuple(without)] - losses[tuple(kept)] < tau:
            kept = without
    return [bool(each) for each in kept]


def _by_slicing(losses: Table, tau: float) -> list[bool]:
    """Decide the last axis, drop it, and go on with what is left of the table."""
    if losses.ndim == 0:
        return []
    whole = (1,) * (losses.ndim - 1)
    stays = bool(losses[*whole, 0] - losses[*whole, 1] >= tau)
    return [*_by_slicing(losses[..., int(stays)], tau), stays]


def _loop(losses: Table, order: list[int], stays) -> list[bool]:
    """Visit edges in an order; `stays` judges the loss without, now, and at first."""
    kept, first = [1] * losses.ndim, losses[(1,) * losses.ndim]
    for edge in order:
        without = [*kept[:edge], 0, *kept[edge + 1 :]]
        if not stays(losses[tuple(without)], losses[tuple(kept)], first):
            kept = without
    return [bool(each) for each in kept]


def _first_to_last(losses: Table, tau: float) -> list[bool]:
    return _loop(losses, list(range(losses.ndim)), lambda then, now, _: then - now >= tau)


def _against_the_start(losses: Table, tau: float) -> list[bool]:
    order = list(range(losses.ndim))[::-1]
    return _loop(losses, order, lambda then, _, first: then - first >= tau)


def _one_at_a_time(losses: Table, tau: float) -> list[bool]:
    whole = [1] * losses.ndim
    alone = [losses[(*whole[:i], 0, *whole[i + 1 :])] for i in range(losses.ndim)]
    return [bool(loss - losses[tuple(whole)] >= tau) for loss in alone]


def _size_of_change(losses: Table, tau: float) -> list[bool]:
    order = list(range(losses.ndim))[::-1]
    return _loop(losses, order, lambda then, now, _: abs(then - now) >= tau)


def _the_removed(losses: Table, tau: float) -> list[bool]:
    return [not kept for kept in acdc(losses, tau)]


def _equal_removed(losses: Table, tau: float) -> list[bool]:
    order = list(range(losses.ndim))[::-1]
    return _loop(losses, order, lambda then, now, _: then - now > tau)


def _loss_itself(losses: Table, tau: float) -> list[bool]:
    order = list(range(losses.ndim))[::-1]
    return _loop(losses, order, lambda then, now, _: then >= tau)


def _gate(*, needs_both: bool) -> Tensor:
    """Losses of two edges into an AND or an OR: 4 where the answer is lost, 0 where it is not."""
    table = torch.full((2, 2), 4.0)
    table[1, 1] = 0
    if not needs_both:
        table[0, 1] = table[1, 0] = 0
    return table


def _planted(generator: torch.Generator, n: int) -> Tensor:
    """Losses of edges of which some are worth much, some nothing, and some less than nothing."""
    worth = torch.tensor([2.0, 0.0, -1.0, 0.3])
    chosen = worth[torch.randint(4, (n,), generator=generator)]
    chosen[:3] = torch.tensor([2.0, -1.0, 0.3])
    table = torch.zeros((2,) * n)
    for axis, value in enumerate(chosen.tolist()):
        table = table + value * torch.tensor([1.0, 0.0]).view(
            *([1] * axis), 2, *([1] * (n - axis - 1))
        )
    return table + 2.0


def _acdc_cases(seed: int) -> list[Case]:
    generator = torch.Generator().manual_seed(seed)
    negative = torch.tensor([[3.0, 3.5], [0.0, 0.5]])  # without the second edge the loss falls
    exact = torch.tensor([0.5, 0.0])

    def drawn(n: int) -> Tensor:
        """Random losses, lower the more edges are kept."""
        kept = sum(torch.meshgrid(*[torch.tensor([0.0, 1.0])] * n, indexing="ij"))
        return torch.rand((2,) * n, generator=generator) + 0.5 * (n - kept)

    return [
        Case("an AND: both are needed", (_gate(needs_both=True), 0.5), "hand"),
        Case("an OR: either edge is enough", (_gate(needs_both=False), 0.5), "hand"),
        Case("an edge that harms", (negative, 0.1), "hand"),
        Case("an effect of exactly tau", (exact, 0.5), "hand"),
        Case("five edges", (drawn(5), 0.45)),
        Case("six edges, a low threshold", (drawn(6), 0.2)),
        Case("six edges, a high threshold", (drawn(6), 0.8)),
        Case("eight edges", (drawn(8), 0.5), "property"),
        Case("edges that add up, some harmful", (_planted(generator, 6), 0.1), "truth"),
    ]


ACDC = Exercise(
    id="08.4",
    function="acdc",
    title="Remove what is not needed",
    points=4,
    stars=3,
    minutes=25,
    reference=acdc,
    cases=_acdc_cases,
    alternatives=(_by_slicing,),
    wrong=(
        Wrong("an effect of exactly tau", _equal_removed, "less than tau",
              "an edge is removed if the loss rises by less than tau; exactly tau keeps it"),
        Wrong("first to last", _first_to_last, "from the last edge to the first",
              "the edges are visited from the last edge to the first"),
        Wrong("against the whole model's loss", _against_the_start, "the loss now",
              "compare with the loss now, without all that is removed already, not with the first"),
        Wrong("one at a time", _one_at_a_time, "stays removed",
              "what is removed stays removed while the next edges are tried"),
        Wrong("the size of the change", _size_of_change, "falls without it",
              "an edge is removed if the loss falls without it: no absolute value"),
        Wrong("the removed ones", _the_removed, "those that were removed",
              "these are those that were removed: return True for what is kept"),
        Wrong("the loss itself", _loss_itself, "rise of the loss",
              "the threshold is for the rise of the loss, not for the loss"),
    ),
    hints=(
        "Start with all edges kept. Look at each edge once, the last one first: how much would the "
        "loss rise without it, as things stand now? If by less than tau, it is gone for good.",
        "A list of ones and zeros; `losses[tuple(kept)]` is the loss now. Copy the list, set one "
        "entry to 0, and look up again.",
        "`for edge in reversed(range(losses.ndim))`; the effect is `losses[tuple(without)] - "
        "losses[tuple(kept)]`; at the end `[bool(each) for each in kept]`.",
    ),
    axes="edge",
)  # fmt: skip
