"""`load(name)`: every model of the course as a `TransformerBridge`.

Embedded names ("town", "attn-1l", "attn-2l") come from the weights committed beside this file,
compiled ones ("reverse", "xproportion") are made by hand when they are asked for; any other name is
a Hugging Face model or a local directory. Weights are used as they were trained: no LayerNorm is
folded and nothing is centred, and the card says so.
"""

import difflib
import re
from dataclasses import dataclass
from pathlib import Path

import torch
from transformer_lens.model_bridge import TransformerBridge
from transformer_lens.model_bridge.sources.native import NativeModel

from mi_course.models import native, weights
from mi_course.models.compiled import reverse, xproportion
from mi_course.models.recipes import RECIPES, Recipe, recipe
from mi_course.models.tokenizer import load_tokenizer
from mi_course.models.vision import SHAPES

TINY_VOCABULARY = 50
COMPILED = {"reverse": reverse, "xproportion": xproportion}
TINY = re.compile(r"tiny-(\d+)(-mlp)?")
# Real models that the chapters were written for; any other Hugging Face name works too.
REAL = ("openai-community/gpt2", "EleutherAI/pythia-70m", "EleutherAI/pythia-160m")
DTYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16}


@dataclass(frozen=True)
class Checkpoint:
    """A moment in the training of an embedded model.

    Attributes:
        model: the model's name.
        step: optimiser steps taken.
        tokens: training tokens seen.
    """

    model: str
    step: int
    tokens: int


def names() -> tuple[str, ...]:
    """Return the names of the embedded models, trained and compiled."""
    return tuple(sorted([*RECIPES, *COMPILED]))


def card(name: str) -> dict:
    """Return the card of an embedded model: recipe, data, hardware, metrics and file hashes.

    A compiled model has no data and no files; its card says what it computes and how large it is.

    Raises:
        ValueError: if there is no embedded model of that name.
    """
    if name in COMPILED:
        return COMPILED[name]().card()
    return weights.read_card(recipe(name).name)


def checkpoints(name: str) -> tuple[Checkpoint, ...]:
    """Return the training checkpoints of an embedded model, oldest first; none if compiled."""
    if name in COMPILED:
        return ()
    plan = recipe(name)
    return tuple(
        Checkpoint(name, step, step * plan.rows * plan.n_ctx) for step in plan.checkpoint_steps
    )


def load(
    name: str,
    *,
    checkpoint: Checkpoint | int | None = None,
    device: str | None = None,
    dtype: str = "float32",
) -> TransformerBridge:
    """Return a model in evaluation mode, on the GPU where there is one.

    Args:
        name: an embedded model, a Hugging Face name, or a directory with a checkpoint; "tiny-2" or
            "tiny-2-mlp" for a `tiny` one of two layers.
        checkpoint: of a trained embedded model, a `Checkpoint` or its step.
        device: "cpu", "cuda", ...; chosen when None.
        dtype: of weights and activations: "float32", or "bfloat16" for half the memory and three
            significant digits.

    Raises:
        ValueError: if the name or the dtype is unknown, the weights are damaged, or a real model is
            neither in the local cache nor to be reached.
    """
    if dtype not in DTYPES:
        raise ValueError(f"expected dtype in {list(DTYPES)}, got {dtype!r}; try 'float32'")
    device = device or ("cuda" if torch.cuda.is_available() else "cpu")
    if name in COMPILED or name in RECIPES or TINY.fullmatch(name):
        own = _load_own(name, checkpoint, device)
        # They are saved in float32, and a bridge prints a line whenever it is asked for a dtype.
        return own if dtype == "float32" else own.to(DTYPES[dtype], print_details=False)
    if "/" in name or Path(name).exists():
        return _load_real(name, device, DTYPES[dtype])
    if name in SHAPES:
        raise ValueError(f"expected a language model, got {name!r}, try `load_vision({name!r})`")
    near = difflib.get_close_matches(name, [*names(), *REAL], n=1, cutoff=0.3) or ["town"]
    raise ValueError(
        f"expected an embedded model {list(names())}, a Hugging Face name with its owner such "
        f"as {list(REAL)}, or a directory, got {name!r}; try {near[0]!r}"
    )


def _load_own(name: str, checkpoint: Checkpoint | int | None, device: str) -> TransformerBridge:
    if small := TINY.fullmatch(name):
        return tiny(n_layers=int(small[1]), attn_only=not small[2], device=device)
    if name in COMPILED:
        if checkpoint is not None:
            raise ValueError(
                f"expected no checkpoint, got {checkpoint}: {name!r} has no checkpoints"
            )
        return COMPILED[name](device=device).bridge
    return _load_embedded(recipe(name), checkpoint, device)


def _load_embedded(
    plan: Recipe, checkpoint: Checkpoint | int | None, device: str
) -> TransformerBridge:
    file = "model.safetensors"
    if checkpoint is not None:
        step = checkpoint.step if isinstance(checkpoint, Checkpoint) else checkpoint
        if step not in plan.checkpoint_steps:
            raise ValueError(
                f"expected a checkpoint of {plan.name!r} at one of the steps "
                f"{list(plan.checkpoint_steps)}, got {step}"
            )
        file = f"checkpoints/step-{step:06d}.safetensors"
    state = weights.read(plan.name, file, card(plan.name)["files"][file])
    tokenizer = load_tokenizer()
    module = NativeModel(native.config(plan, len(tokenizer)))
    module.load_state_dict(state)
    return native.to_bridge(module, tokenizer, plan.name, device)


def _load_real(name: str, device: str, dtype: torch.dtype) -> TransformerBridge:
    try:
        return TransformerBridge.boot_transformers(name, device=device, dtype=dtype).eval()
    except OSError as error:
        raise ValueError(
            f"expected {name!r} in the local Hugging Face cache or on the network, got: "
            f"{str(error).splitlines()[0]} Try an embedded model {list(names())}, which needs no "
            "network, or a directory that holds the checkpoint"
        ) from error


def tiny(
    *, n_layers: int = 2, seed: int = 0, attn_only: bool = True, device: str = "cpu"
) -> TransformerBridge:
    """Return a random-weight bridge that costs nothing, for exercises and tests.

    It has 4 heads of width 4, a vocabulary of 50, 64 positions, no tokenizer, and biases and
    LayerNorm gains far from their usual 0 and 1, so that forgetting one shows.
    """
    plan = Recipe("tiny", n_layers, 16, 4, attn_only, 0, (), d_head=4, n_ctx=64, seed=seed)
    module = native.new_module(plan, TINY_VOCABULARY)
    generator = torch.Generator().manual_seed(seed + 1)
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.add_(0.4 * torch.randn(parameter.shape, generator=generator))
    name = f"tiny-{n_layers}" if attn_only else f"tiny-{n_layers}-mlp"
    return native.to_bridge(module, None, name, device)
