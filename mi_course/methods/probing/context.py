"""Context neurons: is the loss inside a context lost with the neuron that tells the context?

A neuron may tell a language and yet do nothing for it. So neurons are silenced and the loss is
taken apart: tokens inside the context, and all others; random neurons of the same layers show what
any neuron would do. Source: Gurnee et al. (2023), "Context neurons". In go a bridge, texts and
neurons; out comes `ContextAblation`.
"""

from collections.abc import Mapping, Sequence

import torch
from jaxtyping import Bool, Float
from torch import Tensor
from transformer_lens.model_bridge import TransformerBridge

from mi_course.methods.probing.neurons import silenced
from mi_course.methods.probing.texts import TownTexts, losses_of_texts
from mi_course.results import ContextAblation, Neuron

__all__ = ["context_ablation", "mean_activations"]


def mean_activations(
    model: TransformerBridge, texts: TownTexts, layers: Sequence[int] | None = None
) -> Float[Tensor, "layer d_mlp"]:
    """Return each neuron's mean over all tokens of the texts; zeros for layers not asked for."""
    chosen = range(model.cfg.n_layers) if layers is None else sorted(set(layers))
    means = torch.zeros(model.cfg.n_layers, model.cfg.d_mlp, device=texts.tokens.device)
    for layer in chosen:
        means[layer] = texts.activations(model, layer).mean(0)
    return means


def context_ablation(
    model: TransformerBridge,
    texts: TownTexts,
    inside: Bool[Tensor, " token"],
    groups: Mapping[str, Sequence[Neuron]],
    *,
    mode: str = "mean",
    n_random: int = 3,
    seed: int = 0,
    context: str = "context",
) -> ContextAblation:
    """Return the rise in loss (nats) inside and outside a context, for groups of neurons.

    Args:
        model: any bridge with MLPs.
        texts: what it reads.
        inside: which tokens are in the context (`TownTexts.labels`).
        groups: name -> neurons that are silenced together.
        mode: neurons are set to their "mean" over the texts, or to "zero".
        n_random: random groups beside each one, as many neurons in the same layers.
        seed: of those.
        context: what the context is called.

    Returns:
        Rises in loss; a token counts where it is predicted.

    Raises:
        ValueError: an unknown mode, no token inside or outside, or an unknown neuron.
    """
    if mode not in {"mean", "zero"}:
        raise ValueError(f'expected mode "mean" or "zero", got {mode!r}')
    if len(inside) != int(texts.counted.sum()) or not inside.any() or inside.all():
        raise ValueError(
            f"expected some of the {int(texts.counted.sum())} tokens inside the context, got "
            f"{int(inside.sum())} of {len(inside)}, try TownTexts.labels"
        )
    layers = [layer for group in groups.values() for layer, _ in group]
    means = mean_activations(model, texts, layers) if mode == "mean" else None
    clean = losses_of_texts(model, texts)

    def rise(neurons: Sequence[Neuron]) -> tuple[float, float]:
        change = losses_of_texts(model, texts, silenced(model, neurons, means)) - clean
        return change[inside].mean().item(), change[~inside].mean().item()

    generator = torch.Generator().manual_seed(seed)
    width = model.cfg.d_mlp
    real = torch.tensor([rise(group) for group in groups.values()])
    chance = torch.tensor(
        [
            [rise(_others(group, width, generator)) for _ in range(n_random)]
            for group in groups.values()
        ]
    ).reshape(len(groups), n_random, 2)
    return ContextAblation(
        inside=real[:, 0],
        outside=real[:, 1],
        random_inside=chance[..., 0],
        random_outside=chance[..., 1],
        groups=tuple(groups),
        context=context,
        losses=(clean[inside].mean().item(), clean[~inside].mean().item()),
        mode="their mean" if mode == "mean" else "zero",
    )


def _others(group: Sequence[Neuron], width: int, generator: torch.Generator) -> list[Neuron]:
    """Return as many random neurons of the same layers."""
    found: set[Neuron] = set()
    for layer, _ in group:
        while True:
            other = (layer, int(torch.randint(width, (), generator=generator)))
            if other not in found and other not in group:
                found.add(other)
                break
    return sorted(found)
