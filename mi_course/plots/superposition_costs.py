"""What superposition costs: vulnerability to small changes, and interference of two kinds."""

import plotly.graph_objects as go
from plotly.subplots import make_subplots

from mi_course.plots.style import TRUTH, bar_look, curve_look, frame
from mi_course.results.superposition_costs import (
    AdversarialCurve,
    BinaryComparison,
    InterferenceKinds,
)

__all__ = ["plot_adversarial_curve", "plot_binary_comparison", "plot_interference_kinds"]

SITUATIONS = ("alone", "alternating", "simultaneous")


def plot_adversarial_curve(found: AdversarialCurve, *, title: str | None = None) -> go.Figure:
    """Return vulnerability and features per dimension against sparsity, on two axes.

    Args:
        found: both, for models of several densities.
        title: the claim; by default their correlation.

    Returns:
        A figure; the black dashed line is a model with a dimension for each feature.
    """
    x = (1 / found.density).tolist()
    curves = {
        "worst change": (found.vulnerability, False),
        "random change": (found.random_change, False),
        "features per dimension (right axis)": (found.features_per_dimension, True),
    }
    figure = make_subplots(specs=[[{"secondary_y": True}]])
    for i, (name, (values, right)) in enumerate(curves.items()):
        figure.add_scatter(
            x=x,
            y=values.tolist(),
            name=name,
            showlegend=True,
            **curve_look(i, size=8),
            secondary_y=right,
        )
    figure.add_hline(y=1, line=TRUTH, annotation={"text": "no superposition"}, secondary_y=False)
    figure.update_xaxes(title="1 / density", type="log")
    unit = "growth of squared error / change<sup>2</sup>"
    figure.update_yaxes(title=unit, rangemode="tozero", secondary_y=False)
    own = {"rangemode": "tozero", "showgrid": False, "tickmode": "auto"}
    figure.update_yaxes(title="features per dimension", **own, secondary_y=True)
    return frame(
        figure,
        title=title
        or f"Vulnerability goes with features per dimension: correlation {found.correlation():.2f}",
        summary=found.summary(),
        width=760,
        height=380,
    )


def plot_interference_kinds(
    found: dict[str, InterferenceKinds], *, title: str | None = None
) -> go.Figure:
    """Return squared errors at the lowest density, one group of bars for each situation.

    Args:
        found: by what the models are, such as {"ReLU, continuous": ...}.
        title: the claim; by default alternating against simultaneous error of the first.

    Returns:
        A figure.

    Raises:
        ValueError: nothing to draw.
    """
    if not found:
        raise ValueError("expected at least one kind of models, got none")
    figure = go.Figure()
    for i, (name, kinds) in enumerate(found.items()):
        at = int(kinds.density.argmin())
        values = [getattr(kinds, situation)[at].item() for situation in SITUATIONS]
        figure.add_bar(
            x=["its own feature", "another feature", "both"],
            y=values,
            name=name,
            showlegend=True,
            marker=bar_look(i),
            text=[f"{value:.3f}" for value in values],
            textposition="outside",
        )
    first, kinds = next(iter(found.items()))
    at = int(kinds.density.argmin())
    figure.update_layout(barmode="group")
    figure.update_xaxes(title="active")
    figure.update_yaxes(title="mean squared error of an output")
    return frame(
        figure,
        title=title
        or f"{first}: another feature alone costs {kinds.alternating[at]:.3f}, both together "
        f"{kinds.simultaneous[at]:.3f}",
        summary=" ".join(each.summary() for each in found.values()),
        width=680,
        height=340,
    )


def plot_binary_comparison(found: BinaryComparison, *, title: str | None = None) -> go.Figure:
    """Return the variance that is lost of binary and of continuous features, against sparsity.

    Args:
        found: both.
        title: the claim; by default both at the lowest density.

    Returns:
        A figure.
    """
    x = (1 / found.density).tolist()
    curves = {"binary": found.fvu_binary, "continuous": found.fvu_continuous}
    figure = go.Figure()
    for i, (name, values) in enumerate(curves.items()):
        figure.add_scatter(
            x=x,
            y=values.tolist(),
            name=name,
            showlegend=True,
            **curve_look(i),
        )
    rare = int(found.density.argmin())
    figure.update_xaxes(title="1 / density", type="log")
    figure.update_yaxes(title="fraction of variance unexplained", rangemode="tozero")
    return frame(
        figure,
        title=title
        or f"At density {found.density[rare]:.2g}, {found.fvu_binary[rare]:.1%} of the variance "
        f"of binary features is lost, {found.fvu_continuous[rare]:.1%} of continuous ones",
        summary=found.summary(),
        width=640,
        height=340,
    )
