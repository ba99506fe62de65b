"""What a circuit is asked to do: clean and corrupted prompts, where and how the answer is scored.

Edges that are removed carry what they carry on the corrupted prompt, which differs in one fact, so
that what is kept is what this fact needs. The loss of a circuit is a mean over scored positions:

    "kl"          KL(whole model || circuit), both on the clean prompt, in nats
    "logit_diff"  ln p(wrong) - ln p(right), in logits: minus the difference of their logits
    "nll"         -ln p(right), in nats
    "distance"    squared distance of the logits from the whole model's

where p of several tokens is the sum of theirs. Source: [Conmy23], section 3 and appendix. In go
prompts or a `worlds.tasks.Task`; out comes a `CircuitTask`.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch
from einops import repeat
from jaxtyping import Bool, Int
from torch import Tensor

from mi_course.worlds.tasks import Task, batch
from mi_course.worlds.tasks.prompts import bos, encode

__all__ = ["METRICS", "CircuitTask", "circuit_task", "prompts_task", "text_task"]

METRICS = ("kl", "logit_diff", "nll", "distance")


@dataclass(frozen=True, eq=False)
class CircuitTask:
    """Prompts in pairs, and how an answer is scored.

    Attributes:
        clean: tokens of the prompts.
        corrupted: tokens of their twins, of the same shape; its axes are named apart so that it is
            this class that says when they differ.
        mask: positions that are scored, of the same shape, at least one in all.
        metric: "kl", "logit_diff", "nll" or "distance".
        answers: ids of the right tokens of each scored position, in the order of `mask.nonzero()`;
            filled up with -1. None where the metric needs none.
        wrongs: the same of wrong tokens.
        name: such as "ioi".
    """

    clean: Int[Tensor, "batch pos"]
    corrupted: Int[Tensor, "twins pos_of_twins"]
    mask: Bool[Tensor, "rows pos_of_rows"]
    metric: str = "kl"
    answers: Int[Tensor, "scored n_answers"] | None = None
    wrongs: Int[Tensor, "scored n_wrongs"] | None = None
    name: str = ""

    def __post_init__(self) -> None:
        shapes = [tuple(t.shape) for t in (self.clean, self.corrupted, self.mask)]
        if len(set(shapes)) > 1 or not self.mask.any():
            raise ValueError(
                f"expected clean, corrupted and mask of one shape with a scored position, got "
                f"{shapes} and {int(self.mask.sum())} scored, try prompts of equal length"
            )
        if self.metric not in METRICS:
            raise ValueError(f"expected one of {METRICS}, got {self.metric!r}, try 'kl'")
        needed = {"logit_diff": ("answers", "wrongs"), "nll": ("answers",)}.get(self.metric, ())
        for name in needed:
            given = getattr(self, name)
            if given is None or len(given) != self.mask.sum() or not (given >= 0).any(dim=1).all():
                raise ValueError(
                    f"expected {name} of each of {int(self.mask.sum())} scored positions for "
                    f"{self.metric!r}, got {None if given is None else tuple(given.shape)}"
                )

    def __len__(self) -> int:
        """Return the number of prompts."""
        return len(self.clean)

    def select(self, rows: Sequence[int]) -> "CircuitTask":
        """Return the task with some prompts, in this order; a prompt may come twice."""
        at = self.mask.nonzero()[:, 0]
        scored = torch.cat([(at == row).nonzero().flatten() for row in rows])
        chosen = torch.as_tensor(rows, device=self.mask.device)
        parts = {name: getattr(self, name)[chosen] for name in ("clean", "corrupted", "mask")}
        for name in ("answers", "wrongs"):
            given = getattr(self, name)
            parts[name] = None if given is None else given[scored]
        return replace(self, **parts)

    def to(self, device: torch.device | str) -> "CircuitTask":
        """Return the task with its tensors on a device."""
        names = ("clean", "corrupted", "mask", "answers", "wrongs")
        given = {name: getattr(self, name) for name in names}
        return replace(self, **{k: v.to(device) for k, v in given.items() if v is not None})


def circuit_task(task: Task, metric: str = "kl") -> CircuitTask:
    """Return the largest group of a task's pairs that have one length, scored at their last token.

    Args:
        task: such as `worlds.tasks.ioi(tokenizer, 30, seed)`.
        metric: see the module's docstring.

    Raises:
        ValueError: no pairs, or an unknown metric.
    """
    if not task.pairs:
        raise ValueError(f"expected pairs of prompts in {task.name!r}, got none")
    by_length: dict[int, list] = {}
    for pair in task.pairs:
        by_length.setdefault(len(pair.clean_tokens), []).append(pair)
    pairs = max(by_length.values(), key=len)
    clean, corrupted = torch.tensor(batch(pairs)), torch.tensor(batch(pairs, corrupted=True))
    mask = torch.zeros_like(clean, dtype=torch.bool)
    mask[:, -1] = True
    answers, wrongs = (_padded([getattr(p, name) for p in pairs]) for name in ("answers", "wrongs"))
    return CircuitTask(clean, corrupted, mask, metric, answers, wrongs, task.name)


def prompts_task(prompts: Any, metric: str = "kl", *, name: str = "") -> CircuitTask:
    """Return the task of a compiled model.

    Args:
        prompts: `CompiledModel.prompts(n, seed)`: clean and corrupted tokens, scored positions,
            answers and wrongs by position.
        metric: see the module's docstring.
        name: the task's name.
    """
    ids = {}
    if metric in {"logit_diff", "nll"}:
        ids = {n: getattr(prompts, n)[prompts.mask].long()[:, None] for n in ("answers", "wrongs")}
    return CircuitTask(prompts.clean, prompts.corrupted, prompts.mask, metric, name=name, **ids)


def text_task(
    tokenizer: Any,
    clean: Sequence[str],
    corrupted: Sequence[str],
    *,
    answers: Sequence[str] | None = None,
    wrongs: Sequence[str] | None = None,
    metric: str = "kl",
) -> CircuitTask:
    """Return a task from texts, scored at their last token.

    Args:
        tokenizer: of the model.
        clean: prompts.
        corrupted: their twins.
        answers: the right next word of each clean prompt, with its leading space.
        wrongs: the wrong one.
        metric: see the module's docstring.

    Raises:
        ValueError: prompts that differ in length, or an answer of several tokens.
    """
    rows = [[*bos(tokenizer), *encode(tokenizer, text)] for text in (*clean, *corrupted)]
    lengths = sorted({len(row) for row in rows})
    if len(lengths) != 1 or len(clean) != len(corrupted):
        raise ValueError(
            f"expected pairs of prompts of one length, got {len(clean)} and {len(corrupted)} "
            f"prompts of {lengths} tokens, try words with equally many tokens"
        )
    tokens = torch.tensor(rows)
    mask = repeat(torch.arange(lengths[0]) == lengths[0] - 1, "pos -> batch pos", batch=len(clean))
    ids = {
        name: None if words is None else torch.tensor([[_single(tokenizer, w)] for w in words])
        for name, words in (("answers", answers), ("wrongs", wrongs))
    }
    return CircuitTask(tokens[: len(clean)], tokens[len(clean) :], mask, metric, **ids)


def _single(tokenizer: Any, word: str) -> int:
    ids = encode(tokenizer, word)
    if len(ids) != 1:
        raise ValueError(f"expected answers of one token, got {word!r} with {len(ids)}")
    return ids[0]


def _padded(ids: Sequence[Sequence[int]]) -> Int[Tensor, "scored n_answers"]:
    longest = max(len(row) for row in ids)
    return torch.tensor([[*row, *[-1] * (longest - len(row))] for row in ids])
