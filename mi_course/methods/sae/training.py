"""Train a sparse autoencoder from a stream of activations, one batch after the other.

Each batch is seen once and forgotten: memory holds the weights, two moments for each, and one
batch. Decoder rows keep length 1: the part of their gradient along them is taken out before Adam,
and they are scaled back after. In go a stream and an `SAEConfig`; out comes an `SAETraining`.
"""

import itertools
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import torch
from jaxtyping import Float
from torch import Tensor
from tqdm.auto import tqdm

from mi_course.methods.sae.config import TOPK_FAMILY, SAEConfig
from mi_course.methods.sae.dictionary import SAE, check_width
from mi_course.methods.sae.rules import BatchTopK, JumpReLU, rule_of
from mi_course.methods.sae.start import first_weights
from mi_course.methods.sae.steps import Seen, Weights, add_auxiliary, nested_step, sparse_step
from mi_course.results.sae_training import TrainingCurves

__all__ = ["SAETraining", "train_sae"]


@dataclass(frozen=True, eq=False)
class SAETraining(TrainingCurves):
    """A trained autoencoder, and what was seen on the way.

    Attributes:
        sae: what was trained.
    """

    sae: SAE


@torch.no_grad()
def train_sae(
    stream: Iterable[Float[Tensor, "batch d_in"]],
    config: SAEConfig,
    *,
    hook: str = "",
    checkpoint: Path | None = None,
    save_every: int = 500,
) -> SAETraining:
    """Return a sparse autoencoder trained on a stream of activations.

    Args:
        stream: batches of activations; one that can be read again starts over when it ends.
        config: how.
        hook: where the activations come from, to be kept with the weights.
        checkpoint: a file to write the state to, and to go on from where it exists.
        save_every: steps between checkpoints.

    Returns:
        The autoencoder with curves of loss, L0, FVU and dead latents.

    Raises:
        ValueError: an empty stream, one that ends too early, batches of different widths, or
            activations that are not finite.
    """
    batches = _endless(stream)
    first = list(itertools.islice(batches, config.start_batches))
    weights, scale = first_weights(config, first)
    run = _Run(config, weights, scale, hook)
    progress = tqdm(total=config.steps, desc=f"{config.architecture} SAE", disable=None)
    for x in itertools.islice(itertools.chain(first, batches), config.steps):
        run.learn(x)
        if run.step % config.record == 0 or run.step == config.steps:
            progress.set_postfix(run.record(x))
        progress.update()
    progress.close()
    return run.result()


class _Run:
    """The state of a training run."""

    def __init__(self, config: SAEConfig, weights: Weights, scale: float, hook: str) -> None:
        self.config, self.weights, self.scale, self.hook = config, weights, scale, hook
        self.rule = rule_of(config, weights.log_threshold)
        self.step = 0
        self.silent = torch.zeros_like(weights.b_enc)
        self.points: list[tuple[float, ...]] = []
        learned = {
            name: value
            for name, value in vars(weights).items()
            if value is not None and not (weights.tied and name in {"W_enc", "b_dec"})
        }
        self.parameters = learned
        self.optimiser = torch.optim.Adam(
            list(learned.values()), lr=config.lr, betas=config.betas, fused=True
        )

    def learn(self, x: Float[Tensor, "batch d_in"]) -> None:
        """Take one step."""
        config, weights = self.config, self.weights
        check_width(x, weights.W_dec.shape[1])
        xc = (x.float() / self.scale).sub_(weights.b_dec)
        pre = torch.addmm(weights.b_enc, xc, weights.W_enc.T)
        codes = self.rule.select(pre)
        if config.architecture == "matryoshka":
            grads, seen = nested_step(weights, codes, self.rule, xc, config.widths)
        else:
            penalty = config.penalty_at(self.step)
            grads, seen = sparse_step(weights, codes, self.rule, xc, penalty)
        seen = self._auxiliary(grads, xc, seen)
        if not seen.loss.isfinite():
            raise ValueError(
                f"expected finite activations, got NaN or infinity in batch {self.step}"
            )
        self._descend(grads)
        self.silent = torch.where(seen.active > 0, 0, self.silent + 1)
        self.seen = seen
        self.step += 1

    def _auxiliary(self, grads: Weights, xc: Tensor, seen: Seen) -> Seen:
        config = self.config
        k = xc.shape[1] // 2 if config.aux_k is None else config.aux_k
        dead = self.silent >= config.dead_after
        if config.architecture not in TOPK_FAMILY or not k or not dead.any():
            return seen
        return add_auxiliary(self.weights, grads, xc, seen, dead, k, config.aux_weight)

    def _descend(self, grads: Weights) -> None:
        weights = self.weights
        if weights.tied:
            grads.W_dec += grads.W_enc
        if isinstance(self.rule, JumpReLU):
            grads.log_threshold = self.rule.grad
        along = torch.linalg.vecdot(grads.W_dec, weights.W_dec)
        grads.W_dec.addcmul_(weights.W_dec, along[:, None], value=-1)
        for name, value in self.parameters.items():
            value.grad = getattr(grads, name)
        for group in self.optimiser.param_groups:
            group["lr"] = self.config.lr_at(self.step)
        self.optimiser.step()
        weights.W_dec.div_(weights.W_dec.norm(dim=1, keepdim=True))

    def record(self, x: Float[Tensor, "batch d_in"]) -> dict[str, str]:
        """Note a point of the curves; returns it as the progress bar shows it."""
        variance = (x.float() / self.scale).sub_(x.float().mean(0) / self.scale).square().sum()
        fvu = self.seen.error.square().sum() / variance
        l0 = self.seen.active.sum() / len(x)
        dead = (self.silent >= self.config.dead_after).float().mean()
        self.points.append((self.step, self.seen.loss.item(), l0.item(), fvu.item(), dead.item()))
        return {"L0": f"{l0:.1f}", "FVU": f"{fvu:.3f}", "dead": f"{dead:.1%}"}

    def result(self) -> SAETraining:
        """Return the autoencoder and the curves."""
        steps, *curves = zip(*self.points, strict=True)
        loss, l0, fvu, dead = (torch.tensor(each) for each in curves)
        name = self.config.architecture
        return SAETraining(torch.tensor(steps), loss, l0, fvu, dead, name, self.sae())

    def sae(self) -> SAE:
        """Return the autoencoder as it is now."""
        weights, config = self.weights, self.config
        threshold = None
        if isinstance(self.rule, JumpReLU):
            threshold = weights.log_threshold.exp()
        elif isinstance(self.rule, BatchTopK):
            threshold = weights.b_enc.new_tensor(self.rule.threshold)
        return SAE(
            weights.W_enc.T.clone(),
            weights.b_enc.clone(),
            weights.W_dec.clone(),
            weights.b_dec.clone(),
            config.architecture,
            k=config.k if config.architecture in TOPK_FAMILY else None,
            threshold=threshold,
            prefixes=config.widths if config.architecture == "matryoshka" else None,
            scale=self.scale,
            hook=self.hook,
        )


def _endless(stream: Iterable[Tensor]) -> Iterator[Tensor]:
    """Yield batches, from the start again where the stream can be read again."""
    read = 0
    while True:
        before = read
        for x in stream:
            read += 1
            yield x
        if read == before or iter(stream) is stream:
            raise ValueError(f"expected more batches of activations, got {read} in the stream")
