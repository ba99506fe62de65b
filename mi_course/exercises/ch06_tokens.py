"""Exercise 06.1: random tokens written twice.

An answer that draws is judged by what must hold of every draw, not by its numbers.
"""

import torch
from jaxtyping import Int
from torch import Tensor

from mi_course.exercises.core import Case, Exercise, GeneratorRef, Wrong

# Of 400 to 440 draws among 10 ids each id gets about 42 +- 6.
FEWEST, MOST = 10, 80
MANY = 200

Tokens = Int[Tensor, "batch pos"]
Once = Int[Tensor, "batch length"]


def repeated_tokens(
    n: int, length: int, d_vocab: int, bos: int, generator: torch.Generator
) -> Int[Tensor, "batch pos"]:
    """Return rows `bos r1 .. rL r1 .. rL`, the r of a row all different and never `bos`."""
    ids = torch.tensor([token for token in range(d_vocab) if token != bos])
    order = torch.rand(n, len(ids), generator=generator).topk(length, dim=1).indices
    once = ids[order]
    return torch.cat([torch.full((n, 1), bos), once, once], dim=1)


def _by_permutations(
    n: int, length: int, d_vocab: int, bos: int, generator: torch.Generator
) -> Tokens:
    rows = []
    for _ in range(n):
        shuffled = torch.randperm(d_vocab, generator=generator)
        once = shuffled[shuffled != bos][:length]
        rows.append(torch.cat([torch.tensor([bos]), once, once]))
    return torch.stack(rows)


def _assembled(once: Once, bos: int, again: Once | None = None) -> Tokens:
    start = torch.full((len(once), 1), bos)
    return torch.cat([start, once, once if again is None else again], dim=1)


def _drawn(n: int, length: int, size: int, generator: torch.Generator) -> Once:
    return torch.rand(n, size, generator=generator).argsort(dim=1)[:, :length]


def _with_replacement(
    n: int, length: int, d_vocab: int, bos: int, generator: torch.Generator
) -> Tokens:
    drawn = torch.randint(d_vocab - 1, (n, length), generator=generator)
    return _assembled(drawn + (drawn >= bos), bos)


def _draws_bos(n: int, length: int, d_vocab: int, bos: int, generator: torch.Generator) -> Tokens:
    return _assembled(_drawn(n, length, d_vocab, generator), bos)


def _bos_is_zero(n: int, length: int, d_vocab: int, bos: int, generator: torch.Generator) -> Tokens:
    return _assembled(1 + _drawn(n, length, d_vocab - 1, generator), bos)


def _fresh_second_copy(
    n: int, length: int, d_vocab: int, bos: int, generator: torch.Generator
) -> Tokens:
    copies = [_drawn(n, length, d_vocab - 1, generator) for _ in range(2)]
    first, second = (copy + (copy >= bos) for copy in copies)
    return _assembled(first, bos, second)


def _one_row(n: int, length: int, d_vocab: int, bos: int, generator: torch.Generator) -> Tokens:
    drawn = _drawn(1, length, d_vocab - 1, generator).expand(n, length)
    return _assembled(drawn + (drawn >= bos), bos)


def _no_bos(n: int, length: int, d_vocab: int, bos: int, generator: torch.Generator) -> Tokens:
    return repeated_tokens(n, length, d_vocab, bos, generator)[:, 1:]


def _judge(case: Case, got: Tokens, _expected: Tokens) -> str | None:
    n, length, d_vocab, bos, _ = case.args
    once, again = got[:, 1 : 1 + length], got[:, 1 + length :]
    if (got[:, 0] != bos).any():
        return f"column 0 must be the BOS id {bos} in every row\ngot {got[:3, 0].tolist()}"
    if ((once < 0) | (once >= d_vocab)).any():
        return f"ids run from 0 to {d_vocab - 1}\ngot {int(once.min())} to {int(once.max())}"
    if (once != again).any():
        return "the second copy is not the first one: draw once and write it twice"
    if (once == bos).any():
        only_above = bos != 0 and not (once == 0).any()
        slip = "the BOS id is not always 0" if only_above else "the BOS id is among the ids drawn"
        return f"{slip}: leave out `bos`, which is {bos} here"
    if any(len(set(row)) < length for row in once.tolist()):
        return "a token occurs twice within one copy: draw without replacement"
    return _judge_spread(once, n, d_vocab, bos)


def _judge_spread(once: Once, n: int, d_vocab: int, bos: int) -> str | None:
    if n > 1 and once.shape[1] > 3 and (once == once[0]).all():
        return "all rows are the same: draw anew for each row"
    if n >= MANY:
        counts = once[:, 0].bincount(minlength=d_vocab).tolist()
        for token, count in enumerate(counts):
            if token != bos and not FEWEST <= count <= MOST:
                return f"not every order is as likely: id {token} starts {count} of {n} rows"
    return None


def _cases(seed: int) -> list[Case]:
    generator = torch.Generator().manual_seed(seed)

    def drawn(least: int, most: int) -> int:
        return int(torch.randint(least, most + 1, (), generator=generator))

    # Sizes are drawn as well: rows that somebody wrote down for the check's sizes do not fit.
    lengths = drawn(7, 10), drawn(5, 8), drawn(9, 12)
    sizes = [(n, length, length + 1) for n, length in zip((6, 1, 4), lengths, strict=True)]
    several = [(*size, drawn(1, size[1])) for size in sizes]
    return [
        Case("only one row is possible", (1, 1, 2, 0, GeneratorRef(seed)), "hand"),
        *(
            Case(f"batch {n}, as many ids as there are", (n, length, d_vocab, bos, ref))
            for ref, (n, length, d_vocab, bos) in zip(
                map(GeneratorRef, range(seed + 1, seed + 4)), several, strict=True
            )
        ),
        Case(
            "hundreds of rows of 6 from 11 ids",
            (drawn(400, 440), 6, 11, drawn(1, 10), GeneratorRef(seed + 4)),
            "property",
        ),
    ]


REPEATED_TOKENS = Exercise(
    id="06.1",
    function="repeated_tokens",
    title="Write random tokens twice",
    points=2,
    stars=1,
    minutes=10,
    reference=repeated_tokens,
    cases=_cases,
    alternatives=(_by_permutations,),
    wrong=(
        Wrong("with replacement", _with_replacement, "draw without replacement"),
        Wrong("draws the BOS", _draws_bos, "the BOS id is among the ids drawn"),
        Wrong("takes the BOS to be 0", _bos_is_zero, "the BOS id is not always 0"),
        Wrong("two different copies", _fresh_second_copy, "draw once and write it twice"),
        Wrong("one row for all", _one_row, "all rows are the same"),
        Wrong("no BOS", _no_bos, "one too few along `pos`"),
    ),
    hints=(
        "Draw one copy for every row, without `bos` and without repeats inside a row; then write "
        "it twice behind a column of `bos`.",
        "The order of random numbers is a random order: `torch.rand(..., generator=generator)` "
        "and `argsort` draw without replacement, for all rows at once.",
        "Number the allowed ids first: `ids = torch.tensor([i for i in range(d_vocab) if i != "
        "bos])`; at the end `torch.cat([start, once, once], dim=1)` has axes `batch pos`.",
    ),
    judge=_judge,
    groups={"random": 1, "property": 1},
    axes="batch pos",
)
