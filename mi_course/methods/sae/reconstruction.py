"""How sparse codes are, how much of the activations they miss, and how each feature's are spread.

    L0 = mean number of active features      FVU = sum |x - recon|^2 / sum |x - mean x|^2

FVU is about the mean: about zero, a dictionary that says the mean and nothing else would look good
wherever activations are far from the origin. Skew and kurtosis are of a feature's activation over
all tokens. Sources: [Cunningham23], section 3 and appendix on moments; [Gao24]. In go a dictionary
and activations; out come `ReconstructionScores`.
"""

import torch
from einops import reduce
from jaxtyping import Float
from torch import Tensor

from mi_course.methods.sae.dictionary import Dictionary, check_width
from mi_course.results import ReconstructionScores

__all__ = ["reconstruction_scores"]


@torch.no_grad()
def reconstruction_scores(
    dictionary: Dictionary, x: Float[Tensor, "token d_in"], *, chunk: int = 4096
) -> ReconstructionScores:
    """Return L0, the unexplained fraction of variance, and each feature's density and moments.

    Args:
        dictionary: any dictionary.
        x: activations.
        chunk: tokens that are encoded at a time.

    Returns:
        Scores, on the CPU.

    Raises:
        ValueError: another width, no token, or activations without any variance.
    """
    check_width(x, dictionary.d_in)
    own = dictionary.directions.dtype
    # Squares of half precision overflow.
    exact = torch.promote_types(own, torch.float32)
    mean = x.mean(0, dtype=exact) if len(x) else x.new_zeros(x.shape[1])
    total = sum((some - mean).square().sum().item() for some in x.split(chunk))
    if not total > 0:
        raise ValueError(f"expected activations that vary, got {len(x)} tokens of variance 0")
    missed, sums = 0.0, torch.zeros(5, dictionary.n_features, device=x.device, dtype=_exact(x))
    largest = torch.zeros(dictionary.n_features, device=x.device)
    for some in x.split(chunk):
        codes = dictionary.encode(some.to(own))
        missed += (some - dictionary.decode(codes).to(exact)).square().sum().item()
        largest = torch.maximum(largest, codes.amax(0).float())
        sums += _sums(codes)
    active, *powers = sums / len(x)
    skew, kurtosis = _moments(*powers)
    return ReconstructionScores(
        l0=active.sum().item(),
        fvu=missed / total,
        density=active.float().cpu(),
        largest=largest.cpu(),
        skew=skew.float().cpu(),
        kurtosis=kurtosis.float().cpu(),
        n_tokens=len(x),
        name=dictionary.name,
    )


def _exact(x: Tensor) -> torch.dtype:
    """Return the precision for sums of fourth powers; one kind of device has no doubles."""
    return torch.float32 if x.device.type == "mps" else torch.float64


def _sums(codes: Float[Tensor, "token latent"]) -> Float[Tensor, "5 latent"]:
    """Return for each feature the number of active tokens and the sums of its first powers."""
    square = codes * codes
    each = (codes > 0, codes, square, square * codes, square * square)
    return torch.stack([reduce(x.float(), "token latent -> latent", "sum") for x in each])


def _moments(
    first: Float[Tensor, " latent"],
    second: Float[Tensor, " latent"],
    third: Float[Tensor, " latent"],
    fourth: Float[Tensor, " latent"],
) -> tuple[Float[Tensor, " latent"], Float[Tensor, " latent"]]:
    """Return skew and excess kurtosis from the means of the first four powers."""
    variance = second - first**2
    # What never varies has no shape; rounding must not give it one.
    varies = variance > 1e-10 * second.clamp(min=1e-30)
    spread = torch.where(varies, variance, 1)
    skew = (third - 3 * first * second + 2 * first**3) / spread**1.5
    tails = (fourth - 4 * first * third + 6 * first**2 * second - 3 * first**4) / spread**2
    return torch.where(varies, skew, 0), torch.where(varies, tails - 3, 0)
