"""How many features turn an answer, and which features cause which."""

from collections.abc import Mapping, Sequence

import plotly.graph_objects as go
from plotly.subplots import make_subplots

from mi_course.plots.style import COLOURS, DASHES, MARKERS, frame
from mi_course.results import FeatureTree, PatchingCurve

__all__ = ["plot_feature_tree", "plot_patching_curves"]

WIDEST = 12  # pixels of an edge that carries all of an activation


def plot_patching_curves(curves: Sequence[PatchingCurve], *, title: str | None = None) -> go.Figure:
    """Return KL to the target run against the number of features copied, and the size of the edit.

    Args:
        curves: of several dictionaries, on the same prompts.
        title: the claim; by default KL of the first two with some features.

    Returns:
        A figure of two panels.

    Raises:
        ValueError: no curves.
    """
    if not curves:
        raise ValueError("expected at least one curve, got none")
    figure = make_subplots(cols=2, shared_yaxes=True, horizontal_spacing=0.06)
    for i, curve in enumerate(curves):
        look = {
            "mode": "lines+markers",
            "name": curve.dictionary,
            "legendgroup": str(i),
            "line": {"color": COLOURS[i % len(COLOURS)], "dash": DASHES[i % len(DASHES)]},
            "marker": {"symbol": MARKERS[i % len(MARKERS)], "size": 7},
            "customdata": [f"{k} features" for k in curve.numbers],
            "hovertemplate": "%{customdata}: %{y:.2f} nats<extra></extra>",
            "y": curve.kl.tolist(),
        }
        # Copying none stands one step left of copying one: a logarithm has no zero.
        figure.add_scatter(
            x=[k or 0.5 for k in curve.numbers], showlegend=True, row=1, col=1, **look
        )
        figure.add_scatter(x=curve.magnitude.tolist(), showlegend=False, row=1, col=2, **look)
    ticks = [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024]
    figure.update_xaxes(
        title="features copied",
        type="log",
        tickvals=[0.5, *ticks],
        ticktext=["0", *map(str, ticks)],
        row=1,
        col=1,
    )
    figure.update_xaxes(title="length of the edit", row=1, col=2)
    figure.update_yaxes(title="KL to the target run (nats)", row=1, col=1)
    return frame(
        figure,
        title=title or _claim(curves),
        summary=" ".join(curve.summary() for curve in curves),
        width=820,
        height=380,
    )


def _claim(curves: Sequence[PatchingCurve]) -> str:
    """Return KL of each dictionary at the largest number that all tried but not of all features."""
    shared = set.intersection(*(set(curve.numbers[:-1]) for curve in curves))
    k = sorted(shared)[len(shared) // 2] if shared else curves[0].numbers[0]
    told = ", ".join(
        f"{curve.kl[curve.numbers.index(k)]:.1f} nats with {curve.dictionary}"
        for curve in curves
        if k in curve.numbers
    )
    return f"KL to the target run with {k} of its features: {told}"


def plot_feature_tree(
    tree: FeatureTree,
    names: Mapping[tuple[str, int], str] | None = None,
    *,
    title: str | None = None,
) -> go.Figure:
    """Return the tree of latents that cause a latent; wide edges carry much.

    Args:
        tree: of one latent.
        names: (hook, latent) -> what it is about, such as its best label.
        title: the claim; by default the strongest cause.

    Returns:
        A figure with the first layer at the bottom; blue edges are what an activation needs,
        orange ones what holds it down.
    """
    places = _places(tree)
    figure = go.Figure()
    for cause, effect, share, cosine in tree.edges():
        (x0, y0), (x1, y1) = places[cause], places[effect]
        figure.add_scatter(
            x=[x0, (x0 + x1) / 2, x1],
            y=[y0, (y0 + y1) / 2, y1],
            mode="lines",
            line={
                "color": COLOURS[0] if share > 0 else COLOURS[1],
                "width": 0.5 + WIDEST * min(abs(share), 1),
            },
            opacity=0.6,
            hovertext=f"{share:.0%} lost without it, cosine {cosine:.2f}",
            hoverinfo="text",
            showlegend=False,
        )
    figure.add_scatter(
        x=[x for x, _ in places.values()],
        y=[y for _, y in places.values()],
        mode="markers",
        marker={"size": 14, "color": "white", "line": {"color": "#222222", "width": 2}},
        hoverinfo="skip",
        showlegend=False,
    )
    for key, (x, y) in places.items():
        # Edges run behind the names.
        figure.add_annotation(
            x=x,
            y=y,
            text=_called(key, names),
            showarrow=False,
            yshift=-26,
            bgcolor="rgba(255, 255, 255, 0.8)",
        )
    hooks = tree.hooks[::-1]
    figure.update_xaxes(visible=False, range=[-0.1, 1.1])
    figure.update_yaxes(
        tickmode="array",
        tickvals=list(range(len(hooks))),
        ticktext=[hook.replace("blocks.", "layer ").replace(".hook", "<br>hook") for hook in hooks],
        range=[-0.5, len(hooks) - 0.7],
        showgrid=False,
    )
    root, widest = tree.nodes[0], max(len(tree.layer(hook)) for hook in hooks)
    first = root.causes[0] if root.causes else None
    claim = f"Feature {root.latent} has no cause among the features tried"
    if first is not None:
        claim = (
            f"Feature {_called((root.hook, root.latent), names, ' ')} loses "
            f"{root.share(first):.0%} without {_called(first.key, names, ' ')} of the layer before"
        )
    return frame(
        figure,
        title=title or claim,
        summary=tree.summary(),
        width=max(640, 160 + 105 * widest),
        height=120 + 130 * len(hooks),
    )


def _places(tree: FeatureTree) -> dict[tuple[str, int], tuple[float, float]]:
    """Return where each latent stands, the layers one above the other."""
    found = {}
    for height, hook in enumerate(tree.hooks[::-1]):
        latents = tree.layer(hook)
        for i, latent in enumerate(latents):
            found[hook, latent] = ((i + 0.5) / len(latents), float(height))
    return found


def _called(
    key: tuple[str, int], names: Mapping[tuple[str, int], str] | None, between: str = "<br>"
) -> str:
    name = (names or {}).get(key)
    if name is None:
        return str(key[1])
    return f"{key[1]}{between}" + (f"({name})" if between == " " else name)
