"""Clean and corrupted runs of prompt pairs, read by a dictionary; patched runs from edits.

Pairs of any length share a batch: what follows a prompt changes nothing before it. In go a bridge,
a hook, a dictionary and prompt pairs; out come `PairRuns`, and predictions of patched runs.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

import torch
from einops import rearrange
from jaxtyping import Bool, Float, Int
from torch import Tensor
from transformer_lens.model_bridge import TransformerBridge

from mi_course.activations import device_of, record
from mi_course.methods.lens.reading import final_point, unembed
from mi_course.methods.sae.activity import fits
from mi_course.methods.sae.baselines import LinearDictionary
from mi_course.methods.sae.dictionary import Dictionary
from mi_course.methods.sae.latent_edits import latent_vectors
from mi_course.metrics import kl_of_log_probs
from mi_course.worlds.tasks import PromptPair

__all__ = ["PairRuns", "SignedDirections", "last_log_probs", "pair_runs", "placed"]


@dataclass(frozen=True, eq=False)
class SignedDirections:
    """A linear dictionary with one code of either sign for each direction.

    Codes at least 0 take two features for a direction; where features are counted that would make
    principal components look worse than they are.

    Attributes:
        linear: such as `pca(x)`.
    """

    linear: LinearDictionary

    @property
    def name(self) -> str:
        """Return the linear dictionary's name."""
        return self.linear.name

    @property
    def d_in(self) -> int:
        """Return the width of an activation."""
        return self.linear.d_in

    @property
    def n_features(self) -> int:
        """Return the number of directions."""
        return len(self.linear.write)

    @property
    def directions(self) -> Float[Tensor, "n_features d_in"]:
        """Return what each direction writes, at length 1."""
        return self.linear.directions[: self.n_features]

    def encode(self, x: Float[Tensor, "*batch d_in"]) -> Float[Tensor, "*batch n_features"]:
        """Return the coefficient of each direction."""
        return (x - self.linear.mean) @ self.linear.read.T

    def decode(
        self, feature_acts: Float[Tensor, "*batch n_features"]
    ) -> Float[Tensor, "*batch d_in"]:
        """Return the activation that coefficients stand for."""
        return feature_acts @ self.linear.write + self.linear.mean


@dataclass(frozen=True, eq=False)
class PairRuns:
    """What a dictionary reads in the clean and the corrupted run of each pair.

    Attributes:
        hook: where.
        dictionary: which dictionary.
        tokens: the clean prompts, padded.
        ends: the last position of each.
        places: the positions that are patched, padded with the last of them.
        patched: which of those are not padding.
        delta: codes of the corrupted run minus those of the clean run, 0 at padding.
        target: the corrupted run's log probabilities of the next token.
        clean: the clean run's.
        answers: ids of the clean run's and of the corrupted run's answer.
    """

    hook: str
    dictionary: Dictionary
    tokens: Int[Tensor, "pair pos"]
    ends: Int[Tensor, " pair"]
    places: Int[Tensor, "pair place"]
    patched: Bool[Tensor, "pair place"]
    delta: Float[Tensor, "pair place n_features"]
    target: Float[Tensor, "pair d_vocab"]
    clean: Float[Tensor, "pair d_vocab"]
    answers: Int[Tensor, "pair 2"]

    def differing(self) -> Int[Tensor, " latent"]:
        """Return the features whose codes differ in some pair."""
        return (self.delta != 0).any(dim=0).any(dim=0).nonzero().flatten()

    def vectors(self, latents: Int[Tensor, " latent"]) -> Float[Tensor, "latent d_in"]:
        """Return what one unit of each feature adds."""
        if not len(latents):
            return self.dictionary.directions[:0]
        return latent_vectors(self.dictionary, latents.tolist())

    def kl(
        self, log_probs: Float[Tensor, "run d_vocab"], pair: Int[Tensor, " run"]
    ) -> Float[Tensor, " run"]:
        """Return KL(corrupted run || predictions) in nats."""
        return kl_of_log_probs(self.target[pair], log_probs)


@torch.no_grad()
def pair_runs(
    model: TransformerBridge,
    hook: str,
    dictionary: Dictionary,
    pairs: Sequence[PromptPair],
    places: Sequence[str] | None,
    chunk: int,
) -> PairRuns:
    """Return both runs of each pair, read at one hook.

    Args:
        model: any bridge.
        hook: full name.
        dictionary: any dictionary of that width.
        pairs: prompt pairs.
        places: names of positions; all positions of the prompts when None.
        chunk: rows in one forward pass.

    Returns:
        Codes' differences and predictions.

    Raises:
        ValueError: an unknown place or hook, or another width.
    """
    device = device_of(model)
    clean, corrupted = (
        _padded([getattr(pair, f"{run}_tokens") for pair in pairs], device)
        for run in ("clean", "corrupted")
    )
    ends = torch.tensor([len(pair.clean_tokens) - 1 for pair in pairs], device=device)
    at = [_positions(pair, places) for pair in pairs]
    here = _padded(at, device, with_last=True)
    counts = torch.tensor([len(positions) for positions in at], device=device)
    patched = torch.arange(here.shape[1], device=device) < counts[:, None]
    rows = torch.arange(len(pairs), device=device)
    codes, predictions = [], []
    for tokens in (clean, corrupted):
        seen = record(model, tokens, [hook, final_point(model)], batch_size=chunk)
        x = seen[hook][rows[:, None], here].float()
        fits(dictionary, x, hook)
        codes.append(dictionary.encode(x))
        last = seen[final_point(model)][rows, ends]
        predictions.append(unembed(model, last).float().log_softmax(-1))
    delta = (codes[1] - codes[0]) * rearrange(patched, "pair place -> pair place 1")
    answers = torch.tensor([(p.answers[0], p.wrongs[0]) for p in pairs], device=device)
    return PairRuns(
        hook,
        dictionary,
        clean,
        ends,
        here,
        patched,
        delta,
        target=predictions[1],
        clean=predictions[0],
        answers=answers,
    )


def _positions(pair: PromptPair, places: Sequence[str] | None) -> tuple[int, ...]:
    if places is None:
        return tuple(range(len(pair.clean_tokens)))
    unknown = [name for name in places if name not in pair.positions]
    if unknown or not places:
        raise ValueError(
            f"expected places among {sorted(pair.positions)}, got {unknown or 'none'}, try None "
            "for all positions"
        )
    return tuple(sorted({pair.positions[name] for name in places}))


def _padded(
    rows: Sequence[Sequence[int]], device: torch.device, *, with_last: bool = False
) -> Int[Tensor, "row pos"]:
    longest = max(map(len, rows))
    return torch.tensor(
        [[*row, *[row[-1] if with_last else 0] * (longest - len(row))] for row in rows],
        device=device,
    )


@torch.no_grad()
def last_log_probs(
    model: TransformerBridge,
    runs: PairRuns,
    pair: Int[Tensor, " run"],
    push: Float[Tensor, "run place d_in"],
    chunk: int,
) -> Float[Tensor, "run d_vocab"]:
    """Return the next token's log probabilities when something is added to the clean runs.

    Args:
        model: any bridge.
        runs: from `pair_runs`.
        pair: the pair of each run.
        push: what is added at the pair's places.
        chunk: rows in one forward pass.

    Returns:
        Log probabilities at the end of each prompt.
    """
    last, parts = final_point(model), []
    for some, pushed in zip(pair.split(chunk), push.split(chunk), strict=True):
        tokens, ends = runs.tokens[some], runs.ends[some]
        change = partial(placed, push=pushed, places=runs.places[some])
        resid = record(model, tokens, last, edits={runs.hook: change})[last]
        at_end = resid[torch.arange(len(some), device=resid.device), ends]
        parts.append(unembed(model, at_end).float().log_softmax(-1))
    return torch.cat(parts)


def placed(
    x: Float[Tensor, "run pos d_in"],
    push: Float[Tensor, "run place d_in"],
    places: Int[Tensor, "run place"],
) -> Float[Tensor, "run pos d_in"]:
    """Return activations with something added at some positions of each row."""
    rows = torch.arange(len(x), device=x.device)[:, None].expand_as(places)
    return x.index_put((rows, places), push.to(x.dtype), accumulate=True)
