"""Train many toy models at once: every instance in one batched product, gradients by hand.

The loss is the mean over batch and features of importance times squared error,

    L = mean_i I_i (x_i - ReLU(x W W^T + b)_i)^2

One uniform number gives an input's mask and value, and the two gradients are written out: with
g = dL/d(pre-activation), dL/dW = x^T (g W) + g^T (x W) and dL/db = sum g. Inside, examples are the
last axis, `[instance n_features batch]`: models are small and batches long, and a processor is
fast along what is long. Source: [Elhage22]; its published set-up takes
10,000 steps at a rate of 1e-3, where 3,000 at 1e-2 with cosine decay reach the same loss. In go
sizes and densities, out come `ToyTraining` and losses.
"""

from collections.abc import Iterator
from math import cos, pi

import torch
from jaxtyping import Float
from torch import Tensor
from tqdm.auto import tqdm

from mi_course.methods.superposition.features import checked, sample_features, shaped_
from mi_course.models.toy import ToyModel, ToyTraining

__all__ = ["toy_loss", "train_toy_models"]

# Numbers in a batch above which a processor's cache no longer holds what one step touches.
CACHED = 200_000


def train_toy_models(
    n_features: int,
    d_hidden: int,
    density: Float[Tensor, " instance"],
    importance: Float[Tensor, "..."] | None = None,
    *,
    steps: int = 3000,
    batch_size: int = 256,
    lr: float = 1e-2,
    decay: bool = True,
    seed: int = 0,
    kind: str = "relu",
    pairing: str | None = None,
    binary: bool = False,
    init_scale: float = 1.0,
    record_every: int | None = None,
    progress: bool = False,
) -> ToyTraining:
    """Return toy models trained on features of their densities, all instances at once.

    Args:
        n_features: features of a model.
        d_hidden: hidden dimensions of a model.
        density: one for each instance; repeat a density to train more seeds of it.
        importance: of each feature, or of each instance and feature; 1 when None.
        steps: of AdamW.
        batch_size: examples of a step, for each instance.
        lr: learning rate, of the first step if it decays.
        decay: whether the rate falls to zero along half a cosine.
        seed: of weights and inputs.
        kind: "relu", or "linear" for models without ReLU.
        pairing: as in `sample_features`.
        binary: as in `sample_features`.
        init_scale: factor on the usual (Xavier) size of the first weights.
        record_every: steps between two records; a twentieth of all when None.
        progress: whether a bar is shown.

    Returns:
        The models with their losses and weights along the way.

    Raises:
        ValueError: sizes, densities or importances that make no sense.

    Source: [Elhage22], "Demonstrating Superposition".
    """
    checked(density, n_features, pairing)
    if min(d_hidden, steps, batch_size) < 1 or lr <= 0:
        raise ValueError(
            f"expected d_hidden, steps, batch_size and lr above 0, got {d_hidden}, {steps}, "
            f"{batch_size} and {lr}"
        )
    importance = _importances(importance, density, n_features)
    generator = torch.Generator(density.device).manual_seed(seed)
    scale = init_scale * (2 / (n_features + d_hidden)) ** 0.5
    shape = (len(density), n_features, d_hidden)
    W = scale * torch.randn(shape, generator=generator, device=density.device, dtype=density.dtype)
    blank = ToyModel(W, torch.zeros_like(importance), density, importance, kind)
    every = record_every or max(1, steps // 20)
    records = sorted({*range(0, steps, every), steps})
    size = max(1, CACHED // (batch_size * n_features))
    parts = torch.arange(len(density)).split(size)
    trained = []
    for part in tqdm(parts, disable=not progress, desc="toy models"):
        draws = _batches(blank.density[part.to(W.device)], batch_size, n_features, generator)
        if pairing is not None or binary:
            draws = _special(blank, part, batch_size, generator, pairing, binary)
        rates = [lr * (0.5 + 0.5 * cos(pi * t / steps) if decay else 1) for t in range(steps)]
        trained.append(_train(blank.chosen(part), draws, rates, records))
    return _joined(trained)


def toy_loss(
    model: ToyModel,
    *,
    batch_size: int = 1024,
    n_batches: int = 8,
    seed: int = 1,
    pairing: str | None = None,
    binary: bool = False,
) -> Float[Tensor, " instance"]:
    """Return each model's loss on new features: importance times squared error, mean over both.

    Args:
        model: trained toy models.
        batch_size: examples of a batch, for each instance.
        n_batches: how many batches.
        seed: of the features.
        pairing: as in `sample_features`.
        binary: as in `sample_features`.

    Returns:
        Mean over examples and features.
    """
    generator = torch.Generator(model.W.device).manual_seed(seed)
    total = torch.zeros_like(model.density)
    for _ in range(n_batches):
        x = sample_features(
            batch_size,
            model.density,
            model.n_features,
            generator,
            pairing=pairing,
            binary=binary,
        )
        error = (x - model(x)).square() * model.importance[:, None]
        total += error.mean(dim=(1, 2))
    return total / n_batches


def _importances(importance: Tensor | None, density: Tensor, n_features: int) -> Tensor:
    shape = (len(density), n_features)
    if importance is None:
        return density.new_ones(shape)
    if tuple(importance.shape) not in {shape, shape[1:]}:
        raise ValueError(
            f"expected importances [{n_features}] or {list(shape)}, got {list(importance.shape)}"
        )
    if not importance.gt(0).all():
        raise ValueError(
            f"expected importances above 0, got {importance.min():g}, try to leave the feature out"
        )
    return importance.to(density).expand(shape).contiguous()


def _batches(
    density: Tensor, batch_size: int, n_features: int, generator: torch.Generator
) -> Iterator[Tensor]:
    """Yield independent features, examples last, always in the same memory."""
    x = density.new_empty(len(density), n_features, batch_size)
    while True:
        yield shaped_(x.uniform_(generator=generator), density)


def _special(
    model: ToyModel,
    part: Tensor,
    batch_size: int,
    generator: torch.Generator,
    pairing: str | None,
    binary: bool,
) -> Iterator[Tensor]:
    density = model.density[part.to(model.W.device)]
    while True:
        x = sample_features(
            batch_size, density, model.n_features, generator, pairing=pairing, binary=binary
        )
        yield x.mT.contiguous()


@torch.no_grad()
def _train(
    model: ToyModel, draws: Iterator[Tensor], rates: list[float], records: list[int]
) -> ToyTraining:
    W, b = model.W.clone(), model.b[:, :, None].clone()
    optimiser = torch.optim.AdamW([W.requires_grad_(), b.requires_grad_()], lr=rates[0], fused=True)
    W, b = W.detach(), b.detach()  # the same memory, as plain numbers
    parameters = optimiser.param_groups[0]["params"]
    losses, snapshots = [], []
    for step, (x, rate) in enumerate(zip(draws, [*rates, 0.0], strict=False)):
        out, grads = _gradients(model, x, W, b)
        if step in records:
            answer = out.relu() if model.kind == "relu" else out
            losses.append(((answer - x).square().mean(dim=2) * model.importance).mean(dim=1))
            snapshots.append((W.clone(), b[:, :, 0].clone()))
        if step == len(rates):
            break
        for parameter, grad in zip(parameters, grads, strict=True):
            parameter.grad = grad
        optimiser.param_groups[0]["lr"] = rate
        optimiser.step()
    done = ToyModel(W, b[:, :, 0], model.density, model.importance, model.kind)
    along = map(torch.stack, zip(*snapshots, strict=True))
    return ToyTraining(done, torch.tensor(records), torch.stack(losses), *along)


def _gradients(
    model: ToyModel, x: Tensor, W: Tensor, b: Tensor
) -> tuple[Tensor, tuple[Tensor, Tensor]]:
    """Return each output before ReLU, and the loss's gradients for W and b."""
    h = torch.bmm(W.mT, x)
    out = torch.baddbmm(b, W, h)
    g = out - x
    if model.kind == "relu":
        g = torch.ops.aten.threshold_backward(g, out, 0)  # zero where ReLU is
    # The importance is applied to the small tensors: it is one number for each feature.
    weight = (2 / (x.shape[1] * x.shape[2])) * model.importance[:, :, None]
    read = torch.bmm(g, h.mT).mul_(weight)
    pushed = torch.bmm((weight * W).mT, g)
    return out, (torch.baddbmm(read, x, pushed.mT), g.sum(dim=2, keepdim=True) * weight)


def _joined(parts: list[ToyTraining]) -> ToyTraining:
    names = ("W", "b", "density", "importance")
    tensors = {name: torch.cat([getattr(part.model, name) for part in parts]) for name in names}
    along = ("losses", "W_over_time", "b_over_time")
    return ToyTraining(
        model=ToyModel(**tensors, kind=parts[0].model.kind),
        steps=parts[0].steps,
        **{name: torch.cat([getattr(part, name) for part in parts], dim=1) for name in along},
    )
