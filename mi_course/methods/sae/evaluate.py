"""One dictionary, all that the course measures of it; many dictionaries in one table.

Means over features or labels come with intervals: features are drawn again with replacement, and
the middle 95 % of the means that result is told. In go a bridge, dictionaries and
`LabelledActivations`; out come `SAEScores`, a `DictionaryTable`, and `MomentCorrelations`.

Sources: [Cunningham23], figures 2 and 4 and the appendix on skew and kurtosis.
"""

from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor
from transformer_lens.model_bridge import TransformerBridge

from mi_course.methods.sae.autointerp import Explainer, Simulator, interpretability
from mi_course.methods.sae.dictionary import Dictionary
from mi_course.methods.sae.explaining import LabelSimulator, label_explainer
from mi_course.methods.sae.label_scores import label_f1
from mi_course.methods.sae.labelled import LabelledActivations
from mi_course.methods.sae.matching import mmcs
from mi_course.methods.sae.reconstruction import reconstruction_scores
from mi_course.methods.sae.splice import splice_losses
from mi_course.results import DictionaryTable, MomentCorrelations, SAEScores

__all__ = ["bootstrap_interval", "dictionary_table", "evaluate_sae", "moment_correlations"]


def evaluate_sae(
    model: TransformerBridge,
    dictionary: Dictionary,
    data: LabelledActivations,
    *,
    truth: Float[Tensor, "n_planted d_in"] | None = None,
    explainer: Explainer | None = None,
    simulator: Simulator | None = None,
    n_latents: int | None = None,
    splice_documents: int = 64,
    seed: int = 0,
    chunk: int = 4096,
) -> SAEScores:
    """Return everything that is measured of a dictionary at the place that it reads.

    Args:
        model: the bridge that the activations are from.
        dictionary: a sparse autoencoder, or a baseline.
        data: from `labelled_activations` at the dictionary's hook.
        truth: planted directions, where there are any.
        explainer: of features; by the town's labels when None.
        simulator: of activations; by the town's labels when None.
        n_latents: features that are explained; all when None.
        splice_documents: documents that the model reads with the reconstruction in place.
        seed: of draws.
        chunk: tokens that are encoded at a time.

    Returns:
        Scores, on the CPU.

    Raises:
        ValueError: activations without texts, or of another width than the dictionary's.
    """
    if data.texts is None:
        raise ValueError("expected activations of a model's texts, got none, try label_f1 alone")
    reconstruction = reconstruction_scores(dictionary, data.x, chunk=chunk)
    tokens, counted = (
        values[:splice_documents] for values in (data.texts.tokens, data.texts.counted)
    )
    words = model.tokenizer.decode
    return SAEScores(
        reconstruction=reconstruction,
        splice=splice_losses(model, tokens, counted, data.hook, dictionary),
        labels=label_f1(dictionary, data, chunk=chunk),
        interpretability=interpretability(
            dictionary,
            data,
            explainer or label_explainer(dictionary, data, words=words, chunk=chunk),
            simulator or LabelSimulator(data),
            n_latents=n_latents,
            seed=seed,
            chunk=chunk,
        ),
        mmcs=None if truth is None else mmcs(truth, dictionary.directions),
    )


def dictionary_table(
    scores: Sequence[SAEScores], *, n_resamples: int = 2000, level: float = 0.95, seed: int = 0
) -> DictionaryTable:
    """Return the scores of several dictionaries side by side, with intervals.

    Args:
        scores: one for each dictionary.
        n_resamples: samples of features, or of labels, drawn with replacement.
        level: fraction of the samples' means that an interval holds.
        seed: of the draws.

    Returns:
        A row for each dictionary.

    Raises:
        ValueError: no dictionary.
    """
    if not scores:
        raise ValueError("expected the scores of at least one dictionary, got none")

    def intervals(values: list[Tensor]) -> Float[Tensor, "dictionary 3"]:
        some = {"n_resamples": n_resamples, "level": level, "seed": seed}
        return torch.stack([bootstrap_interval(each, **some) for each in values])

    return DictionaryTable(
        names=tuple(each.name for each in scores),
        n_features=tuple(len(each.reconstruction.density) for each in scores),
        l0=torch.tensor([each.reconstruction.l0 for each in scores]),
        fvu=torch.tensor([each.reconstruction.fvu for each in scores]),
        dead=torch.tensor([each.reconstruction.dead for each in scores]),
        recovered=torch.tensor([each.splice.recovered for each in scores]),
        kl=torch.tensor([each.splice.kl for each in scores]),
        perplexity=torch.tensor([each.splice.perplexities[1] for each in scores]),
        interpretability=intervals([each.interpretability.top_and_random for each in scores]),
        latent_gain=intervals([_gain(each) for each in scores]),
        label_f1=intervals([each.labels.f1 for each in scores]),
        told=tuple(len(each.labels.above(0.8)) for each in scores),
        level=level,
    )


def _gain(scores: SAEScores) -> Float[Tensor, " latent"]:
    """Return how well every feature that is ever active tells its best label."""
    return scores.labels.latent_gain[scores.reconstruction.density > 0]


def bootstrap_interval(
    values: Float[Tensor, " sample"],
    *,
    n_resamples: int = 2000,
    level: float = 0.95,
    seed: int = 0,
    chunk: int = 100,
) -> Float[Tensor, "3"]:
    """Return the mean of values, and between which numbers it would be for other samples.

    Args:
        values: one for each feature or label.
        n_resamples: samples drawn with replacement.
        level: fraction of their means that the interval holds.
        seed: of the draws.
        chunk: samples drawn at a time.

    Returns:
        Mean, lower and upper end.

    Raises:
        ValueError: no value, or a level outside 0 to 1.
    """
    if not len(values) or not 0 < level < 1 or n_resamples < 1:
        raise ValueError(
            f"expected at least one value, one sample and a level between 0 and 1, got "
            f"{len(values)}, {n_resamples} and {level}"
        )
    generator = torch.Generator().manual_seed(seed)
    values, means = values.double().cpu(), []
    for start in range(0, n_resamples, chunk):
        shape = (min(chunk, n_resamples - start), len(values))
        means.append(values[torch.randint(len(values), shape, generator=generator)].mean(1))
    ends = torch.tensor([(1 - level) / 2, (1 + level) / 2], dtype=torch.float64)
    return torch.cat([values.mean()[None], torch.cat(means).quantile(ends)]).float()


def moment_correlations(scores: Sequence[SAEScores]) -> MomentCorrelations:
    """Return how the score of an explanation goes with skew and kurtosis of the activation.

    Args:
        scores: of one dictionary or of several.

    Returns:
        Every explained feature with its moments, and correlations over all of them.

    Raises:
        ValueError: no dictionary.
    """
    if not scores:
        raise ValueError("expected the scores of at least one dictionary, got none")
    found = [(each.interpretability, each.reconstruction) for each in scores]
    score = torch.cat([told.top_and_random for told, _ in found])
    skew = torch.cat([shape.skew[told.latents] for told, shape in found])
    kurtosis = torch.cat([shape.kurtosis[told.latents] for told, shape in found])
    return MomentCorrelations(
        score=score,
        skew=skew,
        kurtosis=kurtosis,
        dictionary=torch.arange(len(found)).repeat_interleave(
            torch.tensor([len(told.latents) for told, _ in found])
        ),
        with_skew=_pearson(score, skew),
        with_kurtosis=_pearson(score, kurtosis),
        ranks_with_skew=_pearson(_ranks(score), _ranks(skew)),
        ranks_with_kurtosis=_pearson(_ranks(score), _ranks(kurtosis)),
        names=tuple(each.name for each in scores),
    )


def _pearson(a: Float[Tensor, " latent"], b: Float[Tensor, " latent"]) -> float:
    a, b = (x.double() - x.double().mean() for x in (a, b))
    below = (a.norm() * b.norm()).item()
    return (a @ b).item() / below if below > 0 else 0.0


def _ranks(values: Float[Tensor, " latent"]) -> Float[Tensor, " latent"]:
    """Return each value's place in the order; equal ones share the mean of theirs."""
    _, which, counts = values.unique(return_inverse=True, return_counts=True)
    last = counts.cumsum(0).float()
    return (last - (counts - 1) / 2)[which]
