"""Models with a random circuit, and one for each student without its truth.

`random_circuit(seed)` draws a description, hides it in a random basis, and keeps it only if every
true edge shows: removed alone it must change the answer by a stated number of nats. Edges outside
the truth change nothing, so a search at a threshold between finds exactly the truth. In goes a
seed; out comes a `CompiledModel`.
"""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import numpy as np
import torch
from transformer_lens.model_bridge import TransformerBridge

from mi_course.models.compiled.ablation import scored_effects
from mi_course.models.compiled.dataflow import true_edges
from mi_course.models.compiled.drawing import Shape, draw_program
from mi_course.models.compiled.model import (
    CompiledModel,
    Prompts,
    graph_of_program,
    prompts_from,
    truth_from,
)
from mi_course.models.compiled.weights import compile_program
from mi_course.models.plain import PlainTransformer, plain
from mi_course.results.circuit_graph import CircuitGraph

__all__ = ["LEAST_EFFECT", "MysteryModel", "mystery_model", "random_circuit", "student_seed"]

# Nats of KL divergence that a true edge is worth at least, mean over each of some draws of prompts:
# an edge that matters in one prompt of a hundred would be lost in the next draw.
LEAST_EFFECT = {"corrupted": 0.02, "zero": 0.01}
DRAWS, PROMPTS = 3, 24
MOST_TRIES = 100


def random_circuit(
    seed: int,
    *,
    n_layers: int = 3,
    n_heads: int = 4,
    n_live: int = 6,
    mlps: bool = True,
    n_letters: int = 6,
    length: int = 8,
    device: str = "cpu",
) -> CompiledModel:
    """Return a model whose circuit was drawn at random, with its truth.

    Prompts are BOS and random letters; corrupted prompts are other ones. Scored is the last
    position, against the model's own answer there. The graph has one "embed".

    Args:
        seed: the same seed gives the same model.
        n_layers: number of blocks.
        n_heads: heads in each.
        n_live: heads that take part; the others are decoys.
        mlps: whether blocks have MLPs; about half of them take part.
        n_letters: letters of the vocabulary, beside BOS.
        length: letters of a prompt.
        device: where the weights shall lie.

    Raises:
        ValueError: a size that leaves no room, or one for which no circuit shows all its edges.
    """
    shape = Shape(n_layers, n_heads, n_live, mlps, n_letters, length)
    for attempt in range(MOST_TRIES):
        model = _attempt(shape, seed, attempt, device)
        if model is not None:
            return model
    raise ValueError(
        f"expected a circuit of {shape} in which every edge matters, got none in {MOST_TRIES} "
        "tries, try fewer live heads"
    )


def _attempt(shape: Shape, seed: int, attempt: int, device: str) -> CompiledModel | None:
    """Return the model of one draw, or None if one of its edges does not show."""
    rng = np.random.default_rng([seed, attempt])
    program = draw_program(shape, rng)
    truth = truth_from(true_edges(program)).coarse(split=True)
    name = f"random circuit {seed}"
    bridge = compile_program(program, name, seed=int(rng.integers(2**31)), device=device)
    weights = plain(bridge)
    draw = partial(_draw, weights, shape)
    prompts = draw(DRAWS * PROMPTS, seed)
    for ablation, least in LEAST_EFFECT.items():
        effects = scored_effects(weights, prompts, sorted(truth.edges[ablation]), ablation)
        if effects.unflatten(1, (DRAWS, PROMPTS)).mean(dim=2).min() < least:
            return None
    graph = graph_of_program(program, split_embed=False)
    summary = f"BOS and {shape.length} letters; at the last one the logits are what they are"
    vocabulary = ("BOS", *(chr(ord("a") + i) for i in range(shape.n_letters)))
    return CompiledModel(name, summary, bridge, program, truth, graph, vocabulary, draw)


def _draw(weights: PlainTransformer, shape: Shape, n: int, seed: int) -> Prompts:
    """Return random letters, and other random letters as their corrupted twins."""
    rng = np.random.default_rng([seed, n])
    clean = rng.integers(1, shape.n_letters + 1, size=(n, shape.length + 1))
    step = rng.integers(1, shape.n_letters, size=clean.shape)
    corrupted = (clean - 1 + step) % shape.n_letters + 1
    clean[:, 0] = corrupted[:, 0] = 0
    mask = np.tile(np.arange(shape.length + 1) == shape.length, (n, 1))

    def answer(tokens: np.ndarray) -> np.ndarray:
        device = weights.W_E.device
        rows = torch.as_tensor(tokens, device=device)
        return weights.forward(rows).argmax(dim=-1).cpu().numpy()

    return prompts_from(answer, clean, corrupted, mask)


@dataclass(frozen=True, eq=False)
class MysteryModel:
    """A model and its prompts, without what it was made of.

    Attributes:
        bridge: the model.
        graph: the graph in which its circuit is asked for.
        vocabulary: what each token stands for.
        prompts: (number, seed) -> clean and corrupted prompts.
    """

    bridge: TransformerBridge
    graph: CircuitGraph
    vocabulary: tuple[str, ...]
    prompts: Callable[..., Prompts]


def student_seed(student: str) -> int:
    """Return a seed that belongs to a name, whatever its capitals and spaces.

    Raises:
        ValueError: the name is empty.
    """
    name = " ".join(student.casefold().split())
    if not name:
        raise ValueError("expected a student's name, got none, try the one in the class list")
    return int.from_bytes(hashlib.sha256(f"mystery/{name}".encode()).digest()[:4], "big")


def mystery_model(student: str, *, device: str = "cpu") -> MysteryModel:
    """Return a student's own model with a circuit to find; each student has another.

    Args:
        student: a name, or any other text that tells students apart.
        device: where the weights shall lie.
    """
    model = random_circuit(student_seed(student), device=device)
    return MysteryModel(model.bridge, model.graph, model.vocabulary, model.prompts)
