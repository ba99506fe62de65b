"""A map of what a layer sees: activations laid out so that neighbours are alike, then drawn.

Activations at random places of many images become points in the plane (t-SNE). The plane is cut
into cells, and for each cell with enough points one picture is made of the mean of its activations:

    cell -> mean activation -> picture that goes along it,   objective = product * cosine^power

Source: [Carter19] Activation Atlas. In go images, out comes `ActivationAtlas`.
"""

from collections.abc import Sequence

import torch
from jaxtyping import Float, Int
from sklearn.manifold import TSNE
from torch import Tensor

from mi_course.methods.feature_viz.objectives import direction
from mi_course.methods.feature_viz.render import Recipe, render_objective
from mi_course.methods.feature_viz.universality import sampled_activations
from mi_course.models.vision import VisionModel
from mi_course.results.channels import ActivationAtlas

__all__ = ["activation_atlas", "cells"]


def activation_atlas(
    model: VisionModel,
    layer: str,
    images: Float[Tensor, "image 3 height width"],
    labels: Sequence[str],
    recipe: Recipe | None = None,
    *,
    grid: int = 8,
    least: int = 4,
    cosine_power: float = 2.0,
) -> ActivationAtlas:
    """Return the atlas of a layer; all its cells are rendered in one batch.

    Args:
        model: any.
        layer: where.
        images: from 0 to 1; one place of each is taken.
        labels: a word for each image, such as its class.
        recipe: how pictures are made, and the seed of places and layout.
        grid: cells along each side.
        least: points that a cell must have to be drawn.
        cosine_power: how strictly pictures keep to their direction.

    Returns:
        Pictures with the place, size and commonest label of each cell.

    Raises:
        ValueError: an unknown layer, fewer than 40 images, labels that are not as many, or no
            cell with enough points.

    Source: Carter et al. (2019), Activation Atlas.
    """
    if len(images) < 40 or len(labels) != len(images):
        raise ValueError(
            f"expected 40 images or more and as many labels, got {len(images)} and {len(labels)}"
        )
    recipe = Recipe() if recipe is None else recipe
    acts = sampled_activations(model, layer, images, places=1, seed=recipe.seed)
    awake = acts.any(dim=1)
    acts, kept = acts[awake], [labels[i] for i in awake.nonzero()[:, 0].tolist()]
    layout = TSNE(init="pca", perplexity=min(30, len(acts) // 4), random_state=recipe.seed)
    points = torch.from_numpy(layout.fit_transform(acts.cpu().numpy()))
    cell = cells(points, grid)
    count = cell.bincount(minlength=grid**2)
    chosen = (count >= least).nonzero()[:, 0]
    if not len(chosen):
        raise ValueError(f"expected a cell with {least} points, got none, try a smaller grid")
    means = torch.stack([acts[cell == number].mean(dim=0) for number in chosen])
    tops = [_commonest([kept[i] for i in (cell == each).nonzero()[:, 0]]) for each in chosen]
    names = [f"{layer} {top} {share:.0%}" for top, share in tops]
    goal = direction(layer, means, cosine_power=cosine_power, names=names)
    return ActivationAtlas(
        pictures=render_objective(model, goal, None, recipe),
        rows=chosen // grid,
        columns=chosen % grid,
        counts=count[chosen],
        labels=tuple(top for top, _ in tops),
        shares=torch.tensor([share for _, share in tops]),
        grid=grid,
        layer=layer,
        n_points=len(acts),
    )


def cells(points: Float[Tensor, "point 2"], grid: int) -> Int[Tensor, " point"]:
    """Return the number of each point's cell, row by row from the top left.

    Args:
        points: in the plane, the first coordinate to the right and the second downwards.
        grid: cells along each side; together they just hold all points.
    """
    low, high = points.amin(dim=0), points.amax(dim=0)
    scaled = (points - low) / (high - low).clamp(min=1e-9) * grid
    column, row = scaled.floor().long().clamp(max=grid - 1).unbind(dim=1)
    return row * grid + column


def _commonest(labels: Sequence[str]) -> tuple[str, float]:
    """Return the commonest label and its share; of several the first in the alphabet."""
    top = max(sorted(set(labels)), key=labels.count)
    return top, labels.count(top) / len(labels)
