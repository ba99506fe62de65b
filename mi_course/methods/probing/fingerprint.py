"""What a neuron's weights say without any text: the logits it writes, and how it is held silent.

A neuron adds its activation times a row of W_out to the stream; through the final LayerNorm's gain
and W_U this is a push on every logit. Its input weights and bias tell how far its input must speak
up before it fires.

    effect = W_out[neuron] LN_gain W_U - mean over tokens        fingerprint = |w_in| b_in

Source: Gurnee et al. (2023), "Finding Neurons in a Haystack" (superposition's fingerprint: large
negative products in early layers). In go a bridge; out come `LogitEffect` and `Fingerprint`.
"""

import torch
from einops import einsum
from jaxtyping import Float
from torch import Tensor
from transformer_lens.model_bridge import TransformerBridge

from mi_course.methods.induction.circuits import circuit_weights
from mi_course.results import Fingerprint, LogitEffect

__all__ = ["neuron_logit_effect", "neuron_logit_effects", "weight_fingerprint"]


@torch.no_grad()
def neuron_logit_effects(model: TransformerBridge, layer: int) -> Float[Tensor, "d_mlp d_vocab"]:
    """Return what one unit of each neuron adds to each logit, before the final LayerNorm's scale.

    Args:
        model: any bridge with MLPs.
        layer: which layer.

    Returns:
        Logits; each row's mean over the vocabulary is 0, which changes no prediction.

    Raises:
        ValueError: no such layer, or a model without MLPs.
    """
    _check(model, layer)
    return model.W_out[layer].float() @ circuit_weights(model).W_U


def neuron_logit_effect(model: TransformerBridge, layer: int, neuron: int) -> LogitEffect:
    """Return what one unit of a neuron's activation adds to each logit.

    Args:
        model: any bridge with MLPs.
        layer: which layer.
        neuron: which of its neurons.

    Returns:
        Logits with the vocabulary's texts.

    Raises:
        ValueError: no such neuron.
    """
    _check(model, layer)
    if not 0 <= neuron < model.cfg.d_mlp:
        raise ValueError(f"expected neurons 0-{model.cfg.d_mlp - 1}, got {neuron}")
    with torch.no_grad():
        values = model.W_out[layer][neuron].float() @ circuit_weights(model).W_U
    tokenizer = model.tokenizer
    said = () if tokenizer is None else tuple(tokenizer.decode([i]) for i in range(len(values)))
    return LogitEffect(values.cpu(), (layer, neuron), said)


@torch.no_grad()
def weight_fingerprint(model: TransformerBridge) -> Fingerprint:
    """Return the length of every neuron's input weights and its bias, LayerNorm folded in.

    The gain of the LayerNorm before the MLP multiplies the weights, its bias times the weights is
    added to the neuron's bias, and its centring takes the weights' mean away.

    Raises:
        ValueError: a model without MLPs.
    """
    _check(model, 0)
    norms, biases = [], []
    for layer, block in enumerate(model.blocks):
        W_in, b_in = model.W_in[layer].float(), model.b_in[layer].float()
        gain, shift = (getattr(block.ln2, name, None) for name in ("weight", "bias"))
        if shift is not None:
            b_in = b_in + einsum(shift.float(), W_in, "d_model, d_model d_mlp -> d_mlp")
        if gain is not None:
            W_in = W_in * gain.float()[:, None]
        if "LN" in (model.cfg.normalization_type or ""):
            W_in = W_in - W_in.mean(0)
        norms.append(W_in.norm(dim=0))
        biases.append(b_in)
    return Fingerprint(torch.stack(norms).cpu(), torch.stack(biases).cpu())


def _check(model: TransformerBridge, layer: int) -> None:
    if not any(name.endswith("mlp.hook_post") for name in model.hook_dict):
        raise ValueError("expected a model with MLPs, got attention only, try models.load('town')")
    if not 0 <= layer < model.cfg.n_layers:
        raise ValueError(f"expected layers 0-{model.cfg.n_layers - 1}, got {layer}")
