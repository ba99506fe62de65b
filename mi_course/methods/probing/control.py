"""Control tasks: labels that mean nothing, to tell a probe that reads from one that remembers.

Each token type gets a random label, so a control task can be solved only by remembering types. A
probe is selective if it does well on the task and badly on its control.

    selectivity = accuracy on the task - accuracy on the control task

Source: [Hewitt19] "Designing and Interpreting Probes with Control Tasks", section 2.
"""

import torch
from einops import rearrange
from jaxtyping import Bool, Int
from torch import Tensor

from mi_course.methods.probing.linear import fit_probes
from mi_course.methods.probing.scores import classification_scores
from mi_course.methods.probing.splits import balanced, scaled, split
from mi_course.results import ProbeData, Selectivity

__all__ = ["control_labels", "selectivity"]


def control_labels(
    types: Int[Tensor, " example"], labels: Bool[Tensor, "truths feature"], seed: int = 0
) -> Bool[Tensor, "truths feature"]:
    """Return random labels, the same for every example of one type, each as frequent as the real.

    Types stand in random order, each as long as it is frequent, beside the examples' labels in
    order of frequency; a type gets the label at its middle. So a label's share differs from its
    real one by less than the most frequent type's.

    Args:
        types: what the label is a function of, such as token ids.
        labels: the real labels.
        seed: of the random order.

    Returns:
        Labels of the control task.

    Raises:
        ValueError: lengths differ.
    """
    if len(types) != len(labels):
        raise ValueError(f"expected a type for each of {len(labels)} labels, got {len(types)}")
    _, kind, sizes = types.cpu().unique(return_inverse=True, return_counts=True)
    order = torch.randperm(len(sizes), generator=torch.Generator().manual_seed(seed))
    middle = torch.empty_like(sizes)
    middle[order] = sizes[order].cumsum(0) - (sizes[order] + 1) // 2
    rows, row_of = labels.cpu().unique(dim=0, return_inverse=True)
    rank = row_of.bincount().argsort(descending=True, stable=True)
    in_order = rank.repeat_interleave(row_of.bincount()[rank])
    return rows[in_order[middle]][kind].to(labels.device)


def selectivity(
    data: ProbeData, *, penalty: float = 1.0, fraction: float = 0.25, seed: int = 0
) -> Selectivity:
    """Return the held-out accuracy of probes on a task and on its control task.

    Both are judged on equally many examples of each class, so that a guess scores 0.5.

    Args:
        data: examples with tokens, whose ids are the types; each layer is scaled to variance 1.
        penalty: ridge strength of the probes.
        fraction: share of the examples that is held out, in whole groups.
        seed: of split, control labels and balance.

    Returns:
        Accuracies by layer and feature.

    Raises:
        ValueError: a feature, or its control, has one class only on one side of the split.
    """
    train, test = split(data, fraction, seed)
    scale = scaled(data, train)
    both = torch.cat([data.labels, control_labels(data.tokens, data.labels, seed)], dim=1)
    probes = fit_probes(
        scale.activations[:, train],
        both[train],
        penalty=penalty,
        weights=balanced(both[train], seed),
    )
    logits = probes.logits(scale.activations[:, test])
    accuracy = classification_scores(
        rearrange(logits, "layer example feature -> layer feature example") > 0,
        both[test].T,
        counted=balanced(both[test], seed).T,
    ).accuracy
    task, control = accuracy.split(data.labels.shape[1], dim=1)
    return Selectivity(task, control, data.layers, data.features)
