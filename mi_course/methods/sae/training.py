"""Train a sparse autoencoder from a stream of activations, one batch after the other.

Each batch is seen once and forgotten: memory holds the weights, two moments for each, one batch and
a chunk of pre-activations. Decoder rows keep length 1: the part of their gradient along them is
taken out before Adam, and they are scaled back after. In go a stream and an `SAEConfig`; out comes
an `SAETraining`.
"""

import itertools
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import torch
from jaxtyping import Float
from torch import Tensor
from tqdm.auto import tqdm

from mi_course.methods.sae.config import SAEConfig
from mi_course.methods.sae.dictionary import SAE, check_width
from mi_course.methods.sae.run import Run
from mi_course.methods.sae.start import first_weights
from mi_course.results.sae_training import TrainingCurves

__all__ = ["SAETraining", "train_sae"]


@dataclass(frozen=True, eq=False)
class SAETraining(TrainingCurves):
    """A trained autoencoder, and what was seen on the way.

    Attributes:
        sae: what was trained.
    """

    sae: SAE


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
        checkpoint: a file to write the state to; where it exists, the run goes on from it, with
            the batches of the stream that it has not seen.
        save_every: steps between checkpoints.

    Returns:
        The autoencoder with curves of loss, L0, FVU and dead latents.

    Raises:
        ValueError: an empty stream, one that ends too early, batches of different widths,
            activations that are not finite, or a checkpoint of another run.
        OSError: the disk is full; the last good checkpoint stays as it was.
    """
    if save_every < 1:
        raise ValueError(f"expected save_every of at least 1 step, got {save_every}")
    run, batches = _begun(stream, config, checkpoint)
    with tqdm(
        total=config.steps, initial=run.step, desc=f"{config.architecture} SAE", disable=None
    ) as progress:
        for x in itertools.islice(batches, config.steps - run.step):
            run.learn(x)
            last = run.step == config.steps
            if run.step % config.record == 0 or last:
                progress.set_postfix(run.record(x), refresh=False)
            if checkpoint is not None and (run.step % save_every == 0 or last):
                run.save(checkpoint)
            progress.update()
    steps, *curves = zip(*run.points, strict=True)
    measured = (torch.tensor(each) for each in curves)
    return SAETraining(torch.tensor(steps), *measured, config.architecture, run.sae(hook))


def _begun(
    stream: Iterable[Tensor], config: SAEConfig, checkpoint: Path | None
) -> tuple[Run, Iterator[Tensor]]:
    """Return a run, new or gone on with, and the batches that it has not seen."""
    if checkpoint is not None and checkpoint.exists():
        run = Run.load(checkpoint, config)
        batches = _after(stream, run.step)
        first = list(itertools.islice(batches, min(1, config.steps - run.step)))
        if first and first[0].device.type != "cpu":
            run = Run.load(checkpoint, config, first[0].device)
        return run, itertools.chain(first, batches)
    batches = _endless(stream)
    first = list(itertools.islice(batches, min(config.start_batches, config.steps)))
    for x in first:
        check_width(x, first[0].shape[1])
    return Run(config, *first_weights(config, first)), itertools.chain(first, batches)


def _after(stream: Iterable[Tensor], n: int) -> Iterator[Tensor]:
    """Return what follows the first n batches, by the stream's own `skip` where it has one."""
    if not hasattr(stream, "skip"):
        return itertools.islice(_endless(stream), n, None)
    length = getattr(stream, "n_batches", None)
    return itertools.chain(stream.skip(n % length if length else n), _endless(stream))


def _endless(stream: Iterable[Tensor]) -> Iterator[Tensor]:
    """Yield batches, from the start again where the stream can be read again."""
    read = 0
    while True:
        before = read
        for x in stream:
            read += 1
            yield x
        if read == before or iter(stream) is stream:
            raise ValueError(
                f"expected more batches of activations, got {read} in the stream, try fewer steps "
                "or a stream that can be read again"
            )
