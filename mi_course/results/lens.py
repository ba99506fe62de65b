"""What a lens reads from the residual stream, and what each part adds to an answer."""

import re
from dataclasses import dataclass

import torch
from einops import rearrange
from jaxtyping import Bool, Float, Int
from torch import Tensor

from mi_course.results.checks import finite, labelled, within

HEAD = re.compile(r"L(\d+)H\d+")


@dataclass(frozen=True, eq=False)
class LensGrid:
    """One text, read at every point of the stream and every position.

    Attributes:
        points: where was read, from the input up, such as "embedding" and "after layer 0".
        tokens: the text's tokens.
        targets: the token that is right at each position; "" where none is known.
        words: the k best tokens of each reading, best first.
        logits: their logits.
        probs: their probabilities.
        target_rank: how many tokens are rated above the right one; -1 where none is known.
        entropy: of each reading, in nats.
        kl_to_final: KL(the model's prediction || the reading), in nats.
        hook: what was read, such as "resid_post".
        lens: "logit lens" or "tuned lens".
    """

    points: tuple[str, ...]
    tokens: tuple[str, ...]
    targets: tuple[str, ...]
    words: tuple[tuple[tuple[str, ...], ...], ...]
    logits: Float[Tensor, "point pos k"]
    probs: Float[Tensor, "point pos k"]
    target_rank: Int[Tensor, "point pos"]
    entropy: Float[Tensor, "point pos"]
    kl_to_final: Float[Tensor, "point pos"]
    hook: str = "resid_post"
    lens: str = "logit lens"

    def __post_init__(self) -> None:
        for name in ("logits", "entropy", "kl_to_final"):
            finite(name, getattr(self, name))
        within("probs", self.probs, 0, 1)
        n_points, n_pos, _ = self.logits.shape
        for axis, size, labels in (
            ("point", n_points, self.points),
            ("point", n_points, self.words),
            ("position", n_pos, self.tokens),
            ("position", n_pos, self.targets),
        ):
            labelled(axis, size, labels)

    @property
    def correct(self) -> Bool[Tensor, "point pos"]:
        """Whether the best token of a reading is the right one."""
        return self.target_rank == 0

    def between(self, start: int, stop: int) -> "LensGrid":
        """Return the grid of the positions from `start` up to, not including, `stop`.

        Raises:
            ValueError: there is no position between them.
        """
        here = slice(start, stop)
        if not self.tokens[here]:
            raise ValueError(
                f"expected some of positions 0-{len(self.tokens) - 1}, got {start} to {stop}"
            )
        return LensGrid(
            points=self.points,
            tokens=self.tokens[here],
            targets=self.targets[here],
            words=tuple(row[here] for row in self.words),
            logits=self.logits[:, here],
            probs=self.probs[:, here],
            target_rank=self.target_rank[:, here],
            entropy=self.entropy[:, here],
            kl_to_final=self.kl_to_final[:, here],
            hook=self.hook,
            lens=self.lens,
        )

    def summary(self) -> str:
        """Return one sentence: right best tokens and divergence from the end, by point."""
        known = self.target_rank[-1] >= 0
        right = (self.correct & known).sum(dim=1).tolist()
        far = self.kl_to_final.mean(dim=1).tolist()
        parts = [
            f"{point} {count} right, KL {kl:.2f}"
            for point, count, kl in zip(self.points, right, far, strict=True)
        ]
        return (
            f"{self.lens} at {self.hook}, {int(known.sum())} positions with a known answer; "
            f"best tokens that are right and mean KL to the end in nats: {'; '.join(parts)}."
        )


@dataclass(frozen=True, eq=False)
class LensTrajectories:
    """How the reading at one position of many prompts moves through the layers.

    Attributes:
        points: where was read, from the input up.
        rank: how many tokens are rated above the answer.
        log_prob: of the answer, in nats.
        entropy: of each reading, in nats.
        kl_to_final: KL(the model's prediction || the reading), in nats.
        name: what was read, such as "facts".
        lens: "logit lens" or "tuned lens".
    """

    points: tuple[str, ...]
    rank: Int[Tensor, "point prompt"]
    log_prob: Float[Tensor, "point prompt"]
    entropy: Float[Tensor, "point prompt"]
    kl_to_final: Float[Tensor, "point prompt"]
    name: str = "prompts"
    lens: str = "logit lens"

    def __post_init__(self) -> None:
        labelled("point", len(self.rank), self.points)
        finite("rank", self.rank)
        for name in ("log_prob", "entropy", "kl_to_final"):
            finite(name, getattr(self, name))

    def median_rank(self) -> Float[Tensor, " point"]:
        """Return the median rank of the answer at each point; 0 is the best token."""
        return self.quartiles("rank")[1]

    def quartiles(self, what: str) -> Float[Tensor, "3 point"]:
        """Return the lower quartile, the median and the upper quartile at each point.

        Args:
            what: "rank", "log_prob", "entropy" or "kl_to_final".

        Raises:
            ValueError: something else.
        """
        known = ("rank", "log_prob", "entropy", "kl_to_final")
        if what not in known:
            raise ValueError(f"expected one of {', '.join(known)}, got {what!r}")
        share = torch.tensor([0.25, 0.5, 0.75], dtype=torch.double)
        return getattr(self, what).double().quantile(share, dim=1).float()

    def summary(self) -> str:
        """Return one sentence: the median rank of the answer at each point."""
        ranks = zip(self.points, self.median_rank().tolist(), strict=True)
        read = ", ".join(f"{point} {rank:.0f}" for point, rank in ranks)
        n_prompts = self.rank.shape[1]
        return (
            f"{self.lens}, {n_prompts} {self.name}: median rank of the answer {read} (0 is best)."
        )


@dataclass(frozen=True, eq=False)
class Attribution:
    """What each part of the network adds to logit(answer) - logit(rival), in logits.

    The scale of the final LayerNorm is taken as it was in the run, so the parts add up.

    Attributes:
        parts: names, such as "embedding", "L1H4", "MLP 2", "biases", in the order of writing.
        values: what each part adds, by prompt.
        total: the model's own logit difference, by prompt.
    """

    parts: tuple[str, ...]
    values: Float[Tensor, "part prompt"]
    total: Float[Tensor, " prompt"]

    def __post_init__(self) -> None:
        labelled("part", len(self.values), self.parts)
        finite("values", self.values)
        finite("total", self.total)

    def mean(self) -> Float[Tensor, " part"]:
        """Return what each part adds on average."""
        return self.values.mean(dim=1)

    def of(self, part: str) -> float:
        """Return what one part adds on average.

        Raises:
            ValueError: no such part.
        """
        if part not in self.parts:
            raise ValueError(f"expected a part such as {self.parts[:3]}, got {part!r}")
        return self.values[self.parts.index(part)].mean().item()

    def heads(self) -> Float[Tensor, "layer head_index"]:
        """Return what each head adds on average."""
        found = {i: HEAD.fullmatch(name) for i, name in enumerate(self.parts)}
        layer_of = {i: match[1] for i, match in found.items() if match}
        n_layers = len(set(layer_of.values()))
        values = self.mean()[list(layer_of)]
        return rearrange(values, "(layer head_index) -> layer head_index", layer=n_layers)

    def mlps(self) -> Float[Tensor, " layer"]:
        """Return what each MLP adds on average; empty for a model of attention only."""
        chosen = [i for i, name in enumerate(self.parts) if name.startswith("MLP ")]
        return self.mean()[chosen]

    def others(self) -> dict[str, float]:
        """Return what adds besides heads and MLPs: the embedding and the biases."""
        mean = dict(zip(self.parts, self.mean().tolist(), strict=True))
        return {
            name: value
            for name, value in mean.items()
            if not HEAD.fullmatch(name) and not name.startswith("MLP ")
        }

    def top(self, k: int = 5) -> list[tuple[str, float]]:
        """Return the k parts that add or take most, largest first."""
        mean = self.mean()
        order = mean.abs().argsort(descending=True)[:k].tolist()
        return [(self.parts[i], mean[i].item()) for i in order]

    def error(self) -> float:
        """Return the largest difference between the sum of the parts and the total, in logits."""
        return (self.values.sum(dim=0) - self.total).abs().max().item()

    def summary(self) -> str:
        """Return one sentence: the parts that add or take most."""
        parts = ", ".join(f"{name} {value:+z.2f}" for name, value in self.top())
        return f"Logit difference {self.total.mean().item():z.2f}, of which {parts}."
