"""Training batches: documents of `town` packed into rows, and rows of repeated random tokens.

The batch of a step depends on the recipe and the step alone, so a run that was killed goes on with
the data that it would have seen.
"""

import math
import random

import numpy as np
import torch
from jaxtyping import Int
from torch import Tensor

from mi_course.models.recipes import Recipe
from mi_course.worlds.town import corpus

OPENING_VOCABULARY = 512


def random_row(rng: random.Random, length: int, d_vocab: int) -> list[int]:
    """Return uniformly drawn tokens (never the special token 0), repeated at a random period.

    The period is log-uniform from 4 to half the length: short ones teach copying early.
    """
    period = round(math.exp(rng.uniform(math.log(4), math.log(length // 2))))
    block = [rng.randrange(1, d_vocab) for _ in range(period)]
    return (block * (length // period + 1))[:length]


def document_rows(
    seed: str, n_rows: int, length: int, tokenizer, *, split: str = "train"
) -> list[list[int]]:
    """Return rows of `length` token ids; each starts at the start of a document.

    Every document is preceded by the special token 0; the last one of a row is cut.
    """
    rows: list[list[int]] = []
    row: list[int] = []
    documents = corpus.stream(seed, split=split)
    while len(rows) < n_rows:
        texts = [next(documents).text for _ in range(4)]
        for encoding in tokenizer(texts, add_special_tokens=False)["input_ids"]:
            row += [0, *encoding]
            if len(row) >= length:
                rows.append(row[:length])
                row = []
    return rows[:n_rows]


def batch(recipe: Recipe, step: int, tokenizer) -> Int[Tensor, "row pos"]:
    """Return the tokens of a training step: `n_ctx + 1` in each row, half that in the opening."""
    rng = random.Random(f"{recipe.seed}/{step}")
    if step < recipe.opening_steps:
        length, vocabulary = recipe.n_ctx // 2, OPENING_VOCABULARY
        n_random, n_documents = 2 * recipe.rows, 0
    else:
        length, vocabulary = recipe.n_ctx, len(tokenizer)
        n_random = sum(rng.random() < recipe.random_share for _ in range(recipe.rows))
        n_documents = recipe.rows - n_random
    rows = [[0, *random_row(rng, length, vocabulary)] for _ in range(n_random)]
    seed = f"{recipe.name}/{recipe.seed}/{step}"
    rows += document_rows(seed, n_documents, length + 1, tokenizer)
    return torch.from_numpy(np.array(rows, dtype=np.int64))
