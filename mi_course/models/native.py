"""Embedded models as TransformerLens bridges: from a recipe to a module, from there to a bridge.

Training runs on the plain `NativeModel`; the course sees the same weights as a `TransformerBridge`.
"""

import torch
from transformer_lens.config import TransformerBridgeConfig
from transformer_lens.model_bridge import TransformerBridge
from transformer_lens.model_bridge.sources._bridge_builder import build_bridge_from_module
from transformer_lens.model_bridge.sources.native import NativeModel

from mi_course.models.recipes import Recipe

# Periods of 6 to 21 tokens: sharp at short distances; the components left unturned do the rest.
ROTARY_BASE = 4
EMBED_STD = 0.2
NEARNESS = 6.0


def config(recipe: Recipe, d_vocab: int) -> TransformerBridgeConfig:
    """Return the configuration of a rotary, LayerNorm, GELU transformer of the recipe's shape."""
    return TransformerBridgeConfig(
        d_model=recipe.d_model,
        d_head=recipe.d_head,
        n_layers=recipe.n_layers,
        n_ctx=recipe.n_ctx,
        n_heads=recipe.n_heads,
        d_vocab=d_vocab,
        d_mlp=4 * recipe.d_model,
        act_fn="gelu",
        attn_only=recipe.attn_only,
        normalization_type="LN",
        positional_embedding_type="rotary",
        rotary_dim=recipe.d_head // 2,
        rotary_base=ROTARY_BASE,
    )


def new_module(recipe: Recipe, d_vocab: int) -> NativeModel:
    """Return a freshly initialised module; the same recipe gives the same weights.

    What blocks write starts at zero, and the unembedding as a faint copy of the embedding. The
    first half of each layer's heads starts with a mild preference for near tokens: equal biases of
    queries and keys, which rotary positions turn into a bump around distance zero. From zero biases
    the gradient towards any fixed distance vanishes, and no previous-token head, and so no
    induction, had appeared after ten times as many steps.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(recipe.seed)
        module = NativeModel(config(recipe, d_vocab))
        with torch.no_grad():
            for name, parameter in module.named_parameters():
                if name.endswith(("attn.o.weight", "mlp.fc_out.weight", "bias")):
                    parameter.zero_()
                elif parameter.ndim == 2:
                    parameter.normal_(std=EMBED_STD if "embed" in name else recipe.d_model**-0.5)
                if name.endswith(("attn.q.bias", "attn.k.bias")):
                    by_head = parameter.view(recipe.n_heads, recipe.d_head)
                    by_head[: recipe.n_heads // 2, : recipe.d_head // 2] = _near_bias(recipe.d_head)
            module.head.weight.copy_(0.1 * module.tok_embed.weight)
    return module


def _near_bias(d_head: int) -> float:
    """Return the bias that makes the attention score at distance zero higher by `NEARNESS`."""
    return (NEARNESS * d_head**0.5 / (d_head // 2)) ** 0.5


def to_bridge(
    module: NativeModel, tokenizer, name: str, device: str | torch.device
) -> TransformerBridge:
    """Return the bridge around a module, in evaluation mode on `device`, with gradients left on."""
    module = module.to(device)
    bridge = build_bridge_from_module(
        module,
        architecture="TransformerLensNative",
        tl_config=module.cfg,
        tokenizer=tokenizer,
        device=device,
        model_name=name,
    )
    return bridge.eval()
