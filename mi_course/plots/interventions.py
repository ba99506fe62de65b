"""What the model chooses when activations are erased or pushed, and when a probe gives alarm."""

from collections.abc import Mapping

import plotly.graph_objects as go

from mi_course.plots.style import COLOURS, GREY, MARKERS, add_draws, bar_look, frame, zero_line
from mi_course.results import ChoiceEffects, SteeringEffects, TriggerAlarms

__all__ = ["plot_choice_effects", "plot_steering_effects", "plot_trigger_alarms"]


def plot_choice_effects(
    effects: Mapping[str, ChoiceEffects], *, title: str | None = None
) -> go.Figure:
    """Return the mean log odds of a choice under each change, one colour for each set of prompts.

    Args:
        effects: name of a set of prompts -> the same changes on it.
        title: the claim; by default the first set's log odds without and with the last change.

    Returns:
        A figure; bars above 0 mean that `yes` is likelier.
    """
    name, first = next(iter(effects.items()))
    figure = go.Figure()
    for i, (prompts, effect) in enumerate(effects.items()):
        figure.add_bar(
            x=list(effect.changes),
            y=effect.log_odds.mean(dim=1).tolist(),
            name=prompts,
            showlegend=True,
            marker=bar_look(i),
        )
    zero_line(figure)
    figure.update_yaxes(title=f"{first.yes} against {first.no} (log odds, nats)")
    means = first.log_odds.mean(dim=1).tolist()
    return frame(
        figure,
        title=title
        or f"{name}: {means[0]:+.1f} nats for {first.yes} ({first.changes[0]} changed), "
        f"{means[-1]:+.1f} ({first.changes[-1]})",
        summary=" ".join(f"{key}: {effect.summary()}" for key, effect in effects.items()),
        width=max(520, 180 + 90 * len(first.changes)),
        height=320,
    )


def plot_steering_effects(found: SteeringEffects, *, title: str | None = None) -> go.Figure:
    """Return how a choice follows a direction that is added, beside random directions.

    Args:
        found: mean log odds by coefficient.
        title: the claim; by default both changes.

    Returns:
        A figure; grey lines are random directions of the same length.
    """
    figure = go.Figure()
    coefficients = list(found.coefficients)
    thin = {"mode": "lines", "line": {"color": GREY, "width": 1}}
    add_draws(figure, coefficients, found.random.tolist(), name="random directions", look=thin)
    figure.add_scatter(
        x=coefficients,
        y=found.log_odds.tolist(),
        mode="lines+markers",
        name="the probe's direction",
        showlegend=True,
        line={"color": COLOURS[0]},
        marker={"symbol": MARKERS[0], "size": 8},
    )
    zero_line(figure)
    figure.update_xaxes(title=f"coefficient of the direction, added after layer {found.layer}")
    figure.update_yaxes(title=f"{found.yes} against {found.no} (log odds, nats)")
    largest = found.random_slopes().abs().max().item() if len(found.random) else 0.0
    return frame(
        figure,
        title=title
        or f"The probe's direction moves the choice by {found.slope():+.1f} nats, random ones by "
        f"at most {largest:.1f}",
        summary=found.summary(),
        width=620,
        height=340,
    )


def plot_trigger_alarms(
    alarms: TriggerAlarms, *, layer: int, title: str | None = None
) -> go.Figure:
    """Return how often a probe gives alarm: on flawed files, where it should, and elsewhere.

    Args:
        alarms: of one probe.
        layer: which layer's.
        title: the claim; by default what is found and the worst false alarms.

    Returns:
        A figure of bars.
    """
    at = alarms.layers.index(layer)
    shares = alarms.alarms[at].tolist()
    names = ["flawed files", *alarms.kinds]
    values = [alarms.found[at].item(), *shares]
    worst = max(range(len(shares)), key=shares.__getitem__)
    figure = go.Figure(
        go.Bar(
            x=names,
            y=values,
            marker={"color": [COLOURS[0]] + [COLOURS[1]] * len(shares)},
            text=[f"{value:.0%}" for value in values],
        )
    )
    figure.update_xaxes(tickangle=-40 if len(names) > 6 else 0)
    figure.update_yaxes(title="documents with an alarm (fraction)", range=[0, 1.05])
    return frame(
        figure,
        title=title
        or f"Layer {layer}: alarm on {values[0]:.0%} of the flawed files, and on "
        f"{shares[worst]:.0%} of {alarms.kinds[worst]}",
        summary=alarms.summary(),
        width=max(520, 180 + 60 * len(names)),
        height=320,
    )
