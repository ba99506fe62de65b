"""Exercise 07.6: the direct path from one head to the logits, and no other."""

from collections.abc import Callable
from typing import Any

import torch
from einops import einsum
from jaxtyping import Float
from torch import Tensor

from mi_course.exercises.ch07_runs import Tokens, cached, edited, prompts, z_names
from mi_course.exercises.core import Case, Exercise, ModelRef, Wrong

Logits = Float[Tensor, "batch d_vocab"]
Vector = Float[Tensor, "batch d_model"]


def path_patch(model: Any, clean: Tokens, corrupted: Tokens, layer: int, head: int) -> Logits:
    """Return the clean run's last logits if they alone saw the head's corrupted output."""
    name, end = f"blocks.{layer}.attn.hook_z", f"blocks.{model.cfg.n_layers - 1}.hook_resid_post"
    _, here = model.run_with_cache(clean)
    _, there = model.run_with_cache(corrupted)
    change = (there[name] - here[name])[:, -1, head] @ model.blocks[layer].attn.W_O[head]
    resid = here[end][:, -1] + change
    return model.unembed(model.ln_final(resid[:, None]))[:, 0]


def _everything_held(model: Any, clean: Tokens, corrupted: Tokens, layer: int, head: int) -> Logits:
    """The same as it is told: one head corrupted, every other head and MLP held at clean."""
    outputs = [n for n in cached(model, clean) if n.endswith(("attn.hook_z", "hook_mlp_out"))]
    here, there = cached(model, clean), cached(model, corrupted)
    sender = f"blocks.{layer}.attn.hook_z"

    def held(name: str) -> Callable[[Tensor], Tensor]:
        value = here[name].clone()
        if name == sender:
            value[:, :, head] = there[name][:, :, head]
        return lambda old: value

    return edited(model, clean, {name: held(name) for name in outputs})[:, -1]


def _difference(model: Any, clean: Tokens, corrupted: Tokens, layer: int, head: int) -> Vector:
    name = z_names(model)[layer]
    change = cached(model, corrupted)[name] - cached(model, clean)[name]
    W_O = model.blocks[layer].attn.W_O[head]
    return einsum(change[:, -1, head], W_O, "batch d_head, d_head d_model -> batch d_model")


def _read(model: Any, resid: Vector) -> Logits:
    return model.unembed(model.ln_final(resid[:, None]))[:, 0]


def _end(model: Any, tokens: Tokens) -> Vector:
    return cached(model, tokens)[f"blocks.{model.cfg.n_layers - 1}.hook_resid_post"][:, -1]


def _all_paths(model: Any, clean: Tokens, corrupted: Tokens, layer: int, head: int) -> Logits:
    name = z_names(model)[layer]
    new = cached(model, corrupted)[name]

    def put(z: Tensor) -> Tensor:
        z[:, :, head] = new[:, :, head]
        return z

    return edited(model, clean, {name: put})[:, -1]


def _removed(model: Any, clean: Tokens, corrupted: Tokens, layer: int, head: int) -> Logits:
    name = z_names(model)[layer]
    out = cached(model, clean)[name][:, -1, head] @ model.blocks[layer].attn.W_O[head]
    return _read(model, _end(model, clean) - out)


def _added(model: Any, clean: Tokens, corrupted: Tokens, layer: int, head: int) -> Logits:
    name = z_names(model)[layer]
    out = cached(model, corrupted)[name][:, -1, head] @ model.blocks[layer].attn.W_O[head]
    return _read(model, _end(model, clean) + out)


def _into_the_corrupted(
    model: Any, clean: Tokens, corrupted: Tokens, layer: int, head: int
) -> Logits:
    return path_patch(model, corrupted, clean, layer, head)


def _reversed(model: Any, clean: Tokens, corrupted: Tokens, layer: int, head: int) -> Logits:
    return _read(model, _end(model, clean) - _difference(model, clean, corrupted, layer, head))


def _no_norm(model: Any, clean: Tokens, corrupted: Tokens, layer: int, head: int) -> Logits:
    change = _difference(model, clean, corrupted, layer, head)
    return model(clean)[:, -1] + change @ model.W_U


def _whole_layer(model: Any, clean: Tokens, corrupted: Tokens, layer: int, head: int) -> Logits:
    name = z_names(model)[layer]
    change = (cached(model, corrupted)[name] - cached(model, clean)[name])[:, -1]
    W_O = model.blocks[layer].attn.W_O
    out = einsum(change, W_O, "batch head d_head, head d_head d_model -> batch d_model")
    return _read(model, _end(model, clean) + out)


def _cases(seed: int) -> list[Case]:
    generator = torch.Generator().manual_seed(seed)
    three, two = ModelRef("tiny-3"), ModelRef("tiny-2-mlp")
    same, _ = prompts(generator, 2, 5)
    return [
        Case("a head of the first of three layers", (three, *prompts(generator, 3, 6), 0, 2)),
        Case("an early head of a model with MLPs", (two, *prompts(generator, 3, 5), 0, 1)),
        Case("equal runs: nothing changes", (three, same, same, 0, 1), "property"),
        Case("a head of the last layer, which has no other path",
             (three, *prompts(generator, 2, 6), 2, 0), "truth"),
    ]  # fmt: skip


PATH_PATCH = Exercise(
    id="07.6",
    function="path_patch",
    title="One path",
    points=3,
    stars=3,
    minutes=20,
    reference=path_patch,
    cases=_cases,
    alternatives=(_everything_held,),
    wrong=(
        Wrong(
            "all paths",
            _all_paths,
            "later layers",
            "later layers see the change too: add it to the end of the stream, where they cannot",
        ),
        Wrong(
            "the head removed",
            _removed,
            "removed",
            "the head's output is removed: put its corrupted output in place of the clean one",
        ),
        Wrong(
            "the clean output left in",
            _added,
            "still there",
            "the head's clean output is still there: add corrupted minus clean",
        ),
        Wrong(
            "runs exchanged",
            _into_the_corrupted,
            "the corrupted run",
            "this is the corrupted run with a clean path: the base is the clean run",
        ),
        Wrong(
            "the wrong sign",
            _reversed,
            "clean minus corrupted",
            "what is added is clean minus corrupted: the path shall carry the corrupted output",
        ),
        Wrong(
            "without LayerNorm",
            _no_norm,
            "final LayerNorm",
            "the change goes past the final LayerNorm: add it to the stream, then ln_final",
        ),
        Wrong(
            "the whole layer",
            _whole_layer,
            "all heads of the layer",
            "all heads of the layer are changed: take one head of z and its own W_O[head]",
        ),
    ),
    hints=(
        "What a head writes goes into the stream and stays there to the end. Exchange it there, "
        "after all layers, and read the logits.",
        "`(z_corrupted - z_clean)[:, -1, head] @ model.blocks[layer].attn.W_O[head]`, added to the "
        "last stream of the clean run; then `ln_final` and `unembed`.",
        "The change has axes `batch d_model`; the final LayerNorm wants `batch pos d_model`, so "
        "give it `resid[:, None]`.",
    ),
    groups={"random": 1, "property": 1, "truth": 1},
    axes="batch d_vocab",
    rtol=1e-3,
    atol=1e-3,
)
