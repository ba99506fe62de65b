"""Backgrounds: plain, sky over ground, stripes, checks, clouds and grain, in pale colours.

Each mixes two colours by a pattern from 0 to 1. Grain beside smooth things is what high-low
frequency detectors are for; stripes keep an edge by itself from telling a class.
"""

import numpy as np
from jaxtyping import Float

from mi_course.worlds.shapes.names import SIZE
from mi_course.worlds.shapes.outlines import Field
from mi_course.worlds.shapes.pen import hsv, pixel_grid

Pattern = Field


def backgrounds(n: int, rng: np.random.Generator) -> Float[np.ndarray, "n 3 height width"]:
    """Return n backgrounds of random kinds."""
    kinds = rng.integers(len(PATTERNS), size=n)
    pattern = np.zeros((n, SIZE, SIZE), np.float32)
    for number, draw in enumerate(PATTERNS):
        chosen = np.flatnonzero(kinds == number)
        if len(chosen):
            pattern[chosen] = draw(len(chosen), rng)
    first, second = (
        hsv(rng.uniform(0, 1, n), rng.uniform(0, 0.35, n), rng.uniform(0.55, 1, n))
        for _ in range(2)
    )
    # Pale patterns: the contrast of a texture stays below that of a thing.
    second = first + 0.6 * (second - first)
    difference = (second - first)[:, :, None, None]
    return first[:, :, None, None] + difference * pattern[:, None]


def _plain(n: int, rng: np.random.Generator) -> Pattern:
    return np.zeros((n, SIZE, SIZE), np.float32)


def _horizon(n: int, rng: np.random.Generator) -> Pattern:
    _, y = pixel_grid()
    height = rng.uniform(0, 28, (n, 1, 1)).astype(np.float32)
    slope = rng.uniform(0, 0.01, (n, 1, 1)).astype(np.float32)
    return np.clip(np.clip(y - height, 0, 1) + slope * (height - y) * (y < height), 0, 1)


def _waves(n: int, rng: np.random.Generator, *, second: bool) -> Pattern:
    x, y = pixel_grid()
    angle = rng.uniform(0, np.pi, (n, 1, 1)).astype(np.float32)
    rate = (2 * np.pi / rng.uniform(5, 20, (n, 1, 1))).astype(np.float32)
    phase = rng.uniform(0, 2 * np.pi, (2, n, 1, 1)).astype(np.float32)
    along, across = np.cos(angle), np.sin(angle)
    wave = np.sin(rate * (along * x + across * y) + phase[0])
    if second:
        wave = wave * np.sin(rate * (along * y - across * x) + phase[1])
    return np.clip(0.5 + 2 * wave, 0, 1)


def _stripes(n: int, rng: np.random.Generator) -> Pattern:
    return _waves(n, rng, second=False)


def _checks(n: int, rng: np.random.Generator) -> Pattern:
    return _waves(n, rng, second=True)


def _clouds(n: int, rng: np.random.Generator) -> Pattern:
    coarse = rng.random((n, 7, 7), dtype=np.float32)
    place = np.linspace(0, 6 - 1e-4, SIZE, dtype=np.float32)
    low = place.astype(int)
    weights = np.zeros((SIZE, 7), np.float32)
    weights[np.arange(SIZE), low] = 1 - (place - low)
    weights[np.arange(SIZE), low + 1] = place - low
    return weights @ coarse @ weights.T


def _grain(n: int, rng: np.random.Generator) -> Pattern:
    fine = rng.random((n, SIZE // 2, SIZE // 2), dtype=np.float32)
    return fine.repeat(2, axis=1).repeat(2, axis=2)


PATTERNS = (_plain, _horizon, _stripes, _checks, _clouds, _grain)
