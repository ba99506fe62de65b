"""Exercise 01.3: a picture written as waves, the slow ones larger."""

import torch
from jaxtyping import Float
from torch import Tensor

from mi_course.exercises.core import Case, Exercise, Wrong

Spectrum = Float[Tensor, "batch rgb height frequency 2"]
Pictures = Float[Tensor, "batch rgb size size"]


def fourier_image(spectrum: Spectrum, size: int) -> Pictures:
    """Return the pictures from 0 to 1 whose spectrum is the given one over the frequency."""
    f = torch.hypot(torch.fft.fftfreq(size)[:, None], torch.fft.rfftfreq(size))
    scale = 1 / f.clamp(min=1 / size)
    waves = torch.view_as_complex(spectrum * scale[:, :, None])
    return torch.fft.irfft2(waves, s=(size, size), norm="ortho").sigmoid()


def _one_axis_at_a_time(spectrum: Spectrum, size: int) -> Pictures:
    rows = torch.arange(size)
    rows = torch.minimum(rows, size - rows)  # so many waves fit into the picture
    columns = torch.arange(size // 2 + 1)
    waves = (rows[:, None] ** 2 + columns**2).sqrt()
    waves[0, 0] = 1
    scaled = torch.complex(spectrum[..., 0], spectrum[..., 1]) * size / waves
    columns_done = torch.fft.ifft(scaled, dim=-2, norm="ortho")
    z = torch.fft.irfft(columns_done, n=size, dim=-1, norm="ortho")
    return 1 / (1 + torch.exp(-z))


def _frequencies(size: int) -> Float[Tensor, "height frequency"]:
    return torch.hypot(torch.fft.fftfreq(size)[:, None], torch.fft.rfftfreq(size))


def _waves(spectrum: Spectrum, scale: Float[Tensor, "height frequency"], size: int) -> Pictures:
    scaled = torch.view_as_complex(spectrum * scale[:, :, None])
    return torch.fft.irfft2(scaled, s=(size, size), norm="ortho")


def _no_scale(spectrum: Spectrum, size: int) -> Pictures:
    return _waves(spectrum, torch.ones_like(_frequencies(size)), size).sigmoid()


def _times_f(spectrum: Spectrum, size: int) -> Pictures:
    return _waves(spectrum, _frequencies(size).clamp(min=1 / size), size).sigmoid()


def _squared(spectrum: Spectrum, size: int) -> Pictures:
    return _waves(spectrum, _frequencies(size).clamp(min=1 / size) ** -2, size).sigmoid()


def _one_over_nothing(spectrum: Spectrum, size: int) -> Pictures:
    return _waves(spectrum, 1 / _frequencies(size), size).sigmoid()


def _no_constant(spectrum: Spectrum, size: int) -> Pictures:
    scale = 1 / _frequencies(size).clamp(min=1 / size)
    scale[0, 0] = 0
    return _waves(spectrum, scale, size).sigmoid()


def _any_value(spectrum: Spectrum, size: int) -> Pictures:
    return _waves(spectrum, 1 / _frequencies(size).clamp(min=1 / size), size)


def _cut_off(spectrum: Spectrum, size: int) -> Pictures:
    return _any_value(spectrum, size).clamp(0, 1)


def _other_norm(spectrum: Spectrum, size: int) -> Pictures:
    return _waves(spectrum, 1 / size / _frequencies(size).clamp(min=1 / size), size).sigmoid()


def _rows_unfolded(spectrum: Spectrum, size: int) -> Pictures:
    f = torch.hypot(torch.arange(size)[:, None] / size, torch.fft.rfftfreq(size))
    return _waves(spectrum, 1 / f.clamp(min=1 / size), size).sigmoid()


def _along_columns_alone(spectrum: Spectrum, size: int) -> Pictures:
    f = torch.fft.rfftfreq(size).expand(size, -1)
    return _waves(spectrum, 1 / f.clamp(min=1 / size), size).sigmoid()


def _size_not_told(spectrum: Spectrum, size: int) -> Tensor:
    scale = 1 / _frequencies(size).clamp(min=1 / size)
    waves = torch.view_as_complex(spectrum * scale[:, :, None])
    return torch.fft.irfft2(waves, norm="ortho").sigmoid()


def _cases(seed: int) -> list[Case]:
    generator = torch.Generator().manual_seed(seed)

    def drawn(batch: int, size: int) -> Spectrum:
        # So small that no pixel is quite black or white: there all slips would look alike.
        return torch.randn(batch, 3, size, size // 2 + 1, 2, generator=generator) * 2 / size

    few = torch.zeros(1, 1, 4, 3, 2)
    few[0, 0, 0, 0, 0] = 1.0  # the constant
    few[0, 0, 0, 2, 0] = 2.0  # from column to column
    few[0, 0, 3, 1, 1] = 0.5  # a slanted wave
    grey = torch.zeros(1, 1, 4, 3, 2)
    grey[0, 0, 0, 0, 0] = 1.0
    even = torch.zeros(3, 3, 6, 4, 2)
    even[:, :, 0, 0, 0] = 3 * torch.rand(3, 3, generator=generator) - 1.5
    wave = torch.zeros(2, 3, 8, 5, 2)
    wave[0, :, 2, 1], wave[1, :, 5, 3] = torch.randn(2, 3, 2, generator=generator).unbind()
    return [
        Case("three waves in a picture of 4x4", (few, 4), "hand"),
        Case("an even picture of 4x4", (grey, 4), "hand"),
        Case("4 pictures of 8x8", (drawn(4, 8), 8)),
        Case("3 pictures of 7x7", (drawn(3, 7), 7)),
        Case("even pictures", (even, 6), "property"),
        Case("one wave in each picture", (wave, 8), "truth"),
    ]


FOURIER_IMAGE = Exercise(
    id="01.3",
    function="fourier_image",
    title="A picture made of waves",
    points=3,
    stars=2,
    minutes=15,
    reference=fourier_image,
    cases=_cases,
    alternatives=(_one_axis_at_a_time,),
    wrong=(
        Wrong(
            "all frequencies alike",
            _no_scale,
            "all frequencies count alike",
            "all frequencies count alike here: divide each by its frequency",
        ),
        Wrong(
            "times the frequency",
            _times_f,
            "multiplied by the frequency",
            "the spectrum is multiplied by the frequency: divide by it, so that slow waves grow",
        ),
        Wrong(
            "over the square",
            _squared,
            "the square of the frequency",
            "this divides by the square of the frequency: is a square root missing?",
        ),
        Wrong(
            "1/0 for the constant",
            _one_over_nothing,
            "the constant has frequency 0",
            "the constant has frequency 0: use 1 / size, the lowest frequency, in its place",
        ),
        Wrong(
            "without the constant",
            _no_constant,
            "the constant is lost",
            "the constant is lost: it is divided by 1 / size, as the lowest frequency is",
        ),
        Wrong(
            "no sigmoid",
            _any_value,
            "the sigmoid is missing",
            "the sigmoid is missing: colours run from 0 to 1",
        ),
        Wrong(
            "cut off",
            _cut_off,
            "cut off at 0 and 1",
            "values are cut off at 0 and 1, where no gradient comes through: use a sigmoid",
        ),
        Wrong(
            "another norm",
            _other_norm,
            'norm="ortho"',
            'this is the transform without norm="ortho": it divides once more by the size',
        ),
        Wrong(
            "rows not folded",
            _rows_unfolded,
            "the second half of the rows",
            "the second half of the rows holds negative frequencies: `torch.fft.fftfreq` has them",
        ),
        Wrong(
            "along columns alone",
            _along_columns_alone,
            "along the width alone",
            "this is the frequency along the width alone: height and width make one length",
        ),
        Wrong(
            "the size is not told",
            _size_not_told,
            "needs the size",
            "`irfft2` needs the size of the picture: without it, it takes the even one",
        ),
    ),
    hints=(
        "Find how fast each wave is, in waves per pixel; divide its two parts by that, the "
        "constant's by 1 / size; turn waves into pixels; squeeze them between 0 and 1.",
        "`torch.fft.fftfreq(size)` for the height, `torch.fft.rfftfreq(size)` for the width, "
        "`torch.hypot` for both; then `view_as_complex` and `irfft2(..., s=(size, size), "
        'norm="ortho")`.',
        "The frequencies are `height frequency`; `[:, :, None]` lines up with `batch rgb height "
        "frequency 2`.",
    ),
    groups={"random": 1, "property": 1, "truth": 1},
    axes="batch rgb height width",
)
