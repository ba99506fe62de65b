"""Losses in nats: along a text, and along training."""

from dataclasses import dataclass

from jaxtyping import Float, Int
from torch import Tensor

from mi_course.results.checks import finite, labelled


@dataclass(frozen=True, eq=False)
class LossByPosition:
    """Mean next-token loss at each position, under one or more conditions.

    Attributes:
        values: mean loss in nats; column i is about the token at position i + 1.
        conditions: what each row was measured on or with.
        repeat_at: position of the first token of the repetition, if there is one.
    """

    values: Float[Tensor, "condition predicted_pos"]
    conditions: tuple[str, ...]
    repeat_at: int | None = None

    def __post_init__(self) -> None:
        finite("losses", self.values)
        labelled("condition", len(self.values), self.conditions)
        most = self.values.shape[1] - 1  # there are losses before and on the repetition
        if self.repeat_at is not None and not 2 <= self.repeat_at <= most:
            raise ValueError(
                f"expected repeat_at from 2 to {most}, got {self.repeat_at}, "
                "try length + 1 with a BOS token"
            )

    def drops(self) -> Float[Tensor, " condition"]:
        """Return the mean loss before the repetition minus the mean on it, in nats.

        The first token of the repetition does not count on either side: nothing told that the
        text would repeat.

        Raises:
            ValueError: there is no repetition.
        """
        if self.repeat_at is None:
            raise ValueError("expected a repetition, got repeat_at=None, try repeated_tokens")
        before, after = self.values[:, : self.repeat_at - 1], self.values[:, self.repeat_at :]
        return before.mean(dim=1) - after.mean(dim=1)

    def summary(self) -> str:
        """Return one sentence: the mean loss, or how far it falls on the repetition."""
        if self.repeat_at is None:
            means = zip(self.conditions, self.values.mean(dim=1).tolist(), strict=True)
            return "Mean loss (nats): " + ", ".join(f"{name} {x:.2f}" for name, x in means) + "."
        falls = zip(self.conditions, self.drops().tolist(), strict=True)
        told = ", ".join(f"{name} {x:z.2f}" for name, x in falls)
        return f"Loss on the first copy minus the second (nats): {told}."


@dataclass(frozen=True, eq=False)
class PhaseChange:
    """Scores of one model at its training checkpoints.

    Attributes:
        model: its name.
        steps: optimiser steps.
        tokens_seen: tokens trained on.
        repeat_drop: loss on the first copy of repeated random tokens minus the second (nats).
        in_context: in-context-learning score on text (nats); negative is better.
        prefix_matching: of each head (probability).
        previous_token: of each head (probability).
    """

    model: str
    steps: Int[Tensor, " checkpoint"]
    tokens_seen: Int[Tensor, " checkpoint"]
    repeat_drop: Float[Tensor, " checkpoint"]
    in_context: Float[Tensor, " checkpoint"]
    prefix_matching: Float[Tensor, "checkpoint layer head_index"]
    previous_token: Float[Tensor, "checkpoint layer head_index"]

    def __post_init__(self) -> None:
        for name in ("repeat_drop", "in_context", "prefix_matching", "previous_token"):
            finite(name, getattr(self, name))
            labelled("checkpoint", len(getattr(self, name)), self.steps.tolist())
        if (self.steps.diff() <= 0).any():
            raise ValueError("expected steps in rising order, got others, try sorting checkpoints")

    def jump(self) -> tuple[int, float]:
        """Return the step that ends the steepest rise of `repeat_drop`, and its height (nats)."""
        if len(self.steps) < 2:
            return int(self.steps[0]), 0.0
        rises = self.repeat_drop.diff()
        at = int(rises.argmax())
        return int(self.steps[at + 1]), rises[at].item()

    def best_heads(self) -> Float[Tensor, " checkpoint"]:
        """Return the highest prefix-matching score of any head at each checkpoint."""
        return self.prefix_matching.flatten(start_dim=1).max(dim=1).values

    def summary(self) -> str:
        """Return one sentence: where the model ends and where it jumps."""
        step, height = self.jump()
        return (
            f"{self.model}: loss on a repeated copy ends {self.repeat_drop[-1]:z.2f} nats lower, "
            f"best prefix-matching score {self.best_heads()[-1]:.2f}; the steepest rise, "
            f"{height:z.2f} nats, ends at step {step}."
        )
