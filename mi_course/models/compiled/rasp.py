"""The two RASP programs of [Conmy23], table 1, written into weights: `reverse` and `xproportion`.

    reverse:      length = selector_width(all);  opposite = length - indices - 1;
                  aggregate(select(indices, opposite, ==), tokens)
    xproportion:  aggregate(select(indices, indices, <=), tokens == "x")

Each line of RASP is one head or one MLP. The RASP compiler of [Lindner23] takes 4 layers for
`reverse` and 2 for `xproportion`; three are enough for the first, as position and length meet in
one table. Out come models that are exact on every input up to their length.
"""

from itertools import chain

import numpy as np
import torch

from mi_course.models.compiled.model import CompiledModel, Prompts, compiled_model, prompts_from
from mi_course.models.compiled.neurons import steps, table, table_of_two
from mi_course.models.compiled.program import SATURATED, Head, Move, Neurons, Program, Score

__all__ = ["proportions", "reverse", "reversed_rows", "xproportion"]

BOS, PAD = 0, 1
REVERSE_LETTERS = ("a", "b", "c", "d")
PROPORTION_LETTERS = ("x", "y", "z", "w")
# The logit of the right token; the others, at 0, share less than 3e-4 of the probability.
LOUD = 10.0


def reverse(*, max_length: int = 8, device: str = "cpu") -> CompiledModel:
    """Return the model that reverses: at the i-th letter it names the i-th from the end.

    Tokens are BOS, up to `max_length` letters, and any number of PAD behind them. Attention goes
    both ways. The logit of the right token is 10 and the others are 0, at each letter.

    Args:
        max_length: the most letters.
        device: where the weights shall lie.
    """
    summary = (
        f"BOS, up to {max_length} letters, PAD; at the i-th letter the logit of the i-th letter "
        "from the end is 10, all others are 0"
    )
    draw = lambda n, seed: _draw_reverse(n, seed, max_length)  # noqa: E731
    vocabulary = ("BOS", "PAD", *REVERSE_LETTERS)
    program = _reverse_program(len(REVERSE_LETTERS), max_length)
    return compiled_model("reverse", summary, program, vocabulary, draw, device=device)


def _reverse_program(n_letters: int, longest: int) -> Program:
    d_vocab, n_ctx = n_letters + 2, longest + 1
    letters = torch.cat([torch.zeros(2, n_letters), torch.eye(n_letters)])
    return Program(
        sizes={
            "letter": n_letters,
            "special": 2,
            "position": n_ctx,
            "one_of": 1,
            "length": longest,
            "opposite": n_ctx,
            "output": n_letters,
        },
        tokens={"letter": letters, "special": torch.eye(d_vocab)[:, :2]},
        positions={"position": torch.eye(n_ctx)},
        heads=_reverse_heads(n_letters, n_ctx),
        neurons=_reverse_neurons(longest),
        outputs={"output": LOUD * letters.T},
        n_layers=3,
        n_heads=1,
        n_ctx=n_ctx,
        causal=False,
        varying=frozenset({"letter"}),
    )


def _reverse_heads(n_letters: int, n_ctx: int) -> tuple[Head, ...]:
    """Return L0H0, which counts, and L2H0, which fetches the letter from the opposite position."""
    # BOS is one of the (length + 1) tokens that are not PAD, so its share tells the length.
    not_pad = Score(None, "special", torch.tensor([[0.0, -SATURATED]]))
    share_of_bos = Move("special", "one_of", torch.tensor([[1.0], [0.0]]))
    opposite = Score("opposite", "position", SATURATED * torch.eye(n_ctx))
    copy = Move("letter", "output", torch.eye(n_letters))
    return Head(0, 0, (not_pad,), (share_of_bos,)), Head(2, 0, (opposite,), (copy,))


def _reverse_neurons(longest: int) -> tuple[Neurons, ...]:
    """Return MLP0, from the share of BOS to the length, and MLP1, to the opposite position."""
    shares = 1 / torch.arange(longest + 1.0, 1.0, -1.0)
    length = steps(0, "one_of", "length", shares, torch.eye(longest).flip(0))
    opposite = torch.zeros(longest, longest + 1, longest + 1)
    for n in range(1, longest + 1):
        for i in range(1, n + 1):
            opposite[n - 1, i, n + 1 - i] = 1
    return length, table_of_two(1, ("length", "position"), "opposite", opposite)


def reversed_rows(tokens: np.ndarray) -> np.ndarray:
    """Return each row with its letters in the opposite order; BOS and PAD stay where they are."""
    rows = tokens.copy()
    for row, letters in zip(rows, tokens > PAD, strict=True):
        row[letters] = row[letters][::-1]
    return rows


def _draw_reverse(n: int, seed: int, longest: int) -> Prompts:
    """Return rows of 3 letters or more; the corrupted row has as many, other at each place."""
    rng = np.random.default_rng(seed)
    n_letters = len(REVERSE_LETTERS)
    lengths = rng.integers(min(3, longest), longest + 1, size=(n, 1))
    places = np.arange(longest + 1)
    mask = (places >= 1) & (places <= lengths)
    letters = rng.integers(n_letters, size=mask.shape)
    other = (letters + rng.integers(1, n_letters, size=mask.shape)) % n_letters
    frame = np.where(places == 0, BOS, PAD)
    clean, corrupted = (np.where(mask, PAD + 1 + each, frame) for each in (letters, other))
    return prompts_from(reversed_rows, clean, corrupted, mask)


def xproportion(*, max_length: int = 10, device: str = "cpu") -> CompiledModel:
    """Return the model that tells which fraction of the letters so far, this one included, is "x".

    Tokens are BOS and up to `max_length` letters. Attention looks back. The logit of "x" is the
    fraction itself, at each letter; all other logits are 0.

    Args:
        max_length: the most letters.
        device: where the weights shall lie.
    """
    summary = (
        f"BOS and up to {max_length} letters; at each letter the logit of 'x' is the fraction of x "
        "among the letters up to it, all others are 0"
    )
    draw = lambda n, seed: _draw_xproportion(n, seed, max_length)  # noqa: E731
    vocabulary = ("BOS", *PROPORTION_LETTERS)
    program = _xproportion_program(len(PROPORTION_LETTERS), max_length + 1)
    return compiled_model("xproportion", summary, program, vocabulary, draw, device=device)


def _xproportion_program(n_letters: int, n_ctx: int) -> Program:
    d_vocab = n_letters + 1
    is_x = torch.zeros(n_letters, 1)
    is_x[0] = 1
    logit_of_x = torch.zeros(1, d_vocab)
    logit_of_x[0, 1] = 1
    not_bos = Score(None, "bos", torch.tensor([[-SATURATED]]))
    return Program(
        sizes={"letter": n_letters, "bos": 1, "is_x": 1, "fraction": 1},
        tokens={"letter": torch.eye(d_vocab)[:, 1:], "bos": torch.eye(d_vocab)[:, :1]},
        positions={},
        heads=(Head(1, 0, (not_bos,), (Move("is_x", "fraction", torch.ones(1, 1)),)),),
        neurons=(table(0, "letter", "is_x", is_x),),
        outputs={"fraction": logit_of_x},
        n_layers=2,
        n_heads=1,
        n_ctx=n_ctx,
        varying=frozenset({"letter"}),
    )


def proportions(tokens: np.ndarray) -> np.ndarray:
    """Return the fraction of x (token 1) among the letters up to each place; 0 at BOS."""
    letters = np.cumsum(tokens != BOS, axis=1)
    return np.cumsum(tokens == 1, axis=1) / np.maximum(letters, 1)


def _draw_xproportion(n: int, seed: int, longest: int) -> Prompts:
    """Return rows in which about every other letter is x; the corrupted row is another one."""
    rng = np.random.default_rng(seed)
    letters = list(chain([1] * 3, range(2, len(PROPORTION_LETTERS) + 1)))
    clean, corrupted = (rng.choice(letters, size=(n, longest + 1)) for _ in range(2))
    clean[:, 0] = corrupted[:, 0] = BOS
    mask = np.broadcast_to(np.arange(longest + 1) > 0, clean.shape)
    return prompts_from(proportions, clean, corrupted, mask)
