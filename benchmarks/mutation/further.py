"""Calls of other sizes than the exercises ask for; only the mutation score knows them.

The cases of an exercise have a few sizes, so a mutant that takes one axis for another of the same
length would look like the reference. These calls keep to what each function promises, and differ
from the cases in every length: ones, equal lengths, long axes, another model.
In goes the id of an exercise; out come cases, none where nobody has written any.
"""

from collections.abc import Callable, Iterator
from itertools import product
from typing import Any

import torch
from torch import Tensor

from mi_course.exercises.core import Case, GeneratorRef, ModelRef

Calls = Iterator[tuple[Any, ...]]


def further_cases(exercise: str) -> list[Case]:
    """Calls of other sizes for the exercise with this id."""
    generator = torch.Generator().manual_seed(987)
    calls = CALLS.get(exercise)
    found = calls(generator) if calls else ()
    return [Case(f"further call {number}", args) for number, args in enumerate(found, 1)]


def _drawn(generator: torch.Generator, *shape: int) -> Tensor:
    return 2 * torch.randn(shape, generator=generator)


def _ids(generator: torch.Generator, d_vocab: int, *shape: int) -> Tensor:
    return torch.randint(d_vocab, shape, generator=generator)


def _patterns(generator: torch.Generator, *shape: int) -> Tensor:
    scores = _drawn(generator, *shape)
    return scores.masked_fill(torch.ones_like(scores).triu(1) > 0, -torch.inf).softmax(-1)


def _split_heads(generator: torch.Generator) -> Calls:
    for batch, pos, heads, width in product((1, 3), (1, 6), (1, 2, 6), (1, 3)):
        yield _drawn(generator, batch, pos, heads * width), heads


def _next_token_loss(generator: torch.Generator) -> Calls:
    for batch, pos, d_vocab in product((1, 4), (2, 3, 9), (2, 4, 9)):
        logits = 20 * _drawn(generator, batch, pos, d_vocab)
        yield logits, _ids(generator, d_vocab, batch, pos)


def _ablation_effect(generator: torch.Generator) -> Calls:
    places = ("hook_attn_out", "hook_resid_post", "attn.hook_v")
    for name, batch, place in product(("tiny-3", "attn-1l"), (1, 2), places):
        yield ModelRef(name), _ids(generator, 50, batch, 4 + batch), f"blocks.0.{place}"
    yield ModelRef("tiny-3"), _ids(generator, 50, 2, 6), "blocks.2.attn.hook_z"


def _repeated_tokens(_generator: torch.Generator) -> Calls:
    sizes = [(1, 5, 6, 5), (7, 1, 9, 0), (9, 7, 7 + 1, 3), (2, 30, 40, 39), (600, 3, 21, 20)]
    for seed, (n, length, d_vocab, bos) in enumerate(sizes):
        yield n, length, d_vocab, bos, GeneratorRef(seed)


def _previous_token_score(generator: torch.Generator) -> Calls:
    for batch, heads, pos in product((1, 3, 5), (1, 3), (2, 3, 5)):
        yield (_patterns(generator, batch, heads, pos, pos),)


def _induction_score(generator: torch.Generator) -> Calls:
    for batch, heads, pos, d_vocab in product((1, 2, 6), (1, 6), (6, 12), (3, 4)):
        steps = 1 + _ids(generator, d_vocab - 1, batch, pos)  # no token follows itself
        yield _patterns(generator, batch, heads, pos, pos), steps.cumsum(1) % d_vocab


def _in_context_score(generator: torch.Generator) -> Calls:
    for batch, pos, d_vocab in product((1, 4, 6), (6, 13), (2, 6)):
        for early, late in ((1, 2), (1, pos - 1), (3, 5)):
            logits = 3 * _drawn(generator, batch, pos, d_vocab)
            yield logits, _ids(generator, d_vocab, batch, pos), early, late


def _full_ov_circuit(generator: torch.Generator) -> Calls:
    for d_vocab, d_model, d_head in product((1, 6), (3, 6), (1, 3)):
        shapes = ((d_vocab, d_model), (d_model, d_head), (d_head, d_model), (d_model, d_vocab))
        yield tuple(_drawn(generator, *shape) for shape in shapes)


def _copying_score(generator: torch.Generator) -> Calls:
    for d_vocab, d_head in product((4, 9, 40), (1, 2, 4)):
        yield _drawn(generator, d_vocab, d_head), _drawn(generator, d_head, d_vocab)


def _composition_score(generator: torch.Generator) -> Calls:
    for d_model, d_head in product((4, 6, 20), (1, 2, 4)):
        read, write = (d_model, d_head), (d_head, d_model)
        yield tuple(_drawn(generator, *shape) for shape in (read, write, read, read))


def _ablate_head(generator: torch.Generator) -> Calls:
    for name, layer in (("tiny-1", 0), ("tiny-3", 1), ("tiny-3", 2), ("attn-1l", 0)):
        for batch, pos, head in ((1, 4, 3), (4, 1, 0), (4, 4, 2)):
            yield ModelRef(name), _ids(generator, 50, batch, pos), layer, head


CALLS: dict[str, Callable[[torch.Generator], Calls]] = {
    "00.1": _split_heads,
    "00.2": _next_token_loss,
    "00.3": _ablation_effect,
    "06.1": _repeated_tokens,
    "06.2": _previous_token_score,
    "06.3": _induction_score,
    "06.4": _in_context_score,
    "06.5": _full_ov_circuit,
    "06.6": _copying_score,
    "06.7": _composition_score,
    "06.8": _ablate_head,
}
