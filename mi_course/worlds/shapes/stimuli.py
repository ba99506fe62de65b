"""Stimuli: grey pictures in which one property varies and nothing else does.

An edge parts a light half from a dark one; a curve does so along a circle (an edge is a curve of
infinite radius); a high-low stimulus has fine grain on one side and even grey on the other. Each
goes through, or past, the middle of the picture, and its angle says where the light, the outside
of the circle, or the grain lies.

Source: [Cammarata20] Curve Detectors; [Schubert21] High-Low Frequency Detectors.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Float32

from mi_course.worlds.shapes.names import SIZE
from mi_course.worlds.shapes.outlines import Field
from mi_course.worlds.shapes.pen import pixel_grid

ANGLES = 24
OFFSETS = (-6.0, -3.0, 0.0, 3.0, 6.0)


@dataclass(frozen=True, eq=False)
class Stimuli:
    """Pictures of one kind.

    Attributes:
        images: grey, 0 to 1.
        angles: where the light side, the outside or the grain lies, in radians from 0 to 2 pi;
            0 is to the right, and pi / 2 is down.
        radii: of the curve, in pixels; infinite for a straight border.
        offsets: how far the border lies from the middle of the picture, in pixels, towards the
            angle.
    """

    images: Float32[np.ndarray, "image height width 3"]
    angles: Float[np.ndarray, " image"]
    radii: Float[np.ndarray, " image"]
    offsets: Float[np.ndarray, " image"]

    def __len__(self) -> int:
        """Return the number of pictures."""
        return len(self.angles)


def edges(
    n_angles: int = ANGLES, *, offsets: Sequence[float] = OFFSETS, contrast: float = 0.8
) -> Stimuli:
    """Return straight edges, every angle at every offset.

    Args:
        n_angles: angles around the full turn; half a turn apart, light and dark swap.
        offsets: distances of the edge from the middle, in pixels.
        contrast: difference between the sides, above 0 and up to 1.

    Raises:
        ValueError: no angle, no offset, or a contrast out of range.
    """
    return curves((np.inf,), n_angles, offsets=offsets, contrast=contrast)


def curves(
    radii: Sequence[float] = (6.0, 9.0, 13.0, 20.0),
    n_angles: int = ANGLES,
    *,
    offsets: Sequence[float] = OFFSETS,
    contrast: float = 0.8,
) -> Stimuli:
    """Return borders of dark discs, every radius at every angle and offset.

    Args:
        radii: in pixels; infinite for straight edges.
        n_angles: angles around the full turn.
        offsets: distances of the border from the middle, in pixels.
        contrast: difference between the sides, above 0 and up to 1.

    Raises:
        ValueError: no angle, radius or offset, a radius of 0, or a contrast out of range.
    """
    _check(n_angles, offsets, contrast)
    if not len(radii) or min(radii) <= 0:
        raise ValueError(f"expected radii above 0, got {list(radii)}, try (6, 9, 13, 20)")
    angle, radius, offset = _every(n_angles, radii, offsets)
    outside = np.clip(_distance(angle, radius, offset), -0.5, 0.5)
    return Stimuli(_grey(0.5 + contrast * outside), angle, radius, offset)


def high_low(
    n_angles: int = ANGLES,
    *,
    offsets: Sequence[float] = OFFSETS,
    contrast: float = 0.8,
    seed: int = 0,
) -> Stimuli:
    """Return borders between grain of two pixels and even grey of the same mean.

    Args:
        n_angles: angles around the full turn.
        offsets: distances of the border from the middle, in pixels; one of -64 or 64 shows grain
            alone or grey alone.
        contrast: difference between light and dark grains, above 0 and up to 1.
        seed: of the grain, which is the same in all pictures.

    Raises:
        ValueError: no angle, no offset, or a contrast out of range.
    """
    _check(n_angles, offsets, contrast)
    angle, radius, offset = _every(n_angles, (np.inf,), offsets)
    grain = np.random.default_rng(seed).integers(2, size=(SIZE // 2, SIZE // 2)) - 0.5
    grain = grain.repeat(2, axis=0).repeat(2, axis=1)
    share = np.clip(0.5 + _distance(angle, radius, offset), 0, 1)
    return Stimuli(_grey(0.5 + contrast * share * grain), angle, radius, offset)


def _check(n_angles: int, offsets: Sequence[float], contrast: float) -> None:
    if n_angles < 1 or not len(offsets):
        raise ValueError(
            f"expected an angle and an offset or more, got {n_angles} and {list(offsets)}, try "
            f"n_angles={ANGLES}"
        )
    if not 0 < contrast <= 1:
        raise ValueError(f"expected a contrast above 0 and up to 1, got {contrast}, try 0.8")


def _every(n_angles: int, radii: Sequence[float], offsets: Sequence[float]) -> list[np.ndarray]:
    """Return angle, radius and offset of every combination."""
    angles = np.arange(n_angles) * (2 * np.pi / n_angles)
    grid = np.meshgrid(angles, np.array(radii, float), np.array(offsets, float), indexing="ij")
    return [values.ravel() for values in grid]


def _distance(angle: np.ndarray, radius: np.ndarray, offset: np.ndarray) -> Field:
    """Return how far each pixel lies outside of the border, in pixels."""
    x, y = pixel_grid()
    columns = [values[:, None, None] for values in (np.cos(angle), np.sin(angle), radius, offset)]
    right, down, radius, offset = columns
    straight = right * x + down * y - offset
    with np.errstate(invalid="ignore"):
        middle = offset - radius
        curved = np.hypot(x - middle * right, y - middle * down) - radius
    return np.where(np.isinf(radius), straight, curved)


def _grey(values: Field) -> Float32[np.ndarray, "image height width 3"]:
    return np.repeat(values[..., None].astype(np.float32), 3, axis=-1)
