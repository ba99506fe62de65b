"""Held-out examples that share nothing with those a probe was fitted on, and balanced classes.

A probe that has seen "Maria" among the women need not read a gender to be right about her. So a
split takes whole groups (people of one name, phrases in one frame, documents), and classes are
balanced by leaving examples out, never by showing one twice.
"""

from dataclasses import replace

import torch
from jaxtyping import Bool, Int
from torch import Tensor

from mi_course.results import ProbeData

__all__ = ["balanced", "scaled", "split", "split_by_group"]

TRIES = 100


def split(
    data: ProbeData, fraction: float = 0.25, seed: int = 0
) -> tuple[Int[Tensor, " train"], Int[Tensor, " test"]]:
    """Return (train, test) indices that share no group and no document; see `split_by_group`."""
    return split_by_group(data.groups, data.labels, fraction, seed, documents=data.documents)


def split_by_group(
    groups: Int[Tensor, " example"],
    labels: Bool[Tensor, "truths feature"],
    fraction: float = 0.25,
    seed: int = 0,
    *,
    documents: Int[Tensor, " rows"] | None = None,
) -> tuple[Int[Tensor, " train"], Int[Tensor, " test"]]:
    """Return indices of examples to fit on and of examples to judge by, which share no group.

    Args:
        groups: examples with one number stay together.
        labels: each feature is to be true and false somewhere on both sides.
        fraction: least share of the examples in the groups that are held out.
        seed: of the choice.
        documents: a document whose groups fall on both sides goes to one of them, by chance, and
            its examples of the other side are left out; None: documents may be shared.

    Returns:
        (train, test), each in rising order.

    Raises:
        ValueError: lengths differ, the fraction is not between 0 and 1, or no choice of groups
            leaves both classes of every feature on both sides.
    """
    if len(groups) != len(labels) or (documents is not None and len(documents) != len(groups)):
        raise ValueError(f"expected a group for each of {len(labels)} examples, got {len(groups)}")
    if not 0 < fraction < 1:
        raise ValueError(f"expected a fraction between 0 and 1, got {fraction}, try 0.25")
    generator = torch.Generator().manual_seed(seed)
    group = groups.unique(return_inverse=True)[1].cpu()
    document = None if documents is None else documents.unique(return_inverse=True)[1].cpu()
    lacking = torch.ones(labels.shape[1], dtype=torch.bool)
    for _ in range(TRIES):
        train, test = _drawn(group, document, fraction, generator)
        here = [labels[side.to(labels.device)].cpu() for side in (train, test)]
        lacks = torch.stack([(~x.any(0)) | x.all(0) if len(x) else lacking | True for x in here])
        if not lacks.any():
            return train.to(groups.device), test.to(groups.device)
        lacking = lacks.any(0)
    raise ValueError(
        "expected both classes of every feature in groups on both sides, got too few groups for "
        f"features {lacking.nonzero().flatten().tolist()}, try more documents or fewer features"
    )


def _drawn(
    group: Int[Tensor, " example"],
    document: Int[Tensor, " example"] | None,
    fraction: float,
    generator: torch.Generator,
) -> tuple[Int[Tensor, " train"], Int[Tensor, " test"]]:
    """Return one random division."""
    sizes = group.bincount()
    order = torch.randperm(len(sizes), generator=generator)
    before = sizes[order].cumsum(0) - sizes[order]
    chosen = torch.zeros(len(sizes), dtype=torch.bool)
    chosen[order[before < fraction * len(group)]] = True
    test = chosen[group]
    train = ~test
    if document is not None:
        n_documents = int(document.max()) + 1
        held = torch.zeros(n_documents).index_add_(0, document, test.float())
        mixed = (held > 0) & (held < document.bincount())
        to_test = torch.rand(n_documents, generator=generator) < 0.5
        train &= ~(mixed & to_test)[document]
        test &= ~(mixed & ~to_test)[document]
    return train.nonzero().flatten(), test.nonzero().flatten()


def balanced(
    labels: Bool[Tensor, "example feature"], seed: int = 0
) -> Bool[Tensor, "example feature"]:
    """Return for each feature a choice of examples of which half have it.

    All examples of the rarer class are taken and equally many of the other, so that a guess is
    right half the time. As a mask it fits many probes at once, as `weights` of `fit_probes`.

    Args:
        labels: the classes.
        seed: of the choice.

    Returns:
        True where the example is taken for the feature.

    Raises:
        ValueError: a feature with one class only.
    """
    counts = labels.sum(0)
    fewer = torch.minimum(counts, len(labels) - counts)
    if (fewer == 0).any():
        one = (fewer == 0).nonzero().flatten().tolist()
        raise ValueError(f"expected both classes of every feature, got one only of {one}")
    generator = torch.Generator().manual_seed(seed)
    noise = torch.rand(labels.shape, generator=generator).to(labels.device)
    # Rank examples within their class at random; the first `fewer` of each class are taken.
    rank = torch.where(labels, noise, noise + 1).argsort(0).argsort(0)
    return torch.where(labels, rank < fewer, (rank >= counts) & (rank < counts + fewer))


def scaled(data: ProbeData, train: Int[Tensor, " train"]) -> ProbeData:
    """Return the data with each layer's activations divided by one number, their spread.

    One penalty then means the same in every layer and at every checkpoint, while large neurons
    stay larger than small ones.

    Args:
        data: examples.
        train: those from which the spread is taken, as the root mean square around each mean.

    Returns:
        Data whose variance, averaged over neurons, is 1 in each layer.
    """
    variance = data.activations[:, train].var(dim=1, correction=0).mean(dim=1)
    spread = torch.where(variance > 0, variance, 1).sqrt()
    return replace(data, activations=data.activations / spread[:, None, None])
