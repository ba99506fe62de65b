"""Three small circuits on which rules for pruning edges go wrong, with the truth to show it.

    either:    output = min(1, a + b)        a and b say the same: no one edge is needed
    both:      output = max(0, a + b - 1)    both are needed, so restoring one alone does nothing
    negative:  output = a - 0.3 a            a second head writes against the first

a and b are what two heads copy from the two places of a letter written twice. Out come
`CompiledModel`s; in `either` and `negative` all that takes part counts as true.
"""

import numpy as np
import torch

from mi_course.models.compiled.model import CompiledModel, Prompts, compiled_model
from mi_course.models.compiled.program import SATURATED, Head, Move, Neurons, Program, Score

__all__ = ["both", "either", "negative"]

LOUD = 10.0  # logit of the right token
LETTERS = ("a", "b", "c", "d", "e", "f")
BOS, END, BLANK = 0, 1, 2
FIRST = 3  # token of the first letter
N_CTX = 4


def either(*, device: str = "cpu") -> CompiledModel:
    """Return an OR: two heads read the same letter, and one of them is enough.

    Prompts are BOS, a letter twice, and an end, where the logit of the letter is 10; corrupted ones
    have blanks for letters. Without one of the heads nothing changes; without both the answer is
    lost.
    """
    summary = "BOS, a letter twice, END; the letter's logit is 10 if either head finds it"
    program = _gate(torch.tensor([1.0, -1.0]), torch.tensor([0.0, -1.0]))
    return _letter_model("either", summary, program, device)


def both(*, device: str = "cpu") -> CompiledModel:
    """Return an AND: the logit is 10 only where two heads find the same letter.

    Prompts are those of `either`. Without one of the heads the answer is lost; and in a run on
    corrupted tokens, restoring one of them brings nothing back.
    """
    summary = "BOS, a letter twice, END; the letter's logit is 10 if both heads find it"
    return _letter_model("both", summary, _gate(torch.ones(1), -torch.ones(1)), device)


def negative(*, device: str = "cpu") -> CompiledModel:
    """Return a copier and a head that writes against it.

    Prompts are those of `either`. L0H0 adds 10 to the letter's logit and L0H1 takes 3 away, so the
    logit is 7, and without L0H1 the model is surer of the right answer.
    """
    summary = "BOS, a letter twice, END; one head adds 10 to the letter's logit, one takes 3 away"
    heads = (_copier(0, 1, "output", 1.0), _copier(1, 1, "output", -0.3))
    return _letter_model("negative", summary, _letters_program(heads, ()), device)


def _gate(weights: torch.Tensor, biases: torch.Tensor) -> Program:
    """Return two copiers into one variable and, for each letter, weighted ReLU(a + b + bias)."""
    n_letters, same = len(LETTERS), torch.eye(len(LETTERS))
    neurons = Neurons(
        0,
        {"found": same.repeat(1, len(weights))},
        biases.repeat_interleave(n_letters),
        {"output": torch.cat([w * same for w in weights])},
    )
    return _letters_program((_copier(0, 1, "found", 1.0), _copier(1, 2, "found", 1.0)), (neurons,))


def _copier(index: int, place: int, target: str, strength: float) -> Head:
    """Return a head that copies the letter at a place."""
    there = SATURATED * torch.eye(N_CTX)[place][None]
    move = Move("letter", target, strength * torch.eye(len(LETTERS)))
    return Head(0, index, (Score(None, "position", there),), (move,))


def _letters_program(heads: tuple[Head, ...], neurons: tuple[Neurons, ...]) -> Program:
    n_letters = len(LETTERS)
    letters = torch.cat([torch.zeros(FIRST, n_letters), torch.eye(n_letters)])
    return Program(
        sizes={"letter": n_letters, "position": N_CTX, "found": n_letters, "output": n_letters},
        tokens={"letter": letters},
        positions={"position": torch.eye(N_CTX)},
        heads=heads,
        neurons=neurons,
        outputs={"output": LOUD * letters.T},
        n_layers=1,
        n_heads=2,
        n_ctx=N_CTX,
        varying=frozenset({"letter"}),
    )


def _letter_model(name: str, summary: str, program: Program, device: str) -> CompiledModel:
    return compiled_model(
        name, summary, program, ("BOS", "END", "_", *LETTERS), _draw, device=device
    )


def _draw(n: int, seed: int) -> Prompts:
    """Return a letter twice between BOS and END; the corrupted twin has blanks."""
    rng = np.random.default_rng(seed)
    letter = rng.integers(len(LETTERS), size=n)
    other = (letter + rng.integers(1, len(LETTERS), size=n)) % len(LETTERS)
    mask = np.tile(np.arange(N_CTX) == N_CTX - 1, (n, 1))
    clean = np.tile([BOS, BLANK, BLANK, END], (n, 1))
    corrupted = clean.copy()
    clean[:, 1:3] = FIRST + letter[:, None]
    answers, wrongs = (np.where(mask, FIRST + each[:, None], -1) for each in (letter, other))
    return Prompts(*map(torch.tensor, (clean, corrupted, mask, answers, wrongs)))
