"""One run of some prompts with everything kept that patching reads or starts from.

In go a plain transformer and tokens; out comes a `Trace`: the residual stream around every layer,
and every head's queries, keys, values and z.
"""

from dataclasses import dataclass

from jaxtyping import Float, Int
from torch import Tensor

from mi_course.models.plain import PlainTransformer

__all__ = ["Trace", "trace"]

Stream = Float[Tensor, "batch pos d_model"]
PerHead = Float[Tensor, "batch pos head_index d_head"]


@dataclass(frozen=True, eq=False)
class Trace:
    """The activations of one run, a list entry for each layer.

    Attributes:
        resid_pre: the stream before each layer, and behind the last one.
        attn_out: what attention writes.
        q: queries, rotated where the model rotates them.
        k: keys.
        v: values.
        z: what each head found.
    """

    resid_pre: list[Stream]
    attn_out: list[Stream]
    q: list[PerHead]
    k: list[PerHead]
    v: list[PerHead]
    z: list[PerHead]

    def stream(self, site: str, layer: int) -> Stream:
        """Return a site of the whole stream, such as "resid_mid"."""
        if site == "attn_out":
            return self.attn_out[layer]
        mid = self.resid_pre[layer] + self.attn_out[layer]
        made = {
            "resid_pre": self.resid_pre[layer],
            "resid_mid": mid,
            "resid_post": self.resid_pre[layer + 1],
            "mlp_out": self.resid_pre[layer + 1] - mid,
        }
        return made[site]


def trace(
    model: PlainTransformer,
    tokens: Int[Tensor, "batch pos"],
    noise: Float[Tensor, "batch pos d_model"] | None = None,
) -> Trace:
    """Return the activations of a run; with gradients where `noise` asks for them.

    Args:
        model: the plain twin of a bridge.
        tokens: token ids.
        noise: added to the first residual stream.
    """
    x = model.embed(tokens) if noise is None else model.embed(tokens) + noise
    found = Trace([x], [], [], [], [], [])
    for layer in range(model.n_layers):
        q, k, v = model.qkv(layer, x)
        z = model.attend(q, k, v)
        attn_out = model.attn_out(layer, z)
        mid = x + attn_out
        x = mid if model.attn_only else mid + model.mlp(layer, x if model.parallel else mid)
        kept = {"resid_pre": x, "attn_out": attn_out, "q": q, "k": k, "v": v, "z": z}
        for name, value in kept.items():
            getattr(found, name).append(value)
    return found
