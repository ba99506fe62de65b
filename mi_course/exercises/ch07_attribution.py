"""Exercise 07.5: all patches of heads at once, to first order."""

from collections.abc import Callable
from typing import Any

import torch
from einops import reduce
from jaxtyping import Float
from torch import Tensor

from mi_course.activations import gradients
from mi_course.exercises.ch07_runs import (
    Ids,
    Tokens,
    answers,
    cached,
    mean_difference,
    prompts,
    z_names,
)
from mi_course.exercises.core import Case, Exercise, ModelRef, Wrong

Z = Float[Tensor, "layer batch pos head_index d_head"]
HeadZ = Float[Tensor, "batch pos head_index d_head"]
Grid = Float[Tensor, "layer head_index"]


def attribution_patch(model: Any, clean: Tokens, corrupted: Tokens, right: Ids, wrong: Ids) -> Grid:
    """Return to first order what patching each head's clean z into the corrupted run adds."""
    names = [f"blocks.{layer}.attn.hook_z" for layer in range(model.cfg.n_layers)]
    _, cache = model.run_with_cache(clean)
    seen, rows = [], torch.arange(len(corrupted))

    def keep(z: HeadZ, hook: Any) -> HeadZ:
        seen.append(z)
        return z  # the very tensor that the model goes on with, so that there is a slope

    with torch.enable_grad():
        logits = model.run_with_hooks(corrupted, fwd_hooks=[(name, keep) for name in names])
        score = (logits[rows, -1, right] - logits[rows, -1, wrong]).mean()
        slopes = torch.autograd.grad(score, seen)
    change = torch.stack([cache[name] - z for name, z in zip(names, seen, strict=True)])
    return (change * torch.stack(slopes)).sum(dim=(1, 2, 4)).detach()


def _with_the_courses_gradients(
    model: Any, clean: Tokens, corrupted: Tokens, right: Ids, wrong: Ids
) -> Grid:
    change, slopes = _change_and_slopes(model, clean, corrupted, right, wrong)
    return reduce(change * slopes, "layer batch pos head d_head -> layer head", "sum")


def _change_and_slopes(
    model: Any, clean: Tokens, corrupted: Tokens, right: Ids, wrong: Ids
) -> tuple[Z, Z]:
    """Clean minus corrupted z, and the slopes of the score at the corrupted run."""
    end = f"blocks.{model.cfg.n_layers - 1}.hook_resid_post"

    def score(resid: Float[Tensor, "batch pos d_model"]) -> Tensor:
        logits = model.unembed(model.ln_final(resid[:, -1:]))[:, 0]
        return mean_difference(logits, right, wrong)

    found = gradients(model, corrupted, z_names(model), end, score)
    here, there = cached(model, corrupted), cached(model, clean)
    change = torch.stack([there[name] - here[name] for name in found])
    return change.detach(), torch.stack(list(found.values()))


def _variant(combine: Callable[[Z, Z], Grid]) -> Callable[..., Grid]:
    """An answer that combines change and slope in another way."""

    def answer(model: Any, clean: Tokens, corrupted: Tokens, right: Ids, wrong: Ids) -> Grid:
        return combine(*_change_and_slopes(model, clean, corrupted, right, wrong))

    return answer


def _summed(x: Z) -> Grid:
    return x.sum(dim=(1, 2, 4))


_size = _variant(lambda change, slopes: _summed((change * slopes).abs()))
_slope_alone = _variant(lambda change, slopes: _summed(slopes))
_means = _variant(lambda change, slopes: (change * slopes).mean(dim=(1, 2, 4)))
_last_position = _variant(lambda change, slopes: (change * slopes)[:, :, -1].sum(dim=(1, 3)))


def _slopes_of_clean(model: Any, clean: Tokens, corrupted: Tokens, right: Ids, wrong: Ids) -> Grid:
    return -attribution_patch(model, corrupted, clean, right, wrong)


def _reversed_change(model: Any, clean: Tokens, corrupted: Tokens, right: Ids, wrong: Ids) -> Grid:
    return -attribution_patch(model, clean, corrupted, right, wrong)


def _cases(seed: int) -> list[Case]:
    generator = torch.Generator().manual_seed(seed)

    def drawn(name: str, batch: int, n_pos: int) -> tuple:
        return ModelRef(name), *prompts(generator, batch, n_pos), *answers(generator, batch)

    model, clean, _, right, wrong = drawn("tiny-2", 3, 5)
    return [
        Case("two layers", drawn("tiny-2", 4, 6)),
        Case("two layers with MLPs", drawn("tiny-2-mlp", 3, 7)),
        Case("equal runs: nothing to add", (model, clean, clean, right, wrong), "property"),
        Case("a single prompt", drawn("tiny-3", 1, 8), "truth"),
    ]


ATTRIBUTION_PATCH = Exercise(
    id="07.5",
    function="attribution_patch",
    title="All patches at once",
    points=4,
    stars=3,
    minutes=25,
    reference=attribution_patch,
    cases=_cases,
    alternatives=(_with_the_courses_gradients,),
    wrong=(
        Wrong(
            "slopes of the clean run",
            _slopes_of_clean,
            "slopes of the clean run",
            "these are slopes of the clean run: the corrupted run is the one that is patched",
        ),
        Wrong(
            "corrupted minus clean",
            _reversed_change,
            "corrupted minus clean",
            "the change is corrupted minus clean: a patch puts the clean z in",
        ),
        Wrong(
            "absolute values",
            _size,
            "the sizes of the products",
            "these are the sizes of the products: keep the signs, a patch may do harm",
        ),
        Wrong(
            "slope alone",
            _slope_alone,
            "the slopes alone",
            "these are the slopes alone: multiply each by how far a patch moves that entry",
        ),
        Wrong(
            "means",
            _means,
            "a mean over entries",
            "this is a mean over entries: all entries are patched together, so add their effects",
        ),
        Wrong(
            "only the last position",
            _last_position,
            "only the last position",
            "this counts only the last position: a head is patched at all of them",
        ),
    ),
    hints=(
        "On the corrupted run, how fast does the mean logit difference change with each entry of "
        "z? Multiply by how far a patch would move that entry, and add up for each head.",
        "Keep z in a hook that returns it as it is, then `torch.autograd.grad(score, list_of_z)`; "
        "the clean z come from `model.run_with_cache(clean)`.",
        "z has axes `batch pos head_index d_head`; sum over all but `head_index`.",
    ),
    groups={"random": 3, "truth": 1},
    axes="layer head_index",
    rtol=1e-3,
    atol=1e-3,
)
