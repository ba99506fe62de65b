"""Heads as a grid: layers upwards, heads to the right."""

import plotly.graph_objects as go
from jaxtyping import Bool
from torch import Tensor

from mi_course.plots.style import COLOURS, GREY, MARKERS, PROBABILITY, SIGNED, frame, in_cells
from mi_course.results import HeadPairs, HeadScores, head_name

__all__ = ["plot_effect_against_score", "plot_head_pairs", "plot_head_scores"]

CELL = 46
LABEL_PLACES = ("top center", "middle right", "bottom center", "middle left")


def plot_head_scores(scores: HeadScores, *, title: str | None = None) -> go.Figure:
    """Return a heat map of one number for each head, layer 0 at the bottom.

    Args:
        scores: of all heads.
        title: the claim; by default which head has the highest score.

    Returns:
        A figure.
    """
    n_layers, n_heads = scores.values.shape
    layer, head, best = scores.top()[0]
    heat = go.Heatmap(
        z=scores.values.tolist(),
        x=list(range(n_heads)),
        y=list(range(n_layers)),
        colorbar={"title": {"text": scores.unit}},
        hovertemplate=f"L%{{y}}H%{{x}}: %{{z:.3f}} {scores.unit}<extra></extra>",
        **_colours(scores.unit, scores.values.abs().max().item(), signed=scores.signed),
        **in_cells(scores.values.tolist()),
    )
    figure = go.Figure(heat)
    figure.update_xaxes(title="head", dtick=1, showgrid=False)
    figure.update_yaxes(title="layer", dtick=1, showgrid=False)
    return frame(
        figure,
        title=title or f"{head_name(layer, head)} has the highest {scores.name}, {best:.2f}",
        summary=scores.summary(),
        width=max(440, 180 + CELL * n_heads),
        height=max(200, 80 + CELL * n_layers),
    )


def plot_head_pairs(pairs: HeadPairs, *, title: str | None = None) -> go.Figure:
    """Return a heat map of one number for each earlier head (upwards) and later head (right).

    Where chance has a value it is white.

    Args:
        pairs: of heads; needs at least two layers.
        title: the claim; by default which pair is the strongest.

    Returns:
        A figure.

    Raises:
        ValueError: a model of one layer has no pairs.
    """
    if not pairs.top():
        raise ValueError("expected at least two layers, got one: no head comes after another")
    n_layers, n_heads = pairs.values.shape[:2]
    earlier = [head_name(layer, head) for layer in range(n_layers - 1) for head in range(n_heads)]
    later = [head_name(layer, head) for layer in range(1, n_layers) for head in range(n_heads)]
    shown = pairs.values[:-1, :, 1:].flatten(2, 3).flatten(0, 1)
    *first, value = pairs.top()[0]
    white = pairs.baseline or 0.0
    strongest = shown.nan_to_num(0).abs().max().item()
    heat = go.Heatmap(
        z=[[None if entry != entry else entry for entry in row] for row in shown.tolist()],
        x=later,
        y=earlier,
        colorbar={"title": {"text": pairs.unit}},
        hovertemplate="%{y} to %{x}: %{z:.3f}<extra></extra>",
        **_colours(pairs.unit, strongest, signed=pairs.signed, low=white),
        **in_cells(shown.tolist()),
    )
    figure = go.Figure(heat)
    figure.update_xaxes(title="later head, which reads", type="category", showgrid=False)
    figure.update_yaxes(title="earlier head, which writes", type="category", showgrid=False)
    claim = pairs.name[0].upper() + pairs.name[1:]
    names = f"{head_name(*first[:2])} and {head_name(*first[2:])}"
    return frame(
        figure,
        title=title or f"{claim}: strongest between {names}, {value:.2f}",
        summary=pairs.summary(),
        width=max(480, 200 + CELL * len(later)),
        height=max(240, 120 + int(0.75 * CELL * len(earlier))),
    )


def plot_effect_against_score(
    scores: HeadScores, effects: HeadScores, *, title: str | None = None
) -> go.Figure:
    """Return a scatter of what each head looks like against what is lost without it.

    Args:
        scores: how much each head looks like what is sought, such as its prefix-matching score.
        effects: what its ablation changes, such as the loss added.
        title: the claim; by default only the two quantities.

    Returns:
        A figure; one colour for each layer. Heads that stand out are named, all on hovering.
    """
    figure = go.Figure()
    stands_out = (_far_from_zero(scores) | _far_from_zero(effects)).tolist()
    for layer, (looks, effect) in enumerate(zip(scores.values, effects.values, strict=True)):
        names = [head_name(layer, head) for head in range(len(looks))]
        figure.add_scatter(
            x=looks.tolist(),
            y=effect.tolist(),
            mode="markers+text",
            name=f"layer {layer}",
            showlegend=True,
            text=[name * named for name, named in zip(names, stands_out[layer], strict=True)],
            hovertext=names,
            textposition=[LABEL_PLACES[head % len(LABEL_PLACES)] for head in range(len(names))],
            textfont={"size": 10},
            marker={
                "size": 9,
                "color": COLOURS[layer % len(COLOURS)],
                "symbol": MARKERS[layer % len(MARKERS)],
            },
        )
    figure.add_hline(y=0, line={"color": GREY, "width": 1})
    figure.update_xaxes(title=f"{scores.name} ({scores.unit})")
    figure.update_yaxes(title=f"{effects.name} ({effects.unit})")
    return frame(
        figure,
        title=title or f"{effects.name.capitalize()} against {scores.name}",
        summary=f"{scores.summary()} {effects.summary()}",
    )


def _far_from_zero(scores: HeadScores) -> Bool[Tensor, "layer head_index"]:
    """Return which heads stand apart from the crowd around zero, where labels would overlap."""
    size = scores.values.abs()
    return size > 0.1 * size.max()


def _colours(unit: str, largest: float, *, signed: bool, low: float = 0.0) -> dict:
    if signed:
        return {"colorscale": SIGNED, "zmid": 0, "zmin": -largest or -1, "zmax": largest or 1}
    top = 1.0 if unit in {"probability", "fraction"} else max(largest, low + 1e-9)
    return {"colorscale": PROBABILITY, "zmin": low, "zmax": top}
