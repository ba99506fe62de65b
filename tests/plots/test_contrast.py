"""Whoever sees badly, or sees other colours, can read the figures: computed from the colours."""

import itertools
import re

import numpy as np
import pytest

from mi_course.plots.sae_features import LOUD
from mi_course.plots.style import (
    COLOURS,
    DASHES,
    GREY,
    MARKERS,
    PROBABILITY,
    SIGNED,
    TEMPLATE,
    TRUTH,
    bar_look,
    curve_look,
)

TEXT, LINE = 4.5, 3.0  # WCAG 2.2, success criteria 1.4.3 and 1.4.11, level AA
# Machado, Oliveira and Fernandes 2009, complete deficiency, on linear RGB.
VISION = {
    "usual": np.eye(3),
    "protanopia": [[0.152, 1.053, -0.205], [0.115, 0.786, 0.099], [-0.004, -0.048, 1.052]],
    "deuteranopia": [[0.367, 0.861, -0.228], [0.280, 0.673, 0.047], [-0.012, 0.043, 0.969]],
    "tritanopia": [[1.256, -0.077, -0.179], [-0.078, 0.931, 0.148], [0.005, 0.691, 0.304]],
}
TO_XYZ = np.array([[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]])
# The least difference among the seven colours as Okabe and Ito gave them is 16.1.
APART = 15.0


def linear(colour):
    """Linear RGB of `#rrggbb`, `rgb(r,g,b)`, black or white."""
    named = {"black": "#000000", "white": "#ffffff"}.get(colour, colour)
    parts = re.findall(r"\d+", named) if "(" in named else re.findall("..", named[1:])
    values = np.array([int(part, 10 if "(" in named else 16) for part in parts]) / 255
    return np.where(values <= 0.04045, values / 12.92, ((values + 0.055) / 1.055) ** 2.4)


def contrast(one, other):
    darker, brighter = sorted(TO_XYZ[1] @ linear(colour) for colour in (one, other))
    return (brighter + 0.05) / (darker + 0.05)


def lab(colour, vision):
    x, y, z = TO_XYZ @ np.clip(np.array(VISION[vision]) @ linear(colour), 0, 1) / [0.9505, 1, 1.089]
    fx, fy, fz = (t ** (1 / 3) if t > 0.008856 else 7.787 * t + 16 / 116 for t in (x, y, z))
    return np.array([116 * fy - 16, 500 * (fx - fy), 200 * (fy - fz)])


def test_contrast_is_that_of_known_pairs():
    assert contrast("black", "white") == pytest.approx(21)
    assert contrast("#767676", "#ffffff") == pytest.approx(4.54, abs=0.01)


def test_words_stand_out_from_the_paper():
    assert contrast(TEMPLATE.layout.font.color, TEMPLATE.layout.paper_bgcolor) >= TEXT


@pytest.mark.parametrize("colour", [*COLOURS, GREY, TRUTH["color"]])
def test_lines_and_marks_stand_out_from_the_paper(colour):
    assert contrast(colour, TEMPLATE.layout.plot_bgcolor) >= LINE


@pytest.mark.parametrize("scale", [SIGNED, PROBABILITY, LOUD], ids=["signed", "blues", "loud"])
def test_words_in_a_heat_map_can_be_read_on_its_darkest_cell(scale):
    ink = TEMPLATE.data.heatmap[0].textfont.color
    assert min(contrast(ink, colour) for _, colour in scale) >= TEXT


@pytest.mark.parametrize("vision", VISION)
def test_any_two_colours_differ_for_any_colour_vision(vision):
    seen = [lab(colour, vision) for colour in COLOURS]
    assert min(np.linalg.norm(a - b) for a, b in itertools.combinations(seen, 2)) >= APART


def test_no_two_curves_of_a_figure_differ_by_colour_alone():
    looks = [curve_look(i) for i in range(len(COLOURS))]
    marks = {(look["line"]["dash"], look["marker"]["symbol"]) for look in looks}
    assert len(marks) == len(COLOURS) == len(DASHES) == len(MARKERS)


def test_no_two_bars_of_a_figure_differ_by_colour_alone():
    looks = [bar_look(i) for i in range(len(COLOURS))]
    assert len({look["pattern"]["shape"] for look in looks}) == len(COLOURS)
