"""Exercise 05.8: where a feature is strongest, one place for each text.

Where two are equally strong either will do, so an answer is judged by what stands at its places.
"""

import torch
from jaxtyping import Float, Int
from torch import Tensor

from mi_course.exercises.core import Case, Exercise, Wrong

Codes = Float[Tensor, "batch pos d_sae"]
Places = Int[Tensor, "k 2"]


def top_examples(feature_acts: Codes, feature: int, k: int) -> Places:
    """Return (text, position) of the strongest token of each of the k texts where it is highest."""
    values, positions = feature_acts[:, :, feature].max(dim=1)
    texts = values.topk(k).indices
    return torch.stack([texts, positions[texts]], dim=1)


def _by_sorting(feature_acts: Codes, feature: int, k: int) -> Places:
    acts = feature_acts[..., feature]
    found: dict[int, int] = {}
    for place in acts.flatten().argsort(descending=True).tolist():
        text, position = divmod(place, acts.shape[1])
        found.setdefault(text, position)
    return torch.tensor(list(found.items())[:k])


def _of_all_tokens(feature_acts: Codes, feature: int, k: int) -> Places:
    acts = feature_acts[..., feature]
    places = acts.flatten().topk(k).indices
    return torch.stack([places // acts.shape[1], places % acts.shape[1]], dim=1)


def _weakest(feature_acts: Codes, feature: int, k: int) -> Places:
    values, positions = feature_acts[..., feature].max(dim=1)
    texts = values.topk(k, largest=False).indices
    return torch.stack([texts, positions[texts]], dim=1)


def _by_mean(feature_acts: Codes, feature: int, k: int) -> Places:
    acts = feature_acts[..., feature]
    texts = acts.mean(dim=1).topk(k).indices
    return torch.stack([texts, acts.argmax(dim=1)[texts]], dim=1)


def _first_positions(feature_acts: Codes, feature: int, k: int) -> Places:
    values, positions = feature_acts[..., feature].max(dim=1)
    texts = values.topk(k).indices
    return torch.stack([texts, positions[: len(texts)]], dim=1)


def _of_all_features(feature_acts: Codes, feature: int, k: int) -> Places:
    return top_examples(feature_acts.amax(dim=2, keepdim=True), 0, k)


def _last_token(feature_acts: Codes, feature: int, k: int) -> Places:
    places = top_examples(feature_acts, feature, k)
    places[:, 1] = feature_acts.shape[1] - 1
    return places


def _judge(case: Case, got: Places, expected: Places) -> str | None:
    feature_acts, feature, k = case.args
    acts, places = feature_acts[..., feature], torch.as_tensor(got).long()
    texts, positions = places.unbind(dim=1)
    for name, numbers, size in zip(
        ("text", "position"), (texts, positions), acts.shape, strict=True
    ):
        if ((numbers < 0) | (numbers >= size)).any():
            return (
                f"a row is (text, position), and a {name} runs from 0 to {size - 1}\n"
                f"got {int(numbers.max())}"
            )
    if len(texts.unique()) < k:
        return f"one text has several of the places: take its strongest alone\ngot {texts.tolist()}"
    told, best = acts[texts, positions], acts[tuple(expected.T)]
    if torch.equal(told, best):
        return None
    if torch.equal(told.sort(descending=True).values, best):
        return f"the strongest comes first\ngot activations {_row(told)}, expected {_row(best)}"
    return f"other places are stronger\ngot activations {_row(told)}, expected {_row(best)}"


def _row(values: Tensor) -> str:
    return "[" + ", ".join(f"{value:.3g}" for value in values[:4].tolist()) + "]"


def _cases(seed: int) -> list[Case]:
    generator = torch.Generator().manual_seed(seed)

    def drawn(batch: int, n_pos: int, d_sae: int) -> Codes:
        codes = 3 * torch.randn(batch, n_pos, d_sae, generator=generator).relu()
        # One text holds the strongest tokens of all, several of them; another is always on.
        rows = torch.randperm(batch, generator=generator)
        codes[rows[0]] += 9 * (torch.rand(n_pos, 1, generator=generator) + 0.1)
        codes[rows[1]] = 2 + torch.rand(n_pos, d_sae, generator=generator)
        return codes

    hand = torch.zeros(4, 3, 2)
    hand[:, :, 1] = torch.tensor(
        [[0.0, 1.0, 0.0], [5.0, 6.0, 0.0], [0.0, 0.0, 2.0], [2.5, 2.0, 2.2]]
    )
    hand[0, 0, 0] = 9.0
    coarse = torch.randint(0, 3, (7, 8, 4), generator=generator).float()
    return [
        Case("the 3 strongest of four texts", (hand, 1, 3), "hand"),
        Case("12 texts of 7 tokens", (drawn(12, 7, 5), 2, 4)),
        Case("9 texts of 11 tokens", (drawn(9, 11, 4), 0, 5)),
        Case("as many as there are texts", (drawn(6, 9, 3), 1, 6), "property"),
        Case("many are equally strong", (coarse, 3, 3), "property"),
    ]


TOP_EXAMPLES = Exercise(
    id="05.8",
    function="top_examples",
    title="Where a feature is strongest",
    points=2,
    stars=2,
    minutes=10,
    reference=top_examples,
    cases=_cases,
    alternatives=(_by_sorting,),
    wrong=(
        Wrong("several of one text", _of_all_tokens, "one text has several"),
        Wrong(
            "the weakest texts",
            _weakest,
            "the feature is weakest",
            "these are texts in which the feature is weakest: take the largest maxima",
        ),
        Wrong(
            "by their mean",
            _by_mean,
            "chosen by their mean",
            "texts are chosen by their mean: choose by the strongest token",
        ),
        Wrong(
            "positions of other texts",
            _first_positions,
            "positions belong to other texts",
            "the positions belong to other texts: pick them with the chosen texts",
        ),
        Wrong(
            "of all features",
            _of_all_features,
            "of all features together",
            "these are places of all features together: look at one feature",
        ),
        Wrong(
            "the last token",
            _last_token,
            "the last position",
            "the last position is told for each text: tell where its strongest token is",
        ),
        Wrong(
            "position before text",
            lambda *args: top_examples(*args).flip(1),
            "stand in the other order",
            "position and text stand in the other order: a row is (text, position)",
        ),
        Wrong(
            "weakest first",
            lambda *args: top_examples(*args).flip(0),
            "the strongest comes first",
            "the order is turned round: the strongest comes first",
        ),
    ),
    hints=(
        "For each text find the strongest token and where it is. Then take the k texts with the "
        "largest ones, and tell both.",
        "`values, positions = acts.max(dim=1)` for one feature's activations, then "
        "`values.topk(k).indices`.",
        "`feature_acts[:, :, feature]` has axes `batch pos`; `torch.stack([texts, positions[texts]]"
        ", dim=1)` has shape `[k, 2]`.",
    ),
    judge=_judge,
    groups={"random": 1, "property": 1},
    axes="k place",
)
