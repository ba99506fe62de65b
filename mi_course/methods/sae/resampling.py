"""Dead latents begin again at activations that are written badly.

A latent that no activation reaches gets no gradient and never comes back by itself. Now and then
each dead latent is pointed at an activation drawn with a probability that grows with the square of
its loss; its encoder is kept short, and what Adam remembers of it is forgotten. Source:
[Bricken23], "Resampling neurons", with the present batch in place of a large sample.
"""

from collections.abc import Iterable

import torch
from jaxtyping import Bool, Float
from torch import Tensor
from torch.nn.functional import normalize

from mi_course.methods.sae.steps import Weights

__all__ = ["resample"]

SHORT = 0.2  # of the mean length of living encoder rows


def resample(
    weights: Weights,
    dead: Bool[Tensor, " d_sae"],
    xc: Float[Tensor, "batch d_in"],
    error: Float[Tensor, "batch d_in"],
    moments: Iterable[Float[Tensor, "..."]],
    generator: torch.Generator,
) -> None:
    """Point dead latents at activations that are written badly, in place.

    Args:
        weights: of the autoencoder.
        dead: which latents; no more of them than there are activations begin again.
        xc: activations minus b_dec.
        error: reconstruction minus activation.
        moments: the optimiser's, of everything that has one row for each latent.
        generator: which activations.
    """
    which = dead.nonzero()[: len(xc), 0]
    chance = error.square().sum(1).square()
    if not len(which) or not chance.sum() > 0:
        return
    # A draw without repetition needs as many possible activations as there are draws.
    chance = chance.cpu().clamp(min=1e-12 * chance.max().item())
    drawn = torch.multinomial(chance, len(which), generator=generator).to(xc.device)
    towards = normalize(xc[drawn], dim=1)
    living = weights.W_enc[~dead].norm(dim=1)
    length = SHORT * living.mean() if len(living) else xc.new_tensor(SHORT)
    weights.W_dec[which] = towards
    if not weights.tied:
        weights.W_enc[which] = towards * length
    weights.b_enc[which] = 0
    for moment in moments:
        moment[which] = 0
