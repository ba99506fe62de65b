"""Activations beside the town's labels: what a dictionary of features is judged on.

Each token (BOS left out) has an activation at one hook and every label of the town that holds for
it. Documents are halved: what is chosen (a latent, a threshold, an explanation) is chosen on one
half and judged on the other. In go a bridge with a fast tokenizer and a full hook name; out comes
`LabelledActivations`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from einops import rearrange
from jaxtyping import Bool, Float, Int
from torch import Tensor
from transformer_lens.model_bridge import TransformerBridge

from mi_course.activations import record
from mi_course.methods.probing.texts import TownTexts, town_texts
from mi_course.worlds.town.label_sets import COLLECTIONS
from mi_course.worlds.town.labels import label_masks

__all__ = ["LabelledActivations", "activations_at", "labelled_activations", "town_labels"]

BATCH = 32
LEAST = 30  # tokens with a label in each half: F1 of fewer is mostly chance


@dataclass(frozen=True, eq=False)
class LabelledActivations:
    """Activations of all tokens, with their labels.

    Attributes:
        x: what flows through the hook.
        labels: which labels each token has.
        names: of the labels, as "collection: label".
        document: each token's document, by number.
        token_ids: each token's place in the vocabulary.
        hook: where the activations are from.
        texts: the documents; None where the activations are no model's.
    """

    x: Float[Tensor, "token d_in"]
    labels: Bool[Tensor, "token label"]
    names: tuple[str, ...]
    document: Int[Tensor, " token"]
    token_ids: Int[Tensor, " token"]
    hook: str = ""
    texts: TownTexts | None = None

    def __post_init__(self) -> None:
        rows = {len(getattr(self, name)) for name in ("x", "labels", "document", "token_ids")}
        if len(rows) != 1 or self.labels.shape[1] != len(self.names):
            raise ValueError(
                f"expected labels {list(self.names)[:3]}... of each token of x, got "
                f"{list(self.labels.shape)} labels for {list(self.x.shape)} activations"
            )
        if not len(self.x) or not self.x.isfinite().all():
            raise ValueError("expected at least one token and finite activations, got none or NaN")

    @property
    def fit(self) -> Bool[Tensor, " token"]:
        """Return which tokens are for choosing: those of documents with an even number."""
        return self.document % 2 == 0

    def column(self, name: str) -> int:
        """Return the place of a label, such as "text_feature: dna".

        Raises:
            ValueError: there is no such label.
        """
        if name not in self.names:
            raise ValueError(f"expected one of {list(self.names)}, got {name!r}")
        return self.names.index(name)


def labelled_activations(
    model: TransformerBridge,
    hook: str,
    *,
    n_documents: int = 400,
    collections: Sequence[str] | None = None,
    least: int = LEAST,
    weights: Mapping[str, float | int] | None = None,
    split: str = "train",
    seed: int = 0,
    context: int = 128,
    batch_size: int = BATCH,
) -> LabelledActivations:
    """Return activations at one hook on documents of the town, with every label.

    Args:
        model: any bridge with a fast tokenizer.
        hook: full name, such as "blocks.2.hook_resid_post".
        n_documents: how many.
        collections: keys of `COLLECTIONS`; all of them when None.
        least: tokens in each half that a label must have to be kept.
        weights: shares of document kinds; those of the town when None.
        split: "train", in the words that the model was trained on, or "heldout".
        seed: of the documents.
        context: tokens of a document that are kept, a BOS included.
        batch_size: rows in one forward pass.

    Returns:
        Activations in single precision, on the model's device.

    Raises:
        ValueError: an unknown collection or hook, or no label that is frequent enough.
    """
    drawn = {"n_documents": n_documents, "weights": weights, "split": split, "seed": seed}
    texts = town_texts(model, **drawn, context=context)
    x = activations_at(model, texts.tokens, texts.counted, hook, batch_size=batch_size)
    labels, names = town_labels(texts, collections, least=least)
    rows = torch.arange(len(texts.tokens), device=texts.tokens.device)
    document = rows[:, None].expand_as(texts.tokens)[texts.counted]
    return LabelledActivations(
        x, labels, names, document, texts.tokens[texts.counted], hook=hook, texts=texts
    )


def activations_at(
    model: TransformerBridge,
    tokens: Int[Tensor, "document pos"],
    counted: Bool[Tensor, "document pos"],
    hook: str,
    *,
    batch_size: int = BATCH,
) -> Float[Tensor, "token d_in"]:
    """Return what flows through a hook at the tokens that count.

    Args:
        model: any bridge.
        tokens: padded rows.
        counted: true for tokens to keep, neither BOS nor padding.
        hook: full name; axes after the position are flattened to one.
        batch_size: rows in one forward pass.

    Returns:
        Activations in single precision, document by document.

    Raises:
        ValueError: an unknown hook.
    """
    parts = []
    for rows, here in zip(tokens.split(batch_size), counted.split(batch_size), strict=True):
        parts.append(record(model, rows, hook)[hook][here.to(rows.device)].float())
    return rearrange(torch.cat(parts), "token ... -> token (...)")


def town_labels(
    texts: TownTexts, collections: Sequence[str] | None = None, *, least: int = LEAST
) -> tuple[Bool[Tensor, "token label"], tuple[str, ...]]:
    """Return which labels each token has, and the labels' names.

    Args:
        texts: documents of the town.
        collections: keys of `COLLECTIONS`; all of them when None.
        least: tokens in each half of the documents that a label must have to be kept.

    Returns:
        Labels on the device of the texts, and names as "collection: label". Of labels that hold
        for exactly the same tokens the first is kept.

    Raises:
        ValueError: an unknown collection, or no label that is frequent enough.
    """
    chosen = list(COLLECTIONS) if collections is None else list(collections)
    unknown = [name for name in chosen if name not in COLLECTIONS]
    if unknown:
        raise ValueError(f"expected collections of {sorted(COLLECTIONS)}, got {unknown}")
    wanted = {name: COLLECTIONS[name].labels for name in chosen}
    masks = label_masks(texts.documents, texts.offsets, wanted)
    names = [f"{name}: {label}" for name in chosen for label in wanted[name]]
    everything = torch.cat([torch.from_numpy(masks[name]) for name in chosen])
    even = torch.tensor([i % 2 == 0 for i, pairs in enumerate(texts.offsets) for _ in pairs])
    enough = (everything & even).sum(1).ge(least) & (everything & ~even).sum(1).ge(least)
    different = {everything[i].numpy().tobytes(): i for i in reversed(enough.nonzero()[:, 0])}
    kept = sorted(int(i) for i in different.values())
    if not kept:
        raise ValueError(
            f"expected a label with at least {least} tokens in each half, got none in "
            f"{len(texts.documents)} documents, try more documents"
        )
    labels = everything[kept].T.contiguous().to(texts.tokens.device)
    return labels, tuple(names[i] for i in kept)
