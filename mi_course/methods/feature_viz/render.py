"""Gradient ascent on pictures: all channels of a layer in one batch, each image its own goal.

Start from noise, move the picture a little, run the network up to the layer, and change the
parameters so that the objective rises:

    parameters <- parameters + Adam(d objective(network(views(images(parameters)))) / d parameters)

Images of a batch do not touch each other, so a channel's picture does not depend on which others
are made beside it. Source: [Olah17]. In go a `VisionModel` and an `Objective`, out come `Pictures`.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

import torch
from torch import Tensor
from tqdm.auto import tqdm

from mi_course.methods.feature_viz.objectives import (
    Objective,
    channel,
    checked_channels,
    diversity,
)
from mi_course.methods.feature_viz.parametrisations import Fourier, Parametrisation
from mi_course.methods.feature_viz.reading import Reading
from mi_course.methods.feature_viz.redirect import redirected_relu
from mi_course.methods.feature_viz.robustness import Robustness
from mi_course.models.vision import VisionModel
from mi_course.results.feature_viz import Pictures

__all__ = ["Recipe", "render_channels", "render_diverse", "render_objective"]

LOOK = 16  # steps between two looks at the losses: each look waits for the device


@dataclass(frozen=True)
class Recipe:
    """How pictures are made; the same for all images of a batch.

    Attributes:
        steps: of Adam.
        lr: its step size, in units of the parameters.
        size: of the pictures, in pixels; the model's own when None.
        parametrisation: what moves.
        robustness: how far a picture is moved before each step.
        redirect: for so many steps at first, pictures without any gradient get one through ReLUs.
        seed: of noise and moves.
    """

    steps: int = 128
    lr: float = 0.1
    size: int | None = None
    parametrisation: Parametrisation = field(default_factory=Fourier)
    robustness: Robustness = field(default_factory=Robustness)
    redirect: int = 64
    seed: int = 0

    def __post_init__(self) -> None:
        if self.steps < 1 or self.lr <= 0 or (self.size is not None and self.size < 1):
            raise ValueError(
                f"expected steps, lr and size above 0, got {self.steps}, {self.lr} and {self.size}"
            )


def render_objective(
    model: VisionModel,
    objective: Objective,
    n: int | None = None,
    recipe: Recipe | None = None,
    *,
    keys: Sequence[int] | None = None,
) -> Pictures:
    """Return pictures that raise an objective.

    Args:
        model: any.
        objective: what to raise.
        n: pictures; as many as the objective has goals when None.
        recipe: how; `Recipe()` when None.
        keys: a picture's noise and moves depend on its key; 0, 1, 2 ... when None.

    Returns:
        Pictures, on the model's device, with their losses.

    Raises:
        ValueError: an unknown layer or channel, a size that is too small for the layer, as many
            keys as there are no pictures, or a loss that is not finite.

    Source: [Olah17].
    """
    recipe = Recipe() if recipe is None else recipe
    n = len(objective.names) if n is None else n
    keys = range(n) if keys is None else keys
    names = objective.names * (n if len(objective.names) == 1 else 1)
    if n < 1 or len(keys) != n or len(names) != n:
        raise ValueError(f"expected {n} goals and keys, got {len(names)} and {len(keys)}")
    objective.check(model)
    size = model.image_size if recipe.size is None else recipe.size
    ascent = _Ascent(model, objective, recipe, size, keys)
    losses = ascent.run()
    with torch.no_grad():
        images = ascent.images()
        values, before = (
            objective.value(Reading(model, each)) for each in (images, ascent.start_images)
        )
    return Pictures(images, names, losses, values, before)


def render_channels(
    model: VisionModel,
    layer: str,
    channels: Sequence[int] | None = None,
    recipe: Recipe | None = None,
    *,
    goal: Callable[[str, Sequence[int]], Objective] = channel,
    chunk: int = 128,
) -> Pictures:
    """Return a picture for each channel of a layer; the batch renders all of them at once.

    Args:
        model: any.
        layer: where.
        channels: which; all when None.
        recipe: how; `Recipe()` when None.
        goal: `channel` fills the picture, `neuron` draws once, in the middle.
        chunk: channels in one batch; it bounds the memory and changes no picture.

    Returns:
        Pictures named "conv3:0", "conv3:1" ... whatever the goal.

    Raises:
        ValueError: as for `render_objective`.

    Source: [Olah17].
    """
    wanted = checked_channels(model, layer, channels)
    made = []
    for start in range(0, len(wanted), chunk):
        part = wanted[start : start + chunk]
        named = replace(goal(layer, part), names=tuple(f"{layer}:{number}" for number in part))
        made.append(render_objective(model, named, len(part), recipe, keys=part))
    return _joined(made)


def render_diverse(
    model: VisionModel,
    layer: str,
    channels: Sequence[int],
    recipe: Recipe | None = None,
    *,
    n: int = 4,
    weight: float = 1.0,
    goal: Callable[[str, Sequence[int]], Objective] = channel,
) -> Pictures:
    """Return several pictures for each channel that differ in their textures.

    Args:
        model: any.
        layer: where.
        channels: which.
        recipe: how; `Recipe()` when None.
        n: pictures for each channel; they stand in a row.
        weight: textures that are as different as can be are worth so many times the activation.
        goal: `channel` fills the pictures, `neuron` draws once, in the middle.

    Returns:
        n pictures for each channel.

    Raises:
        ValueError: as for `render_objective`.

    Source: [Olah17], "Diversity".
    """
    wanted = checked_channels(model, layer, channels)
    each = [number for number in wanted for _ in range(n)]
    # A product, so that the balance of the two does not hang on the channel's scale.
    aim = goal(layer, each) * (1.0 + weight * (1.0 + diversity(layer, n)))
    return render_objective(
        model, replace(aim, names=tuple(f"{layer}:{number}" for number in each)), None, recipe
    )


class _Ascent:
    """Parameters on their way up."""

    def __init__(
        self,
        model: VisionModel,
        objective: Objective,
        recipe: Recipe,
        size: int,
        keys: Sequence[int],
    ) -> None:
        self.model, self.objective, self.recipe, self.size = model, objective, recipe, size
        device = model.device
        start = recipe.parametrisation.start(size, keys, recipe.seed).to(device)
        self.parameters = start.requires_grad_()
        self.draws = recipe.robustness.draws(recipe.steps, keys, recipe.seed).to(device)
        self.fill = torch.tensor(model.colour_mean, device=device)
        self.adam = torch.optim.Adam([self.parameters], lr=recipe.lr, fused=True)
        self.start_images = self.images().detach()
        for layer in objective.layers:
            model.activations(self.start_images[:1], layer)  # says if the pictures are too small

    def images(self) -> Tensor:
        return self.recipe.parametrisation.images(self.parameters, self.size)

    def run(self) -> Tensor:
        """Return the loss of each image at each step."""
        losses: list[Tensor] = []
        names = self.objective.names
        bar = tqdm(range(self.recipe.steps), desc="pictures", leave=False)
        for step in bar:
            losses.append(self._step(step))
            if step % LOOK == LOOK - 1 or step == self.recipe.steps - 1:
                bar.set_postfix(loss=f"{_all_finite(losses, names):.3f}")
        return torch.stack(losses)

    @torch.enable_grad()
    def _step(self, step: int) -> Tensor:
        relu = redirected_relu if step < self.recipe.redirect else torch.relu
        views = self.recipe.robustness.views(self.images(), self.draws[step], self.fill)
        loss = -self.objective.value(Reading(self.model, views, relu))
        self.adam.zero_grad()
        loss.sum().backward()  # and not autograd.grad: Adam wants gradients laid out as parameters
        self.adam.step()
        return loss.detach()


def _all_finite(losses: list[Tensor], names: Sequence[str]) -> float:
    """Return the mean of the last losses.

    Raises:
        ValueError: one of the last few steps is not finite.
    """
    recent = torch.stack(losses[-LOOK:])
    if not recent.isfinite().all():
        at = recent.isfinite().logical_not().nonzero()[0].tolist()
        step = len(losses) - len(recent) + at[0]
        name = names[at[1] if len(names) > 1 else 0]
        raise ValueError(
            f"expected finite losses, got {recent[at[0], at[1]]} for {name} at step {step}, try a "
            "smaller lr, or look for NaN in the model's weights"
        )
    return recent[-1].mean().item()


def _joined(made: list[Pictures]) -> Pictures:
    if len(made) == 1:
        return made[0]
    return Pictures(
        torch.cat([each.images for each in made]),
        tuple(name for each in made for name in each.names),
        torch.cat([each.losses for each in made], dim=1),
        torch.cat([each.values for each in made]),
        torch.cat([each.start_values for each in made]),
    )
