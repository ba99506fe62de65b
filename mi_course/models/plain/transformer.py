"""The pieces of a forward pass as functions of weights; see the package's docstring for their use.

    z[h] = softmax(q[h] k[h]^T / scale + mask) v[h]        heads_out[h] = z[h] W_O[h]
    mlp(x) = act(norm(x) W_in + b_in) W_out + b_out        logits = norm(x) W_U + b_U

In go raw residual streams; out come queries, keys, values, what heads and MLPs write, or logits.
"""

from collections.abc import Callable
from dataclasses import dataclass, fields, is_dataclass, replace
from typing import Any

import torch
import torch.nn.functional as F
from einops import einsum, rearrange
from jaxtyping import Float, Int
from torch import Tensor

__all__ = ["PlainLayer", "PlainTransformer"]


@dataclass(frozen=True, eq=False)
class PlainLayer:
    """The weights of one layer, axes as in TransformerLens; no MLP where `W_in` is None.

    Attributes:
        ln1: scale and shift of the norm before attention; None where it has none.
        ln2: the same before the MLP.
        W_Q: queries, one for each head; the others alike.
        W_gate: of a gated MLP, act(x W_gate) * (x W_in); otherwise None.
    """

    ln1: tuple[Tensor | None, Tensor | None]
    ln2: tuple[Tensor | None, Tensor | None]
    W_Q: Float[Tensor, "head_index d_model d_head"]
    W_K: Float[Tensor, "head_index d_model d_head"]
    W_V: Float[Tensor, "head_index d_model d_head"]
    W_O: Float[Tensor, "head_index d_head d_model"]
    b_Q: Float[Tensor, "head_index d_head"]  # noqa: N815
    b_K: Float[Tensor, "head_index d_head"]  # noqa: N815
    b_V: Float[Tensor, "head_index d_head"]  # noqa: N815
    b_O: Float[Tensor, " d_model"]  # noqa: N815
    W_in: Float[Tensor, "d_model d_mlp"] | None = None
    b_in: Float[Tensor, " d_mlp"] | None = None
    W_gate: Float[Tensor, "d_model d_mlp"] | None = None
    W_out: Float[Tensor, "d_mlp d_model"] | None = None
    b_out: Float[Tensor, " d_model"] | None = None


@dataclass(frozen=True, eq=False)
class PlainTransformer:
    """A transformer's weights, and its forward pass in pieces.

    Attributes:
        layers: weights of each layer.
        W_E: token embedding.
        W_pos: learned positions, or None.
        W_U: unembedding.
        b_U: its bias.
        ln_final: scale and shift of the last norm.
        act: the MLP's nonlinearity.
        norm: "LN", "RMS" or None, of the layers.
        final_norm: the same, before the unembedding.
        eps: added to the variance.
        scale: what attention scores are divided by.
        rotary: cosines and sines, or None.
        adjacent: whether rotation pairs components 0-1, 2-3, ... or those half the width apart.
        causal: whether a query sees only keys up to its own position.
        parallel: whether attention and MLP of a layer read the same stream.
    """

    layers: tuple[PlainLayer, ...]
    W_E: Float[Tensor, "d_vocab d_model"]
    W_pos: Float[Tensor, "n_ctx d_model"] | None
    W_U: Float[Tensor, "d_model d_vocab_out"]
    b_U: Float[Tensor, " d_vocab_out"]  # noqa: N815
    ln_final: tuple[Tensor | None, Tensor | None]
    act: Callable[[Tensor], Tensor]
    norm: str | None
    final_norm: str | None
    eps: float
    scale: float
    rotary: tuple[Float[Tensor, "n_ctx turned"], Float[Tensor, "n_ctx turned"]] | None
    adjacent: bool
    causal: bool
    parallel: bool

    @property
    def n_layers(self) -> int:
        """Return the number of layers."""
        return len(self.layers)

    @property
    def n_heads(self) -> int:
        """Return the number of heads of a layer."""
        return len(self.layers[0].W_Q)

    @property
    def d_model(self) -> int:
        """Return the width of the residual stream."""
        return self.W_E.shape[1]

    @property
    def attn_only(self) -> bool:
        """Return whether there are no MLPs."""
        return self.layers[0].W_in is None

    def to(self, where: torch.dtype | torch.device) -> "PlainTransformer":
        """Return the same transformer in another precision or on another device."""
        return _moved(self, where)

    def embed_tokens(self, tokens: Int[Tensor, "batch pos"]) -> Float[Tensor, "batch pos d_model"]:
        """Return what the token embedding writes."""
        return self.W_E[tokens]

    def embed_positions(self, n_pos: int) -> Float[Tensor, "pos d_model"]:
        """Return what the learned positions write; zeros where there are none."""
        return self.W_E.new_zeros(n_pos, self.d_model) if self.W_pos is None else self.W_pos[:n_pos]

    def embed(self, tokens: Int[Tensor, "batch pos"]) -> Float[Tensor, "batch pos d_model"]:
        """Return the residual stream before the first layer."""
        return self.embed_tokens(tokens) + self.embed_positions(tokens.shape[1])

    def project(
        self,
        layer: int,
        which: str,
        x: Float[Tensor, "batch pos *head_index d_model"],
        *,
        at: Int[Tensor, "*batch pos"] | None = None,
        heads: list[int] | slice | None = None,
    ) -> Float[Tensor, "batch pos head_index d_head"]:
        """Return queries, keys or values; queries and keys are rotated in rotary models.

        Args:
            layer: number of the layer.
            which: "q", "k" or "v".
            x: raw residual stream; with a head axis, the input of each head (those in `heads`).
            at: positions of the columns of x; 0, 1, 2, ... when None. By row with a batch axis.
            heads: which heads; all when None.
        """
        weights = self.layers[layer]
        W, b = {
            "q": (weights.W_Q, weights.b_Q),
            "k": (weights.W_K, weights.b_K),
            "v": (weights.W_V, weights.b_V),
        }[which]
        if heads is not None:
            W, b = W[heads], b[heads]
        x = self._normalised(x, weights.ln1, self.norm)
        axes = "batch pos head_index d_model" if x.ndim == 4 else "batch pos d_model"
        shape = "head_index d_model d_head -> batch pos head_index d_head"
        out = einsum(x, W, f"{axes}, {shape}") + b
        return out if which == "v" or self.rotary is None else self._rotated(out, at)

    def qkv(
        self,
        layer: int,
        x_q: Tensor,
        x_k: Tensor | None = None,
        x_v: Tensor | None = None,
        *,
        at: Int[Tensor, "*batch pos"] | None = None,
        heads: list[int] | slice | None = None,
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Return queries, keys and values as `project` does; one input for all unless told."""
        inputs = {"q": x_q, "k": x_q if x_k is None else x_k, "v": x_q if x_v is None else x_v}
        q, k, v = (self.project(layer, which, inputs[which], at=at, heads=heads) for which in "qkv")
        return q, k, v

    def pattern(
        self,
        q: Float[Tensor, "batch query_pos head_index d_head"],
        k: Float[Tensor, "batch key_pos head_index d_head"],
        *,
        at: Int[Tensor, "*batch query_pos"] | None = None,
    ) -> Float[Tensor, "batch head_index query_pos key_pos"]:
        """Return attention probabilities of queries at positions `at` (0, 1, 2, ... when None)."""
        axes = "batch query_pos head_index d_head, batch key_pos head_index d_head"
        scores = einsum(q, k, f"{axes} -> batch head_index query_pos key_pos") / self.scale
        if self.causal:
            at = torch.arange(q.shape[1], device=q.device) if at is None else at
            hidden = torch.arange(k.shape[1], device=q.device) > at[..., None]
            scores = scores.masked_fill(hidden[:, None] if at.ndim == 2 else hidden, float("-inf"))
        return scores.softmax(dim=-1)

    def attend(
        self,
        q: Float[Tensor, "batch query_pos head_index d_head"],
        k: Float[Tensor, "batch key_pos head_index d_head"],
        v: Float[Tensor, "batch key_pos head_index d_head"],
        *,
        at: Int[Tensor, "*batch query_pos"] | None = None,
    ) -> Float[Tensor, "batch query_pos head_index d_head"]:
        """Return z, the mean of the values that each query attends to."""
        axes = "batch head_index query_pos key_pos, batch key_pos head_index d_head"
        pattern = self.pattern(q, k, at=at)
        return einsum(pattern, v, f"{axes} -> batch query_pos head_index d_head")

    def heads_out(
        self,
        layer: int,
        z: Float[Tensor, "batch pos head_index d_head"],
        *,
        heads: list[int] | slice | None = None,
    ) -> Float[Tensor, "batch pos head_index d_model"]:
        """Return what each head writes to the stream, without `b_O`, which is no head's own."""
        W_O = self.layers[layer].W_O
        W_O = W_O if heads is None else W_O[heads]
        axes = "batch pos head_index d_head, head_index d_head d_model"
        return einsum(z, W_O, f"{axes} -> batch pos head_index d_model")

    def attn_out(
        self, layer: int, z: Float[Tensor, "batch pos head_index d_head"]
    ) -> Float[Tensor, "batch pos d_model"]:
        """Return what all heads of a layer write together, `b_O` included."""
        weights = self.layers[layer]
        flat = rearrange(weights.W_O, "head_index d_head d_model -> (head_index d_head) d_model")
        return rearrange(z, "b p head_index d_head -> b p (head_index d_head)") @ flat + weights.b_O

    def mlp(
        self, layer: int, x: Float[Tensor, "*batch d_model"]
    ) -> Float[Tensor, "*batch d_model"]:
        """Return what the MLP of a layer writes, given the raw residual stream that it reads."""
        weights = self.layers[layer]
        x = self._normalised(x, weights.ln2, self.norm)
        pre = x @ weights.W_in + weights.b_in
        post = self.act(pre) if weights.W_gate is None else self.act(x @ weights.W_gate) * pre
        return post @ weights.W_out + weights.b_out

    def logits(
        self,
        resid: Float[Tensor, "batch pos d_model"],
        *,
        at: Int[Tensor, " batch"] | None = None,
    ) -> Float[Tensor, "batch *pos d_vocab_out"]:
        """Return the logits at all positions, or at one of each row without a position axis."""
        if at is not None:
            resid = resid[torch.arange(len(resid), device=resid.device), at]
        return self.normalised_final(resid) @ self.W_U + self.b_U

    def normalised_final(
        self, resid: Float[Tensor, "*batch d_model"]
    ) -> Float[Tensor, "*batch d_model"]:
        """Return what the unembedding reads: the stream after the last norm."""
        return self._normalised(resid, self.ln_final, self.final_norm)

    def forward(self, tokens: Int[Tensor, "batch pos"]) -> Float[Tensor, "batch pos d_vocab_out"]:
        """Return the logits of all positions."""
        x = self.embed(tokens)
        for layer in range(self.n_layers):
            attn_out = self.attn_out(layer, self.attend(*self.qkv(layer, x)))
            mid = x + attn_out
            read = x if self.parallel else mid
            x = mid if self.attn_only else mid + self.mlp(layer, read)
        return self.logits(x)

    def _normalised(
        self, x: Tensor, affine: tuple[Tensor | None, Tensor | None], norm: str | None
    ) -> Tensor:
        weight, bias = affine
        if norm == "LN":
            return F.layer_norm(x, x.shape[-1:], weight, bias, self.eps)
        if norm == "RMS":
            x = x * (x.square().mean(dim=-1, keepdim=True) + self.eps).rsqrt()
            return x if weight is None else x * weight
        return x

    def _rotated(self, x: Tensor, at: Tensor | None) -> Tensor:
        """Return queries or keys turned by their position, as far as the model turns them."""
        cos, sin = self.rotary
        at = torch.arange(x.shape[1], device=x.device) if at is None else at
        cos, sin = cos[at][..., None, :], sin[at][..., None, :]
        turned, still = x[..., : cos.shape[-1]], x[..., cos.shape[-1] :]
        if self.adjacent:
            quarter = torch.stack([-turned[..., 1::2], turned[..., ::2]], dim=-1).flatten(-2)
        else:
            low, high = turned.chunk(2, dim=-1)
            quarter = torch.cat([-high, low], dim=-1)
        return torch.cat([turned * cos + quarter * sin, still], dim=-1)


def _moved(value: Any, where: torch.dtype | torch.device) -> Any:
    if isinstance(value, Tensor):
        return value.to(where)
    if isinstance(value, tuple):
        return tuple(_moved(part, where) for part in value)
    if is_dataclass(value):
        parts = {part.name: _moved(getattr(value, part.name), where) for part in fields(value)}
        return replace(value, **parts)
    return value
