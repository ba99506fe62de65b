"""Take one latent away at a time, and see which next tokens lose.

    x - f_i(x) v_i

What one latent says is a claim about the model only if the model listens. So each latent is
subtracted as far as it is active, and logits, loss and KL are compared with the untouched model,
with random directions of the same length, and with projecting the whole direction out, which also
changes tokens that have nothing to do with the latent. Source: [Cunningham23], section 5.
In go a bridge, tokens, a hook and a dictionary; out come `LatentAblations`.
"""

from collections.abc import Mapping, Sequence
from functools import partial
from typing import NamedTuple

import torch
from einops import einsum, rearrange, repeat
from jaxtyping import Bool, Float, Int
from torch import Tensor
from tqdm.auto import tqdm
from transformer_lens.model_bridge import TransformerBridge

from mi_course.activations import Edit, device_of, record
from mi_course.methods.lens.reading import final_point, unembed
from mi_course.methods.sae.activity import fits
from mi_course.methods.sae.dictionary import Dictionary
from mi_course.methods.sae.latent_edits import known_latents, latent_vectors
from mi_course.metrics import kl_of_log_probs
from mi_course.results import LatentAblations

__all__ = ["ablation_effects"]


class _Whole(NamedTuple):
    """The untouched run; a token is one that counts, numbered through all rows."""

    tokens: Int[Tensor, "row pos"]
    counted: Bool[Tensor, "row pos"]
    number: Int[Tensor, "row pos"]  # of the token
    follows: Int[Tensor, " token"]  # the id that comes next, -1 where it does not count
    x: Float[Tensor, "row pos d_in"]
    acts: Float[Tensor, "row pos latent"]  # of the chosen latents, 0 where a token does not count
    log_probs: Float[Tensor, "token d_vocab"]


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
        raise ValueError(f"expected features active in these texts, got {silent}, try other texts")
    ways = _ways(dictionary, latents, n_random, seed)
    found = _Sums.zeros(ways, whole)
    runs = _runs(whole, ways.shape[1])
    for some in tqdm(runs.split(chunk), "ablating", leave=False, disable=None):
        rows, here = _cut(whole, some[:, 0])
        change = partial(_without, taken=_taken(whole, ways, some)[:, : rows.shape[1]])
        found.add(whole, some, _log_probs(model, rows, here, {hook: change}))
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
    number = counted.flatten().cumsum(0).reshape(counted.shape) - 1
    after = torch.where(counted[:, 1:], tokens[:, 1:], -1)
    follows = torch.nn.functional.pad(after, (0, 1), value=-1)[counted]
    parts = zip(tokens.split(chunk), counted.split(chunk), strict=True)
    log_probs = torch.cat([_log_probs(model, rows, here, {}) for rows, here in parts])
    return _Whole(tokens, counted, number, follows, x, acts, log_probs)


def _log_probs(
    model: TransformerBridge,
    rows: Int[Tensor, "row pos"],
    here: Bool[Tensor, "row pos"],
    edits: Mapping[str, Edit],
) -> Float[Tensor, "token d_vocab"]:
    """Return the predictions at the tokens that count; no other is unembedded."""
    last = final_point(model)
    resid = record(model, rows, last, edits=edits)[last][here]
    return unembed(model, resid).float().log_softmax(dim=-1)


def _runs(whole: _Whole, n_ways: int) -> Int[Tensor, "run 3"]:
    """Return (row, latent, way) of every experiment, short rows first so that little is padded."""
    active = (whole.acts != 0).any(1).nonzero()
    lengths = (whole.counted * torch.arange(1, whole.counted.shape[1] + 1).to(active)).amax(1)
    active = active[lengths[active[:, 0]].argsort(stable=True)]
    ways = torch.arange(n_ways, device=active.device)
    pairs = repeat(active, "pair two -> (pair way) two", way=n_ways)
    return torch.cat([pairs, repeat(ways, "way -> (pair way) 1", pair=len(active))], dim=1)


def _cut(
    whole: _Whole, row: Int[Tensor, " run"]
) -> tuple[Int[Tensor, "run short"], Bool[Tensor, "run short"]]:
    """Return some rows and what counts in them, without the padding behind."""
    here = whole.counted[row]
    end = int(here.any(0).nonzero().max()) + 1
    return whole.tokens[row, :end], here[:, :end]


def _n_active(whole: _Whole) -> Int[Tensor, " latent"]:
    return (whole.acts != 0).sum(dim=(0, 1))


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
    kl: Float[Tensor, "latent way"]
    kl_elsewhere: Float[Tensor, "latent way"]
    loss: Float[Tensor, "latent way"]
    n_elsewhere: Int[Tensor, " latent"]
    n_predicted: Int[Tensor, " latent"]

    @classmethod
    def zeros(cls, ways: Tensor, whole: _Whole) -> "_Sums":
        n, n_ways, _ = ways.shape
        new = whole.log_probs.new_zeros
        sums = (new(n, n_ways) for _ in range(3))
        counts = torch.zeros(2, n, dtype=torch.long, device=ways.device)
        return cls(new(n, whole.log_probs.shape[1]), *sums, *counts)

    def add(
        self, whole: _Whole, runs: Int[Tensor, "run 3"], after: Float[Tensor, "one d_vocab"]
    ) -> None:
        """Add experiments, whose predictions are given token after token."""
        here = whole.counted[runs[:, 0]]
        _, i, way = repeat(runs, "run three -> three run pos", pos=here.shape[1])[:, here]
        token = whole.number[runs[:, 0]][here]
        active = whole.acts[runs[:, 0]][here].gather(1, i[:, None])[:, 0] != 0
        before, follows = whole.log_probs[token], whole.follows[token]
        kl = kl_of_log_probs(before, after)
        scored = active & (follows >= 0)
        rise = (before - after).gather(1, follows.clamp(min=0)[:, None])[:, 0]
        for total, values in (
            (self.kl, kl * active),
            (self.kl_elsewhere, kl * ~active),
            (self.loss, rise * scored),
        ):
            total.index_put_((i, way), values, accumulate=True)
        own = way == 0
        moved = own & active
        self.change.index_add_(0, i[moved], (after - before)[moved])
        self.n_elsewhere.index_add_(0, i[own], (~active[own]).long())
        self.n_predicted.index_add_(0, i[own], scored[own].long())


def _result(
    model: TransformerBridge,
    dictionary: Dictionary,
    latents: tuple[int, ...],
    whole: _Whole,
    found: _Sums,
) -> LatentAblations:
    n = _n_active(whole)
    change = found.change / n[:, None]
    kl = (found.kl / n[:, None]).cpu()
    elsewhere = (found.kl_elsewhere / found.n_elsewhere.clamp(min=1)[:, None]).cpu()
    loss = (found.loss / found.n_predicted.clamp(min=1)[:, None]).cpu()
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
