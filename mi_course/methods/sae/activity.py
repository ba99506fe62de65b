"""What every latent says at every token of some documents, kept sparse.

A dictionary of thousands of latents has a few dozen active at a token, so only what is above zero
is kept: memory follows the number of active latents, not the width. Of dictionaries whose codes
have a sign the positive side is kept. In go a dictionary and `LabelledActivations`; out comes a
`LatentActivity`, from which pages, labels and browsers read.
"""

from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor
from tqdm.auto import tqdm

from mi_course.methods.sae.dictionary import Dictionary
from mi_course.methods.sae.labelled import LabelledActivations
from mi_course.methods.sae.latent_edits import known_latents

__all__ = ["LatentActivity", "latent_activity"]


@dataclass(frozen=True, eq=False)
class LatentActivity:
    """Activations above zero, latent by latent.

    Attributes:
        dictionary: whose latents they are.
        data: what it read; tokens are numbered as there.
        starts: where each latent's entries begin, and where the last one's end.
        tokens: the token of each entry.
        values: the activation of each entry, above 0.
    """

    dictionary: Dictionary
    data: LabelledActivations
    starts: Int[Tensor, " latent_plus_1"]
    tokens: Int[Tensor, " entry"]
    values: Float[Tensor, " entry"]

    @property
    def n_tokens(self) -> int:
        """How many tokens were read."""
        return len(self.data.x)

    def entries(self, latent: int) -> tuple[Int[Tensor, " entry"], Float[Tensor, " entry"]]:
        """Return the tokens at which a latent is active, in the order of the text, and how much.

        Raises:
            ValueError: there is no such latent.
        """
        known_latents(self.dictionary, [latent])
        here = slice(*self.starts[latent : latent + 2].tolist())
        return self.tokens[here], self.values[here]

    def of(self, latent: int) -> Float[Tensor, " token"]:
        """Return a latent's activation at every token.

        Raises:
            ValueError: there is no such latent.
        """
        tokens, values = self.entries(latent)
        return values.new_zeros(self.n_tokens).index_put((tokens,), values)

    def density(self) -> Float[Tensor, " latent"]:
        """Return the fraction of tokens at which each latent is active."""
        return self.starts.diff() / max(self.n_tokens, 1)

    def largest(self) -> Float[Tensor, " latent"]:
        """Return each latent's largest activation; 0 for one that is never active."""
        counts = self.starts.diff()
        latents = torch.arange(len(counts), device=counts.device).repeat_interleave(counts)
        zeros = self.values.new_zeros(len(counts))
        return zeros.scatter_reduce(0, latents, self.values, "amax", include_self=True)


@torch.no_grad()
def latent_activity(
    dictionary: Dictionary, data: LabelledActivations, *, batch_size: int = 2048
) -> LatentActivity:
    """Return what every latent says at every token.

    Args:
        dictionary: any dictionary of that width.
        data: from `labelled_activations`.
        batch_size: tokens that are encoded at once.

    Returns:
        Activations above zero.

    Raises:
        ValueError: activations of another width than the dictionary's.
    """
    fits(dictionary, data.x, data.hook)
    found, before = [], 0
    batches = data.x.split(batch_size)
    for x in tqdm(batches, desc="encoding", leave=False, disable=None):
        acts = dictionary.encode(x)
        token, latent = (acts > 0).nonzero(as_tuple=True)
        found.append((latent, token + before, acts[token, latent]))
        before += len(x)
    latents, tokens, values = (torch.cat(part) for part in zip(*found, strict=True))
    order = latents.argsort(stable=True)
    counts = torch.bincount(latents, minlength=dictionary.n_features)
    starts = torch.nn.functional.pad(counts.cumsum(0), (1, 0))
    return LatentActivity(dictionary, data, starts, tokens[order], values[order])


def fits(dictionary: Dictionary, x: Float[Tensor, "*batch d_in"], hook: str) -> None:
    """Raise ValueError unless a dictionary has the width of the activations at a hook."""
    if x.shape[-1] != dictionary.d_in:
        raise ValueError(
            f"expected activations of width {dictionary.d_in} for {dictionary.name}, got "
            f"{x.shape[-1]} at {hook or 'no hook'}, try the hook it was trained on"
        )
