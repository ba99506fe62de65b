"""Embedded models as TransformerLens bridges: from a recipe to a module, from there to a bridge.

Training runs on the plain `NativeModel`; the course sees the same weights as a `TransformerBridge`.
"""

import torch
from transformer_lens.config import TransformerBridgeConfig
from transformer_lens.model_bridge import TransformerBridge
from transformer_lens.model_bridge.sources._bridge_builder import build_bridge_from_module
from transformer_lens.model_bridge.sources.native import NativeModel

from mi_course.models.recipes import Recipe


def config(recipe: Recipe, d_vocab: int) -> TransformerBridgeConfig:
    """Return the configuration of a rotary, LayerNorm, GELU transformer of the recipe's shape."""
    d_head = recipe.d_model // recipe.n_heads
    return TransformerBridgeConfig(
        d_model=recipe.d_model,
        d_head=d_head,
        n_layers=recipe.n_layers,
        n_ctx=recipe.n_ctx,
        n_heads=recipe.n_heads,
        d_vocab=d_vocab,
        d_mlp=4 * recipe.d_model,
        act_fn="gelu",
        attn_only=recipe.attn_only,
        normalization_type="LN",
        positional_embedding_type="rotary",
        rotary_dim=d_head,
    )


def new_module(recipe: Recipe, d_vocab: int) -> NativeModel:
    """Return a freshly initialised module; the same recipe gives the same weights."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(recipe.seed)
        module = NativeModel(config(recipe, d_vocab))
        residual_scale = (2 * recipe.n_layers) ** -0.5
        for name, parameter in module.named_parameters():
            if parameter.ndim == 2:
                torch.nn.init.normal_(
                    parameter,
                    std=0.02 if "embed" in name or "head" in name else recipe.d_model**-0.5,
                )
                if name.endswith(("attn.o.weight", "mlp.fc_out.weight")):
                    parameter.data.mul_(residual_scale)
            elif name.endswith("bias"):
                torch.nn.init.zeros_(parameter)
    return module


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
