"""Explanations without a language model: the label, or the tokens, that a feature goes with.

On one half of the documents every feature's activation is correlated with every label of the town,
and with the presence of its 1, 2, ... 20 most exciting tokens of the vocabulary. The best of all
is the explanation; the simulator says 1 where it holds and 0 elsewhere.

    corr = (sum of acts where it holds - p sum of acts) / (N spread sqrt(p (1 - p)))

In go a dictionary and `LabelledActivations`; out come an explainer and a simulator for
`interpretability`.
"""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor

from mi_course.methods.sae.autointerp import Explanation
from mi_course.methods.sae.dictionary import Dictionary, check_width
from mi_course.methods.sae.labelled import LabelledActivations

__all__ = ["LabelExplainer", "LabelSimulator", "label_explainer"]

MOST = 20  # tokens of the vocabulary in an explanation
RARE = 3  # a token must occur so often before its mean activation is believed


@dataclass(frozen=True, eq=False)
class LabelExplainer:
    """Says for each feature the label or the tokens that go with it best.

    Attributes:
        label: the best label of each feature.
        label_correlation: with it, on the half that explains.
        token_ids: each feature's most exciting tokens, the most exciting first.
        n_tokens: how many of these go with it best.
        token_correlation: with their presence, on the half that explains.
        names: of the labels.
        words: the text of a token of the vocabulary.
    """

    label: Int[Tensor, " latent"]
    label_correlation: Float[Tensor, " latent"]
    token_ids: Int[Tensor, "latent most"]
    n_tokens: Int[Tensor, " latent"]
    token_correlation: Float[Tensor, " latent"]
    names: tuple[str, ...]
    words: Callable[[int], str] = str

    def explain(
        self, latent: int, tokens: Int[Tensor, "fragment pos"], acts: Float[Tensor, "fragment pos"]
    ) -> Explanation:
        """Return what was found for a feature; the fragments are not needed."""
        del tokens, acts  # an explainer that asks a language model reads them
        if self.label_correlation[latent] >= self.token_correlation[latent]:
            label = int(self.label[latent])
            return Explanation(self.names[label], label=label)
        ids = self.token_ids[latent, : self.n_tokens[latent]].tolist()
        return Explanation(
            "tokens " + ", ".join(repr(self.words(i)) for i in ids), token_ids=tuple(ids)
        )


@dataclass(frozen=True, eq=False)
class LabelSimulator:
    """Predicts 1 where an explanation's label or one of its tokens is, else 0.

    Attributes:
        data: whose labels and tokens are read.
    """

    data: LabelledActivations

    def simulate(
        self, explanation: Explanation, tokens: Int[Tensor, "fragment pos"]
    ) -> Float[Tensor, "fragment pos"]:
        """Return 1 or 0 for each token.

        Raises:
            ValueError: an explanation in words only.
        """
        if explanation.label is not None:
            return self.data.labels[tokens, explanation.label].float()
        if not explanation.token_ids:
            raise ValueError(
                f"expected an explanation by a label or tokens, got {explanation.text!r}, try "
                "ChatSimulator"
            )
        ids = torch.tensor(explanation.token_ids, device=tokens.device)
        return torch.isin(self.data.token_ids[tokens], ids).float()


@torch.no_grad()
def label_explainer(
    dictionary: Dictionary,
    data: LabelledActivations,
    *,
    words: Callable[[int], str] = str,
    chunk: int = 4096,
) -> LabelExplainer:
    """Return an explainer that knows every feature's correlations on one half of the documents.

    Args:
        dictionary: any dictionary.
        data: activations with labels.
        words: the text of a token of the vocabulary, such as `model.tokenizer.decode`.
        chunk: tokens that are encoded at a time.

    Returns:
        An explainer, on the device of the activations.

    Raises:
        ValueError: another width.
    """
    check_width(data.x, dictionary.d_in)
    x, labels = data.x[data.fit], data.labels[data.fit]
    vocabulary, token = data.token_ids[data.fit].unique(return_inverse=True)
    by_label = torch.zeros(dictionary.n_features, labels.shape[1], device=x.device)
    by_token = torch.zeros(len(vocabulary), dictionary.n_features, device=x.device)
    square = torch.zeros(dictionary.n_features, device=x.device)
    parts = (values.split(chunk) for values in (x, labels, token))
    for some, held, ids in zip(*parts, strict=True):
        codes = dictionary.encode(some).float()
        by_label += codes.T @ held.float()
        by_token.index_add_(0, ids, codes)
        square += codes.square().sum(0)
    n, total = len(x), by_token.sum(0)
    spread = (square / n - (total / n).square()).clamp(min=0).sqrt()
    fits = _correlation(by_label, labels.sum(0).float(), total[:, None], spread[:, None], n)
    chosen, sums, counts = _most_exciting(by_token, torch.bincount(token))
    tokens = _correlation(sums.cumsum(1), counts.cumsum(1), total[:, None], spread[:, None], n)
    return LabelExplainer(
        label=fits.argmax(1),
        label_correlation=fits.amax(1),
        token_ids=vocabulary[chosen],
        n_tokens=tokens.argmax(1) + 1,
        token_correlation=tokens.amax(1),
        names=data.names,
        words=words,
    )


def _most_exciting(
    by_token: Float[Tensor, "token latent"], counts: Int[Tensor, " token"]
) -> tuple[Int[Tensor, "latent most"], Float[Tensor, "latent most"], Float[Tensor, "latent most"]]:
    """Return each feature's tokens of highest mean activation, with their sums and numbers."""
    means = by_token / counts[:, None]
    means[counts < min(RARE, int(counts.max()))] = -1
    chosen = means.topk(min(MOST, len(counts)), dim=0).indices.T
    sums = by_token.T.gather(1, chosen)
    return chosen, sums, counts.float()[chosen]


def _correlation(
    sums: Float[Tensor, "latent choice"],
    counts: Float[Tensor, "*latent choice"],
    total: Float[Tensor, "latent 1"],
    spread: Float[Tensor, "latent 1"],
    n: int,
) -> Float[Tensor, "latent choice"]:
    """Return the correlation of activations with the presence of something, from sums alone."""
    share = counts / n
    below = n * spread * (share * (1 - share)).clamp(min=0).sqrt()
    return torch.where(below > 0, (sums - share * total) / below.clamp(min=1e-12), 0)
