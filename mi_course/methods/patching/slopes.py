"""First-order effects of a site: the change of each activation times the metric's slope there.

What a site's slope is follows from how it enters the stream: a neuron through its row of W_out, an
attention pattern through the values that it weighs. In goes an engine; out come products by layer,
head or neuron, prompt and position.
"""

import torch
from einops import rearrange, reduce
from jaxtyping import Float
from torch import Tensor

from mi_course.activations import gradients
from mi_course.methods.lens.reading import final_point
from mi_course.methods.patching.cells import HEAD_SITES, NEURON, STREAM_SITES
from mi_course.methods.patching.hooked import HookedEngine, hook_name
from mi_course.methods.patching.live import LiveEngine
from mi_course.methods.patching.sweep import Engine, Way, judged
from mi_course.methods.patching.traces import trace

__all__ = ["products"]


def products(
    engine: Engine, site: str, layers: list[int], way: Way
) -> Float[Tensor, "layer unit prompt pos"]:
    """Return change times slope of a site, summed over the width of each head or of the stream.

    Args:
        engine: of the prompts.
        site: any site.
        layers: which layers.
        way: direction and metric.
    """
    make = _plain_products if isinstance(engine, LiveEngine) else _hooked_products
    by_layer = make(engine, site, layers, way)
    return torch.stack([rearrange(x, "prompt pos unit -> unit prompt pos") for x in by_layer])


def _score(engine: Engine, resid: Float[Tensor, "prompt pos d_model"], way: Way) -> Tensor:
    rows = torch.arange(len(resid), device=resid.device)
    end = resid[rows, engine.prompts.ends]
    return judged(engine, way.metric, end, rows, way.direction).sum()


def _plain_products(
    engine: LiveEngine, site: str, layers: list[int], way: Way
) -> list[Float[Tensor, "prompt pos unit"]]:
    tokens, noise = engine.runs[0]
    noise = torch.zeros_like(engine.base.resid_pre[0]) if noise is None else noise.clone()
    with torch.enable_grad():
        run = trace(engine.twin, tokens, noise.requires_grad_())
        # Slopes at: behind attention (for the stream there), or the site itself.
        names = {"resid_mid": "attn_out", "pattern": "z"}
        after = site in ("resid_post", "mlp_out", NEURON)
        at = getattr(run, "resid_pre" if after else names.get(site, site))
        points = [at[layer + after] for layer in layers]
        found = torch.autograd.grad(_score(engine, run.resid_pre[-1], way), points)
    return [_product(engine, site, *one) for one in zip(layers, found, strict=True)]


@torch.no_grad()
def _product(
    engine: LiveEngine, site: str, layer: int, slope: Float[Tensor, "prompt pos ..."]
) -> Float[Tensor, "prompt pos unit"]:
    base, source = engine.base, engine.source
    if site == NEURON:
        return engine.neuron_change(layer) * (slope @ engine.twin.layers[layer].W_out.T)
    if site in STREAM_SITES:
        change = source.stream(site, layer) - base.stream(site, layer)
        return (change * slope).sum(-1, keepdim=True)
    if site == "pattern":
        moved = engine.twin.attend(source.q[layer], source.k[layer], base.v[layer])
        return ((moved - base.z[layer]) * slope).sum(-1)
    change = getattr(source, site)[layer] - getattr(base, site)[layer]
    return (change * slope).sum(-1)


def _hooked_products(
    engine: HookedEngine, site: str, layers: list[int], way: Way
) -> list[Float[Tensor, "prompt pos unit"]]:
    tokens, noise = engine.runs[0]
    if noise is not None:
        raise ValueError(
            "expected a base run without noise for a model whose weights cannot be read, try "
            "direction='noising'"
        )
    point = "attn_out" if site == "resid_mid" else site  # the stream is moved where it is written
    names = {layer: hook_name(engine.model, point, layer) for layer in layers}
    final = final_point(engine.model)
    found = gradients(
        engine.model, tokens, names.values(), final, lambda resid: _score(engine, resid, way)
    )
    by_layer = []
    for layer, name in names.items():
        new, old = (engine.activation(site, layer, source=side) for side in (True, False))
        change = (new - old) * found[name]
        if site == "pattern":
            change = reduce(change, "prompt unit pos key_pos -> prompt pos unit", "sum")
        elif site in HEAD_SITES:
            change = change.sum(-1)
        by_layer.append(change.sum(-1, keepdim=True) if site in STREAM_SITES else change)
    return by_layer
