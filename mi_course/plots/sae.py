"""How good a dictionary of features is: sparsity, losses, labels, explanations."""

import plotly.graph_objects as go

from mi_course.plots.style import COLOURS, GREY, MARKERS, TRUTH, bar_look, frame
from mi_course.results import (
    Interpretability,
    LabelScores,
    ReconstructionScores,
    SAEScores,
    SpliceLosses,
)

__all__ = [
    "plot_frontier",
    "plot_interpretability",
    "plot_label_scores",
    "plot_sae_scores",
    "plot_splice_losses",
]

SHARES = {
    "features ever active": lambda scores: 1 - scores.reconstruction.dead,
    "variance explained": lambda scores: 1 - scores.reconstruction.fvu,
    "loss recovered": lambda scores: scores.splice.recovered,
    "labels told with F1 of 0.8": lambda scores: (
        len(scores.labels.above(0.8)) / len(scores.labels.labels)
    ),
    "mean F1 of the labels": lambda scores: scores.labels.f1.mean().item(),
    "mean score of explanations": lambda scores: (
        scores.interpretability.top_and_random.mean().item()
    ),
}
MEAN = {"color": GREY, "dash": "dot", "width": 2}
# Long names to the left of the axis would push a title that starts at the axis out of the figure.
LEFT = {"x": 0.015, "xref": "container"}
L0_TICKS = [n * 10**power for power in range(5) for n in (1, 2, 5)]
BESIDE = {"orientation": "v", "x": 1.02, "xanchor": "left", "y": 1, "yanchor": "top"}


def plot_frontier(*scores: ReconstructionScores, title: str | None = None) -> go.Figure:
    """Return the unexplained variance of dictionaries against their number of active features.

    Args:
        *scores: one for each dictionary.
        title: the claim; by default what the first one leaves unexplained.

    Returns:
        A figure; better is down and to the left. The number of active features is on a log scale.

    Raises:
        ValueError: nothing to plot.
    """
    _some(scores)
    figure = go.Figure()
    for i, each in enumerate(scores):
        figure.add_scatter(
            x=[max(each.l0, 0.1)],
            y=[each.fvu],
            mode="markers",
            name=each.name,
            showlegend=True,
            marker=marker(i, 11),
            hovertemplate=f"{each.name}: L0 %{{x:.1f}}, FVU %{{y:.3f}}<extra></extra>",
        )
    figure.update_xaxes(title="L0: features active on a token (log scale)", type="log")
    figure.update_xaxes(tickvals=L0_TICKS)
    figure.update_yaxes(title="FVU: fraction of variance unexplained", rangemode="tozero")
    first = scores[0]
    return frame(
        figure,
        title=title
        or f"{first.name} leaves {first.fvu:.2f} of the variance with {first.l0:.0f} active "
        "features",
        summary=" ".join(each.summary() for each in scores),
        width=640,
        height=360,
    ).update_layout(legend=BESIDE)


def plot_splice_losses(
    *losses: SpliceLosses, names: list[str] | None = None, title: str | None = None
) -> go.Figure:
    """Return the model's loss with reconstructions in place, between its own and the mean's.

    Args:
        *losses: of one hook, one for each dictionary.
        names: of the dictionaries; "the reconstruction" for a single one when None.
        title: the claim; by default the first one's perplexity and loss recovered.

    Returns:
        A figure; a black dashed line is the model itself, a grey dotted one the mean activation.

    Raises:
        ValueError: nothing to plot, or names that are not one for each.
    """
    _some(losses)
    called = names or (["the reconstruction"] if len(losses) == 1 else [])
    if len(called) != len(losses):
        raise ValueError(f"expected {len(losses)} names, got {names}")
    figure = go.Figure(
        go.Bar(
            y=called,
            x=[each.spliced for each in losses],
            orientation="h",
            text=[f"{each.spliced:.2f} (KL {each.kl:.2f})" for each in losses],
            textposition="outside",
            marker={"color": COLOURS[0]},
        )
    )
    first = losses[0]
    marks = {"the model": (first.clean, TRUTH), "the mean": (first.averaged, MEAN)}
    for text, (loss, line) in marks.items():
        figure.add_vline(x=loss, line=line, annotation={"text": text, "yanchor": "bottom"})
    figure.update_xaxes(title="mean loss (nats)", range=[0, 1.15 * first.averaged])
    figure.update_yaxes(autorange="reversed")
    before, after = first.perplexities
    framed = frame(
        figure,
        title=title
        or f"Spliced in, {called[0]} takes perplexity from {before:.2f} to {after:.2f} and "
        f"recovers {first.recovered:.0%} of the loss",
        summary=" ".join(each.summary() for each in losses),
        width=720,
        height=110 + 34 * len(losses),
    )
    return framed.update_layout(title=LEFT, margin={"t": framed.layout.margin.t + 20})


def plot_label_scores(
    scores: LabelScores,
    rival: LabelScores | None = None,
    *,
    n_labels: int = 40,
    title: str | None = None,
) -> go.Figure:
    """Return the held-out F1 of the best feature of each label, the best told label first.

    Args:
        scores: of one dictionary.
        rival: of another one for the same labels, such as of single neurons.
        n_labels: labels that are shown, the best told ones.
        title: the claim; by default how many labels are told with 0.8 or more.

    Returns:
        A figure.

    Raises:
        ValueError: a rival with other labels.
    """
    if rival is not None and rival.labels != scores.labels:
        raise ValueError("expected a rival with the same labels, got others, try the same data")
    order = scores.f1.argsort(descending=True, stable=True)[:n_labels].tolist()
    figure = go.Figure()
    shown = [(scores, COLOURS[0], MARKERS[0])]
    shown += [] if rival is None else [(rival, COLOURS[1], MARKERS[2])]
    for each, colour, symbol in shown:
        figure.add_scatter(
            x=[each.f1[i].item() for i in order],
            y=[scores.labels[i] for i in order],
            mode="markers",
            name=each.name,
            showlegend=True,
            text=[f"feature {each.best[i]}" for i in order],
            marker={"color": colour, "symbol": symbol, "size": 9},
        )
    figure.add_vline(x=0.8, line={"color": GREY, "dash": "dot", "width": 1})
    figure.update_xaxes(title="held-out F1 of the label's best feature", range=[0, 1.02])
    figure.update_yaxes(autorange="reversed", dtick=1)
    many = [len(each.above(0.8)) for each, _, _ in shown]
    beside = "" if rival is None else f", one of {rival.name} {many[1]}"
    summary = " ".join(each.summary() for each, _, _ in shown)
    return frame(
        figure,
        title=title
        or f"One feature of {scores.name} tells {many[0]} labels with an F1 of 0.8{beside}",
        summary=summary,
        width=720,
        height=90 + 17 * len(order),
    ).update_layout(title=LEFT)


def plot_interpretability(*scores: Interpretability, title: str | None = None) -> go.Figure:
    """Return how the scores of explanations are spread, one box for each dictionary.

    Args:
        *scores: one for each dictionary.
        title: the claim; by default the highest and the lowest mean.

    Returns:
        A figure; the dashed line in a box is the mean.

    Raises:
        ValueError: nothing to plot.
    """
    _some(scores)
    figure = go.Figure()
    for i, each in enumerate(scores):
        figure.add_box(
            y=[round(value, 3) for value in each.top_and_random.tolist()],
            name=each.name,
            showlegend=False,
            boxmean=True,
            boxpoints="outliers",
            marker={"color": COLOURS[i % len(COLOURS)], "size": 3},
        )
    figure.update_yaxes(title="top-and-random score (correlation)", range=[-0.6, 1.05])
    means = {each.name: each.top_and_random.mean().item() for each in scores}
    best, worst = max(means, key=means.__getitem__), min(means, key=means.__getitem__)
    said = f"Explanations of {best} predict best, mean correlation {means[best]:.2f}"
    return frame(
        figure,
        title=title or said + (f"; {worst} {means[worst]:.2f}" if best != worst else ""),
        summary=" ".join(each.summary() for each in scores),
        width=max(480, 140 + 110 * len(scores)),
        height=360,
    )


def plot_sae_scores(*scores: SAEScores, title: str | None = None) -> go.Figure:
    """Return what is measured of dictionaries, as fractions of which 1 is the best.

    Args:
        *scores: one for each dictionary.
        title: the claim; by default FVU and the loss recovered of the first.

    Returns:
        A figure of grouped bars.

    Raises:
        ValueError: nothing to plot.
    """
    _some(scores)
    figure = go.Figure()
    for i, each in enumerate(scores):
        figure.add_bar(
            y=list(SHARES),
            x=[share(each) for share in SHARES.values()],
            orientation="h",
            name=each.name,
            showlegend=True,
            marker=bar_look(i),
        )
    figure.update_xaxes(title="fraction", range=[0, 1.02])
    figure.update_yaxes(autorange="reversed")
    first = scores[0]
    return frame(
        figure,
        title=title
        or f"{first.name} explains {1 - first.reconstruction.fvu:.0%} of the variance with "
        f"{first.reconstruction.l0:.0f} active features and recovers "
        f"{first.splice.recovered:.0%} of the loss",
        summary=" ".join(each.summary() for each in scores),
        width=720,
        height=120 + len(SHARES) * (16 + 16 * len(scores)),
    ).update_layout(title=LEFT)


def marker(i: int, size: int) -> dict[str, str | int]:
    return {"color": COLOURS[i % len(COLOURS)], "symbol": MARKERS[i % len(MARKERS)], "size": size}


def _some(scores: tuple) -> None:
    if not scores:
        raise ValueError("expected at least one result to plot, got none")
