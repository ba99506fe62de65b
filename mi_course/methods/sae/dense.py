"""Steps for codes that are not sparse yet, as those of L1 and JumpReLU are at first.

The same gradients as in `steps`, by five matrix products over all latents. Rows are taken in
chunks that stay in the cache, everything is written in place into buffers that are made once, and
gradients by weights add up over the chunks. Once few latents are active the sparse step is faster.
"""

import torch
from jaxtyping import Float
from torch import Tensor

from mi_course.methods.sae.rules import JumpReLU, Relu
from mi_course.methods.sae.steps import Seen, Weights, square

__all__ = ["Buffers", "dense_step"]


class Buffers:
    """Matrices as wide as the dictionary, made once and written over in each chunk of rows."""

    def __init__(self, weights: Weights, rows: int) -> None:
        self.rows = rows
        self._like = weights.W_dec
        self._held: dict[str, Tensor] = {}

    def __call__(self, name: str, rows: int) -> Float[Tensor, "row d_sae"]:
        """Return the first rows of a buffer; what it holds is old."""
        if name not in self._held:
            self._held[name] = self._like.new_empty(self.rows, len(self._like))
        return self._held[name][:rows]


def dense_step(
    weights: Weights,
    grads: Weights,
    rule: Relu | JumpReLU,
    xc: Float[Tensor, "batch d_in"],
    penalty: float | int,
    buffers: Buffers,
) -> Seen:
    """Write the gradients of the loss, and return what was seen.

    Args:
        weights: of the autoencoder.
        grads: what is written over.
        rule: of L1 or JumpReLU.
        xc: activations minus b_dec.
        penalty: share of the sparsity penalty that holds.
        buffers: scratch space.
    """
    kind = _Jump if isinstance(rule, JumpReLU) else _Positive
    pass_ = kind(rule, weights, penalty, len(xc))
    for grad in (grads.W_enc, grads.b_enc, grads.W_dec, grads.b_dec):
        grad.zero_()
    error = torch.empty_like(xc)
    parts = zip(xc.split(buffers.rows), error.split(buffers.rows), strict=True)
    for x, wrong in parts:
        acts = pass_.forward(x, buffers)
        torch.mm(acts, weights.W_dec, out=wrong).sub_(x)
        g = wrong * (2 / error.numel())
        slopes = torch.mm(g, weights.W_dec.T, out=buffers("slopes", len(x)))
        slopes = pass_.backward(acts, slopes, buffers)
        grads.W_dec.addmm_(acts.T, g)
        grads.W_enc.addmm_(slopes.T, x)
        grads.b_enc += slopes.sum(0)
        grads.b_dec += g.sum(0)
    grads.b_dec -= grads.b_enc @ weights.W_enc
    loss = square(error) / error.numel() + pass_.finish()
    return Seen(loss, error, pass_.largest > 0, pass_.n_active)


class _Positive:
    """ReLU and its penalty, chunk by chunk."""

    def __init__(
        self, rule: Relu | JumpReLU, weights: Weights, penalty: float | int, batch: int
    ) -> None:
        self.rule, self.weights, self.penalty, self.batch = rule, weights, penalty, batch
        self.n_active = weights.b_enc.new_zeros((), dtype=torch.long)
        self.largest = torch.zeros_like(weights.b_enc)
        self.total = weights.b_enc.new_zeros(())

    def forward(self, x: Tensor, buffers: Buffers) -> Float[Tensor, "row d_sae"]:
        """Return codes."""
        weights = self.weights
        acts = buffers("acts", len(x))
        torch.addmm(weights.b_enc, x, weights.W_enc.T, out=acts).relu_()
        self.see(acts)
        return acts

    def see(self, acts: Float[Tensor, "row d_sae"]) -> None:
        """Count which latents are active."""
        self.n_active += torch.count_nonzero(acts)
        torch.maximum(self.largest, acts.amax(0), out=self.largest)
        self.total += acts.sum()

    def backward(self, acts: Tensor, slopes: Tensor, buffers: Buffers) -> Tensor:
        """Return the gradient by pre-activations in the place of that by codes."""
        slopes.add_(self.penalty * self.rule.l1 / self.batch)
        return torch.ops.aten.threshold_backward.grad_input(slopes, acts, 0, grad_input=slopes)

    def finish(self) -> Float[Tensor, ""]:
        """Return what the penalty adds to the loss."""
        return self.penalty * self.rule.l1 / self.batch * self.total


class _Jump(_Positive):
    """JumpReLU, its penalty and its thresholds, chunk by chunk."""

    def __init__(self, rule: JumpReLU, weights: Weights, penalty: float | int, batch: int) -> None:
        super().__init__(rule, weights, penalty, batch)
        self.theta = rule.log_threshold.exp()
        self.pulled, self.crowd = (torch.zeros_like(self.theta) for _ in range(2))

    def forward(self, x: Tensor, buffers: Buffers) -> Float[Tensor, "row d_sae"]:
        """Return codes."""
        weights, n = self.weights, len(x)
        pre = torch.addmm(weights.b_enc, x, weights.W_enc.T, out=buffers("pre", n))
        on = torch.gt(pre, self.theta, out=buffers("on", n))
        acts = torch.mul(pre, on, out=buffers("acts", n))
        self.see(acts)
        return acts

    def backward(self, acts: Tensor, slopes: Tensor, buffers: Buffers) -> Tensor:
        """Return the gradient by pre-activations in the place of that by codes."""
        away = buffers("pre", len(acts)).sub_(self.theta).abs_()
        near = torch.lt(away, self.rule.config.bandwidth / 2, out=away)
        self.crowd += near.sum(0)
        self.pulled += near.mul_(slopes).sum(0)
        return slopes.mul_(buffers("on", len(acts)))

    def finish(self) -> Float[Tensor, ""]:
        """Return what the penalty adds to the loss; leaves the thresholds' gradient in the rule."""
        rule = self.rule
        return rule.learn(self.pulled, self.crowd, self.n_active, self.batch, self.penalty)
