"""A training-time forward for `NativeAttention`, a third faster on the CPU, with the same numbers.

It rotates queries and keys together, adds one prepared mask instead of filling twice, and can add
up the norms of what each head writes, which the training loss may penalise (`Recipe.head_penalty`).
"""

from types import MethodType

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from transformer_lens.model_bridge.sources.native import NativeAttention, NativeModel
from transformer_lens.model_bridge.sources.native.model import NativeRotary


class HeadNorms:
    """Gathers, over the layers of one forward, the summed norm of the head outputs."""

    def __init__(self, *, active: bool) -> None:
        self.active = active
        self.total: Tensor | float = 0.0

    def add(self, z: Tensor, W_O: Tensor, resid_scale: Tensor) -> None:
        """Add sum over heads of |z W_O| / |residual|, averaged over batch and positions.

        The norm comes from the Gram matrix of `W_O`, so head outputs are never formed.
        """
        gram = W_O @ W_O.mT  # [head_index d_head d_head]
        squared = (torch.matmul(z, gram) * z).sum(-1).float().clamp_min(1e-8)
        self.total = self.total + (squared.sqrt() / resid_scale).sum(1).mean()


def _rotate(qk: Tensor, rotary: NativeRotary) -> Tensor:
    """Return queries and keys with their first `rotary_dim` components turned by position."""
    turned, still = qk.split([rotary.rotary_dim, qk.shape[-1] - rotary.rotary_dim], dim=-1)
    cos, sin = (t[: qk.shape[-2]].to(qk.dtype) for t in (rotary.cos_cached, rotary.sin_cached))
    return torch.cat([turned * cos + rotary._rotate_half(turned) * sin, still], dim=-1)


def _forward(
    self: NativeAttention, hidden_states: Tensor, *, norms: HeadNorms, mask: Tensor, **_: object
) -> tuple[Tensor, None]:
    batch, pos, _width = hidden_states.shape
    heads, d_head = self.n_heads, self.d_head
    weight = torch.cat([self.q.weight, self.k.weight, self.v.weight])
    bias = torch.cat([self.q.bias, self.k.bias, self.v.bias])
    qkv = F.linear(hidden_states, weight, bias).view(batch, pos, 3, heads, d_head)
    qk = qkv[:, :, :2].permute(2, 0, 3, 1, 4).reshape(2 * batch, heads, pos, d_head)
    q, k = _rotate(qk, self.rotary).view(2, batch * heads, pos, d_head)
    v = qkv[:, :, 2].transpose(1, 2).reshape(batch * heads, pos, d_head)
    scores = torch.baddbmm(mask[:pos, :pos].to(q.dtype), q, k.mT, alpha=1 / self.scale)
    z = (scores.softmax(-1).to(v.dtype) @ v).view(batch, heads, pos, d_head)
    if norms.active:
        W_O = self.o.weight.view(-1, heads, d_head).permute(1, 2, 0)
        norms.add(z, W_O, hidden_states.detach().float().norm(dim=-1)[:, None])
    return self.o(z.transpose(1, 2).reshape(batch, pos, heads * d_head)), None


def speed_up(module: NativeModel, *, penalise_heads: bool) -> HeadNorms:
    """Replace the attention forwards of a module in place; returns what gathers the head norms."""
    norms = HeadNorms(active=penalise_heads)
    n_ctx = module.cfg.n_ctx
    device = next(module.parameters()).device
    mask = torch.full((n_ctx, n_ctx), float("-inf"), device=device).triu(1)
    for attention in (m for m in module.modules() if isinstance(m, NativeAttention)):
        attention.forward = MethodType(
            lambda self, x, **_: _forward(self, x, norms=norms, mask=mask), attention
        )
    return norms


def slow_down(module: nn.Module) -> None:
    """Undo `speed_up`."""
    for attention in (m for m in module.modules() if isinstance(m, NativeAttention)):
        del attention.forward
