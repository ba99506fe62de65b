"""What gradient ascent moves: pixels, a spectrum, or only a spectrum's phases.

The same picture can be written in several coordinates, and ascent takes other steps in each. Pixels
let high frequencies grow, which convolutions love and no photograph has. A spectrum whose steps are
scaled by 1/f weighs frequencies as natural images do. Phase only (MACO) fixes the spectrum's sizes
to those of real images and moves their places:

    z = irfft(spectrum / f^decay),    z = irfft(magnitude exp(i phase)),    pixels = colours(z)

Sources: [Olah17], "Preconditioning and Parameterization"; Fel et al. (2023), MACO, section 3.
In go sizes and seeds, out come parameters, and images from 0 to 1 that depend on them.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol, runtime_checkable

import torch
from einops import rearrange
from jaxtyping import Float
from torch import Tensor

from mi_course.methods.feature_viz.colours import Colours, natural_colours

__all__ = [
    "Fourier",
    "Parametrisation",
    "PhaseOnly",
    "Pixels",
    "frequency_scale",
    "noise",
    "phase_only",
]

START = 0.1  # standard deviation of z at first: close to grey
SPREAD = 2654435761  # a large odd number, so that neighbouring seeds share no image


@runtime_checkable
class Parametrisation(Protocol):
    """Coordinates of a batch of pictures."""

    def start(self, size: int, keys: Sequence[int], seed: int) -> Float[Tensor, "batch ..."]:
        """Return the parameters of noise; those of a picture depend on its key and the seed."""
        ...

    def images(
        self, parameters: Float[Tensor, "batch ..."], size: int
    ) -> Float[Tensor, "batch 3 size size"]:
        """Return the pictures, from 0 to 1."""
        ...


@dataclass(frozen=True, eq=False)
class Pixels:
    """Each pixel by itself.

    Attributes:
        colours: what a pixel's coordinates mean.
    """

    colours: Colours = field(default_factory=natural_colours)

    def start(self, size: int, keys: Sequence[int], seed: int) -> Float[Tensor, "batch 3 h w"]:
        """Return white noise."""
        return START * noise((3, size, size), keys, seed)

    def images(
        self, parameters: Float[Tensor, "batch 3 h w"], size: int
    ) -> Float[Tensor, "batch 3 h w"]:
        """Return the pictures, from 0 to 1."""
        return self.colours.pixels(parameters)


@dataclass(frozen=True, eq=False)
class Fourier:
    """A spectrum in which steps of one size move low frequencies more than high ones.

    Attributes:
        colours: what a pixel's coordinates mean.
        decay: a frequency f is scaled by f^-decay; 1 as in photographs, 0 treats all alike.
    """

    colours: Colours = field(default_factory=natural_colours)
    decay: float = 1.0

    def start(self, size: int, keys: Sequence[int], seed: int) -> Float[Tensor, "batch 3 h f 2"]:
        """Return noise in each frequency, as real and imaginary parts."""
        return START * noise((3, size, size // 2 + 1, 2), keys, seed) / 2**0.5

    def images(
        self, parameters: Float[Tensor, "batch 3 h f 2"], size: int
    ) -> Float[Tensor, "batch 3 size size"]:
        """Return the pictures, from 0 to 1."""
        scale = frequency_scale(size, self.decay).to(parameters)
        spectrum = torch.view_as_complex(parameters * scale[..., None])
        return self.colours.pixels(torch.fft.irfft2(spectrum, s=(size, size), norm="ortho"))


@dataclass(frozen=True, eq=False)
class PhaseOnly:
    """Phases; how much there is of each frequency stays as it is in real images.

    Attributes:
        magnitude: of each colour coordinate's frequencies, as `rfft2` with `norm="ortho"` has them.
        colours: what a pixel's coordinates mean.
    """

    magnitude: Float[Tensor, "3 h f"]
    colours: Colours = field(default_factory=natural_colours)

    def __post_init__(self) -> None:
        _, height, width = self.magnitude.shape
        if width != height // 2 + 1 or not (self.magnitude >= 0).all():
            raise ValueError(
                f"expected magnitudes of 0 or more, [3 {height} {height // 2 + 1}], got "
                f"{list(self.magnitude.shape)} from {self.magnitude.min():.3g}, try `phase_only`"
            )

    def start(self, size: int, keys: Sequence[int], seed: int) -> Float[Tensor, "batch 3 h f"]:
        """Return random phases.

        Raises:
            ValueError: the magnitudes are those of pictures of another size.
        """
        if size != self.magnitude.shape[1]:
            raise ValueError(
                f"expected pictures of {self.magnitude.shape[1]} pixels, the magnitudes' size, "
                f"got {size}, try `phase_only(images)` with images of that size"
            )
        # Wide normal noise, wrapped around the circle, is uniform to within 1e-8.
        return 2 * torch.pi * noise((3, size, size // 2 + 1), keys, seed)

    def images(
        self, parameters: Float[Tensor, "batch 3 h f"], size: int
    ) -> Float[Tensor, "batch 3 size size"]:
        """Return the pictures, from 0 to 1."""
        magnitude = self.magnitude.to(parameters)
        spectrum = torch.complex(magnitude * parameters.cos(), magnitude * parameters.sin())
        return self.colours.pixels(torch.fft.irfft2(spectrum, s=(size, size), norm="ortho"))


def phase_only(
    images: Float[Tensor, "batch 3 size size"], colours: Colours | None = None
) -> PhaseOnly:
    """Return a parametrisation with the mean magnitudes of some images' frequencies.

    Args:
        images: from 0 to 1, of the size to render.
        colours: coordinates to measure in; those of photographs when None.

    Returns:
        Phases to choose.

    Raises:
        ValueError: no images.

    Source: Fel et al. (2023), MACO, section 3.
    """
    if len(images) == 0:
        raise ValueError("expected images to measure frequencies in, got none")
    chosen = natural_colours() if colours is None else colours
    spectrum = torch.fft.rfft2(chosen.coordinates(images), norm="ortho")
    return PhaseOnly(spectrum.abs().mean(dim=0), chosen)


def frequency_scale(size: int, decay: float = 1.0) -> Float[Tensor, "h f"]:
    """Return f^-decay for each frequency of `rfft2`, scaled so that white noise keeps variance 1.

    Args:
        size: of the pictures, in pixels.
        decay: 0 gives ones.

    Returns:
        Factors; the constant gets as much as the lowest frequency.
    """
    f = torch.fft.fftfreq(size).square()[:, None] + torch.fft.rfftfreq(size).square()
    scale = f.sqrt().clamp(min=1 / size) ** -decay
    twice = torch.full((size // 2 + 1,), 2.0)  # rfft2 leaves out the mirrored half
    twice[0] = 1
    if size % 2 == 0:
        twice[-1] = 1
    return scale / ((scale.square() * twice).sum() / size**2).sqrt()


def noise(shape: tuple[int, ...], keys: Sequence[int], seed: int) -> Float[Tensor, "batch ..."]:
    """Return normal noise; an entry depends on its key and the seed, not on the rest of the batch.

    Args:
        shape: of one entry.
        keys: one for each entry.
        seed: of all.

    Returns:
        On the CPU, so that every device starts from the same.
    """
    drawn = []
    for key in keys:
        generator = torch.Generator().manual_seed((seed * SPREAD + key) % 2**63)
        drawn.append(torch.randn(shape, generator=generator))
    return rearrange(drawn, "batch ... -> batch ...") if drawn else torch.zeros(0, *shape)
