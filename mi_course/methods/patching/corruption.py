"""Corrupt a run by noise: the same tokens, with Gaussian noise on some of their embeddings.

    resid_pre(0) + 3 sigma epsilon,  sigma the standard deviation of the prompts' embeddings

Noise destroys a fact where symmetric and ABC corruptions (`worlds.tasks.ioi`) exchange it; it takes
the model off the inputs that it knows, and what it finds may differ. Sources: [Meng22], section 2;
[Zhang23], section 3. In go a bridge and pairs; out come `PatchPrompts`.
"""

from collections.abc import Sequence
from dataclasses import replace

import torch
from torch import Tensor
from transformer_lens.model_bridge import TransformerBridge

from mi_course.methods.patching.prompts import PatchPrompts, patch_prompts
from mi_course.worlds.tasks import PromptPair, Task

__all__ = ["gaussian_corruption"]


@torch.no_grad()
def gaussian_corruption(
    model: TransformerBridge,
    prompts: PatchPrompts | Task | Sequence[PromptPair],
    places: Sequence[str] | None = None,
    *,
    sigmas: float = 3.0,
    seed: int = 0,
) -> PatchPrompts:
    """Return prompts whose corrupted run is the clean one with noise on some embeddings.

    Args:
        model: any bridge.
        prompts: a task, pairs, or `PatchPrompts`.
        places: names of the positions that get noise; those where the tokens of a pair differ when
            None.
        sigmas: size of the noise in standard deviations of the embeddings' entries.
        seed: of the noise; each prompt has its own.

    Raises:
        ValueError: an unknown place, nothing to corrupt, or a size that is not above 0.
    """
    batch = patch_prompts(model, prompts)
    if not 0 < sigmas < float("inf"):
        raise ValueError(f"expected noise of more than 0 sigmas, got {sigmas}, try 3")
    where = _chosen(batch, places)
    if not where.any(1).all():
        raise ValueError("expected a position to corrupt in each prompt, got none, try places=")
    # Token embeddings alone: positions, where a model adds them, are not what is corrupted.
    embeddings = model.W_E[batch.clean][batch.inside()]
    generator = torch.Generator().manual_seed(seed)
    noise = torch.randn(*batch.clean.shape, model.cfg.d_model, generator=generator)
    noise = noise.to(where.device) * where[..., None] * (sigmas * embeddings.std())
    return replace(batch, corrupted=batch.clean, noise=noise)


def _chosen(prompts: PatchPrompts, places: Sequence[str] | None) -> Tensor:
    if places is None:
        return (prompts.clean != prompts.corrupted) & prompts.inside()
    unknown = [name for name in places if name not in prompts.places]
    if unknown or not places:
        raise ValueError(f"expected places among {list(prompts.places)}, got {unknown or 'none'}")
    at = torch.arange(prompts.clean.shape[1], device=prompts.ends.device)
    return torch.stack([at == prompts.places[name][:, None] for name in places]).any(0)
