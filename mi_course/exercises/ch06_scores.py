"""Exercises 06.2 and 06.3: scores read from attention patterns.

The scores are means of attention probabilities; what goes wrong is nearly always which entries the
mean is over, so each planted wrong answer picks other entries.
"""

from collections.abc import Callable

import torch
from einops import einsum, reduce
from jaxtyping import Bool, Float, Int
from torch import Tensor

from mi_course.exercises.core import Case, Exercise, Wrong

Pattern = Float[Tensor, "batch head_index query_pos key_pos"]
Scores = Float[Tensor, " head_index"]


def _patterns(generator: torch.Generator, batch: int, heads: int, n_pos: int) -> Pattern:
    scores = 2.5 * torch.randn(batch, heads, n_pos, n_pos, generator=generator)
    future = torch.ones(n_pos, n_pos, dtype=torch.bool).triu(diagonal=1)
    return scores.masked_fill(future, -torch.inf).softmax(dim=-1)


def _looking_back(n_pos: int, steps: int) -> Float[Tensor, "query_pos key_pos"]:
    """The pattern of a head that looks `steps` back, or at the first token where it cannot."""
    keys = (torch.arange(n_pos) - steps).clamp(min=0)
    return torch.eye(n_pos)[keys]


# --- 06.2 -----------------------------------------------------------------------------------------


def previous_token_score(pattern: Pattern) -> Scores:
    """Return each head's mean attention to the token just before (probability)."""
    before = pattern.diagonal(offset=-1, dim1=-2, dim2=-1)
    return reduce(before, "batch head_index pos -> head_index", "mean")


def _by_position(pattern: Pattern) -> Scores:
    n_pos = pattern.shape[-1]
    found = [pattern[:, :, query, query - 1] for query in range(1, n_pos)]
    return torch.stack(found).mean(dim=(0, 1))


def _previous_cases(seed: int) -> list[Case]:
    generator = torch.Generator().manual_seed(seed)
    always = [[1.0, 0.0, 0.0], [1.0, 0.0, 0.0], [0.0, 1.0, 0.0]]
    mixed = [[1.0, 0.0, 0.0], [0.3, 0.7, 0.0], [0.2, 0.6, 0.2]]
    shapes = [(3, 5, 7), (1, 2, 13)]
    shares = torch.rand(3, 1, 1, generator=generator)
    planted = shares * _looking_back(11, 1) + (1 - shares) * _looking_back(11, 0)
    return [
        Case("two heads, three tokens", (torch.tensor([[always, mixed]]),), "hand"),
        *(
            Case(f"{n_pos} tokens, batch {batch}", (_patterns(generator, batch, heads, n_pos),))
            for batch, heads, n_pos in shapes
        ),
        Case("heads that look back for a part", (planted[None],), "truth"),
    ]


def _diagonal_mean(offset: int) -> Callable[[Pattern], Scores]:
    return lambda pattern: pattern.diagonal(offset, -2, -1).mean(dim=(0, -1))


PREVIOUS_TOKEN_SCORE = Exercise(
    id="06.2",
    function="previous_token_score",
    title="Find heads that look one back",
    points=2,
    stars=1,
    minutes=10,
    reference=previous_token_score,
    cases=_previous_cases,
    alternatives=(_by_position,),
    wrong=(
        Wrong(
            "looks at itself",
            _diagonal_mean(0),
            "the main diagonal",
            "the main diagonal is attention of a token to itself: the one before is a column left",
        ),
        Wrong(
            "looks ahead",
            _diagonal_mean(1),
            "lie in the future",
            "these entries lie in the future: rows are queries and columns keys, so go below it",
        ),
        Wrong(
            "counts the first token",
            lambda pattern: pattern.diagonal(-1, -2, -1).sum(-1).mean(0) / pattern.shape[-1],
            "nothing before it",
            "the first token has nothing before it: average over the other positions only",
        ),
        Wrong(
            "maximum",
            lambda pattern: pattern.diagonal(-1, -2, -1).amax(dim=(0, -1)),
            "the maximum",
            "this is the maximum: one lucky position is no habit, take the mean",
        ),
        Wrong(
            "only the first text",
            lambda pattern: pattern[0].diagonal(-1, -2, -1).mean(-1),
            "only the first text",
            "this is right for only the first text: average over the batch as well",
        ),
    ),
    hints=(
        "For each head, average the attention from position q to position q - 1 over all texts "
        "and all q from 1 on.",
        "These entries are the diagonal just below the main one: `pattern.diagonal(offset=-1, "
        "dim1=-2, dim2=-1)`.",
        'The diagonal has axes `batch head_index pos`: `reduce(before, "batch head_index pos -> '
        'head_index", "mean")`.',
    ),
    groups={"random": 1, "truth": 1},
    axes="head_index",
)


# --- 06.3 -----------------------------------------------------------------------------------------


def induction_score(pattern: Pattern, tokens: Int[Tensor, "batch pos"]) -> Scores:
    """Return each head's mean attention to the tokens after earlier copies (probability)."""
    earlier = (tokens[:, :, None] == tokens[:, None, :]).tril(diagonal=-1)
    targets = earlier.roll(1, dims=2)
    on_targets = einsum(pattern, targets.float(), "batch head q k, batch q k -> head")
    return on_targets / targets.any(dim=2).sum()


def _by_loops(pattern: Pattern, tokens: Int[Tensor, "batch pos"]) -> Scores:
    found = []
    for row, text in zip(pattern, tokens.tolist(), strict=True):
        for query, token in enumerate(text):
            keys = [key + 1 for key in range(query) if text[key] == token]
            if keys:
                found.append(row[:, query, keys].sum(dim=-1))
    return torch.stack(found).mean(dim=0)


def _tokens(generator: torch.Generator, batch: int, n_pos: int, d_vocab: int) -> Tensor:
    """Random tokens in which no token follows itself, so that no target is the query."""
    steps = torch.randint(1, d_vocab, (batch, n_pos), generator=generator)
    return steps.cumsum(dim=1) % d_vocab


def _induction_cases(seed: int) -> list[Case]:
    generator = torch.Generator().manual_seed(seed)
    by_hand = torch.ones(5, 5).tril()
    by_hand[3] = torch.tensor([0.1, 0.5, 0.2, 0.2, 0.0])
    by_hand[4] = torch.tensor([0.05, 0.1, 0.7, 0.1, 0.05])
    even = torch.ones(5, 5).tril() / torch.arange(1, 6)[:, None]
    text = torch.tensor([[4, 9, 2, 4, 9]])
    shapes = [(3, 4, 17, 6), (2, 5, 23, 5)]
    once = torch.randperm(40, generator=generator)[:9] + 1
    twice = torch.cat([torch.tensor([0]), once, once])
    shares = torch.rand(3, 1, 1, generator=generator)
    planted = shares * _looking_back(19, 8) + (1 - shares) * _looking_back(19, 9)
    return [
        Case("the text 4 9 2 4 9", (torch.stack([by_hand, even])[None], text), "hand"),
        *(
            Case(
                f"{batch} texts of {n_pos} tokens, some several times",
                (_patterns(generator, batch, heads, n_pos), _tokens(generator, batch, n_pos, ids)),
            )
            for batch, heads, n_pos, ids in shapes
        ),
        Case("heads that match prefixes in part", (planted[None], twice[None]), "truth"),
    ]


def _targets(tokens: Int[Tensor, "batch pos"]) -> Bool[Tensor, "batch query_pos key_pos"]:
    return (tokens[:, :, None] == tokens[:, None, :]).tril(diagonal=-1).roll(1, dims=2)


def _on(pattern: Pattern, targets: Bool[Tensor, "batch query_pos key_pos"], by: Tensor) -> Scores:
    return (pattern * targets[:, None]).sum(dim=(0, 2, 3)) / by


def _copy_itself(pattern: Pattern, tokens: Int[Tensor, "batch pos"]) -> Scores:
    earlier = _targets(tokens).roll(-1, dims=2)
    return _on(pattern, earlier, earlier.any(dim=2).sum())


def _before_the_copy(pattern: Pattern, tokens: Int[Tensor, "batch pos"]) -> Scores:
    targets = _targets(tokens).roll(-2, dims=2)
    return _on(pattern, targets, targets.any(dim=2).sum())


def _over_every_query(pattern: Pattern, tokens: Int[Tensor, "batch pos"]) -> Scores:
    return _on(pattern, _targets(tokens), torch.tensor(tokens.numel()))


def _own_copy(pattern: Pattern, tokens: Int[Tensor, "batch pos"]) -> Scores:
    same = tokens[:, :, None] == tokens[:, None, :]
    targets = same.roll(1, dims=2)
    return _on(pattern, targets, targets.any(dim=2).sum())


def _over_targets(pattern: Pattern, tokens: Int[Tensor, "batch pos"]) -> Scores:
    targets = _targets(tokens)
    return _on(pattern, targets, targets.sum())


def _fixed_distance(pattern: Pattern, tokens: Int[Tensor, "batch pos"]) -> Scores:
    length = (tokens.shape[1] - 1) // 2
    return pattern.diagonal(1 - length, -2, -1)[..., 2:].mean(dim=(0, -1))


INDUCTION_SCORE = Exercise(
    id="06.3",
    function="induction_score",
    title="Score prefix matching",
    points=3,
    stars=2,
    minutes=15,
    reference=induction_score,
    cases=_induction_cases,
    alternatives=(_by_loops,),
    wrong=(
        Wrong(
            "the copy itself",
            _copy_itself,
            "the earlier copy itself",
            "this is attention to the earlier copy itself: the target is one key further on",
        ),
        Wrong(
            "the token before the copy",
            _before_the_copy,
            "before the earlier copy",
            "this is attention to the token before the earlier copy: move the mask the other way",
        ),
        Wrong(
            "every query counts",
            _over_every_query,
            "queries that have an earlier copy",
            "the mean is over all queries: count only queries that have an earlier copy",
        ),
        Wrong(
            "a token is its own copy",
            _own_copy,
            "not its own earlier copy",
            "a token is not its own earlier copy, nor is one in the future: keep keys before it",
        ),
        Wrong(
            "mean over targets",
            _over_targets,
            "sum over the targets",
            "a query may have several targets: sum over the targets of a query, then average",
        ),
        Wrong(
            "one fixed distance",
            _fixed_distance,
            "one fixed distance",
            "this looks at one fixed distance: find the copies by comparing tokens instead",
        ),
    ),
    hints=(
        "Make a mask of targets: key k is a target of query q where the token at k - 1 equals the "
        "token at q and k - 1 comes before q. Then average the attention on targets over the "
        "queries that have one.",
        "Compare all pairs with `tokens[:, :, None] == tokens[:, None, :]`, keep strictly earlier "
        "keys with `.tril(diagonal=-1)`, and move the mask one key on with `.roll(1, dims=2)`.",
        '`einsum(pattern, targets.float(), "batch head q k, batch q k -> head")`, divided by '
        "`targets.any(dim=2).sum()`.",
    ),
    groups={"hand": 1, "random": 1, "truth": 1},
    axes="head_index",
)
