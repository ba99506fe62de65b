"""The report on a network of the shapes: what it gets right on scenes it never saw.

Accuracies are fractions of held-out scenes, by class for the main readout; "moved" scenes are
shifted one small step against the network, as in its training. In goes a `VisionModel`; out comes
a dictionary of metrics for its card and for `mi-course models report`.
"""

from typing import Any

import torch
import torch.nn.functional as F

from mi_course.models.vision import VisionModel
from mi_course.worlds.shapes import scenes

BATCH = 200
SELDOM = 1e-3  # fraction of the places of scenes
HELD_OUT = 7  # seed; training takes seeds from a million on


def shapes_report(model: VisionModel, *, n: int = 4800, seed: int = HELD_OUT) -> dict[str, Any]:
    """Return accuracies, and how many channels of each layer hardly ever respond.

    Args:
        model: "shapes-a" or "shapes-b".
        n: held-out scenes, as many of each class.
        seed: of the scenes; below a million.
    """
    drawn = scenes(n, seed)
    images = torch.from_numpy(drawn.images).permute(0, 3, 1, 2).to(model.device)
    labels = torch.from_numpy(drawn.labels).to(model.device)
    right, narrow, active = _run(model, images, labels)
    some = slice(0, min(n, 1200))
    moved = _moved(model, images[some], labels[some])
    return {
        "accuracy": _fraction(right),
        "narrow_accuracy": _fraction(narrow),
        "accuracy_by_class": {
            name: _fraction(right[labels == number]) for number, name in enumerate(model.classes)
        },
        "moved_accuracy": _fraction(model.logits(moved).argmax(1) == labels[some]),
        "silent_channels": {layer: int((share < SELDOM).sum()) for layer, share in active.items()},
        "n": n,
    }


def _fraction(right: torch.Tensor) -> float:
    return round(right.float().mean().item(), 4)


@torch.no_grad()
def _run(model: VisionModel, images: torch.Tensor, labels: torch.Tensor):
    """Return where each readout is right, and at which fraction of places channels respond."""
    right, narrow, active = [], [], {layer: 0.0 for layer in model.layers}
    for x, y in zip(images.split(BATCH), labels.split(BATCH), strict=True):
        main, beside, activations = model.module.everything(model.normalise(x))
        right.append(main.argmax(1) == y)
        narrow.append(beside.argmax(1) == y)
        for layer, values in activations.items():
            active[layer] += (values > 0).float().mean(dim=(2, 3)).sum(dim=0) / len(images)
    return torch.cat(right), torch.cat(narrow), active


def _moved(model: VisionModel, images: torch.Tensor, labels: torch.Tensor, step: float = 0.06):
    """Return images one step against the main readout."""
    images = images.detach().requires_grad_()
    loss = F.cross_entropy(model.logits(images), labels, reduction="sum")
    (slope,) = torch.autograd.grad(loss, images)
    return (images + step * slope.sign()).clamp(0, 1).detach()
