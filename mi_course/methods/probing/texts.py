"""Every token of some documents: labels of any collection, activations of any layer, losses.

Probes are fitted on chosen examples; what a neuron does elsewhere shows only on all tokens of a
text. In go a bridge with a fast tokenizer and a seed; out comes `TownTexts`, whose tokens (without
BOS) are numbered through all documents.
"""

import itertools
from collections.abc import Mapping
from dataclasses import dataclass

import torch
from einops import rearrange
from jaxtyping import Bool, Float, Int
from torch import Tensor
from transformer_lens.model_bridge import TransformerBridge

from mi_course.activations import Edit, device_of, edit, record
from mi_course.methods.probing.dataset import hook_names, tokenized
from mi_course.metrics import cross_entropy_by_position
from mi_course.worlds.tasks.prompts import bos
from mi_course.worlds.town.corpus import stream
from mi_course.worlds.town.document import Document
from mi_course.worlds.town.label_sets import COLLECTIONS
from mi_course.worlds.town.labels import label_mask, label_matrix
from mi_course.worlds.town.orthography import Offsets

__all__ = ["TownTexts", "losses_of_texts", "town_texts"]

BATCH = 32


@dataclass(frozen=True, eq=False)
class TownTexts:
    """Documents as tokens.

    Attributes:
        documents: the documents.
        offsets: characters of each document's tokens, without BOS.
        tokens: padded on the right with 0; BOS first where there is one.
        counted: true for the documents' own tokens, neither BOS nor padding.
    """

    documents: tuple[Document, ...]
    offsets: tuple[Offsets, ...]
    tokens: Int[Tensor, "document pos"]
    counted: Bool[Tensor, "document pos"]

    def labels(self, collection: str, label: str) -> Bool[Tensor, " token"]:
        """Return which tokens have a label.

        Raises:
            ValueError: an unknown collection or label.
        """
        if collection not in COLLECTIONS:
            raise ValueError(f"expected a collection of {sorted(COLLECTIONS)}, got {collection!r}")
        mask = label_mask(self.documents, self.offsets, collection, label)
        return torch.from_numpy(mask).to(self.tokens.device)

    def label_numbers(self, collection: str) -> Int[Tensor, " token"]:
        """Return each token's label, as a number of the collection; -1 where it has none."""
        numbers = label_matrix(self.documents, self.offsets, [collection])[0]
        return torch.from_numpy(numbers).to(self.tokens.device, torch.long)

    def activations(
        self, model: TransformerBridge, layer: int, hook: str = "mlp_post"
    ) -> Float[Tensor, "token d_in"]:
        """Return what flows through one layer at each token.

        Raises:
            ValueError: an unknown hook, or no such layer.
        """
        (name,) = hook_names(model, hook, [layer])
        parts = []
        for rows, here in zip(self.tokens.split(BATCH), self.counted.split(BATCH), strict=True):
            parts.append(record(model, rows, name)[name][here].float())
        return rearrange(torch.cat(parts), "token ... -> token (...)")


def town_texts(
    model: TransformerBridge,
    *,
    n_documents: int = 200,
    weights: Mapping[str, float | int] | None = None,
    split: str = "train",
    seed: int = 0,
    context: int = 128,
) -> TownTexts:
    """Return the first tokens of some documents.

    Args:
        model: any bridge with a fast tokenizer.
        n_documents: how many.
        weights: shares of document kinds; those of the town when None.
        split: "train" or "heldout".
        seed: of the documents.
        context: tokens of a document that are kept, a BOS included.

    Returns:
        The texts, on the model's device.
    """
    shares = None if weights is None else {kind: float(w) for kind, w in weights.items()}
    drawn = stream(f"texts/{seed}", split=split, weights=shares)
    documents = tuple(itertools.islice(drawn, n_documents))
    rows, offsets = tokenized(model, documents, min(context, model.cfg.n_ctx))
    longest, start = max(map(len, rows)), len(bos(model.tokenizer))
    padded = [row + [0] * (longest - len(row)) for row in rows]
    place = torch.arange(longest)
    lengths = torch.tensor([len(row) for row in rows])[:, None]
    counted = (place >= start) & (place < lengths)
    device = device_of(model)
    return TownTexts(
        documents, tuple(offsets), torch.tensor(padded, device=device), counted.to(device)
    )


def losses_of_texts(
    model: TransformerBridge, texts: TownTexts, edits: Mapping[str, Edit] | None = None
) -> Float[Tensor, " token"]:
    """Return the loss at each token, in nats; 0 at a first token that nothing predicts.

    Args:
        model: any bridge.
        texts: what it reads.
        edits: what to change meanwhile.

    Returns:
        One number for each token.
    """
    parts = []
    for rows, here in zip(texts.tokens.split(BATCH), texts.counted.split(BATCH), strict=True):
        losses = cross_entropy_by_position(edit(model, rows, edits or {}), rows)
        parts.append(torch.nn.functional.pad(losses, (1, 0))[here])
    return torch.cat(parts)
