"""Take one latent away at a time, and see which next tokens lose.

    x - f_i(x) v_i

What one latent says is a claim about the model only if the model listens. So each latent is
subtracted as far as it is active, and logits, loss and KL are compared with the untouched model,
with random directions of the same length, and with projecting the whole direction out, which also
changes tokens that have nothing to do with the latent. Source: [Cunningham23], section 5.
In go a bridge, tokens, a hook and a dictionary; out come `LatentAblations`.
"""

from collections.abc import Sequence
from functools import partial
from typing import NamedTuple

import torch
from einops import einsum, rearrange
from jaxtyping import Bool, Float, Int
from torch import Tensor
from tqdm.auto import tqdm
from transformer_lens.model_bridge import TransformerBridge

from mi_course.activations import device_of, edit, record
from mi_course.methods.sae.activity import fits
from mi_course.methods.sae.dictionary import Dictionary
from mi_course.methods.sae.latent_edits import known_latents, latent_vectors
from mi_course.metrics import cross_entropy_by_position, kl_divergence
from mi_course.results import LatentAblations

__all__ = ["ablation_effects"]


class _Whole(NamedTuple):
    """The untouched run."""

    tokens: Int[Tensor, "row pos"]
    counted: Bool[Tensor, "row pos"]
    x: Float[Tensor, "row pos d_in"]
    acts: Float[Tensor, "row pos latent"]  # of the chosen latents, 0 where a token does not count
    logits: Float[Tensor, "row pos d_vocab"]


@torch.no_grad()
def ablation_effects(
    model: TransformerBridge,
    hook: str,
    dictionary: Dictionary,
    tokens: Int[Tensor, "row pos"],
    latents: Sequence[int],
    *,
    counted: Bool[Tensor, "row pos"] | None = None,
    n_random: int = 3,
    seed: int = 0,
    chunk: int = 32,
) -> LatentAblations:
    """Return what is lost without each latent; many ablations share one forward pass.

    Args:
        model: any bridge.
        hook: the full name of the hook that the dictionary reads.
        dictionary: any dictionary of that width.
        tokens: texts, padded on the right; only those in which a latent is active are run for it.
        latents: which latents, each by itself.
        counted: where latents are ablated and effects count: neither BOS nor padding. All when
            None.
        n_random: random directions for each latent, along which as much is taken away.
        seed: of those.
        chunk: rows in one forward pass.

    Returns:
        Means over active tokens, and over the others of the same texts.

    Raises:
        ValueError: an unknown latent or hook, another width, or a latent that is active nowhere.
    """
    known_latents(dictionary, latents)
    whole = _whole(model, hook, dictionary, tokens, latents, counted, chunk)
    silent = [i for i, n in zip(latents, _n_active(whole).tolist(), strict=True) if not n]
    if silent:
        raise ValueError(f"expected latents active in these texts, got {silent}, try other texts")
    ways = _ways(dictionary, latents, n_random, seed)
    found = _Sums.zeros(ways, whole)
    runs = [(row, i) for i in range(len(latents)) for row in _rows(whole, i)]
    runs = torch.tensor([(row, i, way) for row, i in runs for way in range(ways.shape[1])])
    for some in tqdm(runs.to(ways.device).split(chunk), "ablating", leave=False, disable=None):
        edits = {hook: partial(_without, taken=_taken(whole, ways, some))}
        logits = edit(model, whole.tokens[some[:, 0]], edits)
        found.add(whole, some, logits)
    return _result(model, dictionary, tuple(latents), whole, found)


def _whole(
    model: TransformerBridge,
    hook: str,
    dictionary: Dictionary,
    tokens: Int[Tensor, "row pos"],
    latents: Sequence[int],
    counted: Bool[Tensor, "row pos"] | None,
    chunk: int,
) -> _Whole:
    tokens = tokens.to(device_of(model))
    counted = torch.ones_like(tokens, dtype=torch.bool) if counted is None else counted
    counted = counted.to(tokens.device)
    x = record(model, tokens, hook, batch_size=chunk)[hook].float()
    fits(dictionary, x, hook)
    acts = torch.cat([dictionary.encode(rows)[..., list(latents)] for rows in x.split(chunk)])
    acts = acts * rearrange(counted, "row pos -> row pos 1")
    return _Whole(tokens, counted, x, acts, edit(model, tokens, {}, batch_size=chunk))


def _n_active(whole: _Whole) -> Int[Tensor, " latent"]:
    return (whole.acts != 0).sum(dim=(0, 1))


def _rows(whole: _Whole, i: int) -> list[int]:
    """Return the rows in which a latent is active."""
    return (whole.acts[..., i] != 0).any(1).nonzero().flatten().tolist()


def _ways(
    dictionary: Dictionary, latents: Sequence[int], n_random: int, seed: int
) -> Float[Tensor, "latent way d_in"]:
    """Return what is multiplied and taken away: the latent's vector, its direction, random ones."""
    own = latent_vectors(dictionary, latents)
    generator = torch.Generator().manual_seed(seed)
    noise = torch.randn(len(own), n_random, own.shape[1], generator=generator).to(own)
    length = own.norm(dim=1)[:, None, None]
    noise *= length / noise.norm(dim=-1, keepdim=True)
    directions = dictionary.directions[list(latents)]
    return torch.cat([own[:, None], directions[:, None], noise], dim=1)


def _taken(
    whole: _Whole,
    ways: Float[Tensor, "latent way d_in"],
    runs: Int[Tensor, "run 3"],
) -> Float[Tensor, "run pos d_in"]:
    """Return what each run takes away: f_i(x) times a vector, or all of x along the direction."""
    row, i, way = runs.T
    vector = ways[i, way]
    amount = whole.acts[row, :, i]
    along = einsum(whole.x[row], vector, "run pos d_in, run d_in -> run pos")
    projected = (way == 1)[:, None]
    amount = torch.where(projected, along * whole.counted[row], amount)
    return einsum(amount, vector, "run pos, run d_in -> run pos d_in")


def _without(
    x: Float[Tensor, "run pos d_in"], taken: Float[Tensor, "run pos d_in"]
) -> Float[Tensor, "run pos d_in"]:
    return x - taken.to(x.dtype)


class _Sums(NamedTuple):
    """Sums over tokens, for each latent and way."""

    change: Float[Tensor, "latent d_vocab"]
    active: Float[Tensor, "latent way measure"]  # KL, loss
    elsewhere: Float[Tensor, "latent way"]  # KL
    n_elsewhere: Int[Tensor, " latent"]
    n_predicted: Int[Tensor, " latent"]

    @classmethod
    def zeros(cls, ways: Tensor, whole: _Whole) -> "_Sums":
        n, n_ways, _ = ways.shape
        new = whole.logits.new_zeros
        counts = torch.zeros(2, n, dtype=torch.long, device=ways.device)
        return cls(new(n, whole.logits.shape[-1]), new(n, n_ways, 2), new(n, n_ways), *counts)

    def add(self, whole: _Whole, runs: Int[Tensor, "run 3"], logits: Tensor) -> None:
        row, i, way = runs.T
        before, tokens = whole.logits[row], whole.tokens[row]
        active = whole.acts[row, :, i] != 0
        elsewhere = whole.counted[row] & ~active
        kl = kl_divergence(before, logits)
        rise = cross_entropy_by_position(logits, tokens) - cross_entropy_by_position(before, tokens)
        scored = active[:, :-1] & whole.counted[row][:, 1:]
        measured = torch.stack([(kl * active).sum(1), (rise * scored).sum(1)], dim=1)
        self.active.index_put_((i, way), measured, accumulate=True)
        self.elsewhere.index_put_((i, way), (kl * elsewhere).sum(1), accumulate=True)
        own = way == 0
        moved = (logits - before)[own] * active[own][..., None]
        self.change.index_add_(0, i[own], moved.sum(1))
        self.n_elsewhere.index_add_(0, i[own], elsewhere[own].sum(1))
        self.n_predicted.index_add_(0, i[own], scored[own].sum(1))


def _result(
    model: TransformerBridge,
    dictionary: Dictionary,
    latents: tuple[int, ...],
    whole: _Whole,
    found: _Sums,
) -> LatentAblations:
    n = _n_active(whole)
    change = found.change / n[:, None]
    kl = (found.active[..., 0] / n[:, None]).cpu()
    loss = (found.active[..., 1] / found.n_predicted.clamp(min=1)[:, None]).cpu()
    elsewhere = (found.elsewhere / found.n_elsewhere.clamp(min=1)[:, None]).cpu()
    said = () if model.tokenizer is None else range(change.shape[1])
    return LatentAblations(
        change=(change - change.mean(dim=1, keepdim=True)).cpu(),
        kl=kl[:, 0],
        kl_elsewhere=elsewhere[:, 0],
        projected_kl=kl[:, 1],
        projected_kl_elsewhere=elsewhere[:, 1],
        random_kl=kl[:, 2:],
        loss=loss[:, 0],
        random_loss=loss[:, 2:],
        n_active=n.cpu(),
        latents=latents,
        dictionary=dictionary.name,
        tokens=tuple(model.tokenizer.decode([token]) for token in said),
    )
