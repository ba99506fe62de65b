"""Can a feature be put in words? An explanation is worth what it predicts.

An explainer reads fragments of one half of the documents and says what a feature responds to; a
simulator reads only the explanation and predicts the activation on fragments of the other half.
The score is their correlation over the tokens of the top and of random fragments together.

    score = corr(simulated, true)      1: the words say it all, 0: they predict nothing

Both parts can be exchanged: `explaining` has a pair that needs no language model, `chat` one that
asks a language model. Sources: Bills et al. (2023), "Language models can explain neurons in
language models"; [Cunningham23], section 4. In go a dictionary and `LabelledActivations`; out comes
an `Interpretability`.
"""

from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import torch
from jaxtyping import Float, Int
from torch import Tensor
from tqdm.auto import tqdm

from mi_course.methods.sae.dictionary import Dictionary, check_width
from mi_course.methods.sae.fragments import Fragments, cut_documents, top_and_random
from mi_course.methods.sae.labelled import LabelledActivations
from mi_course.results import Interpretability

__all__ = ["Explainer", "Explanation", "Simulator", "correlation", "interpretability"]


@dataclass(frozen=True)
class Explanation:
    """What a feature responds to.

    Attributes:
        text: in words.
        label: the label it responds to, by its place in `LabelledActivations.names`, if it is one.
        token_ids: the tokens of the vocabulary it responds to, if these are all there is to say.
    """

    text: str
    label: int | None = None
    token_ids: tuple[int, ...] = ()


@runtime_checkable
class Explainer(Protocol):
    """Whoever says what a feature responds to."""

    def explain(
        self, latent: int, tokens: Int[Tensor, "fragment pos"], acts: Float[Tensor, "fragment pos"]
    ) -> Explanation:
        """Return an explanation, from fragments (places of their tokens) and activations there."""
        ...


@runtime_checkable
class Simulator(Protocol):
    """Whoever predicts activations from an explanation alone."""

    def simulate(
        self, explanation: Explanation, tokens: Int[Tensor, "fragment pos"]
    ) -> Float[Tensor, "fragment pos"]:
        """Return a prediction for each token, on any scale."""
        ...


@torch.no_grad()
def interpretability(
    dictionary: Dictionary,
    data: LabelledActivations,
    explainer: Explainer,
    simulator: Simulator,
    *,
    n_latents: int | None = None,
    n_top: int = 5,
    n_random: int = 5,
    length: int = 24,
    seed: int = 0,
    chunk: int = 4096,
) -> Interpretability:
    """Return how well explanations predict activations, for each feature.

    Args:
        dictionary: any dictionary.
        data: activations with labels and documents.
        explainer: sees fragments of one half of the documents.
        simulator: predicts on fragments of the other half.
        n_latents: features drawn by chance from those active in both halves; all when None.
        n_top: fragments with the highest activations, for each side.
        n_random: random fragments, for each side.
        length: tokens in a fragment.
        seed: of the draws.
        chunk: tokens that are encoded at a time.

    Returns:
        Scores and explanations, on the CPU; a prediction that never varies scores 0.

    Raises:
        ValueError: another width, too few fragments, or no feature that is active in both halves.
    """
    check_width(data.x, dictionary.d_in)
    counts = {"n_top": n_top, "n_random": n_random, "seed": seed, "chunk": chunk}
    everything = torch.arange(dictionary.n_features)
    shown, judged = (
        top_and_random(dictionary, data, cut_documents(data, half, length), everything, **counts)
        for half in (data.fit, ~data.fit)
    )
    latents = _drawn(shown, judged, n_latents, seed)
    explanations, simulated = [], []
    for latent in tqdm(latents, desc=dictionary.name, leave=False, disable=None):
        said = explainer.explain(latent, shown.tokens[latent], shown.acts[latent])
        explanations.append(said.text)
        simulated.append(simulator.simulate(said, judged.tokens[latent]).to(judged.acts))
    predicted, true = torch.stack(simulated), judged.acts[latents]
    return Interpretability(
        latents=torch.tensor(latents),
        top_and_random=correlation(predicted.flatten(1), true.flatten(1)).cpu(),
        random=correlation(predicted[:, n_top:].flatten(1), true[:, n_top:].flatten(1)).cpu(),
        explanations=tuple(explanations),
        name=dictionary.name,
    )


def correlation(
    a: Float[Tensor, "latent token"], b: Float[Tensor, "latent token"]
) -> Float[Tensor, " latent"]:
    """Return Pearson's correlation of each row of a with the same row of b; 0 if one is constant.

    Args:
        a: predictions, for instance.
        b: the truth.

    Returns:
        One number from -1 to 1 for each row.
    """
    a, b = (x.double() if x.device.type != "mps" else x for x in (a, b))
    a, b = (x - x.mean(1, keepdim=True) for x in (a, b))
    below = (a.square().sum(1) * b.square().sum(1)).sqrt()
    return torch.where(below > 1e-12, (a * b).sum(1) / below.clamp(min=1e-12), 0).float()


def _drawn(shown: Fragments, judged: Fragments, n_latents: int | None, seed: int) -> list[int]:
    """Return features that are active on both sides, some of them if so many are not wanted."""
    alive = ((shown.acts > 0).any(2).any(1) & (judged.acts > 0).any(2).any(1)).cpu().nonzero()[:, 0]
    if not len(alive):
        raise ValueError("expected a feature that is active in both halves, got none")
    if n_latents is None or n_latents >= len(alive):
        return alive.tolist()
    order = torch.randperm(len(alive), generator=torch.Generator().manual_seed(seed))
    return alive[order[:n_latents]].sort().values.tolist()
