"""A transformer without hooks: the weights of a bridge as tensors, and a forward in pieces.

Patching and circuit discovery run a model in parts: one head again with another query input, the
layers from the fifth on, the logits of one position. A bridge with hooks always runs whole. So
`plain(model)` takes the weights once, compares its logits with the bridge's, and offers the parts:

    model = plain(bridge)                            # ValueError for what it cannot reproduce
    x = model.embed(tokens)                          # [batch pos d_model]
    for layer in range(model.n_layers):
        q, k, v = model.qkv(layer, x)                # [batch pos head_index d_head], rotated
        z = model.attend(q, k, v)                    # the same shape
        attn_out = model.attn_out(layer, z)          # heads_out(layer, z) summed, plus b_O
        mid = x if model.parallel else x + attn_out
        x = x + attn_out + (0 if model.attn_only else model.mlp(layer, mid))
    logits = model.logits(x, at=ends)                # only at `ends`; all positions without

Each piece takes a raw residual stream and normalises it itself. All pieces work on any leading
batch, on some heads (`heads=`) and on some positions (`at=`), and gradients flow through them.

- Separate inputs: `qkv(layer, x_q, x_k, x_v)`; with an axis `head_index` before `d_model` each head
  has its own, as when edges are patched.
- Some positions: `q, _, _ = qkv(layer, x[:, 5:], at=arange(5, n))` and `attend(q, k, v, at=...)`
  gives z at these query positions for keys and values of all positions; causal masks follow `at`.
- `b_O` belongs to no head: `heads_out` leaves it out and `attn_out` adds it. `b_out` is part of
  `mlp`. Grouped keys and values are repeated, so that every head has its own.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submod_attrs={
        "from_bridge": ["plain"],
        "transformer": ["PlainLayer", "PlainTransformer"],
    },
)
