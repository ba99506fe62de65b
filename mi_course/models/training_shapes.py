"""Training of `shapes-a` and `shapes-b`: one pass over scenes that are drawn as they are needed.

The loss is the cross-entropy (nats) of both readouts on images that were moved against the network,
by a few steps uphill within a ball around each image,

    x' <- project(x' + step * g / |g|)    with g = d loss / d x'    and |x' - x| <= radius

plus penalty * sum over layers of mean(|a|). What no person sees is no longer worth learning, few
channels are active at a time, and weight decay keeps single channels from growing: together they
make what channels respond to readable. A killed run goes on from its last saved state.

Sources: [Madry18] Towards Deep Learning Models Resistant to Adversarial Attacks, section 2;
[Engstrom19] Adversarial Robustness as a Prior for Learned Representations, for the pictures.
"""

import math
import time
from contextlib import nullcontext
from dataclasses import asdict, dataclass
from functools import partial
from importlib.metadata import version
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor
from tqdm.auto import tqdm

from mi_course.models import weights
from mi_course.models.card import loss_curve, save
from mi_course.models.cnn import NARROW, WIDTHS, ShapesCNN
from mi_course.models.report_shapes import shapes_report
from mi_course.models.staged import Relu
from mi_course.models.training import hardware
from mi_course.models.vision import VisionModel, shapes_model
from mi_course.worlds.shapes import CLASSES, scenes

SAVE_EVERY = 5  # chunks


@dataclass(frozen=True)
class ShapesRecipe:
    """How one network of the shapes is made.

    Attributes:
        name: what `load_vision` takes.
        seed: of weights and scenes.
        n_chunks: draws of scenes; each is seen once.
        chunk: scenes in a draw.
        rows: scenes in a batch.
        rate: peak of AdamW's learning rate; warm-up, then cosine decay to 0.
        decay: of the weights (AdamW).
        radius: how far an image is moved against the network: a length over all its pixels and
            colours, each from 0 to 1. It grows from 0 over the first fifth of the run.
        moves: steps of that move.
        leak: slope of every ReLU below 0 at the start; it falls to 0 over the first two fifths of
            the run. Without it half of conv2 falls silent for good.
        penalty: weight of the mean activations in the loss.
        widths: channels of conv1 ... conv5.
        narrow: channels of the narrow layer.
    """

    name: str
    seed: int
    n_chunks: int = 100
    chunk: int = 1536
    rows: int = 64
    rate: float = 2e-3
    decay: float = 0.05
    radius: float = 4.0
    moves: int = 3
    leak: float = 0.1
    penalty: float = 0.02
    widths: tuple[int, ...] = WIDTHS
    narrow: int = NARROW


RECIPES = {
    recipe.name: recipe for recipe in (ShapesRecipe("shapes-a", 1), ShapesRecipe("shapes-b", 2))
}


class ShapesRun:
    """One training run: network, optimiser, place, and where its state is kept."""

    def __init__(self, plan: ShapesRecipe, folder: Path, device: str) -> None:
        self.plan, self.file, self.device = plan, folder / "state.pt", device
        torch_state = torch.get_rng_state()
        torch.manual_seed(plan.seed)
        module = ShapesCNN(len(CLASSES), widths=plan.widths, narrow=plan.narrow)
        torch.set_rng_state(torch_state)
        sample = scenes(600, _scene_seed(plan, -1)).images
        mean, std = (f(sample, axis=(0, 1, 2)).round(4).tolist() for f in (np.mean, np.std))
        self.module = module.to(device, memory_format=torch.channels_last)
        self.model: VisionModel = shapes_model(self.module, plan.name, mean, std)
        self.module.train().requires_grad_(True)
        self.optimizer = torch.optim.AdamW(
            self.module.parameters(), lr=plan.rate, weight_decay=plan.decay, fused=True
        )
        self.chunk, self.seconds, self.losses = 0, 0.0, []

    def save(self) -> None:
        """Write the state atomically."""
        self.file.parent.mkdir(parents=True, exist_ok=True)
        state = {
            "recipe": repr(self.plan),
            "module": self.module.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "place": (self.chunk, self.seconds, self.losses),
        }
        partial = self.file.with_suffix(".partial")
        torch.save(state, partial)
        partial.replace(self.file)

    def resume(self) -> None:
        """Go on from the saved state where there is one of the same recipe."""
        if not self.file.exists():
            return
        state = torch.load(self.file, map_location=self.device, weights_only=True)
        if state["recipe"] == repr(self.plan):
            self.module.load_state_dict(state["module"])
            self.optimizer.load_state_dict(state["optimizer"])
            self.chunk, self.seconds, self.losses = state["place"]

    def advance(self) -> None:
        """Learn from the next chunk of scenes."""
        start = time.process_time()
        drawn = scenes(self.plan.chunk, _scene_seed(self.plan, self.chunk))
        images = torch.from_numpy(drawn.images).to(self.device).permute(0, 3, 1, 2)
        labels = torch.from_numpy(drawn.labels).to(self.device)
        batches = zip(images.split(self.plan.rows), labels.split(self.plan.rows), strict=True)
        for number, (x, y) in enumerate(batches):
            done = (self.chunk + number * self.plan.rows / self.plan.chunk) / self.plan.n_chunks
            for group in self.optimizer.param_groups:
                group["lr"] = self.plan.rate * _share(done)
            self.losses.append(round(self._learn(x, y, done), 4))
        self.chunk += 1
        self.seconds += time.process_time() - start

    def _learn(self, x: Tensor, y: Tensor, done: float) -> float:
        leak = self.plan.leak * max(0.0, 1 - done / 0.4)
        relu = partial(F.leaky_relu, negative_slope=leak)
        radius = self.plan.radius * min(1.0, done / 0.2)
        moved = attacked(self.model, x, y, radius, moves=self.plan.moves, relu=relu)
        loss, activations = losses_of(self.model, moved, y, relu)
        sparse = sum(values.float().abs().mean() for values in activations.values())
        self.optimizer.zero_grad()
        (loss + self.plan.penalty * sparse).backward()
        self.optimizer.step()
        return loss.item()

    def finish(self) -> None:
        """Learn from every remaining chunk, with a progress bar, saving on the way."""
        bar = tqdm(total=self.plan.n_chunks, initial=self.chunk, desc=self.plan.name, unit="chunk")
        while self.chunk < self.plan.n_chunks:
            self.advance()
            if self.chunk % SAVE_EVERY == 0 or self.chunk == self.plan.n_chunks:
                self.save()
            bar.update()
            bar.set_postfix(loss=f"{np.mean(self.losses[-48:]):.3f}")
        bar.close()


def losses_of(
    model: VisionModel,
    images: Float[Tensor, "batch 3 height width"],
    labels: Int[Tensor, " batch"],
    relu: Relu = torch.relu,
) -> tuple[Float[Tensor, ""], dict[str, Tensor]]:
    """Return the summed cross-entropy of both readouts in nats, and all layers' activations."""
    device = images.device.type
    half = torch.autocast(device, torch.bfloat16) if device in ("cpu", "cuda") else nullcontext()
    with half:
        main, narrow, activations = model.module.everything(model.normalise(images), relu)
    losses = [F.cross_entropy(logits.float(), labels) for logits in (main, narrow)]
    return losses[0] + losses[1], activations


def attacked(
    model: VisionModel,
    images: Float[Tensor, "batch 3 height width"],
    labels: Int[Tensor, " batch"],
    radius: float,
    *,
    moves: int,
    relu: Relu = torch.relu,
) -> Float[Tensor, "batch 3 height width"]:
    """Return images moved, at most as far as the radius, to where the loss is higher."""
    moved = images
    for _ in range(moves):
        moved = moved.detach().requires_grad_()
        (slope,) = torch.autograd.grad(losses_of(model, moved, labels, relu)[0], moved)
        uphill = F.normalize(slope.flatten(1), dim=1).view_as(slope)
        away = (moved + 1.5 * radius / moves * uphill - images).flatten(1)
        too_far = away.norm(dim=1, keepdim=True) / max(radius, 1e-9)
        moved = images + (away / too_far.clamp(min=1)).view_as(images)
        moved = moved.clamp(0, 1)
    return moved.detach()


def _scene_seed(plan: ShapesRecipe, chunk: int) -> int:
    # Seeds below a million stay free for held-out scenes.
    return 1_000_000 * plan.seed + chunk + 1


def _share(done: float) -> float:
    """Return the share of the peak learning rate after a fraction of the run."""
    return min(1.0, done / 0.03 + 0.03) * 0.5 * (1 + math.cos(math.pi * done))


def train_shapes(
    name: str, *, device: str = "cpu", resume: bool = True, runs: Path = Path("runs")
) -> Path:
    """Train a network of the shapes from nothing and write its weights and card.

    Args:
        name: "shapes-a" or "shapes-b".
        device: "cpu" or "cuda".
        resume: whether to go on from a state that an earlier, killed run left in `runs`.
        runs: where the state of unfinished runs is kept.

    Returns:
        The folder of the model's weights.

    Raises:
        ValueError: there is no such recipe.
    """
    if name not in RECIPES:
        raise ValueError(f"expected one of {list(RECIPES)}, got {name!r}")
    run = ShapesRun(RECIPES[name], runs / name, device)
    if resume:
        run.resume()
    run.finish()
    return publish(run)


def publish(run: ShapesRun) -> Path:
    """Write a finished run's weights into the package, and its card with fresh metrics."""
    plan, folder = run.plan, weights.directory(run.plan.name)
    small = {name: value.cpu().half() for name, value in run.module.state_dict().items()}
    file = weights.write(small, folder / "model.safetensors")
    run.module.load_state_dict({name: value.float() for name, value in small.items()})
    save(
        {
            "name": plan.name,
            "recipe": asdict(plan),
            "data": "mi_course.worlds.shapes, every scene seen once",
            "parameters": sum(value.numel() for value in small.values()),
            "colour_mean": run.model.colour_mean,
            "colour_std": run.model.colour_std,
            "training_seconds": round(run.seconds),
            "hardware": hardware(run.device),
            "versions": {"torch": version("torch")},
            "weights": "float16; used as trained",
            "loss": loss_curve(run.losses),
            "metrics": shapes_report(run.model),
            "files": {"model.safetensors": file},
        }
    )
    return folder
