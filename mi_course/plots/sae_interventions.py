"""What the model loses without a latent, and what it does when one is raised."""

import plotly.graph_objects as go
from plotly.subplots import make_subplots

from mi_course.plots.style import COLOURS, GREY, MARKERS, bar_look, frame, ticks_of, visible
from mi_course.results import LatentAblations, LatentSteering

__all__ = ["plot_ablation_size", "plot_latent_ablation", "plot_latent_steering"]


def plot_latent_ablation(
    found: LatentAblations, latent: int, *, k: int = 12, title: str | None = None
) -> go.Figure:
    """Return the next tokens whose logits fall and rise most when a latent is taken away.

    Args:
        found: of several latents.
        latent: one of them.
        k: tokens at each end.
        title: the claim; by default the tokens that lose most.

    Returns:
        A figure of bars, orange where a logit falls.

    Raises:
        ValueError: the latent was not ablated.
    """
    pairs = found.losers(latent, k) + found.winners(latent, k)[::-1]
    values = [value for _, value in pairs]
    labels = [visible(token) for token, _ in pairs]
    colours = [COLOURS[0] if value > 0 else COLOURS[1] for value in values]
    figure = go.Figure(go.Bar(x=list(range(len(values))), y=values, marker={"color": colours}))
    figure.update_xaxes(title=f"the {k} tokens at each end", tickangle=-60, **ticks_of(labels))
    figure.update_yaxes(title="change of the logit")
    said = ", ".join(labels[: min(4, k)])
    return frame(
        figure,
        title=title or f"Without feature {latent} the logits of {said} fall most",
        summary=found.summary(latent),
        width=700,
        height=320,
    )


def plot_ablation_size(found: LatentAblations, *, title: str | None = None) -> go.Figure:
    """Return how much predictions change without each latent, where it is active and elsewhere.

    Args:
        found: of some latents.
        title: the claim; by default both means elsewhere.

    Returns:
        A figure of bars on two panels: less-than-rank-one ablation, and projecting out.
    """
    names = [str(latent) for latent in found.latents]
    figure = make_subplots(cols=2, shared_yaxes=True)
    ways = (
        (found.kl, found.kl_elsewhere),
        (found.projected_kl, found.projected_kl_elsewhere),
    )
    places = "where it is active", "at other tokens"
    for col, way in enumerate(ways, start=1):
        for i, (name, values) in enumerate(zip(places, way, strict=True)):
            figure.add_bar(
                x=names,
                y=values.tolist(),
                name=name,
                marker=bar_look(i),
                legendgroup=name,
                showlegend=col == 1,
                row=1,
                col=col,
            )
    for i, values in enumerate(found.random_kl.T.tolist()):
        figure.add_scatter(
            x=names,
            y=values,
            mode="markers",
            name="random directions",
            marker={"color": "#777777", "size": 8, "symbol": MARKERS[4]},
            showlegend=i == 0,
            legendgroup="random",
            row=1,
            col=1,
        )
    for col, done in enumerate(("ablated, x - f(x) v", "projected out, x - (d x) d"), start=1):
        figure.update_xaxes(title=f"feature, {done}", type="category", row=1, col=col)
    figure.update_yaxes(title="KL (nats)", row=1, col=1)
    own, projected = found.kl_elsewhere.mean(), found.projected_kl_elsewhere.mean()
    return frame(
        figure,
        title=title
        or f"Elsewhere an ablated feature costs {own:.4f} nats on average, its direction "
        f"projected out {projected:.4f}",
        summary=" ".join(found.summary(latent) for latent in found.latents),
        width=760,
        height=340,
    )


def plot_latent_steering(found: LatentSteering, *, title: str | None = None) -> go.Figure:
    """Return how a behaviour follows a latent that is raised, and what the push costs.

    Args:
        found: by amount, with random directions.
        title: the claim; by default the probability at the largest amount.

    Returns:
        A figure of two panels; grey lines are random directions.
    """
    figure = make_subplots(cols=2, horizontal_spacing=0.14)
    panels = ((found.share, found.random), (found.kl, found.random_kl))
    for col, (own, chance) in enumerate(panels, start=1):
        for i, values in enumerate(chance.tolist()):
            figure.add_scatter(
                x=list(found.amounts),
                y=values,
                mode="lines",
                name="random directions",
                legendgroup="random",
                showlegend=i == 0 and col == 1,
                line={"color": GREY, "width": 1},
                row=1,
                col=col,
            )
        figure.add_scatter(
            x=list(found.amounts),
            y=own.tolist(),
            mode="lines+markers",
            name=f"feature {found.latent}",
            legendgroup="latent",
            showlegend=col == 1,
            line={"color": COLOURS[0]},
            marker={"symbol": MARKERS[0], "size": 8},
            row=1,
            col=col,
        )
    figure.add_hline(y=found.untouched, line={"color": GREY, "dash": "dot"}, row=1, col=1)
    amount = "amount added" if found.how == "added" else "value clamped to"
    figure.update_xaxes(title=f"{amount} (units of activation)")
    figure.update_yaxes(title=f"probability of {found.behaviour}", row=1, col=1)
    figure.update_yaxes(title="KL from untouched (nats)", row=1, col=2)
    at = max(range(len(found.amounts)), key=found.amounts.__getitem__)
    done = "raised by" if found.how == "added" else "clamped to"
    return frame(
        figure,
        title=title
        or f"{found.behaviour[:1].upper()}{found.behaviour[1:]}: {found.untouched:.1%} untouched, "
        f"{found.share[at]:.1%} with feature {found.latent} {done} {found.amounts[at]:.3g}",
        summary=found.summary(),
        width=800,
        height=320,
    )
