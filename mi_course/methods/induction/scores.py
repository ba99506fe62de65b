"""How much of its attention each head spends on the places that a hypothesis names.

A hypothesis is a mask `targets[batch, query_pos, key_pos]`: the token before, the token after an
earlier copy (prefix matching), or an earlier copy itself (duplicate). A head's score is the
attention on targets, averaged over the queries that have one:

    score(h) = mean over queries q with a target of  sum over targets k of pattern[h, q, k]

The masks come from the tokens, so the same scores work on repeated random tokens and on any text.
Source: [Olsson22], "Definition of induction heads" and appendix. In go a bridge and tokens; out
come `HeadScores`, all layers and heads at once.
"""

from collections.abc import Callable, Mapping, Sequence

import torch
from einops import einsum, reduce
from jaxtyping import Bool, Float, Int
from torch import Tensor
from transformer_lens.model_bridge import TransformerBridge

from mi_course.activations import Head, record
from mi_course.results import Attention, HeadScores, head_name
from mi_course.results.heads import known_heads

__all__ = [
    "attention",
    "attention_patterns",
    "attention_to",
    "duplicate_targets",
    "duplicate_token_scores",
    "head_scores",
    "induction_targets",
    "prefix_matching_scores",
    "previous_token_scores",
    "previous_token_targets",
]

Targets = Callable[[Tensor], Tensor]
Edits = Mapping[str, Callable[[Tensor], Tensor]]


def previous_token_targets(
    tokens: Int[Tensor, "batch pos"],
) -> Bool[Tensor, "batch query_pos key_pos"]:
    """Return a mask of the key just before each query."""
    n_batch, n_pos = tokens.shape
    below = torch.eye(n_pos, dtype=torch.bool, device=tokens.device).roll(1, dims=0)
    below[0] = False
    return below.expand(n_batch, n_pos, n_pos)


def duplicate_targets(tokens: Int[Tensor, "batch pos"]) -> Bool[Tensor, "batch query_pos key_pos"]:
    """Return a mask of the earlier copies of each query's own token."""
    same = tokens[:, :, None] == tokens[:, None, :]
    return same.tril(diagonal=-1)


def induction_targets(tokens: Int[Tensor, "batch pos"]) -> Bool[Tensor, "batch query_pos key_pos"]:
    """Return a mask of the tokens that followed the earlier copies of each query's own token."""
    return duplicate_targets(tokens).roll(1, dims=2) & _not_first_key(tokens)


def attention_to(
    patterns: Float[Tensor, "layer batch head_index query_pos key_pos"],
    targets: Bool[Tensor, "batch query_pos key_pos"],
) -> Float[Tensor, "layer head_index"]:
    """Return each head's mean attention on the targets, over queries that have one (probability).

    Args:
        patterns: attention probabilities of all layers.
        targets: where the hypothesis says that a head looks.

    Returns:
        Scores from 0 to 1.

    Raises:
        ValueError: no query has a target.
    """
    on_targets, n_queries = attention_sums(patterns, targets)
    return on_targets / _some(n_queries)


def head_scores(
    model: TransformerBridge,
    tokens: Int[Tensor, "batch pos"],
    targets: Targets,
    *,
    name: str,
    edits: Edits | None = None,
    batch_size: int = 16,
) -> HeadScores:
    """Return the score of every head for one hypothesis about where heads look (probability).

    Args:
        model: any bridge.
        tokens: token ids.
        targets: from tokens to the mask of targets, such as `induction_targets`.
        name: what the score is called.
        edits: what to change in the model meanwhile (`activations.head_replacements`).
        batch_size: rows in one forward pass; bounds the memory for the patterns.

    Returns:
        Scores from 0 to 1.

    Raises:
        ValueError: no query has a target.
    """
    total, n_queries = 0.0, 0
    for rows in tokens.split(batch_size):
        patterns = attention_patterns(model, rows, edits=edits)
        sums, count = attention_sums(patterns, targets(rows.to(patterns.device)))
        total, n_queries = total + sums, n_queries + count
    return HeadScores(total / _some(n_queries), name=name, unit="probability")


def previous_token_scores(
    model: TransformerBridge,
    tokens: Int[Tensor, "batch pos"],
    *,
    edits: Edits | None = None,
    batch_size: int = 16,
) -> HeadScores:
    """Return each head's attention to the token just before (probability); see `head_scores`."""
    name = "previous-token score"
    return head_scores(
        model, tokens, previous_token_targets, name=name, edits=edits, batch_size=batch_size
    )


def prefix_matching_scores(
    model: TransformerBridge,
    tokens: Int[Tensor, "batch pos"],
    *,
    edits: Edits | None = None,
    batch_size: int = 16,
) -> HeadScores:
    """Return each head's attention to what followed earlier copies (probability)."""
    name = "prefix-matching score"
    return head_scores(
        model, tokens, induction_targets, name=name, edits=edits, batch_size=batch_size
    )


def duplicate_token_scores(
    model: TransformerBridge,
    tokens: Int[Tensor, "batch pos"],
    *,
    edits: Edits | None = None,
    batch_size: int = 16,
) -> HeadScores:
    """Return each head's attention to earlier copies (probability); see `head_scores`."""
    name = "duplicate-token score"
    return head_scores(
        model, tokens, duplicate_targets, name=name, edits=edits, batch_size=batch_size
    )


def attention_patterns(
    model: TransformerBridge,
    tokens: Int[Tensor, "batch pos"],
    *,
    edits: Edits | None = None,
    batch_size: int | None = None,
) -> Float[Tensor, "layer batch head_index query_pos key_pos"]:
    """Return the attention probabilities of all layers; rows sum to 1.

    Args:
        model: any bridge.
        tokens: token ids.
        edits: what to change in the model meanwhile.
        batch_size: rows in one forward pass; all at once when None.

    Returns:
        Patterns on the model's device: layer * batch * head_index * pos^2 numbers, so keep the
        batch small and use `head_scores` for many rows.
    """
    names = [f"blocks.{layer}.attn.hook_pattern" for layer in range(model.cfg.n_layers)]
    found = record(model, tokens, names, edits=edits, batch_size=batch_size)
    return torch.stack([found[name] for name in names])


def attention(
    model: TransformerBridge, text: str | Int[Tensor, " pos"], heads: Sequence[Head] | None = None
) -> Attention:
    """Return where some heads look in one text.

    Args:
        model: any bridge with a tokenizer.
        text: a text, or its token ids.
        heads: as `(layer, head_index)`; all heads when None.

    Returns:
        Patterns with the text's tokens.

    Raises:
        ValueError: a head that the model does not have.
    """
    tokens = model.to_tokens(text) if isinstance(text, str) else text[None]
    patterns = attention_patterns(model, tokens)[:, 0]
    n_layers, n_heads = patterns.shape[:2]
    chosen = known_heads(heads or [], model.cfg) or [
        (layer, head) for layer in range(n_layers) for head in range(n_heads)
    ]
    return Attention(
        torch.stack([patterns[layer, head] for layer, head in chosen]),
        tokens=tuple(model.to_str_tokens(tokens[0])),
        heads=tuple(head_name(*head) for head in chosen),
    )


def _not_first_key(tokens: Int[Tensor, "batch pos"]) -> Bool[Tensor, " pos"]:
    """Return a mask that forgets what `roll` carried around from the last key to the first."""
    return torch.arange(tokens.shape[1], device=tokens.device) > 0


def attention_sums(
    patterns: Float[Tensor, "layer batch head_index query_pos key_pos"],
    targets: Bool[Tensor, "batch query_pos key_pos"],
) -> tuple[Float[Tensor, "layer head_index"], int]:
    """Return each head's summed attention on the targets, and how many queries have one."""
    # Half precision would round a sum of many probabilities.
    on_targets = einsum(
        patterns.float(),
        targets.float(),
        "layer batch head_index query_pos key_pos, batch query_pos key_pos -> layer head_index",
    )
    has_target = reduce(targets, "batch query_pos key_pos -> batch query_pos", "max")
    return on_targets, int(has_target.sum())


def _some(n_queries: int) -> int:
    if n_queries == 0:
        raise ValueError(
            "expected at least one query with a target, got none, try tokens that repeat"
        )
    return n_queries
