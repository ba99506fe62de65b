"""Exercise 02.7: an activation of one prompt put into another.

Source and target differ in length and in position, so that one taken for the other shows.
"""

from collections.abc import Callable
from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor

from mi_course.exercises.core import Case, Exercise, ModelRef, Wrong

Source = Int[Tensor, "batch source_pos"]
Target = Int[Tensor, "batch target_pos"]
Place = tuple[int, int]
Resid = Float[Tensor, "batch pos d_model"]
Logits = Float[Tensor, "batch target_pos d_vocab"]


def patchscope(model: Any, source: Source, target: Target, read: Place, write: Place) -> Logits:
    """Return the target's logits with the stream at `write` taken from the source at `read`."""
    name = f"blocks.{read[0]}.hook_resid_post"
    _, cache = model.run_with_cache(source, names_filter=name)
    taken = cache[name][:, read[1]]

    def put(resid: Resid, hook: Any) -> Resid:
        resid = resid.clone()
        resid[:, write[1]] = taken
        return resid

    there = f"blocks.{write[0]}.hook_resid_post"
    return model.run_with_hooks(target, fwd_hooks=[(there, put)])


def _with_two_hooks(
    model: Any, source: Source, target: Target, read: Place, write: Place
) -> Logits:
    """The same with a hook that keeps the activation, and a choice by position."""
    kept: dict[str, Tensor] = {}

    def keep(resid: Resid, hook: Any) -> None:
        kept["taken"] = resid[:, [read[1]]].detach()

    def put(resid: Resid, hook: Any) -> Resid:
        n_pos = resid.shape[1]
        here = torch.arange(n_pos) == write[1] % n_pos
        return torch.where(here[None, :, None], kept["taken"], resid)

    with model.hooks(fwd_hooks=[(f"blocks.{read[0]}.hook_resid_post", keep)]):
        model(source)
    with model.hooks(fwd_hooks=[(f"blocks.{write[0]}.hook_resid_post", put)]):
        return model(target)


def _changed(
    change: Callable[[Resid, Tensor, Place, Place], Resid], kind: str = "hook_resid_post"
) -> Callable[..., Logits]:
    """An answer that edits the target's stream by `change(resid, source's stream, read, write)`."""

    def answer(model: Any, source: Source, target: Target, read: Place, write: Place) -> Logits:
        name = f"blocks.{read[0]}.{kind}"
        _, cache = model.run_with_cache(source, names_filter=name)

        def put(resid: Resid, hook: Any) -> Resid:
            return change(resid.clone(), cache[name], read, write)

        return model.run_with_hooks(target, fwd_hooks=[(f"blocks.{write[0]}.{kind}", put)])

    return answer


def _filled(resid: Resid, place: Any, value: Tensor) -> Resid:
    resid[:, place] = value
    return resid


def _within(pos: int, resid: Resid) -> int:
    """A position that exists in `resid`, for answers that mix up two texts."""
    return pos % resid.shape[1]


_right = _changed(lambda x, s, read, write: _filled(x, write[1], s[:, read[1]]))
_added = _changed(lambda x, s, read, write: _filled(x, write[1], x[:, write[1]] + s[:, read[1]]))
_everywhere = _changed(lambda x, s, read, write: s[:, [read[1]]].expand_as(x))
_before = _changed(
    lambda x, s, read, write: _filled(x, write[1], s[:, read[1]]), kind="hook_resid_pre"
)
_where_it_was_read = _changed(
    lambda x, s, read, write: _filled(x, _within(read[1], x), s[:, read[1]])
)
_from_where_it_goes = _changed(
    lambda x, s, read, write: _filled(x, write[1], s[:, _within(write[1], s)])
)
_first_text = _changed(lambda x, s, read, write: _filled(x, write[1], s[0, read[1]]))
_untouched = _changed(lambda x, s, read, write: x)


def _layers_swapped(
    model: Any, source: Source, target: Target, read: Place, write: Place
) -> Logits:
    return _right(model, source, target, (write[0], read[1]), (read[0], write[1]))


def _one_layer(model: Any, source: Source, target: Target, read: Place, write: Place) -> Logits:
    return _right(model, source, target, read, (read[0], write[1]))


def _cases(seed: int) -> list[Case]:
    generator = torch.Generator().manual_seed(seed)

    def texts(batch: int, n_pos: int) -> Tensor:
        return torch.randint(50, (batch, n_pos), generator=generator)

    two, three = ModelRef("tiny-2"), ModelRef("tiny-3")
    same = texts(2, 6)
    return [
        Case("from an early layer to a later",
             (three, texts(3, 7), texts(3, 5), (0, 6), (1, 2))),
        Case("from a later layer to an early",
             (three, texts(2, 5), texts(2, 8), (2, 1), (0, 4))),
        Case("the last position, counted from the end",
             (two, texts(2, 6), texts(2, 4), (1, -1), (0, -2))),
        Case("an activation put back where it was changes nothing",
             (two, same, same, (0, 3), (0, 3)), "property"),
        Case("into the last layer: nothing but the reading is left",
             (two, texts(2, 5), texts(2, 7), (0, 2), (1, 6)), "truth"),
    ]  # fmt: skip


PATCHSCOPE = Exercise(
    id="02.7",
    function="patchscope",
    title="Ask another prompt",
    points=4,
    stars=3,
    minutes=20,
    reference=patchscope,
    cases=_cases,
    alternatives=(_with_two_hooks,),
    wrong=(
        Wrong(
            "nothing is replaced",
            _untouched,
            "nothing was replaced",
            "these are the target's own logits, nothing was replaced: does the hook return resid?",
        ),
        Wrong(
            "added",
            _added,
            "is added",
            "the activation is added to what was there: put it in its place",
        ),
        Wrong(
            "every position",
            _everywhere,
            "every position of the target",
            "every position of the target is replaced: change only `resid[:, write[1]]`",
        ),
        Wrong(
            "before the layer",
            _before,
            "before the layers",
            "this reads and writes before the layers: a place is the stream after its layer",
        ),
        Wrong(
            "written where it was read",
            _where_it_was_read,
            "the source's position",
            "it is written at the source's position: the target has one of its own, write[1]",
        ),
        Wrong(
            "read where it is written",
            _from_where_it_goes,
            "read at the target's position",
            "it is read at the target's position: the source has one of its own, read[1]",
        ),
        Wrong(
            "the layers swapped",
            _layers_swapped,
            "the two layers are swapped",
            "the two layers are swapped: read[0] is the source's, write[0] the target's",
        ),
        Wrong(
            "written into the layer that was read",
            _one_layer,
            "the layer that was read",
            "it is written into the layer that was read: the target has one of its own, write[0]",
        ),
        Wrong(
            "the first text's for all",
            _first_text,
            "the first text",
            "all texts get the activation of the first text: keep the axis `batch`",
        ),
    ),
    hints=(
        "Run the source once and keep one activation of each row; run the target with a hook that "
        "puts it in place of one activation of its own.",
        "`model.run_with_cache(source, names_filter=name)`, then "
        "`model.run_with_hooks(target, fwd_hooks=[(name, put)])`; `put` gets `(resid, hook)` and "
        "returns resid.",
        "The stream has axes `batch pos d_model`; what is taken, `cache[name][:, read[1]]`, has "
        "`batch d_model`.",
    ),
    groups={"random": 2, "property": 1, "truth": 1},
    axes="batch target_pos d_vocab",
    # Logits of the small models are of size 10.
    rtol=1e-3,
    atol=1e-3,
)
