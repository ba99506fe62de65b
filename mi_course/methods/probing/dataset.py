"""Activations of every layer beside the town's labels, ready for a probe.

Documents are drawn, examples chosen, and the model reads each document once; only the chosen
positions are kept while it reads, so memory is that of the result and of one batch. In go a
bridge with a tokenizer, a collection and a hook; out comes a `ProbeData` in single precision on
the model's device.

Source: Gurnee et al. (2023), "Finding Neurons in a Haystack", section 3 and appendix A.
"""

import itertools
import random
from collections import Counter
from collections.abc import Sequence
from typing import Any

import torch
from einops import rearrange
from jaxtyping import Float, Int
from torch import Tensor
from transformer_lens.model_bridge import TransformerBridge

from mi_course.activations import device_of, record
from mi_course.methods.probing.examples import (
    AGGREGATIONS,
    Example,
    examples_of,
    kind_weights,
    known,
)
from mi_course.results import ProbeData
from mi_course.worlds.town.corpus import stream
from mi_course.worlds.town.document import Document
from mi_course.worlds.town.label_sets import COLLECTIONS
from mi_course.worlds.town.orthography import Offsets

HOOKS = {
    "resid_pre": "hook_resid_pre",
    "resid_mid": "hook_resid_mid",
    "resid_post": "hook_resid_post",
    "attn_out": "hook_attn_out",
    "mlp_out": "hook_mlp_out",
    "mlp_pre": "mlp.hook_pre",
    "mlp_post": "mlp.hook_post",
    "z": "attn.hook_z",
}
RESTS = ("labelled", "all")


def hook_names(model: TransformerBridge, hook: str, layers: Sequence[int] | None) -> list[str]:
    """Return the full names of one kind of hook, by layer.

    Raises:
        ValueError: an unknown kind of hook, or a layer that the model does not have.
    """
    if hook not in HOOKS:
        raise ValueError(f"expected a hook of {list(HOOKS)}, got {hook!r}, try 'resid_post'")
    n_layers = model.cfg.n_layers
    chosen = range(n_layers) if layers is None else layers
    outside = [layer for layer in chosen if not 0 <= layer < n_layers]
    if outside or not len(chosen):
        raise ValueError(f"expected layers from 0 to {n_layers - 1}, got {list(chosen)}")
    return [f"blocks.{layer}.{HOOKS[hook]}" for layer in chosen]


def collect(
    model: TransformerBridge,
    collection: str,
    *,
    hook: str = "resid_post",
    layers: Sequence[int] | None = None,
    labels: Sequence[str] | None = None,
    aggregation: str = "token",
    rest: str = "labelled",
    n_documents: int = 400,
    per_label: int = 300,
    kinds: Sequence[str] | None = None,
    split: str = "train",
    seed: int = 0,
    context: int = 128,
    batch_size: int = 16,
) -> ProbeData:
    """Return activations at chosen tokens of documents, with the labels of a collection.

    Args:
        model: any bridge with a fast tokenizer.
        collection: a key of `COLLECTIONS`.
        hook: a key of `HOOKS`.
        layers: all of them when None.
        labels: the features; all labels of the collection that occur when None.
        aggregation: "token": an example is a token; "last": the last token of a labelled span;
            "mean": the mean over the tokens of a document that carry one label (all of it for a
            label of documents).
        rest: "labelled": examples without any label of the collection are left out, so that a
            language is told from the other languages; "all": they stay, at most as many as
            those with a label.
        n_documents: documents that are read.
        per_label: most examples of each label; what is left out is chosen by `seed`.
        kinds: document kinds; those that hold the labels when None, mixed so that labels are
            about equally frequent.
        split: "train" or "heldout" documents of the town.
        seed: of documents and choices.
        context: tokens of a document that are read, a BOS included.
        batch_size: documents in one forward pass.

    Returns:
        The data; `ProbeData.groups` numbers what `GROUPS` names for the collection.

    Raises:
        ValueError: an unknown hook, collection, label, aggregation or rest; a layer out of range;
            labels that no document has; a model without a fast tokenizer.
    """
    names = hook_names(model, hook, layers)
    if n_documents < 1:
        raise ValueError(f"expected at least one document, got {n_documents}, try 400")
    _check(model, collection, aggregation, rest, labels)
    weights = kind_weights(collection, labels or ()) if kinds is None else _equal(kinds)
    drawn = stream(f"probing/{seed}", split=split, weights=weights)
    documents = list(itertools.islice(drawn, n_documents))
    rows, offsets = tokenized(model, documents, min(context, model.cfg.n_ctx))
    found = [
        example
        for i, (document, pairs) in enumerate(zip(documents, offsets, strict=True))
        for example in examples_of(i, document, pairs, collection, aggregation)
    ]
    features = _features(found, collection, labels)
    chosen = _chosen(found, rest, per_label, seed)
    if not chosen:
        raise ValueError(f"expected examples of {collection}, got none, try other kinds")
    # Positions were counted without the BOS that stands before them.
    shift = len(_before(model))
    chosen = [e._replace(positions=tuple(p + shift for p in e.positions)) for e in chosen]
    return _data(
        _activations(model, names, rows, chosen, batch_size),
        chosen,
        features,
        rows,
        layers=tuple(range(model.cfg.n_layers) if layers is None else layers),
        hook=hook,
        collection=collection,
    )


def tokenized(
    model: TransformerBridge, documents: Sequence[Document], context: int
) -> tuple[list[list[int]], list[Offsets]]:
    """Return the token ids of documents, BOS first where there is one, and offsets without it."""
    tokenizer: Any = model.tokenizer
    start = _before(model)
    encoded = tokenizer(
        [document.text for document in documents],
        add_special_tokens=False,
        return_offsets_mapping=True,
    )
    room = context - len(start)
    rows = [[*start, *ids[:room]] for ids in encoded["input_ids"]]
    return rows, [pairs[:room] for pairs in encoded["offset_mapping"]]


def _before(model: TransformerBridge) -> list[int]:
    bos = model.tokenizer.bos_token_id
    return [] if bos is None else [bos]


def _equal(kinds: Sequence[str]) -> dict[str, float]:
    return dict.fromkeys(kinds, 1.0)


def _check(
    model: TransformerBridge,
    collection: str,
    aggregation: str,
    rest: str,
    labels: Sequence[str] | None,
) -> None:
    known(collection)
    for label in labels or ():
        COLLECTIONS[collection].number(label)
    if aggregation not in AGGREGATIONS:
        raise ValueError(f"expected an aggregation of {AGGREGATIONS}, got {aggregation!r}")
    if rest not in RESTS:
        raise ValueError(f"expected rest of {RESTS}, got {rest!r}")
    if not getattr(model.tokenizer, "is_fast", False):
        raise ValueError(
            "expected a model with a fast tokenizer, which tells each token's characters, got "
            f"{type(model.tokenizer).__name__}, try models.load('town')"
        )


def _features(
    found: list[Example], collection: str, labels: Sequence[str] | None
) -> dict[int, str]:
    """Return number -> name of the labels that are features, in the collection's order."""
    seen = {label for example in found for label in example.labels}
    every = COLLECTIONS[collection].labels
    if labels is None:
        return {number: every[number] for number in sorted(seen)}
    wanted = {COLLECTIONS[collection].number(label): label for label in labels}
    if absent := [label for number, label in wanted.items() if number not in seen]:
        raise ValueError(f"expected documents with {absent}, got none, try more documents")
    return wanted


def _chosen(found: list[Example], rest: str, per_label: int, seed: int) -> list[Example]:
    """Return at most `per_label` examples of each label, those of one document side by side."""
    order = random.Random(f"examples/{seed}").sample(found, len(found))
    counts: Counter[int] = Counter()
    kept, others = [], []
    for example in order:
        if not example.labels:
            others.append(example)
        elif any(counts[label] < per_label for label in example.labels):
            counts.update(example.labels)
            kept.append(example)
    if rest == "all":
        kept += others[: max(len(kept), per_label)]
    return sorted(kept)


def _activations(
    model: TransformerBridge,
    names: list[str],
    rows: list[list[int]],
    chosen: list[Example],
    batch_size: int,
) -> Float[Tensor, "layer example d_in"]:
    """Return each example's mean activation; whole activations live for one batch only."""
    of_document: dict[int, list[int]] = {}
    for number, example in enumerate(chosen):
        of_document.setdefault(example.document, []).append(number)
    # Documents of one length share a batch, so that little is padded.
    order = sorted(of_document, key=lambda document: (len(rows[document]), document))
    device, result = device_of(model), None
    for first in range(0, len(order), batch_size):
        batch = order[first : first + batch_size]
        recorded = record(model, _padded([rows[document] for document in batch], device), names)
        triples = [
            (number, row, position, 1 / len(chosen[number].positions))
            for row, document in enumerate(batch)
            for number in of_document[document]
            for position in chosen[number].positions
        ]
        example, row, position, share = (
            torch.tensor(column, device=device) for column in zip(*triples, strict=True)
        )
        for layer, name in enumerate(names):
            seen = rearrange(recorded[name][row, position], "chosen ... -> chosen (...)").float()
            if result is None:
                result = torch.zeros(len(names), len(chosen), seen.shape[1], device=device)
            result[layer].index_add_(0, example, seen * share.float()[:, None])
    assert result is not None
    return result


def _padded(rows: list[list[int]], device: torch.device) -> Int[Tensor, "batch pos"]:
    # What follows a text changes nothing before it: attention looks back.
    longest = max(map(len, rows))
    return torch.tensor([row + [0] * (longest - len(row)) for row in rows], device=device)


def _data(
    activations: Float[Tensor, "layer example d_in"],
    chosen: list[Example],
    features: dict[int, str],
    rows: list[list[int]],
    *,
    layers: tuple[int, ...],
    hook: str,
    collection: str,
) -> ProbeData:
    device = activations.device
    groups = {group: i for i, group in enumerate(sorted({example.group for example in chosen}))}
    labels = [[number in example.labels for number in features] for example in chosen]
    tokens = [rows[example.document][example.positions[-1]] for example in chosen]
    return ProbeData(
        activations=activations,
        labels=torch.tensor(labels, device=device),
        features=tuple(features.values()),
        groups=torch.tensor([groups[example.group] for example in chosen], device=device),
        documents=torch.tensor([example.document for example in chosen], device=device),
        tokens=torch.tensor(tokens, device=device),
        layers=layers,
        hook=hook,
        collection=collection,
    )
