"""What patching finds: how far a run moves when one activation comes from another run.

A normalised effect is 0 where the patched run equals the corrupted one and 1 where it equals the
clean one, in both directions: denoising climbs from 0, noising falls from 1.
"""

import math
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from mi_course.results.checks import finite, labelled, within

DIRECTIONS = ("denoising", "noising")


@dataclass(frozen=True, eq=False)
class PatchGrid:
    """One number for each patched place, with an interval over prompts.

    Attributes:
        values: mean effect over prompts; for a normalised metric the ratio of the means.
        low: lower end of the interval, from prompts drawn again.
        high: upper end.
        by_prompt: the metric of each patched run, in `raw_unit`, not normalised.
        axes: what the axes of `values` are, such as ("layer", "position") or ("layer", "head").
        labels: for each axis the names of its entries; layers and heads by number.
        site: what was patched, such as "resid_pre".
        metric: such as "logit_diff".
        unit: of `values`: "fraction" (0 corrupted, 1 clean), "logits", "probability" or "nats".
        raw_unit: of `by_prompt` and of the baselines.
        direction: "denoising" (clean into corrupted) or "noising" (corrupted into clean).
        clean: the metric of the clean run by prompt, in `raw_unit`.
        corrupted: the metric of the corrupted run by prompt.
        normalised: whether `values` tell the way from the corrupted run (0) to the clean one (1).
        method: how it was found: "patching", "attribution" or "path patching ...".
    """

    values: Float[Tensor, "*cells"]
    low: Float[Tensor, "*cells"]
    high: Float[Tensor, "*cells"]
    by_prompt: Float[Tensor, "*cells prompt"]
    axes: tuple[str, ...]
    labels: tuple[tuple[str, ...], ...]
    site: str
    metric: str
    unit: str
    raw_unit: str
    direction: str
    clean: Float[Tensor, " prompt"]
    corrupted: Float[Tensor, " prompt"]
    normalised: bool
    method: str = "patching"

    def __post_init__(self) -> None:
        if self.direction not in DIRECTIONS:
            raise ValueError(f"expected a direction among {DIRECTIONS}, got {self.direction!r}")
        for name in ("values", "low", "high", "by_prompt", "clean", "corrupted"):
            finite(name, getattr(self, name))
        if self.values.ndim != len(self.axes) or len(self.axes) != len(self.labels):
            raise ValueError(
                f"expected an axis and labels for each of {self.values.ndim} axes, got "
                f"{self.axes} and {len(self.labels)} lists of labels"
            )
        for axis, size, labels in zip(self.axes, self.values.shape, self.labels, strict=True):
            labelled(axis, size, labels)

    @property
    def base(self) -> float:
        """Return the value that a patch without effect has, in `unit`."""
        run = self.corrupted if self.direction == "denoising" else self.clean
        if not self.normalised:
            return run.mean().item()
        return 0.0 if self.direction == "denoising" else 1.0

    def change(self) -> Float[Tensor, "*cells"]:
        """Return the values as distances from a patch without effect."""
        return self.values - self.base

    @property
    def names(self) -> tuple[str, ...]:
        """Return a name for each cell in the order of `values.flatten()`, such as "L1H4"."""
        found = [""]
        for axis, labels in zip(self.axes, self.labels, strict=True):
            found = [before + _part(axis, label) for before in found for label in labels]
        return tuple(found)

    def of(self, name: str) -> float:
        """Return the value of one cell by its name, such as "L1H4" or "L1 @s2".

        Raises:
            ValueError: there is no such cell.
        """
        if name not in self.names:
            raise ValueError(f"expected a cell such as {list(self.names[:3])}, got {name!r}")
        return self.values.flatten()[self.names.index(name)].item()

    def top(self, k: int = 1) -> list[tuple[str, float]]:
        """Return the k cells that move the run furthest from `base`, as (name, value)."""
        flat, names = self.values.flatten(), self.names
        order = (flat - self.base).abs().argsort(descending=True, stable=True)[:k]
        return [(names[i], flat[i].item()) for i in order.tolist()]

    def certain(self) -> tuple[str, ...]:
        """Return the names of cells whose interval leaves out `base`; one prompt has none."""
        apart = ((self.low > self.base) | (self.high < self.base)) & (len(self.clean) > 1)
        return tuple(name for name, yes in zip(self.names, apart.flatten(), strict=True) if yes)

    def summary(self) -> str:
        """Return one sentence: what was patched, and the three cells that move the run most."""
        flat = [t.flatten().tolist() for t in (self.values, self.low, self.high)]
        ends = dict(zip(self.names, zip(*flat, strict=True), strict=True))
        told = ", ".join(
            "{} {:z.2f} ({:z.2f} to {:z.2f})".format(name.strip(), *ends[name])
            for name, _ in self.top(3)
        )
        way = self.method[0].upper() + self.method[1:]
        return (
            f"{way} of {self.site} by {' and '.join(self.axes)}, {self.direction}, "
            f"{measured(self.metric, self.unit)} over {len(self.clean)} prompts; "
            f"without effect {self.base:z.2f}: furthest {told}."
        )


def measured(metric: str, unit: str) -> str:
    """Return a metric's name with its unit, where the name does not say it already."""
    return metric if metric == unit else f"{metric} ({unit})"


def _part(axis: str, label: str) -> str:
    letter = {"layer": "L", "head": "H", "neuron": "N"}.get(axis)
    return f" @{label}" if letter is None else f"{letter}{label}"


@dataclass(frozen=True, eq=False)
class PatchScatter:
    """An approximation of patching effects against the effects themselves, cell by cell.

    Attributes:
        approximate: such as attribution patching, as the distance from a patch without effect.
        true: what patching gives, as the same distance.
        names: a name for each cell.
        site: what was patched.
        unit: of both.
    """

    approximate: Float[Tensor, " cell"]
    true: Float[Tensor, " cell"]
    names: tuple[str, ...]
    site: str
    unit: str

    def __post_init__(self) -> None:
        finite("approximate effects", self.approximate)
        finite("true effects", self.true)
        labelled("cell", len(self.approximate), self.names)
        labelled("cell", len(self.true), self.names)

    def correlation(self) -> float:
        """Return Pearson's correlation; NaN where one of the two is constant."""
        pair = torch.stack([self.approximate, self.true]).double()
        pair = pair - pair.mean(1, keepdim=True)
        size = pair.norm(dim=1).prod().item()
        return (pair[0] @ pair[1]).item() / size if size else math.nan

    def sign_agreement(self, least: float = 0.01) -> float:
        """Return the fraction of cells with equal signs, of those whose true effect is not tiny.

        Args:
            least: true effects up to this fraction of the largest one are left out.
        """
        counted = self.true.abs() > least * self.true.abs().max()
        if not counted.any():
            return math.nan
        return (self.true.sign() == self.approximate.sign())[counted].float().mean().item()

    def slope(self) -> float:
        """Return the least-squares slope through 0 of approximate on true effects; 1 is right."""
        return ((self.approximate * self.true).sum() / self.true.square().sum()).item()

    def worst(self, k: int = 1) -> list[tuple[str, float, float]]:
        """Return the k cells with the largest error as (name, approximate, true)."""
        order = (self.approximate - self.true).abs().argsort(descending=True, stable=True)[:k]
        return [(self.names[i], self.approximate[i].item(), self.true[i].item()) for i in order]

    def summary(self) -> str:
        """Return one sentence: correlation, agreement of signs and the largest error."""
        name, approximate, true = self.worst()[0]
        return (
            f"Approximate against true effects of {self.site} ({self.unit}), {len(self.names)} "
            f"cells: correlation {self.correlation():z.2f}, signs agree in "
            f"{self.sign_agreement():.0%}, slope {self.slope():z.2f}; furthest off {name.strip()}, "
            f"{approximate:z.2f} for {true:z.2f}."
        )


@dataclass(frozen=True, eq=False)
class PatchedPrompt:
    """One prompt with one place patched, and what the model says then.

    Attributes:
        tokens: the prompt that is run, token by token.
        patched: positions that are patched.
        what: the place in words, such as "resid_pre of layer 2".
        says: the likeliest next tokens of the patched run, best first.
        probs: their probabilities.
        before: probabilities of the same tokens without the patch.
        answer: the right token.
        wrong: the wrong one.
        direction: "denoising" or "noising".
    """

    tokens: tuple[str, ...]
    patched: tuple[int, ...]
    what: str
    says: tuple[str, ...]
    probs: Float[Tensor, " token"]
    before: Float[Tensor, " token"]
    answer: str
    wrong: str
    direction: str

    def __post_init__(self) -> None:
        within("probabilities", self.probs, 0, 1)
        within("probabilities", self.before, 0, 1)
        labelled("token", len(self.probs), self.says)
        labelled("token", len(self.before), self.says)
        if not all(0 <= at < len(self.tokens) for at in self.patched):
            raise ValueError(
                f"expected positions below {len(self.tokens)}, got {list(self.patched)}"
            )

    def marked(self) -> str:
        """Return the prompt with each patched token in brackets."""
        some = len(self.patched) < len(self.tokens)
        return "".join(
            f"[{token}]" if some and at in self.patched else token
            for at, token in enumerate(self.tokens)
        )

    def summary(self) -> str:
        """Return one sentence: the prompt, the place, and what the model says before and after."""
        other = "clean" if self.direction == "denoising" else "corrupted"
        return (
            f"{self.marked()!r} with {self.what} from the {other} run: the model says "
            f"{self.says[0]!r} ({self.probs[0]:.2f}, before {self.before[0]:.2f}); right is "
            f"{self.answer!r}, wrong {self.wrong!r}."
        )


@dataclass(frozen=True, eq=False)
class AblationEffects:
    """What is left of a metric when sets of heads or MLPs are removed.

    Attributes:
        values: mean metric over prompts, in `unit`.
        low: lower end of the interval over prompts.
        high: upper end.
        by_prompt: the metric of each prompt.
        sets: the nodes that were removed, such as ("L2H1", "MLP0").
        clean: the metric without any ablation, by prompt.
        metric: such as "logit_diff".
        unit: "logits", "probability" or "nats".
        mode: "zero", "mean", "group_mean" or "resample".
    """

    values: Float[Tensor, " set"]
    low: Float[Tensor, " set"]
    high: Float[Tensor, " set"]
    by_prompt: Float[Tensor, "set prompt"]
    sets: tuple[tuple[str, ...], ...]
    clean: Float[Tensor, " prompt"]
    metric: str
    unit: str
    mode: str

    def __post_init__(self) -> None:
        for name in ("values", "low", "high", "by_prompt", "clean"):
            finite(name, getattr(self, name))
        labelled("set", len(self.values), self.sets)

    def change(self) -> Float[Tensor, " set"]:
        """Return the mean metric with each set removed minus that of the whole model."""
        return self.values - self.clean.mean()

    def summary(self) -> str:
        """Return one sentence: the clean metric and the largest three changes."""
        order = self.change().abs().argsort(descending=True, stable=True)[:3].tolist()
        told = ", ".join(f"{_set_name(self.sets[i])} {self.values[i]:z.2f}" for i in order)
        return (
            f"{measured(self.metric, self.unit)} after {self.mode} ablation, "
            f"{self.clean.mean():z.2f} without: furthest {told}."
        )


def _set_name(nodes: tuple[str, ...]) -> str:
    shown = " ".join(nodes[:4]) or "nothing"
    return shown + (f" and {len(nodes) - 4} more" if len(nodes) > 4 else "")
