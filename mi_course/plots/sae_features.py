"""One latent's page: its examples in context, how loudly it speaks, on what, and what it writes."""

import itertools

import plotly.graph_objects as go
from plotly.subplots import make_subplots

from mi_course.plots.style import COLOURS, GREY, frame, ticks_of, visible
from mi_course.results import FeaturePage, LatentExample

__all__ = ["plot_feature_page"]

ROW = 22  # pixels for one example
PANEL = 200  # pixels for a panel of bars
WIDTH = 880
GAPS = 200  # between the three rows of panels, together
LOUD = [[0.0, "#ffffff"], [1.0, "#4393c3"]]  # the darkest colour still carries black letters


def plot_feature_page(page: FeaturePage, *, title: str | None = None) -> go.Figure:
    """Return a latent's page.

    Args:
        page: of one latent.
        title: the claim; by default how often it is active and its best label.

    Returns:
        A figure of five panels: examples, with those of weaker activations below; activations
        with and without the best label; tokens; logits; labels.
    """
    rows = _rows(page)
    heights = [ROW * len(rows), PANEL, PANEL]
    figure = make_subplots(
        rows=3,
        cols=2,
        specs=[[{"colspan": 2}, None], [{}, {}], [{}, {}]],
        row_heights=[height / sum(heights) for height in heights],
        vertical_spacing=GAPS / 2 / (sum(heights) + GAPS),
        horizontal_spacing=0.12,
        subplot_titles=(
            "examples around the token in bold, with its activation",
            "",
            "tokens",
            "logits added by one unit",
            "labels (held-out F1)",
        ),
    )
    figure.update_annotations(font={"size": 13})
    _add_examples(figure, rows)
    _add_activations(figure, page)
    _add_tokens(figure, page)
    _add_logits(figure, page)
    _add_labels(figure, page)
    label, f1 = page.labels.labels[0], page.labels.f1[0]
    frame(
        figure,
        title=title
        or f"Feature {page.latent} of {page.dictionary} is active at {page.density:.2%} of the "
        f"tokens; best label {label}, F1 {f1:.2f}",
        summary=page.summary(),
        width=WIDTH - 120,  # the title starts beside the examples' names
        height=sum(heights) + GAPS,
    )
    top = figure.layout.yaxis2.domain[1]
    place = {"x": 0.44, "xanchor": "right", "y": top, "yanchor": "top"}
    return figure.update_layout(
        barmode="stack",
        width=WIDTH,
        legend={"orientation": "v", "bgcolor": "rgba(255, 255, 255, 0.7)", **place},
    )


def _rows(page: FeaturePage) -> list[tuple[str, LatentExample]]:
    """Return the examples with what stands beside each, from the strongest down."""
    rows = [("top", example) for example in page.examples]
    return rows + [(name, example) for name, found in page.by_quantile for example in found]


def _add_examples(figure: go.Figure, rows: list[tuple[str, LatentExample]]) -> None:
    before = max(example.peak for _, example in rows)
    after = max(len(example.tokens) - example.peak for _, example in rows)
    values, texts, full = [], [], []
    for _, example in rows:
        left, right = before - example.peak, after - (len(example.tokens) - example.peak)
        said = [_short(token) for token in example.tokens]
        said[example.peak] = f"<b>{said[example.peak]}</b>"
        activations = [round(value, 3) for value in example.activations.tolist()]
        values.append([None] * left + activations + [None] * right)
        texts.append([""] * left + said + [""] * right)
        full.append([""] * left + [visible(token) for token in example.tokens] + [""] * right)
    figure.add_heatmap(
        z=values,
        text=texts,
        customdata=full,
        texttemplate="%{text}",
        textfont={"size": 11, "color": "black"},
        hovertemplate="%{customdata}: %{z}<extra></extra>",
        colorscale=LOUD,
        zmin=0,
        zmax=max(example.value for _, example in rows),
        showscale=False,
        xgap=1,
        ygap=2,
        row=1,
        col=1,
    )
    names = [f"{name} {example.value:.1f}" for name, example in rows]
    figure.update_yaxes(
        autorange="reversed",
        tickmode="array",
        tickvals=list(range(len(rows))),
        ticktext=names,
        showgrid=False,
        row=1,
        col=1,
    )
    figure.update_xaxes(visible=False, row=1, col=1)


def _short(token: str, longest: int = 7) -> str:
    return visible(token if len(token) <= longest else token[: longest - 1] + "…")


def _add_activations(figure: go.Figure, page: FeaturePage) -> None:
    found = page.activations
    edges = found.edges.tolist()
    middle = [(low + high) / 2 for low, high in itertools.pairwise(edges)]
    groups = {found.label: found.with_label, "without": found.counts - found.with_label}
    for (name, counts), colour in zip(groups.items(), (COLOURS[0], GREY), strict=True):
        figure.add_bar(
            x=middle,
            y=counts.tolist(),
            name=name,
            marker={"color": colour},
            showlegend=True,
            row=2,
            col=1,
        )
    for quantile, value in zip(found.quantiles[:-1], found.at_quantiles.tolist(), strict=False):
        figure.add_vline(
            x=value,
            line={"color": "#777777", "width": 1, "dash": "dot"},
            annotation={"text": f"{quantile:.0%}", "font": {"size": 10}, "yanchor": "bottom"},
            annotation_position="top",
            row=2,
            col=1,
        )
    figure.update_xaxes(title="activation", row=2, col=1)
    figure.update_yaxes(title="tokens", row=2, col=1)


def _add_tokens(figure: go.Figure, page: FeaturePage) -> None:
    found = page.tokens
    silent = (found.total - found.active).tolist()
    _bars(
        figure,
        [visible(token) for token in found.tokens],
        found.active.tolist(),
        place=(2, 2),
        title="times active",
        hover=[f"silent at {n} more" for n in silent],
    )


def _add_logits(figure: go.Figure, page: FeaturePage) -> None:
    pairs = page.logits.top(7) + page.logits.bottom(7)[::-1]
    _bars(
        figure,
        [visible(token) for token, _ in pairs],
        [value for _, value in pairs],
        place=(3, 1),
        title="logit",
    )


def _add_labels(figure: go.Figure, page: FeaturePage) -> None:
    values = page.labels.f1.tolist()
    said = [f"{name} {value:.2f}" for name, value in zip(page.labels.labels, values, strict=True)]
    figure.add_bar(
        y=list(range(len(values))),
        x=values,
        orientation="h",
        marker={"color": COLOURS[0]},
        text=said,
        textposition=["inside" if value > 0.6 else "outside" for value in values],
        showlegend=False,
        row=3,
        col=2,
    )
    figure.update_xaxes(range=[0, 1.05], title="F1", row=3, col=2)
    figure.update_yaxes(autorange="reversed", showticklabels=False, row=3, col=2)


def _bars(
    figure: go.Figure,
    names: list[str],
    values: list,
    *,
    place: tuple[int, int],
    title: str,
    hover: list[str] | None = None,
) -> None:
    """Add bars at numbered places, for two tokens may be written alike."""
    row, col = place
    figure.add_bar(
        x=list(range(len(values))),
        y=values,
        hovertext=hover,
        marker={"color": [COLOURS[0] if value > 0 else COLOURS[1] for value in values]},
        showlegend=False,
        row=row,
        col=col,
    )
    figure.update_xaxes(tickangle=-60, **ticks_of(names), row=row, col=col)
    figure.update_yaxes(title=title, row=row, col=col)
