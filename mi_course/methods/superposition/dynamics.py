"""Learning in jumps: a loss that stands still, and falls when a feature finds its place.

Along training, most of the loss's fall happens in a few short stretches between plateaus, and in
the same stretches features change their dimensionality. Source: [Elhage22], "Superposition and
Learning Dynamics". In go recorded trainings, out comes `LearningDynamics`.
"""

from itertools import pairwise

import torch
from torch import Tensor

from mi_course.methods.superposition.dimensionality import feature_dimensionality
from mi_course.methods.superposition.training import toy_loss, train_toy_models
from mi_course.models.toy import ToyTraining
from mi_course.results.superposition_training import LearningDynamics

__all__ = ["learning_dynamics", "slow_training"]

FAST = 1.0  # times the mean fall of the loss from which on an interval belongs to a jump


def slow_training(
    n_features: int = 5,
    d_hidden: int = 2,
    *,
    density: float = 0.05,
    n_seeds: int = 4,
    steps: int = 3000,
    seed: int = 0,
) -> ToyTraining:
    """Return toy models trained from tiny weights and recorded a hundred times.

    Small first weights and a smaller rate than usual make the plateaus long enough to be seen.

    Args:
        n_features: features of a model.
        d_hidden: hidden dimensions of a model.
        density: probability that a feature is active.
        n_seeds: models; they differ in their first weights and inputs.
        steps: of training.
        seed: of weights and inputs.

    Returns:
        The models and 100 records of them.

    Raises:
        ValueError: sizes or densities that make no sense.
    """
    return train_toy_models(
        n_features,
        d_hidden,
        torch.full((n_seeds,), density),
        steps=steps,
        batch_size=512,
        lr=3e-3,
        init_scale=0.01,
        seed=seed,
        record_every=max(1, steps // 100),
    )


def learning_dynamics(
    training: ToyTraining, *, instance: int = 0, pairing: str | None = None, binary: bool = False
) -> LearningDynamics:
    """Return loss and dimensionality along the training of one model, and its jumps.

    A jump is a stretch of records between which the loss falls faster than it does on average. The
    loss of every record is taken on the same new features, so that it does not flicker.

    Args:
        training: with at least ten records.
        instance: which model.
        pairing: of the features that it was trained on, as in `sample_features`.
        binary: whether those were binary.

    Returns:
        Curves, and the records at which jumps begin and end.

    Raises:
        ValueError: there are fewer records, or there is no such instance.

    Source: [Elhage22], "Superposition and Learning Dynamics".
    """
    if len(training.steps) < 10:
        raise ValueError(
            f"expected ten or more records, got {len(training.steps)}, try a smaller record_every"
        )
    along = [training.at(record).instance(instance) for record in range(len(training.steps))]
    features = {"batch_size": 2048, "n_batches": 4, "pairing": pairing, "binary": binary}
    loss = torch.cat([toy_loss(model, **features) for model in along])
    return LearningDynamics(
        steps=training.steps,
        loss=loss,
        dimensionality=torch.cat([feature_dimensionality(model.W) for model in along]),
        jumps=_stretches(_fast(loss, training.steps)),
        density=training.model.density[instance].item(),
        d_hidden=training.model.d_hidden,
    )


def _fast(loss: Tensor, steps: Tensor) -> list[bool]:
    """Return for each interval between two records whether it belongs to a jump."""
    rates = -loss.diff() / steps.diff()
    mean = (loss[0] - loss[-1]) / (steps[-1] - steps[0])
    return (rates > (FAST * mean).clamp(min=1e-12)).tolist()


def _stretches(flags: list[bool]) -> tuple[tuple[int, int], ...]:
    """Return where runs of true flags begin, and the record after their end."""
    steps = list(pairwise([False, *flags, False]))
    begins = [i for i, (before, after) in enumerate(steps) if after and not before]
    ends = [i for i, (before, after) in enumerate(steps) if before and not after]
    return tuple(zip(begins, ends, strict=True))
