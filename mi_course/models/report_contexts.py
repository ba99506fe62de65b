"""Whether a model knows what it is inside: which bracket, which language, which kind.

Each answer is read from the model's own predictions, not from a probe, and stands beside what a
guess or the trigram model reaches on the same places. In go a model and its tokenizer; out come
fractions of right answers.
"""

import random
from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from mi_course.models.ngram import Trigram
from mi_course.models.scoring import Model, last_log_probs, probability_masses, token_log_probs
from mi_course.worlds.tasks.prompts import bos, encode
from mi_course.worlds.town.corpus import KINDS, generate
from mi_course.worlds.town.language_words import LANGUAGES

CLOSERS = (")", "]", "}", "”")
SETTLED = 6  # tokens after which a text has shown its language


def bracket_accuracy(
    model: Model, tokenizer: Any, trigram: Trigram, *, seed: int, n: int = 60
) -> tuple[float, float]:
    """Return how often the right closing bracket is the most probable one, and the trigram's score.

    Args:
        model: tokens -> logits.
        tokenizer: its tokenizer.
        trigram: the baseline.
        seed: of the documents.
        n: number of held-out documents, each with several asides.

    Returns:
        (accuracy, the trigram's accuracy) at the places where a bracket closes.
    """
    closers = [encode(tokenizer, closer)[0] for closer in CLOSERS]
    rows, right = [], []
    for number in range(n):
        document = generate("aside", seed + number, "heldout")
        for span in document.find("text_feature", "bracket_close"):
            rows.append([*bos(tokenizer), *encode(tokenizer, document.text[: span.start])])
            right.append(CLOSERS.index(document.text[span.start : span.end]))
    told = last_log_probs(model, rows)[:, closers]
    baseline = torch.tensor(
        np.array([trigram.distribution(row[-2], row[-1])[closers] for row in rows])
    )
    return _strictly_best(told, right), _strictly_best(baseline, right)


def language_accuracy(
    model: Model, tokenizer: Any, trigram: Trigram, *, seed: int, n: int = 12
) -> tuple[float, float, float]:
    """Return how often most of the probability on words of one language is on the text's own.

    At each place after the first words, the probabilities of the tokens that only one language uses
    are summed for each language; the answer is the language with the largest sum.

    Args:
        model: tokens -> logits.
        tokenizer: its tokenizer.
        trigram: another baseline.
        seed: of the documents.
        n: held-out documents of each language.

    Returns:
        (accuracy, accuracy of always naming the most frequent language, the trigram's accuracy).
    """
    names = ("en", *LANGUAGES)
    own = _own_tokens(tokenizer, names)
    texts = [(i, text) for i, name in enumerate(names) for text in _texts(name, seed, n, "heldout")]
    rows = [[*bos(tokenizer), *encode(tokenizer, text)] for _, text in texts]
    masses = [m[SETTLED:-1] for m in probability_masses(model, rows, own)]
    right = [label for (label, _), mass in zip(texts, masses, strict=True) for _ in mass]
    # Every fifth place is enough for the trigram, whose distributions are slow to write out.
    some = [
        (label, own.T @ torch.tensor(trigram.distribution(row[k - 1], row[k])).float())
        for (label, _), row in zip(texts, rows, strict=True)
        for k in range(SETTLED, len(row) - 1, 5)
    ]
    share = max(right.count(label) for label in set(right)) / len(right)
    baseline = _strictly_best(torch.stack([m for _, m in some]), [label for label, _ in some])
    return _strictly_best(torch.cat(masses), right), share, baseline


def kind_accuracy(
    model: Model, tokenizer: Any, *, seed: int, n: int = 4, candidates: int = 8
) -> tuple[float, float]:
    """Return how often a text is most probable after a document of its own kind, and chance.

    The second half of a document follows the first half of another document: one of its own kind,
    and one each of some other kinds. A model that has recognised the kind finds the text most
    probable after its own.

    Args:
        model: tokens -> logits.
        tokenizer: its tokenizer.
        seed: of the documents.
        n: texts of each kind.
        candidates: number of kinds to choose among.

    Returns:
        (accuracy, accuracy of a guess).
    """
    rng = random.Random(f"kinds/{seed}")
    candidates = min(candidates, len(KINDS))
    rows, lengths = [], []
    for kind in sorted(KINDS):
        for number in range(n):
            text = encode(tokenizer, generate(kind, 2 * (seed + number) + 1).text)
            text = text[len(text) // 2 :][:24]
            others = rng.sample([k for k in sorted(KINDS) if k != kind], candidates - 1)
            for candidate in (kind, *others):
                before = encode(tokenizer, generate(candidate, 2 * (seed + number)).text)[:40]
                rows.append([*bos(tokenizer), *before, *text])
                lengths.append(len(text))
    log_probs = token_log_probs(model, rows)
    scores = torch.tensor([p[-k:].mean() for p, k in zip(log_probs, lengths, strict=True)])
    scores = scores.reshape(-1, candidates)
    return _strictly_best(scores, [0] * len(scores)), 1 / candidates


def _strictly_best(scores: Float[Tensor, "case choice"], right: list[int]) -> float:
    """Return the fraction of cases whose right choice is above every other: a tie is no answer."""
    column = torch.tensor(right)[:, None]
    own = scores.gather(1, column)
    others = scores.scatter(1, column, float("-inf")).max(dim=1, keepdim=True).values
    return (own > others).float().mean().item()


def _texts(language: str, seed: int, n: int, split: str) -> list[str]:
    """Return documents in one language; English ones are reviews and stories."""
    found: list[str] = []
    number = seed
    while len(found) < n:
        kind = ("review", "ioi")[number % 2] if language == "en" else "language"
        document = generate(kind, number, split)
        if document.find("natural_language", language):
            found.append(document.text)
        number += 1
    return found


def _own_tokens(
    tokenizer: Any, languages: tuple[str, ...], n: int = 100
) -> Float[Tensor, "d_vocab language"]:
    """Return 1 where at least nine in ten occurrences of a token are in one language, else 0."""
    counts = torch.zeros(len(tokenizer), len(languages))
    for column, language in enumerate(languages):
        for text in _texts(language, 10**6, n, "train"):
            tokens = torch.tensor(encode(tokenizer, text))
            counts[:, column] += torch.bincount(tokens, minlength=len(tokenizer))
    return ((counts >= 3) & (counts >= 0.9 * counts.sum(dim=1, keepdim=True))).float()
