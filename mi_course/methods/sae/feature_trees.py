"""The tree of latents that cause a latent, layer by layer.

The causes of a latent at the hook before, the causes of these at the hook before that, and so on:
all in the examples in which the first one is strongest, so that the tree tells how the model comes
to it there. Source: [Cunningham23], figure 5. In go a bridge, dictionaries by hook, a latent of the
last one and its examples; out comes a `FeatureTree`.
"""

from collections.abc import Mapping

import torch
from transformer_lens.model_bridge import TransformerBridge

from mi_course.activations import record
from mi_course.methods.sae.causes import Examples, feature_causes
from mi_course.methods.sae.dictionary import Dictionary
from mi_course.methods.sae.feature_pages import layer_of
from mi_course.results import FeatureCauses, FeatureTree

__all__ = ["feature_tree"]


def feature_tree(
    model: TransformerBridge,
    dictionaries: Mapping[str, Dictionary],
    latent: int,
    examples: Examples,
    *,
    breadth: int = 3,
    candidates: int | None = 64,
    chunk: int = 64,
) -> FeatureTree:
    """Return the tree of latents that cause the last dictionary's latent, hook by hook.

    A cause is looked for at the hook just before. Each node is looked at in the target's examples,
    at its own strongest position up to that of the node it causes.

    Args:
        model: any bridge.
        dictionaries: hook -> dictionary, from the first hook to the target's.
        latent: the target, of the last dictionary.
        examples: such as `top_rows(activity, latent)`.
        breadth: causes of each node.
        candidates: latents that are ablated for each node.
        chunk: rows in one forward pass.

    Returns:
        The tree.

    Raises:
        ValueError: fewer than two dictionaries, or hooks not from low layers to high ones.
    """
    hooks = list(dictionaries)
    if len(hooks) < 2 or hooks != sorted(hooks, key=layer_of):
        raise ValueError(f"expected dictionaries of at least 2 layers, low to high, got {hooks}")
    nodes: dict[tuple[str, int], FeatureCauses] = {}
    level = {latent: examples}
    for source, hook in zip(hooks[-2::-1], hooks[:0:-1], strict=True):
        following: dict[int, Examples] = {}
        for each, rows in level.items():
            found = feature_causes(
                model,
                hook,
                dictionaries[hook],
                each,
                {source: dictionaries[source]},
                rows,
                candidates=candidates,
                keep=breadth,
                chunk=chunk,
            )
            nodes[hook, each] = found
            for cause in found.causes:
                if cause.latent not in following:
                    where = source, dictionaries[source], cause.latent
                    following[cause.latent] = _looked_at(model, *where, rows)
        level = following
    return FeatureTree(tuple(nodes.values()), tuple(hooks[::-1]))


@torch.no_grad()
def _looked_at(
    model: TransformerBridge, hook: str, dictionary: Dictionary, latent: int, examples: Examples
) -> Examples:
    """Return the examples in which a latent is active, each at its strongest position."""
    acts = dictionary.encode(record(model, examples.tokens, hook)[hook].float())[..., latent]
    places = torch.arange(acts.shape[1], device=acts.device)
    counts = examples.counted & (places <= examples.peaks[:, None])
    acts = acts.masked_fill(~counts, 0)
    active = (acts > 0).any(1)
    tokens, counted = examples.tokens[active], examples.counted[active]
    return Examples(tokens, counted, acts[active].argmax(1))
