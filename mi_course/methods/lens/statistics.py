"""What is kept of a lens's logits, a few positions at a time.

Logits are large (13 points, 1,024 positions and 50,257 tokens are 2.7 GB), so positions are read in
chunks and only little is kept: the best tokens, the right token's rank, the entropy, and the
divergence from what the model says in the end.

    KL(final || reading) = sum over tokens of p_final (ln p_final - ln p_reading)      [nats]

Source: [Belrose23], section 2. In go activations, out comes a `Reading`.
"""

from typing import NamedTuple, Protocol, runtime_checkable

import torch
from einops import rearrange
from jaxtyping import Float, Int
from torch import Tensor
from transformer_lens.model_bridge import TransformerBridge

from mi_course.methods.lens.reading import unembed

__all__ = ["UNKNOWN", "Reading", "Translation", "read_in_chunks"]

UNKNOWN = -1


@runtime_checkable
class Translation(Protocol):
    """What may stand between a point and the unembedding: a tuned lens."""

    def apply(self, name: str, resid: Float[Tensor, "... d_model"]) -> Float[Tensor, "... d_model"]:
        """Return the activations of hook `name` in the basis of the last point."""


class Reading(NamedTuple):
    """What is kept of the logits of some positions."""

    ids: Int[Tensor, "point pos k"]
    logits: Float[Tensor, "point pos k"]
    probs: Float[Tensor, "point pos k"]
    rank: Int[Tensor, "point pos"]
    log_prob: Float[Tensor, "point pos"]
    entropy: Float[Tensor, "point pos"]
    kl: Float[Tensor, "point pos"]


@torch.no_grad()
def read_in_chunks(
    model: TransformerBridge,
    names: tuple[str, ...],
    read: Float[Tensor, "point pos d_model"],
    final: Float[Tensor, "pos d_model"],
    targets: Int[Tensor, " pos"],
    translators: Translation | None,
    k: int,
    chunk: int,
) -> Reading:
    """Return what is kept of the readings of all points, on the CPU.

    Args:
        model: any bridge.
        names: hook name of each point.
        read: activations at each point.
        final: the end of the stream, from which the model itself predicts.
        targets: the right token at each position, -1 where none is known.
        translators: a tuned lens; None reads the activations as they are.
        k: how many of the best tokens to keep.
        chunk: positions whose logits are held at once, for one point at a time.

    Raises:
        ValueError: a chunk, k or target that cannot be.
    """
    d_vocab = model.cfg.d_vocab
    if chunk < 1 or not 1 <= k <= d_vocab:
        raise ValueError(f"expected chunk from 1 and k from 1 to {d_vocab}, got {chunk} and {k}")
    if targets.min() < UNKNOWN or targets.max() >= d_vocab:
        raise ValueError(f"expected token ids below {d_vocab}, got {targets.max().item()}")
    targets = targets.to(read.device)
    found = _room(read, k)
    for start in range(0, read.shape[1], chunk):
        here = slice(start, start + chunk)
        end = unembed(model, final[here]).float().log_softmax(dim=-1)
        said = (end, end.exp())
        for point, name in enumerate(names):
            logits = unembed(model, _translated(translators, name, read[point, here]))
            kept = _reading(logits, said, targets[here], k)
            for place, values in zip(found, kept, strict=True):
                place[point, here] = values
    return Reading(*(place.cpu() for place in found))


def _room(read: Float[Tensor, "point pos d_model"], k: int) -> Reading:
    """Empty tensors for all that is kept, made before anything large.

    Small tensors made between large ones would keep the large ones' memory from being used again.
    """
    n_points, n_pos, _ = read.shape
    one, several = (n_points, n_pos), (n_points, n_pos, k)
    whole = {"dtype": torch.long, "device": read.device}
    real = {"dtype": torch.float, "device": read.device}
    return Reading(
        ids=torch.empty(several, **whole),
        logits=torch.empty(several, **real),
        probs=torch.empty(several, **real),
        rank=torch.empty(one, **whole),
        log_prob=torch.empty(one, **real),
        entropy=torch.empty(one, **real),
        kl=torch.empty(one, **real),
    )


def _translated(translators: Translation | None, name: str, resid: Tensor) -> Tensor:
    return resid if translators is None else translators.apply(name, resid)


def _reading(
    logits: Float[Tensor, "pos d_vocab"],
    said: tuple[Float[Tensor, "pos d_vocab"], Float[Tensor, "pos d_vocab"]],
    targets: Int[Tensor, " pos"],
    k: int,
) -> tuple[Tensor, ...]:
    """What is kept of one point's logits, in the order of `Reading`'s fields.

    `said` holds the log-probabilities and probabilities of the final prediction. Tensors as large
    as the logits are changed in place where that can be.
    """
    logits = logits.float()
    best = logits.topk(k, dim=-1)
    log_probs = logits.log_softmax(dim=-1)
    probs = log_probs.gather(-1, best.indices).exp()
    known = targets >= 0
    of_target = rearrange(targets.clamp(min=0), "pos -> pos 1")
    above = (logits > logits.gather(-1, of_target)).count_nonzero(dim=-1)
    own = rearrange(log_probs.gather(-1, of_target), "pos 1 -> pos")
    # A token that cannot come, of log-probability -inf, adds nothing: 0 times a number.
    entropy = -log_probs.exp().mul_(log_probs.clamp(min=-1e9)).sum(dim=-1)
    end, end_probs = said
    kl = (end - log_probs).clamp_(min=-1e9, max=1e9).mul_(end_probs).sum(dim=-1)
    rank = torch.where(known, above, UNKNOWN)
    return best.indices, best.values, probs, rank, own, entropy, kl.clamp(min=0)
