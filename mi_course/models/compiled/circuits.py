"""Two circuits that the course finds in trained models, written by hand in miniature.

    induction:   L0H1 notes which token stood before; L1H0 looks for the note that equals its own
                 token, and copies what stands there. [Olsson22]
    inhibition:  L0H0 notes which name came before already; L1H1 brings the note to the end; L2H0
                 copies a name there, but not the noted one. [Wang22], figure 2

Some other heads do nothing, and in `induction` one looks like the real one and writes what nobody
reads. Out come `CompiledModel`s.
"""

import numpy as np
import torch

from mi_course.models.compiled.model import CompiledModel, Prompts, compiled_model, prompts_from
from mi_course.models.compiled.program import SATURATED, Head, Move, Program, Score

__all__ = ["induction", "inhibition"]

LOUD = 10.0  # logit of the right token
INHIBITION = 4.0
NAMES = ("Mary", "John", "Anna", "Paul", "Lucy", "Mark")


def induction(*, n_letters: int = 8, half: int = 6, device: str = "cpu") -> CompiledModel:
    """Return the model that continues a repetition, scored from its second token on.

    Prompts are BOS and `half` different letters, written twice; corrupted prompts are other ones.

    Args:
        n_letters: how many letters there are.
        half: letters before the repetition.
        device: where the weights shall lie.

    Raises:
        ValueError: `half` is below 2 or there are not so many letters.
    """
    if not 2 <= half <= n_letters:
        raise ValueError(f"expected 2 to {n_letters} letters before the repetition, got {half}")
    draw = lambda n, seed: _draw_induction(n, seed, n_letters, half)  # noqa: E731
    summary = "BOS and some letters written twice; in the repetition the logit of the next is 10"
    vocabulary = ("BOS", *(chr(ord("a") + i) for i in range(n_letters)))
    program = _induction_program(n_letters, 2 * half + 1)
    return compiled_model("induction", summary, program, vocabulary, draw, device=device)


def _induction_program(n_letters: int, n_ctx: int) -> Program:
    same, letters = torch.eye(n_letters), torch.eye(n_letters + 1)[:, 1:]
    one_back = torch.eye(n_ctx)[(torch.arange(n_ctx) - 1).clamp(min=0)]
    match = Score("letter", "before", SATURATED * same)
    look_back = Score("position", "position", SATURATED * one_back)
    return Program(
        sizes={
            "letter": n_letters,
            "position": n_ctx,
            "before": n_letters,
            "output": n_letters,
            "unread": n_letters,
        },
        tokens={"letter": letters},
        positions={"position": torch.eye(n_ctx)},
        heads=(
            Head(0, 1, (look_back,), (Move("letter", "before", same),)),
            Head(1, 0, (match,), (Move("letter", "output", same),)),
            Head(1, 1, (match,), (Move("letter", "unread", same),)),
        ),
        outputs={"output": LOUD * letters.T},
        n_layers=2,
        n_heads=2,
        n_ctx=n_ctx,
        varying=frozenset({"letter"}),
    )


def _after_last_match(tokens: np.ndarray) -> np.ndarray:
    """Return at each place the token that followed the same token last time, -1 if it is new."""
    answers = np.full_like(tokens, -1)
    for answer, row in zip(answers, tokens, strict=True):
        seen: dict[int, int] = {}
        for place, token in enumerate(row):
            answer[place] = row[seen[token] + 1] if token in seen else -1
            seen[token] = place
    return answers


def _draw_induction(n: int, seed: int, n_letters: int, half: int) -> Prompts:
    rng = np.random.default_rng(seed)

    def rows() -> np.ndarray:
        once = 1 + rng.permuted(np.tile(np.arange(n_letters), (n, 1)), axis=1)[:, :half]
        return np.concatenate([np.zeros((n, 1), dtype=int), once, once], axis=1)

    # At the last place the answer is the repetition's own first letter, as good as any other.
    mask = np.tile(np.arange(2 * half + 1) > half, (n, 1))
    return prompts_from(_after_last_match, rows(), rows(), mask)


def inhibition(*, device: str = "cpu") -> CompiledModel:
    """Return the model of "Mary John Mary to": John, the name said once, is named at the end.

    Inhibition takes 4 from the score of a name, so that 3.5 % of the attention still goes to it:
    the logits are 9.6 for John, 0.4 for Mary, 0 for all others.

    Prompts are BOS, two names, one of the two again, and "to", where the answer is scored. The
    corrupted prompt has three names, and so no repeated one ([Wang22]'s ABC).
    """
    summary = "BOS, two names, one of them again, 'to'; there the logit of the other is 9.6"
    vocabulary = ("BOS", "to", *NAMES)
    program = _inhibition_program(len(NAMES))
    return compiled_model("inhibition", summary, program, vocabulary, _draw_names, device=device)


def _inhibition_program(n_names: int) -> Program:
    n_ctx = 5
    names = torch.cat([torch.zeros(2, n_names), torch.eye(n_names)])
    return Program(
        sizes={
            "name": n_names,
            "bos": 1,
            "position": n_ctx,
            "said_before": n_names,
            "inhibited": n_names,
            "output": n_names,
        },
        tokens={"name": names, "bos": torch.eye(n_names + 2)[:, :1]},
        positions={"position": torch.eye(n_ctx)},
        heads=_inhibition_heads(n_names, n_ctx),
        outputs={"output": LOUD * names.T},
        n_layers=3,
        n_heads=2,
        n_ctx=n_ctx,
        varying=frozenset({"name"}),
    )


def _inhibition_heads(n_names: int, n_ctx: int) -> tuple[Head, ...]:
    """Return the duplicate-token head, the inhibition head and the name mover."""
    same, everyone = torch.eye(n_names), torch.ones(1, n_names)
    duplicate = (
        Score("name", "name", SATURATED * same),
        Score("position", "position", -2 * SATURATED * torch.eye(n_ctx)),
        Score(None, "bos", torch.tensor([[SATURATED / 2]])),
    )
    repeated = Score(None, "said_before", SATURATED * everyone)
    not_inhibited = (
        Score(None, "name", SATURATED * everyone),
        Score("inhibited", "name", -INHIBITION * same),
    )
    return (
        Head(0, 0, duplicate, (Move("name", "said_before", same),)),
        Head(1, 1, (repeated,), (Move("said_before", "inhibited", same),)),
        Head(2, 0, not_inhibited, (Move("name", "output", same),)),
    )


def _draw_names(n: int, seed: int) -> Prompts:
    """Return ABA and ABB prompts by turns; `wrongs` are the names said twice."""
    rng = np.random.default_rng(seed)
    names = 2 + rng.permuted(np.tile(np.arange(len(NAMES)), (n, 1)), axis=1)
    first, second = names[:, 0], names[:, 1]
    again = np.where(np.arange(n) % 2, first, second)
    once = np.where(np.arange(n) % 2, second, first)
    bos, to = np.zeros(n, dtype=int), np.ones(n, dtype=int)
    clean = np.stack([bos, first, second, again, to], axis=1)
    corrupted = np.stack([bos, *names[:, 2:5].T, to], axis=1)
    mask = np.tile(np.arange(5) == 4, (n, 1))
    answers, wrongs = (np.where(mask, each[:, None], -1) for each in (once, again))
    return Prompts(*map(torch.tensor, (clean, corrupted, mask, answers, wrongs)))
