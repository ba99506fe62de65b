"""Functions as ReLU neurons: tables over one-hot variables, and steps of a number.

    table:  neuron (i, j) = ReLU(a_i + b_j - 1), which is 1 where a is at i and b at j, else 0
    step:   ReLU(k (x - t) + 1/2) - ReLU(k (x - t) - 1/2), which is 0 below t and 1 above

In goes what shall come out for each input; out come `Neurons`.
"""

from itertools import pairwise

import torch
from jaxtyping import Float
from torch import Tensor

from mi_course.models.compiled.program import Neurons

__all__ = ["steps", "table", "table_of_two"]


def table(
    layer: int, source: str, target: str, values: Float[Tensor, "entry target_entry"]
) -> Neurons:
    """Return neurons that add row i of `values` to the target where the source is one-hot at i."""
    used = values.any(dim=1)
    reads = torch.eye(len(values))[:, used]
    return Neurons(layer, {source: reads}, torch.zeros(reads.shape[1]), {target: values[used]})


def table_of_two(
    layer: int,
    sources: tuple[str, str],
    target: str,
    values: Float[Tensor, "first_entry second_entry target_entry"],
) -> Neurons:
    """Return neurons that add values[i, j] where the sources are one-hot at i and at j.

    Entries that are all zero cost no neuron. With only one source on, none of them fires.
    """
    n_first, n_second, _ = values.shape
    first, second = values.any(dim=2).nonzero(as_tuple=True)
    reads = {sources[0]: torch.eye(n_first)[:, first], sources[1]: torch.eye(n_second)[:, second]}
    return Neurons(layer, reads, -torch.ones(len(first)), {target: values[first, second]})


def steps(
    layer: int,
    source: str,
    target: str,
    inputs: Float[Tensor, " point"],
    values: Float[Tensor, "point target_entry"],
) -> Neurons:
    """Return neurons that add values[i] where the number in the source is inputs[i].

    Between two inputs the values change half-way, over half of the distance, so an input may be off
    by a quarter of the distance to its neighbour. At zero, which an ablated source gives, nothing
    is added.

    Args:
        layer: of the MLP.
        source: variable with one entry.
        target: variable that gains.
        inputs: increasing positive numbers.
        values: one row for each.

    Raises:
        ValueError: inputs that are not positive, or do not increase.
    """
    known = [0.0, *inputs.tolist()]
    gaps = torch.tensor([b - a for a, b in pairwise(known)])
    if not (gaps > 0).all():
        raise ValueError(f"expected increasing positive inputs, got {known[1:]}, try sorting them")
    middle = torch.tensor(known[:-1]) + gaps / 2
    steep = (2 / gaps).repeat(2)
    offset = torch.tensor([0.5, -0.5]).repeat_interleave(len(gaps))
    changes = torch.cat([values[:1], values[1:] - values[:-1]])
    bias = offset - steep * middle.repeat(2)
    return Neurons(layer, {source: steep[None]}, bias, {target: torch.cat([changes, -changes])})
