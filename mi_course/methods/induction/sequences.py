"""Random tokens written twice: text in which only induction can help.

The first copy is unpredictable, ln(vocabulary) nats a token. On the second copy a model that looks
back knows every next token. No n-gram and no fact about language helps, so any fall in the loss
there is in-context learning. Source: [Olsson22], "Definition of induction heads".
"""

from collections.abc import Sequence

import torch
from jaxtyping import Int
from torch import Tensor

__all__ = ["repeated_tokens"]


def repeated_tokens(
    n: int,
    length: int,
    vocabulary: int | Sequence[int],
    *,
    seed: int = 0,
    bos: int | None = None,
    device: torch.device | str = "cpu",
) -> Int[Tensor, "batch pos"]:
    """Return rows `[bos] r1 .. rL r1 .. rL` of token ids, the r of a row all different.

    Different tokens within a row make "the token after the last copy" unambiguous.

    Args:
        n: number of rows.
        length: L, the tokens of one copy.
        vocabulary: the ids to draw from, or their number d_vocab for 0 .. d_vocab - 1. The id
            `bos` is never drawn.
        seed: the same seed gives the same rows on every device.
        bos: put before each row when given, as the models saw it in training.
        device: where the rows are needed.

    Returns:
        Token ids; 2 * length positions, one more with a BOS.

    Raises:
        ValueError: n or length below 1, or fewer ids than a copy has tokens.
    """
    drawn_from = range(vocabulary) if isinstance(vocabulary, int) else vocabulary
    ids = torch.tensor([token for token in drawn_from if token != bos])
    if n < 1 or length < 1:
        raise ValueError(f"expected n and length of at least 1, got {n} and {length}")
    if len(ids) < length:
        raise ValueError(
            f"expected at least {length} different ids, got {len(ids)}, try a shorter length"
        )
    generator = torch.Generator().manual_seed(seed)
    order = torch.rand(n, len(ids), generator=generator).topk(length, dim=1).indices
    once = ids[order]
    start = [] if bos is None else [torch.full((n, 1), bos)]
    return torch.cat([*start, once, once], dim=1).to(device)
