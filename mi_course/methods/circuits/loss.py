"""The loss of circuits, from what reaches the end of their residual streams.

A circuit's logits are compared with the whole model's. Where they differ little, the difference of
two large numbers would be lost in rounding, so the difference of the streams is unembedded instead,
d = (x' - x) W_U less its mean sum_v p_v d_v under the whole model's probabilities p, and

    KL(p || circuit) = ln sum_v p_v exp(d_v) .

A logit difference needs only the columns of W_U that belong to answers. In go streams of several
circuits at the scored positions; out comes one number for each.
"""

from dataclasses import dataclass

import torch
from einops import einsum, rearrange
from jaxtyping import Float, Int
from torch import Tensor

from mi_course.methods.circuits.task import CircuitTask
from mi_course.models.plain import PlainTransformer

__all__ = ["TaskLoss", "task_loss"]

LARGEST_GAP = 60.0  # of d: exp of more, summed over a vocabulary, may leave single precision


@dataclass(frozen=True, eq=False)
class TaskLoss:
    """The loss of a task for one model.

    Attributes:
        model: with the unembedding.
        task: what is scored.
        whole: what the unembedding reads in the whole model, at scored positions.
        log_probs: the whole model's predictions there.
    """

    model: PlainTransformer
    task: CircuitTask
    whole: Float[Tensor, "scored d_model"]
    log_probs: Float[Tensor, "scored d_vocab_out"]

    def __call__(self, resid: Float[Tensor, "variant scored d_model"]) -> Float[Tensor, " variant"]:
        """Return each variant's loss, in double precision."""
        x = self.model.normalised_final(resid)
        by_position = getattr(self, f"_{self.task.metric}")(x)
        return by_position.double().mean(dim=1)

    @property
    def multiply_adds(self) -> int:
        """Return the multiply-adds of one variant's loss."""
        answers, wrongs = self.task.answers, self.task.wrongs
        if self.task.metric == "logit_diff":
            return self.model.d_model * (answers.numel() + wrongs.numel())
        return self.log_probs.numel() * self.model.d_model

    def _kl(self, x: Float[Tensor, "variant scored d_model"]) -> Tensor:
        d = (x - self.whole) @ self.model.W_U
        probs, mean = self.log_probs.exp(), "variant scored v, scored v -> variant scored"
        d -= einsum(d, probs, mean)[..., None]
        rest = einsum(d, probs, mean)  # what rounding has left of the mean
        far = d.amax(dim=-1) > LARGEST_GAP
        scored = far.nonzero()[:, 1]
        apart = (d[far] + self.log_probs[scored]).logsumexp(dim=-1)
        near = d.masked_fill_(far[..., None], 0) if len(scored) else d
        log_mean = einsum(near.expm1_(), probs, mean).log1p()
        return log_mean.masked_scatter(far, apart) - rest

    def _distance(self, x: Float[Tensor, "variant scored d_model"]) -> Tensor:
        return ((x - self.whole) @ self.model.W_U).square().sum(dim=-1)

    def _nll(self, x: Float[Tensor, "variant scored d_model"]) -> Tensor:
        logits = x @ self.model.W_U + self.model.b_U
        return logits.logsumexp(dim=-1) - self._log_sum(x, self.task.answers)

    def _logit_diff(self, x: Float[Tensor, "variant scored d_model"]) -> Tensor:
        return self._log_sum(x, self.task.wrongs) - self._log_sum(x, self.task.answers)

    def _log_sum(
        self, x: Float[Tensor, "variant scored d_model"], ids: Int[Tensor, "scored n"]
    ) -> Float[Tensor, "variant scored"]:
        """Return ln of the summed exponentials of some tokens' logits."""
        columns = rearrange(self.model.W_U[:, ids.clamp_min(0)], "d_model s n -> s n d_model")
        axes = "variant s d_model, s n d_model -> variant s n"
        logits = einsum(x, columns, axes) + self.model.b_U[ids.clamp_min(0)]
        return logits.masked_fill(ids < 0, float("-inf")).logsumexp(dim=-1)


def task_loss(
    model: PlainTransformer, task: CircuitTask, resid: Float[Tensor, "scored d_model"]
) -> TaskLoss:
    """Return the loss of a task, given the whole model's last residual stream where it is scored.

    Raises:
        ValueError: the model's predictions are not finite.
    """
    whole = model.normalised_final(resid)
    log_probs = (whole @ model.W_U + model.b_U).log_softmax(dim=-1)
    if not torch.isfinite(log_probs).all():
        raise ValueError("expected finite predictions of the model, got NaN, try other weights")
    return TaskLoss(model, task, whole, log_probs)
