"""Exact gradients of a sparse autoencoder's loss, written out by hand.

With xc = x - b_dec, N = batch times d_in and e = codes W_dec - xc:

    loss    = |e|^2 / N + penalty            g = 2 e / N
    d codes = g W_dec^T, at the entries      d pre = what the rule makes of it
    d W_dec = codes^T g                      d W_enc = d pre^T xc
    d b_enc = sum d pre                      d b_dec = sum g - W_enc^T d b_enc

Nothing but the entries of the codes is ever multiplied, and nothing is kept for a later pass.
Matryoshka [Bussmann24] asks the same of every prefix of the latents: an entry of block j hears from
all prefixes that hold it, which is a running sum of errors.
"""

from dataclasses import dataclass, replace

import torch
from einops import rearrange
from jaxtyping import Bool, Float, Shaped
from torch import Tensor

from mi_course.methods.sae.rules import Rule
from mi_course.methods.sae.sparse import Codes

__all__ = ["Seen", "Weights", "add_auxiliary", "nested_step", "sparse_step", "square"]


@dataclass(eq=False)
class Weights:
    """Weights in training, or gradients by them; both matrices have one row for each latent.

    Attributes:
        W_enc: what each latent reads; the same tensor as W_dec where the two are tied.
        b_enc: added to what it reads.
        W_dec: what each latent writes.
        b_dec: what the reconstruction starts from.
        log_threshold: logarithm of each latent's threshold (jumprelu).
    """

    W_enc: Float[Tensor, "d_sae d_in"]
    b_enc: Float[Tensor, " d_sae"]
    W_dec: Float[Tensor, "d_sae d_in"]
    b_dec: Float[Tensor, " d_in"]
    log_threshold: Float[Tensor, " d_sae"] | None = None

    @property
    def tied(self) -> bool:
        """Return whether what a latent reads is what it writes."""
        return self.W_enc is self.W_dec


@dataclass(frozen=True, eq=False)
class Seen:
    """What one step saw.

    Attributes:
        loss: with penalties.
        error: reconstruction minus activation, on the scale of training.
        active: whether each latent was active at all.
        n_active: number of codes that were not zero.
    """

    loss: Float[Tensor, ""]
    error: Float[Tensor, "batch d_in"]
    active: Bool[Tensor, " d_sae"]
    n_active: Shaped[Tensor, ""]


def sparse_step(
    weights: Weights,
    grads: Weights,
    codes: Codes,
    rule: Rule,
    xc: Float[Tensor, "batch d_in"],
    penalty: float | int,
) -> Seen:
    """Write the gradients of the loss, and return what was seen.

    Args:
        weights: of the autoencoder.
        grads: what is written over.
        codes: of the batch, as the rule selected them.
        rule: the architecture's.
        xc: activations minus b_dec.
        penalty: share of the sparsity penalty that holds.
    """
    error = codes.decode(weights.W_dec).sub_(xc)
    g = error * (2 / error.numel())
    slopes, added = rule.backward(codes, codes.dots(g, weights.W_dec), penalty)
    _gather(weights, grads, codes, slopes, g, xc, codes.rows)
    grads.b_dec.add_(g.sum(0))
    loss = square(error) / error.numel() + added
    return Seen(loss, error, *_active(codes))


def nested_step(
    weights: Weights,
    grads: Weights,
    codes: Codes,
    rule: Rule,
    xc: Float[Tensor, "batch d_in"],
    widths: tuple[int, ...],
) -> Seen:
    """Write the gradients of the mean loss of nested dictionaries, and return what was seen.

    Args:
        weights: of the autoencoder.
        grads: what is written over.
        codes: of the batch; each row's entries in the order of columns.
        rule: the architecture's.
        xc: activations minus b_dec.
        widths: of the dictionaries, rising.
    """
    n, split = len(widths), in_blocks(codes, widths)
    written = rearrange(split.decode(weights.W_dec), "(batch n) d_in -> batch n d_in", n=n)
    error = written.cumsum(1).sub_(rearrange(xc, "batch d_in -> batch 1 d_in"))
    g = error * (2 / error.numel())
    whole = g.flip(1).cumsum(1).flip(1)
    heard = rearrange(whole, "batch n d_in -> (batch n) d_in")
    slopes, added = rule.backward(split, split.dots(heard, weights.W_dec), 1.0)
    _gather(weights, grads, split, slopes, heard, xc, split.rows // n)
    grads.b_dec.add_(whole[:, 0].sum(0))
    loss = square(error) / error.numel() + added
    return Seen(loss, error[:, -1], *_active(codes))


def in_blocks(codes: Codes, widths: tuple[int, ...]) -> Codes:
    """Return codes with one row for each row and block of columns."""
    n, edges = len(widths), torch.tensor(widths, device=codes.cols.device)
    block = torch.bucketize(codes.cols, edges, right=True)
    counts = torch.bincount(codes.rows * n + block, minlength=codes.n_rows * n)
    starts = torch.nn.functional.pad(counts.cumsum(0), (1, 0))
    return Codes(starts, codes.cols, codes.values, codes.n_cols)


def add_auxiliary(
    weights: Weights,
    grads: Weights,
    xc: Float[Tensor, "batch d_in"],
    seen: Seen,
    dead: Bool[Tensor, " d_sae"],
    k: int,
    weight: float | int,
) -> Seen:
    """Let dead latents write what the others left, and add their gradients to the others' in place.

    Args:
        weights: of the autoencoder.
        grads: as the step left them.
        xc: activations minus b_dec.
        seen: what the step saw; its error is the target, and a constant.
        dead: which latents.
        k: how many of them write, for each activation.
        weight: of their loss.
    """
    which = dead.nonzero()[:, 0]
    W_enc, W_dec = weights.W_enc[which], weights.W_dec[which]
    pre = torch.addmm(weights.b_enc[which], xc, W_enc.T)
    if k < len(which):
        least = pre.topk(k, dim=1, sorted=False).values.amin(1, keepdim=True)
        pre = torch.where(pre >= least, pre, 0)
    acts = pre.relu_()
    error = torch.addmm(seen.error, acts, W_dec)
    g = error * (2 * weight / error.numel())
    slopes = (g @ W_dec.T).mul_(acts > 0)
    bias = slopes.sum(0)
    grads.W_dec.index_add_(0, which, acts.T @ g)
    grads.W_enc.index_add_(0, which, slopes.T @ xc)
    grads.b_enc.index_add_(0, which, bias)
    grads.b_dec.sub_(bias @ W_enc)
    loss = seen.loss + weight * square(error) / error.numel()
    return replace(seen, loss=loss)


def _gather(
    weights: Weights,
    grads: Weights,
    codes: Codes,
    slopes: Tensor,
    g: Tensor,
    xc: Tensor,
    rows: Tensor,
) -> None:
    """Write gradients but for what b_dec gets from the reconstruction."""
    codes.column_sums(codes.values, g, grads.W_dec)
    codes.column_sums(slopes, xc, grads.W_enc, rows)
    grads.b_enc = codes.column_totals(slopes)
    grads.b_dec = -(grads.b_enc @ weights.W_enc)


def _active(codes: Codes) -> tuple[Bool[Tensor, " d_sae"], Shaped[Tensor, ""]]:
    on = codes.values > 0
    seen = torch.zeros(codes.n_cols, dtype=torch.bool, device=on.device)
    return seen.index_fill_(0, codes.cols[on], True), on.sum()


def square(error: Float[Tensor, "..."]) -> Float[Tensor, ""]:
    """Return the sum of squares."""
    flat = error.reshape(-1)
    return flat @ flat
