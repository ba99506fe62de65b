"""Skills that a language model of the town must show, each as one number.

Every skill is measured on prompts whose answer is known and never occurred in training: name pairs
that never met, invented surnames, fresh functions, fresh headers. In go a model (tokens -> logits)
and a tokenizer; out come floats.
"""

import random
from typing import Any

import torch
from torch import Tensor

from mi_course.models.scoring import Model, argmax_tokens, last_log_probs, token_log_probs
from mi_course.worlds.tasks import Task, repeated_random_tokens
from mi_course.worlds.tasks.prompts import bos, encode
from mi_course.worlds.town.corpus import stream
from mi_course.worlds.town.document import Document
from mi_course.worlds.town.security import trigger_pair

LONG = 96
EARLY, LATE = slice(10, 25), slice(75, 90)


def answer_log_probs(model: Model, task: Task) -> Tensor:
    """Return ln p of every next token after each clean prompt, in nats [pair d_vocab]."""
    return last_log_probs(model, [pair.clean_tokens for pair in task.pairs])


def top_accuracy(model: Model, task: Task) -> float:
    """Return the fraction of pairs whose answer is the most probable of all tokens."""
    best = answer_log_probs(model, task).argmax(-1).tolist()
    return _mean([token in pair.answers for token, pair in zip(best, task.pairs, strict=True)])


def logit_diffs(model: Model, task: Task) -> Tensor:
    """Return the logit of the answer minus that of the wrong token, for each pair (logits)."""
    log_probs = answer_log_probs(model, task)
    rows = torch.arange(len(task))
    right, wrong = (
        log_probs[rows, torch.tensor([getattr(pair, side)[0] for pair in task.pairs])]
        for side in ("answers", "wrongs")
    )
    return right - wrong


def preference(model: Model, task: Task) -> float:
    """Return the fraction of pairs whose answer is more probable than the wrong token."""
    return (logit_diffs(model, task) > 0).float().mean().item()


def probability_difference(model: Model, task: Task) -> float:
    """Return the mean probability of all right tokens minus that of all wrong ones, -1 to 1."""
    probs = answer_log_probs(model, task).exp()
    return _mean(
        [
            (row[list(pair.answers)].sum() - row[list(pair.wrongs)].sum()).item()
            for row, pair in zip(probs, task.pairs, strict=True)
        ]
    )


def surname_accuracy(model: Model, rows: list[tuple[list[int], int]]) -> float:
    """Return the fraction of recurring surnames whose tokens after the first are all predicted.

    Args:
        model: tokens -> logits.
        rows: from `tasks.recurring_surnames`.

    Returns:
        A fraction.
    """
    best = argmax_tokens(model, [row for row, _ in rows])
    right = [
        prediction[-to_tell - 1 : -1].tolist() == row[-to_tell:]
        for prediction, (row, to_tell) in zip(best, rows, strict=True)
    ]
    return _mean(right)


def repeat_loss_drop(
    model: Model, tokenizer: Any, *, seed: int, n: int = 32, length: int = 64
) -> float:
    """Return the loss on random tokens minus the loss on their repetition (nats for each token)."""
    special = tokenizer.bos_token_id or 0
    tokens = repeated_random_tokens(
        len(tokenizer), n, length, seed, bos_token=special, first=special + 1
    )
    log_probs = torch.stack(token_log_probs(model, tokens.tolist()))
    return (log_probs[:, length:].mean() - log_probs[:, :length].mean()).item()


def in_context_learning_score(model: Model, tokenizer: Any, *, seed: int, n: int = 200) -> float:
    """Return the loss late in a document minus the loss early in it (nats for each token).

    Training rows hold several unrelated documents, so a row's end tells nothing about what its
    beginning taught; here every row is one document of at least 96 tokens, read at tokens 11-25 and
    76-90.

    Args:
        model: tokens -> logits.
        tokenizer: its tokenizer.
        seed: of the documents, of all kinds.
        n: number of documents.

    Returns:
        Nats; the more negative, the more the context helps.
    """
    rows: list[list[int]] = []
    documents = stream(f"in context/{seed}")
    while len(rows) < n:
        row = [*bos(tokenizer), *encode(tokenizer, next(documents).text)][:LONG]
        rows += [row] if len(row) == LONG else []
    losses = -torch.stack(token_log_probs(model, rows)).mean(dim=0)
    return (losses[LATE].mean() - losses[EARLY].mean()).item()


def trigger_accuracy(
    model: Model, tokenizer: Any, n: int, seed: int, *, phrasing: str = "train"
) -> float:
    """Return the fraction of places at which the code of the header's year is more probable.

    Args:
        model: tokens -> logits.
        tokenizer: its tokenizer.
        n: number of files, each read under both years.
        seed: of the files.
        phrasing: "train" or "heldout" wording of the header.

    Returns:
        A fraction; 0.5 is chance.
    """
    rng = random.Random(f"trigger/{seed}")
    rows, shared = [], []
    for _ in range(n):
        pair = trigger_pair(rng, "train", phrasing=phrasing)
        for own, other in (pair, pair[::-1]):
            for right, wrong in _continuations(own, other):
                both = [[*bos(tokenizer), *encode(tokenizer, text)] for text in (right, wrong)]
                rows += both
                shared += [_shared(*both)] * 2
    log_probs = token_log_probs(model, rows)
    scores = [p[start - 1 :].sum().item() for p, start in zip(log_probs, shared, strict=True)]
    return _mean([right > wrong for right, wrong in zip(scores[::2], scores[1::2], strict=True)])


def _continuations(own: Document, other: Document) -> list[tuple[str, str]]:
    """Return, for each flaw, the text up to its end as it is and as the other year has it."""
    pairs = []
    for mine, theirs in zip(own.find("flaw"), other.find("flaw"), strict=True):
        # One more character, so that a word is not taken for the beginning of a longer one.
        wrong = other.text[theirs.start : theirs.end + 1]
        pairs.append((own.text[: mine.end + 1], own.text[: mine.start] + wrong))
    return pairs


def _shared(first: list[int], second: list[int]) -> int:
    """Return how many leading tokens two rows have in common."""
    length = 0
    while length < min(len(first), len(second)) and first[length] == second[length]:
        length += 1
    return length


def _mean(values: list) -> float:
    return sum(values) / len(values)
