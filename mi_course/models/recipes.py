"""What each embedded language model is and how it was trained: one frozen recipe for each name.

A recipe is all that `training.train` needs to make the same weights again from nothing.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class Recipe:
    """The shape, the data and the schedule of one embedded model.

    Attributes:
        name: the name that `load` takes.
        n_layers: number of blocks.
        d_model: width of the residual stream.
        n_heads: heads in each layer.
        attn_only: True for a model without MLPs.
        steps: optimiser steps; each sees `rows * n_ctx` tokens.
        checkpoint_steps: steps after which a small checkpoint is kept.
        d_head: width of a head; half of it is turned by position (partial rotary, as in Pythia).
        rows: sequences in a batch.
        n_ctx: tokens in a sequence.
        opening_steps: steps at the start that see nothing but repeated random tokens of a small
            vocabulary, twice as many rows of half the length, while only the attention of the
            two middle layers learns: copying from context is learned there, in a jump, and then
            serves names, surnames and arguments.
        random_share: afterwards, fraction of the rows that are random tokens of the whole
            vocabulary, repeated with a random period.
        learning_rate: peak of the schedule of embeddings and vectors (linear warm-up, constant,
            linear decay); the matrices inside the blocks follow it with `matrix_rate`.
        matrix_rate: peak for the matrices inside the blocks, trained with Muon.
        warm_up: steps in which the rate rises.
        decay: fraction of the steps, at the end, in which it falls.
        weight_decay: of matrices.
        head_penalty: after the opening, weight in the loss of the summed norm of the head outputs,
            each as a share of the norm of what the head reads (mean over tokens); it keeps a task
            from spreading over idle heads.
        seed: of weights and data.
    """

    name: str
    n_layers: int
    d_model: int
    n_heads: int
    attn_only: bool
    steps: int
    checkpoint_steps: tuple[int, ...]
    d_head: int = 32
    rows: int = 8
    n_ctx: int = 256
    opening_steps: int = 500
    random_share: float = 0.25
    learning_rate: float = 3e-3
    matrix_rate: float = 6e-3
    warm_up: int = 100
    decay: float = 0.3
    weight_decay: float = 0.05
    head_penalty: float = 0.0
    seed: int = 0


AROUND_THE_JUMP = (0, 100, 200, 250, 275, 300, 325, 350, 400, 500, 600, 1000, 3000)

RECIPES = {
    recipe.name: recipe
    for recipe in (
        Recipe("attn-1l", 1, 128, 8, True, 3000, AROUND_THE_JUMP, head_penalty=4e-3),
        Recipe("attn-2l", 2, 128, 8, True, 3000, AROUND_THE_JUMP, head_penalty=4e-3),
        Recipe(
            "town",
            4,
            192,
            8,
            False,
            5200,
            (0, 400, 800, 1600, 2600, 5200),
            matrix_rate=3e-3,
            head_penalty=2e-3,
        ),
    )
}


def recipe(name: str) -> Recipe:
    """Return the recipe of an embedded model.

    Raises:
        ValueError: if there is no model of that name.
    """
    if name not in RECIPES:
        raise ValueError(f"expected an embedded model, one of {sorted(RECIPES)}, got {name!r}")
    return RECIPES[name]
