"""Activations as they come: read from text on the fly, shuffled, and never kept.

Training needs millions of activations and each only once. A stream fills a buffer of bounded size
from texts, shuffles it, hands it out in batches, and forgets it. Every buffer depends on the seed
and its own number alone, so a run that was killed goes on with the batches it would have seen.
In go a bridge and a hook name, or activations; out come batches `[batch d_in]`.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from itertools import count, islice

import torch
from einops import rearrange
from jaxtyping import Float, Int
from torch import Tensor
from transformer_lens.model_bridge import TransformerBridge

from mi_course.activations import device_of, record
from mi_course.worlds.tasks.prompts import bos
from mi_course.worlds.town.corpus import stream as documents

__all__ = ["ActivationStream", "ShuffledActivations", "activation_stream", "after"]

ROWS = 16  # texts in one forward pass


@dataclass(frozen=True, eq=False)
class ActivationStream:
    """Batches of what flows through a hook, the same each time it is read.

    Attributes:
        model: any bridge.
        hook: full name, such as "blocks.2.hook_resid_post".
        batch_size: activations in a batch.
        n_batches: how many batches.
        seed: of texts and shuffling.
        buffer_rows: activations that are held and shuffled at once.
        context: tokens that the model reads at once.
        split: of the town's documents, where no tokens are given.
        tokens: texts to read, over and over; documents of the town when None.
        skipped: batches left out at the start.
    """

    model: TransformerBridge
    hook: str
    batch_size: int
    n_batches: int
    seed: int = 0
    buffer_rows: int = 65_536
    context: int = 128
    split: str = "train"
    tokens: Int[Tensor, "text pos"] | None = field(default=None, repr=False)
    skipped: int = 0

    def __post_init__(self) -> None:
        for name in ("batch_size", "n_batches"):
            if getattr(self, name) < 1:
                raise ValueError(f"expected a {name} of at least 1, got {getattr(self, name)}")
        if self.buffer_rows < self.batch_size:
            raise ValueError(
                f"expected buffer_rows of at least batch_size = {self.batch_size}, got "
                f"{self.buffer_rows}"
            )

    def __len__(self) -> int:
        """Return the number of batches left."""
        return self.n_batches - self.skipped

    def skip(self, n: int) -> "ActivationStream":
        """Return the stream without its first n batches, which cost nothing to leave out."""
        return replace(self, skipped=min(self.skipped + n, self.n_batches))

    def __iter__(self) -> Iterator[Float[Tensor, "batch d_in"]]:
        """Yield batches in single precision, on the model's device."""
        each = self.buffer_rows // self.batch_size
        for number in range(self.skipped // each, -(-self.n_batches // each)):
            start = max(self.skipped - number * each, 0)
            stop = min(self.n_batches - number * each, each)
            batches = self._buffer(number, each * self.batch_size).split(self.batch_size)
            yield from (batch.clone() for batch in batches[start:stop])

    def _buffer(self, number: int, size: int) -> Float[Tensor, "token d_in"]:
        """Return one buffer, shuffled."""
        buffer, filled = None, 0
        for tokens in self._texts(number):
            read = record(self.model, tokens, self.hook)[self.hook]
            found = rearrange(read[self._counted(tokens)], "token ... -> token (...)").float()
            if buffer is None:
                buffer = found.new_empty(size, found.shape[1])
            taken = found[: size - filled]
            buffer[filled : filled + len(taken)] = taken
            filled += len(taken)
            if filled == size:
                break
        generator = torch.Generator().manual_seed(self.seed * 1_000_003 + number)
        return buffer[torch.randperm(size, generator=generator).to(buffer.device)]

    def _counted(self, tokens: Int[Tensor, "text pos"]) -> Tensor:
        start = bos(self.model.tokenizer) if self.model.tokenizer is not None else []
        return tokens != start[0] if start else torch.ones_like(tokens, dtype=torch.bool)

    def _texts(self, number: int) -> Iterator[Int[Tensor, "text pos"]]:
        """Yield texts for a buffer without end."""
        device = device_of(self.model)
        if self.tokens is None:
            rows = _packed(self.model, f"sae/{self.seed}/{number}", self.context, self.split)
            for some in iter(lambda: list(islice(rows, ROWS)), []):
                yield torch.tensor(some, device=device)
        generator = torch.Generator().manual_seed(self.seed * 1_000_003 + number)
        while True:
            order = torch.randperm(len(self.tokens), generator=generator)
            for some in order.split(ROWS):
                yield self.tokens[some.to(self.tokens.device)].to(device)


def activation_stream(
    model: TransformerBridge,
    hook: str,
    *,
    batch_size: int,
    n_batches: int,
    seed: int = 0,
    buffer_rows: int = 65_536,
    context: int = 128,
    split: str = "train",
    tokens: Int[Tensor, "text pos"] | None = None,
) -> ActivationStream:
    """Return batches of what flows through a hook, BOS left out.

    Args:
        model: any bridge, with a tokenizer unless tokens are given.
        hook: full name, such as "blocks.2.hook_resid_post".
        batch_size: activations in a batch.
        n_batches: how many batches.
        seed: of texts and shuffling.
        buffer_rows: activations that are held and shuffled at once.
        context: tokens that the model reads at once, a BOS included.
        split: "train" or "heldout" documents of the town.
        tokens: texts to read in place of the town's, over and over.

    Returns:
        A stream that can be read again, and reads the same again.

    Raises:
        ValueError: no batch, a buffer smaller than a batch, texts that hold no token beside BOS,
            or (when it is read) an unknown hook.
    """
    context = min(context, model.cfg.n_ctx)
    stream = ActivationStream(
        model, hook, batch_size, n_batches, seed, buffer_rows, context, split, tokens
    )
    if tokens is not None and not stream._counted(tokens).any():
        raise ValueError("expected texts with tokens beside BOS, got none, try other texts")
    return stream


@dataclass(frozen=True, eq=False)
class ShuffledActivations:
    """Batches of activations that are held anyway, shuffled anew in each round, without end.

    Attributes:
        x: the activations.
        batch_size: of them in a batch.
        seed: of the shuffling.
        skipped: batches left out at the start.
    """

    x: Float[Tensor, "token d_in"]
    batch_size: int
    seed: int = 0
    skipped: int = 0

    def __post_init__(self) -> None:
        if not 1 <= self.batch_size <= len(self.x):
            raise ValueError(
                f"expected a batch_size from 1 to {len(self.x)} activations, got {self.batch_size}"
            )

    def skip(self, n: int) -> "ShuffledActivations":
        """Return the stream without its first n batches."""
        return replace(self, skipped=self.skipped + n)

    def __iter__(self) -> Iterator[Float[Tensor, "batch d_in"]]:
        """Yield batches; what is left over at the end of a round is not read in it."""
        each = len(self.x) // self.batch_size
        for round_ in count(self.skipped // each):
            generator = torch.Generator().manual_seed(self.seed * 1_000_003 + round_)
            order = torch.randperm(len(self.x), generator=generator).to(self.x.device)
            start = max(self.skipped - round_ * each, 0)
            for at in order.split(self.batch_size)[start:each]:
                yield self.x[at]


def after(stream: Iterable[Tensor], n: int) -> Iterable[Tensor]:
    """Return a stream without its first n batches, by its own `skip` where it has one."""
    return stream.skip(n) if hasattr(stream, "skip") else islice(stream, n, None)


def _packed(model: TransformerBridge, seed: str, context: int, split: str) -> Iterator[list[int]]:
    """Yield rows of tokens; each starts at the start of a document, and the last one is cut."""
    start, row = bos(model.tokenizer), []
    for document in documents(seed, split=split):
        row += [*start, *model.tokenizer.encode(document.text, add_special_tokens=False)]
        if len(row) >= context:
            yield row[:context]
            row = []
