"""Receivers of paths: which inputs of which heads, by name.

In go a bridge and names such as "L2H1.q"; out comes a `Receiver` for each, sorted by layer.
"""

import re
from collections.abc import Sequence
from typing import NamedTuple

from transformer_lens.model_bridge import TransformerBridge

__all__ = ["LOGITS", "Receiver", "receivers_of"]

NAME = re.compile(r"L(\d+)H(\d+)\.([qkv])")
LOGITS = "logits"


class Receiver(NamedTuple):
    """One input of one head.

    Attributes:
        layer: its layer.
        head: its number there.
        which: "q", "k" or "v".
    """

    layer: int
    head: int
    which: str


def receivers_of(model: TransformerBridge, names: Sequence[str]) -> tuple[Receiver, ...]:
    """Return receivers in the order of their layers; none for the logits.

    Args:
        model: any bridge.
        names: such as ("L2H1.q", "L2H4.q"), or ("logits",).

    Raises:
        ValueError: no names, a head that the model does not have, or logits beside heads.
    """
    if list(names) == [LOGITS]:
        return ()
    n_layers, n_heads = model.cfg.n_layers, model.cfg.n_heads
    found = []
    for name in names:
        match = NAME.fullmatch(name)
        if not match or int(match[1]) >= n_layers or int(match[2]) >= n_heads:
            raise ValueError(
                f"expected receivers such as 'L0H0.q', with layers up to {n_layers - 1} and heads "
                f"up to {n_heads - 1}, or 'logits' alone, got {name!r}"
            )
        found.append(Receiver(int(match[1]), int(match[2]), match[3]))
    if not found:
        raise ValueError("expected at least one receiver, got none, try ('logits',)")
    return tuple(sorted(set(found)))
