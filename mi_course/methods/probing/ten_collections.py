"""The ten collections of features of the paper, in the miniature of the town.

A feature is told from the other features of its collection, a compound word XY from the phrases XZ
and WY that share one of its words. What is held out: documents; for the facts about a person also
the given names, for the compound words also the sentence frames. The town has eight frames for
them in all, so about six are fitted on and two, in other documents, judged by.

Source: [Gurnee23], table 2. In goes a bridge; out comes the `SparseTable` of `table`.
"""

from collections.abc import Sequence
from dataclasses import replace

from transformer_lens.model_bridge import TransformerBridge

from mi_course.methods.probing.dataset import collect
from mi_course.methods.probing.table import METHODS, sparse_table
from mi_course.results import ProbeData, SparseTable

__all__ = [
    "AGGREGATION",
    "collection_data",
    "collection_table",
    "judged_features",
    "told_apart",
]

# The ten collections of the paper (the facts about a person are five questions), and what is read
# of an example's tokens: each one, their mean, or the last one.
AGGREGATION: dict[str, str] = {
    "part_of_speech": "token",
    "dependency": "token",
    "morphology": "token",
    "code_language": "mean",
    "natural_language": "mean",
    "text_feature": "token",
    "subset": "mean",
    "compound": "last",
    "latex": "token",
    "person_gender": "last",
    "person_alive": "last",
    "person_occupation": "last",
    "person_sport": "last",
    "person_party": "last",
}
# A document has few of the 81 phrases, so more of them are read.
MORE_DOCUMENTS: dict[str, int] = {"compound": 4}
RIVALS = ("distractor_XZ:", "distractor_WY:")  # which share a word with a compound XY
LEAST, LEAST_GROUPS = 10, 4  # that must have a label, and lack it, for it to be judged


def collection_table(
    model: TransformerBridge,
    *,
    collections: Sequence[str] = tuple(AGGREGATION),
    hook: str = "mlp_post",
    layers: Sequence[int] | None = None,
    n_documents: int = 400,
    per_label: int = 200,
    ks: Sequence[int] = range(1, 9),
    methods: Sequence[str] = METHODS,
    penalty: float | int = 1.0,
    candidates: int = 50,
    seconds: float | int = 1.0,
    seed: int = 0,
) -> SparseTable:
    """Return the table for collections of the town.

    Args:
        model: any bridge with a fast tokenizer.
        collections: keys of `AGGREGATION`: the ten of the paper.
        hook: a key of `dataset.HOOKS`.
        layers: all of them when None.
        n_documents: documents that are read, for each collection; four times as many for the
            compound words.
        per_label: most examples of each label.
        ks: how many neurons.
        methods: keys of `RANKINGS`, and "optimal".
        penalty: ridge strength on the sum of losses.
        candidates: neurons of highest F-statistic among which "optimal" searches.
        seconds: limit of each such search.
        seed: of documents and divisions.

    Returns:
        The table; labels that too few documents have are left out.

    Raises:
        ValueError: an unknown collection, hook or method, a layer or k out of range.
    """
    data = {
        name: collection_data(
            model,
            name,
            hook=hook,
            layers=layers,
            n_documents=n_documents,
            per_label=per_label,
            seed=seed,
        )
        for name in collections
    }
    return sparse_table(
        data,
        ks=ks,
        methods=methods,
        penalty=penalty,
        candidates=candidates,
        seconds=seconds,
        seed=seed,
    )


def collection_data(
    model: TransformerBridge,
    name: str,
    *,
    hook: str = "mlp_post",
    layers: Sequence[int] | None = None,
    n_documents: int = 400,
    per_label: int = 200,
    seed: int = 0,
) -> tuple[ProbeData, ...]:
    """Return the activations and labels of one collection; see `told_apart`, `collection_table`.

    Raises:
        ValueError: an unknown collection or hook, a layer out of range, or too few documents.
    """
    if name not in AGGREGATION:
        raise ValueError(f"expected a collection of {list(AGGREGATION)}, got {name!r}")
    data = collect(
        model,
        name,
        hook=hook,
        layers=layers,
        aggregation=AGGREGATION[name],
        n_documents=n_documents * MORE_DOCUMENTS.get(name, 1),
        per_label=per_label,
        seed=seed,
    )
    return told_apart(data)


def told_apart(data: ProbeData) -> tuple[ProbeData, ...]:
    """Return the data as it is judged: features with enough examples, against what they are told.

    Compound words are one by one, each with its two rivals alone: among all phrases the second
    word would nearly tell it.

    Raises:
        ValueError: no feature is left.
    """
    if data.collection != "compound":
        return (judged_features(data),)
    parts = []
    for name in data.features:
        if not name.startswith(RIVALS):
            beside = [name, *(rival + name for rival in RIVALS if rival + name in data.features)]
            rows = data.only(*beside).labels.any(dim=1).nonzero().flatten()
            parts.append(data.only(name).take(rows))
    return tuple(judged_features(part) for part in parts)


def judged_features(data: ProbeData) -> ProbeData:
    """Return the data with those features that enough examples and groups have, and lack.

    Raises:
        ValueError: no feature is left.
    """
    _, group = data.groups.unique(return_inverse=True)
    keep = []
    for f, truth in enumerate(data.labels.T):
        sides = (truth, ~truth)
        examples_ = min(int(side.sum()) for side in sides)
        groups = min(len(group[side].unique()) for side in sides)
        if examples_ >= LEAST and groups >= LEAST_GROUPS:
            keep.append(f)
    if not keep:
        raise ValueError(
            f"expected a feature of {data.collection} that at least {LEAST} examples in "
            f"{LEAST_GROUPS} groups have and as many lack, got none, try more documents"
        )
    return replace(
        data, labels=data.labels[:, keep], features=tuple(data.features[f] for f in keep)
    )
