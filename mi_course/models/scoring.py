"""What a model says about rows of tokens: log-probabilities in nats, for rows of any length.

A causal model's answer at a position does not depend on what stands to the right, so rows of
different lengths are padded on the right and run together. A model is anything callable from tokens
[batch pos] to logits [batch pos d_vocab]. In go rows of token ids, BOS included; out come
log-probabilities in nats.
"""

from collections.abc import Callable, Iterator, Sequence

import torch
from jaxtyping import Float, Int
from torch import Tensor

Model = Callable[[Tensor], Tensor]
Row = Sequence[int]

BATCH_TOKENS = 4096


def device_of(model: Model) -> torch.device:
    """Return the device of a model's parameters; the CPU for a plain function."""
    parameters = getattr(model, "parameters", None)
    first = next(iter(parameters()), None) if parameters is not None else None
    return torch.device("cpu") if first is None else first.device


def padded_batches(rows: Sequence[Row], device: torch.device) -> Iterator[tuple[list[int], Tensor]]:
    """Yield rows of similar length as (row numbers, tokens [batch pos]), padded right with 0."""
    order = sorted(range(len(rows)), key=lambda i: len(rows[i]))
    start = 0
    while start < len(order):
        stop = start + 1
        while stop < len(order) and (stop - start + 1) * len(rows[order[stop]]) <= BATCH_TOKENS:
            stop += 1
        numbers = order[start:stop]
        longest = len(rows[numbers[-1]])
        yield (
            numbers,
            torch.tensor(
                [[*rows[i], *[0] * (longest - len(rows[i]))] for i in numbers], device=device
            ),
        )
        start = stop


@torch.no_grad()
def last_log_probs(model: Model, rows: Sequence[Row]) -> Float[Tensor, "batch d_vocab"]:
    """Return the log-probabilities in nats of the token after each row.

    Args:
        model: tokens [batch pos] -> logits [batch pos d_vocab].
        rows: token ids, BOS included, of any lengths.

    Returns:
        Log-probabilities [batch d_vocab], on the CPU.
    """
    found: dict[int, Tensor] = {}
    for numbers, tokens in padded_batches(rows, device_of(model)):
        logits = model(tokens)
        ends = torch.tensor([len(rows[i]) - 1 for i in numbers], device=logits.device)
        at_end = logits[torch.arange(len(numbers), device=logits.device), ends]
        found.update(zip(numbers, at_end.float().log_softmax(-1).cpu(), strict=True))
    return torch.stack([found[i] for i in range(len(rows))])


@torch.no_grad()
def token_log_probs(model: Model, rows: Sequence[Row]) -> list[Float[Tensor, " pos"]]:
    """Return the log-probability in nats of every token of each row but the first.

    Args:
        model: tokens [batch pos] -> logits [batch pos d_vocab].
        rows: token ids, BOS included, of any lengths.

    Returns:
        One tensor [len(row) - 1] for each row, on the CPU: entry i is about token i + 1.
    """
    found: dict[int, Tensor] = {}
    for numbers, tokens in padded_batches(rows, device_of(model)):
        log_probs = next_token_log_probs(model(tokens), tokens).cpu()
        for number, row in zip(numbers, log_probs, strict=True):
            found[number] = row[: len(rows[number]) - 1]
    return [found[i] for i in range(len(rows))]


def next_token_log_probs(
    logits: Float[Tensor, "batch pos d_vocab"], tokens: Int[Tensor, "batch pos"]
) -> Float[Tensor, "batch shorter"]:
    """Return ln p of each next token in nats [batch pos-1]."""
    log_probs = logits[:, :-1].float().log_softmax(-1)
    return log_probs.gather(-1, tokens[:, 1:, None])[..., 0]


@torch.no_grad()
def argmax_tokens(model: Model, rows: Sequence[Row]) -> list[Int[Tensor, " pos"]]:
    """Return the model's most probable next token after every position of each row [len(row)]."""
    found: dict[int, Tensor] = {}
    for numbers, tokens in padded_batches(rows, device_of(model)):
        best = model(tokens).argmax(-1).cpu()
        for number, row in zip(numbers, best, strict=True):
            found[number] = row[: len(rows[number])]
    return [found[i] for i in range(len(rows))]


@torch.no_grad()
def probability_masses(
    model: Model, rows: Sequence[Row], sets: Float[Tensor, "d_vocab choice"]
) -> list[Float[Tensor, "pos choice"]]:
    """Return the probability that the next token is in each set, after every position of each row.

    Args:
        model: tokens [batch pos] -> logits [batch pos d_vocab].
        rows: token ids, BOS included, of any lengths.
        sets: 1 where a token is in a set, else 0.

    Returns:
        One tensor [len(row) choice] for each row, on the CPU.
    """
    found: dict[int, Tensor] = {}
    for numbers, tokens in padded_batches(rows, device_of(model)):
        masses = (model(tokens).float().softmax(-1) @ sets.to(tokens.device)).cpu()
        for number, row in zip(numbers, masses, strict=True):
            found[number] = row[: len(rows[number])]
    return [found[i] for i in range(len(rows))]
