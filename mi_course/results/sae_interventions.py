"""Numbers about changed latents: what is lost without one, and what follows when one is pushed."""

from dataclasses import dataclass

from jaxtyping import Float, Int
from torch import Tensor

from mi_course.results.checks import finite, labelled


@dataclass(frozen=True, eq=False)
class LatentAblations:
    """What the model no longer says when one latent at a time is taken away.

    All numbers are means over tokens that were read: "active" where the latent is active,
    "elsewhere" at the other tokens of the same texts.

    Attributes:
        change: change of each next token's logit at active tokens, its mean over the vocabulary
            taken away.
        kl: KL(whole model || ablated) in nats, at active tokens.
        kl_elsewhere: the same at all others.
        projected_kl: in nats at active tokens, when the whole direction is projected out.
        projected_kl_elsewhere: the same at all others.
        random_kl: in nats at active tokens, when as much is taken away along random directions.
        loss: rise of the loss in nats at active tokens.
        random_loss: the same for the random directions.
        n_active: active tokens of each latent.
        latents: their numbers.
        dictionary: its name.
        tokens: the vocabulary's texts; empty where the model has no tokenizer.
    """

    change: Float[Tensor, "latent d_vocab"]
    kl: Float[Tensor, " latent"]
    kl_elsewhere: Float[Tensor, " latent"]
    projected_kl: Float[Tensor, " latent"]
    projected_kl_elsewhere: Float[Tensor, " latent"]
    random_kl: Float[Tensor, "latent draw"]
    loss: Float[Tensor, " latent"]
    random_loss: Float[Tensor, "latent draw"]
    n_active: Int[Tensor, " latent"]
    latents: tuple[int, ...]
    dictionary: str
    tokens: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        for name in ("change", "kl", "kl_elsewhere", "projected_kl", "loss"):
            finite(name, getattr(self, name))
        for name in ("change", "kl", "random_kl", "loss", "random_loss", "n_active"):
            labelled("latent", len(getattr(self, name)), self.latents)
        if self.tokens:
            labelled("token", self.change.shape[1], self.tokens)

    def place(self, latent: int) -> int:
        """Return the index of a latent in all fields.

        Raises:
            ValueError: it was not ablated.
        """
        if latent not in self.latents:
            raise ValueError(f"expected one of the features {list(self.latents)}, got {latent}")
        return self.latents.index(latent)

    def losers(self, latent: int, k: int = 8) -> list[tuple[str, float]]:
        """Return the tokens whose logits fall most without a latent, with the changes."""
        return self._ranked(latent, k, descending=False)

    def winners(self, latent: int, k: int = 8) -> list[tuple[str, float]]:
        """Return the tokens whose logits rise most without a latent, with the changes."""
        return self._ranked(latent, k, descending=True)

    def _ranked(self, latent: int, k: int, *, descending: bool) -> list[tuple[str, float]]:
        values = self.change[self.place(latent)]
        best = values.argsort(descending=descending)[:k].tolist()
        return [(self.tokens[i] if self.tokens else str(i), values[i].item()) for i in best]

    def summary(self, latent: int | None = None) -> str:
        """Return two sentences about one latent (the first when None): what falls, how much."""
        chosen = self.latents[0] if latent is None else latent
        at = self.place(chosen)
        chance = self.random_kl[at].mean() if self.random_kl.numel() else float("nan")
        lost = ", ".join(f"{token!r} {value:+z.2f}" for token, value in self.losers(chosen, 4))
        return (
            f"Without feature {chosen} of {self.dictionary} the logits of {lost} fall most, over "
            f"{int(self.n_active[at])} tokens. KL is {self.kl[at]:.3f} nats there and "
            f"{self.kl_elsewhere[at]:.3f} elsewhere; {self.projected_kl[at]:.3f} and "
            f"{self.projected_kl_elsewhere[at]:.3f} when its direction is projected out, "
            f"{chance:.3f} for random directions of the same length."
        )


@dataclass(frozen=True, eq=False)
class LatentSteering:
    """How likely some next tokens are when a latent is raised, beside random directions.

    Attributes:
        share: probability of the target tokens together, mean over prompts.
        random: the same for random directions that move activations equally far.
        kl: KL(untouched model || steered) in nats, mean over prompts: what the push costs.
        random_kl: the same for the random directions.
        untouched: probability of the target tokens without any change.
        amounts: units of the latent's activation that were added, or that it was clamped to.
        latent: its number.
        dictionary: its name.
        how: "added" or "clamped".
        behaviour: what the target tokens are, such as "Cyrillic letters".
    """

    share: Float[Tensor, " amount"]
    random: Float[Tensor, "direction amount"]
    kl: Float[Tensor, " amount"]
    random_kl: Float[Tensor, "direction amount"]
    untouched: float
    amounts: tuple[float, ...]
    latent: int
    dictionary: str
    how: str = "added"
    behaviour: str = "the target tokens"

    def __post_init__(self) -> None:
        for name in ("share", "random", "kl", "random_kl"):
            if getattr(self, name).numel():
                finite(name, getattr(self, name))
            labelled("amount", getattr(self, name).shape[-1], self.amounts)

    def summary(self) -> str:
        """Return one sentence: what the largest amount does, and what random directions do."""
        at = max(range(len(self.amounts)), key=self.amounts.__getitem__)
        chance = f"at most {self.random[:, at].max():.1%}" if len(self.random) else "not tried"
        done = "raised by" if self.how == "added" else "clamped to"
        return (
            f"With feature {self.latent} of {self.dictionary} {done} {self.amounts[at]:.3g}, the "
            f"probability of {self.behaviour} is {self.share[at]:.1%} ({self.untouched:.1%} "
            f"untouched, KL {self.kl[at]:.2f} nats); random directions that move activations as "
            f"far: {chance}."
        )
