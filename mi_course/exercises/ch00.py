"""Chapter 00, start here: three warm-ups with tensors, losses and hooks.

One function moves axes, one turns logits into surprise, one silences a part of a model and tells
what that costs. In go tensors and small models with random weights; out come `Exercise`s.
"""

import math
from collections.abc import Callable
from typing import Any

import torch
from einops import rearrange
from jaxtyping import Float, Int
from torch import Tensor
from torch.nn.functional import cross_entropy
from transformer_lens.model_bridge import TransformerBridge

from mi_course.exercises.ch00_open import WHERE_THE_RULE_SITS
from mi_course.exercises.core import Case, Exercise, ModelRef, Wrong
from mi_course.metrics import cross_entropy_by_position
from mi_course.models.zoo import TINY_VOCABULARY


def split_heads(
    x: Float[Tensor, "batch pos d_model"], n_heads: int
) -> Float[Tensor, "batch head_index pos d_head"]:
    """Return x cut along its width into heads, the heads before the positions."""
    axes = "batch pos (head_index d_head) -> batch head_index pos d_head"
    return rearrange(x, axes, head_index=n_heads)


def _by_reshape(x: Tensor, n_heads: int) -> Tensor:
    batch, pos, width = x.shape
    return x.reshape(batch, pos, n_heads, width // n_heads).transpose(1, 2)


def _cut_in_memory_order(x: Tensor, n_heads: int) -> Tensor:
    batch, pos, width = x.shape
    return x.reshape(batch, n_heads, pos, width // n_heads)


def _rearranged(axes: str) -> Callable[[Tensor, int], Tensor]:
    return lambda x, n_heads: rearrange(x, axes, head_index=n_heads)


def _split_cases(seed: int) -> list[Case]:
    generator = torch.Generator().manual_seed(seed)

    def drawn(*shape: int) -> Tensor:
        return torch.randn(shape, generator=generator) * 4 - 1

    by_hand = torch.arange(12.0).reshape(1, 3, 4)
    # Each number tells where it belongs: hundreds the head, tens the position, ones the place.
    head, pos, place = torch.meshgrid(*map(torch.arange, (3, 4, 2)), indexing="ij")
    told = rearrange(100.0 * head + 10 * pos + place, "head pos place -> 1 pos (head place)")
    return [
        Case("the numbers 0 to 11", (by_hand, 2), "hand"),
        Case("3 texts, 4 heads", (drawn(3, 5, 12), 4)),
        Case("2 texts, 5 heads", (drawn(2, 7, 10), 5)),
        Case("as many positions as heads", (drawn(2, 4, 16), 4), "property"),
        Case("one head is the whole width", (drawn(2, 3, 5), 1), "property"),
        Case("numbers that tell their place", (told, 3), "truth"),
    ]


SPLIT_HEADS = Exercise(
    id="00.1",
    function="split_heads",
    title="Cut the width into heads",
    points=1,
    stars=1,
    minutes=5,
    reference=split_heads,
    cases=_split_cases,
    alternatives=(_by_reshape, lambda x, n_heads: torch.stack(x.chunk(n_heads, dim=-1), dim=1)),
    wrong=(
        Wrong(
            "a reshape in memory order",
            _cut_in_memory_order,
            "positions got mixed",
            hint="positions got mixed: cut the last axis in two first, then move `head_index`",
        ),
        Wrong(
            "heads interleaved",
            _rearranged("batch pos (d_head head_index) -> batch head_index pos d_head"),
            "(head_index d_head)",
            hint="a head owns neighbouring columns: write (head_index d_head), in this order",
        ),
        Wrong(
            "heads not moved",
            _rearranged("batch pos (head_index d_head) -> batch pos head_index d_head"),
            "the axes are in another order",
        ),
    ),
    hints=(
        "The last axis holds all heads side by side: cut it into two axes, then move one of them.",
        "One call of `rearrange`, with `head_index=n_heads` so that it knows where to cut.",
        '`"batch pos (head_index d_head) -> batch head_index pos d_head"`',
    ),
    axes="batch head_index pos d_head",
)


def next_token_loss(
    logits: Float[Tensor, "batch pos d_vocab"], tokens: Int[Tensor, "batch pos"]
) -> Float[Tensor, "batch predicted_pos"]:
    """Return the surprise at each next token, in nats; one column less than positions."""
    log_probs = logits[:, :-1].log_softmax(dim=-1)
    chosen = log_probs.gather(-1, rearrange(tokens[:, 1:], "batch pos -> batch pos 1"))
    return -rearrange(chosen, "batch pos 1 -> batch pos")


def _by_cross_entropy(logits: Tensor, tokens: Tensor) -> Tensor:
    by_class = rearrange(logits[:, :-1], "batch pos d_vocab -> batch d_vocab pos")
    return cross_entropy(by_class, tokens[:, 1:], reduction="none")


def _surprise(log_probs: Tensor, tokens: Tensor) -> Tensor:
    return -log_probs.gather(-1, tokens[..., None])[..., 0]


def _naive(logits: Tensor, tokens: Tensor) -> Tensor:
    powers = logits[:, :-1].exp()
    return _surprise((powers / powers.sum(dim=-1, keepdim=True)).log(), tokens[:, 1:])


def _loss_cases(seed: int) -> list[Case]:
    generator = torch.Generator().manual_seed(seed)

    def drawn(*shape: int) -> Tensor:
        return torch.randn(shape, generator=generator) * 3 + 2

    def words(vocabulary: int, *shape: int) -> Tensor:
        return torch.randint(vocabulary, shape, generator=generator)

    odds = torch.tensor([[[0.5, 0.5], [0.25, 0.75], [0.9, 0.1]]])
    by_hand = odds.log() + torch.tensor([2.0, -1.0, 5.0])[:, None]
    return [
        Case("chances of 1/2 and 3/4", (by_hand, torch.tensor([[0, 1, 1]])), "hand"),
        Case("3 texts", (drawn(3, 6, 11), words(11, 3, 6))),
        Case("one long text", (drawn(1, 17, 5), words(5, 1, 17))),
        Case("logits of about 500", (drawn(2, 4, 7) + 500, words(7, 2, 4)), "property"),
        Case("a blind guess among 13", (torch.full((2, 5, 13), 3.0), words(13, 2, 5)), "property"),
    ]


NEXT_TOKEN_LOSS = Exercise(
    id="00.2",
    function="next_token_loss",
    title="Surprise at the next token",
    points=2,
    stars=2,
    minutes=10,
    reference=next_token_loss,
    cases=_loss_cases,
    alternatives=(_by_cross_entropy,),
    wrong=(
        Wrong(
            "no shift",
            lambda logits, tokens: _surprise(logits.log_softmax(-1), tokens),
            "the last position",
            hint="nothing follows the last position, and position i predicts the token at i + 1",
        ),
        Wrong(
            "scored on the token just read",
            lambda logits, tokens: _surprise(logits[:, :-1].log_softmax(-1), tokens[:, :-1]),
            "just read",
            hint="this scores the token that was just read, try tokens[:, 1:]",
        ),
        Wrong(
            "shifted backwards",
            lambda logits, tokens: _surprise(logits[:, 1:].log_softmax(-1), tokens[:, :-1]),
            "predicts the past",
            hint="the shift runs backwards: this predicts the past",
        ),
        Wrong("a log probability", lambda *args: -next_token_loss(*args), "the sign is wrong"),
        Wrong("bits", lambda *args: next_token_loss(*args) / math.log(2), "bits in place of nats"),
        Wrong(
            "logits taken for log probabilities",
            lambda logits, tokens: _surprise(logits[:, :-1], tokens[:, 1:]),
            "log_softmax",
            hint="logits are no log probabilities yet: a log_softmax over d_vocab is missing",
        ),
        Wrong(
            "softmax over positions",
            lambda logits, tokens: _surprise(logits[:, :-1].log_softmax(1), tokens[:, 1:]),
            "along `d_vocab`",
            hint="probabilities must sum to 1 along `d_vocab`, try dim=-1",
        ),
        Wrong("exponentials that overflow", _naive, "not finite"),
    ),
    hints=(
        "The logits at position i speak about the token at position i + 1, so drop the last "
        "logits and the first token.",
        "`log_softmax(dim=-1)`, then `gather` the entry of the token that came, then a minus.",
        '`gather` wants an index with as many axes: `rearrange(tokens[:, 1:], "batch pos -> batch '
        'pos 1")`',
    ),
    groups={"random": 1, "property": 1},
    axes="batch pos",
)


def ablation_effect(model: TransformerBridge, tokens: Int[Tensor, "batch pos"], name: str) -> float:
    """Return the rise in mean loss, in nats, when the activation called name becomes zero."""

    def silence(activation: Tensor, hook: Any) -> Tensor:
        return torch.zeros_like(activation)

    clean = model(tokens, return_type="loss")
    edited = model.run_with_hooks(tokens, return_type="loss", fwd_hooks=[(name, silence)])
    return (edited - clean).item()


def _with_context(model: TransformerBridge, tokens: Tensor, name: str) -> Tensor:
    clean = cross_entropy_by_position(model(tokens), tokens).mean()
    with model.hooks(fwd_hooks=[(name, lambda activation, hook: activation * 0)]):
        return cross_entropy_by_position(model(tokens), tokens).mean() - clean


def _loss_with(model: TransformerBridge, tokens: Tensor, name: str, function: Any) -> Tensor:
    hooks = [(name, lambda activation, hook: function(activation))]
    return model.run_with_hooks(tokens, return_type="loss", fwd_hooks=hooks)


def _effect_of(function: Callable[[Tensor], Tensor | None]) -> Callable[..., Tensor]:
    def effect(model: TransformerBridge, tokens: Tensor, name: str) -> Tensor:
        return _loss_with(model, tokens, name, function) - model(tokens, return_type="loss")

    return effect


def _first_text_only(activation: Tensor) -> Tensor:
    return torch.cat([torch.zeros_like(activation[:1]), activation[1:]])


def _ablation_cases(seed: int) -> list[Case]:
    generator = torch.Generator().manual_seed(seed)

    def case(title: str, name: str, group: str = "random", *, layers: int = 2) -> Case:
        tokens = torch.randint(TINY_VOCABULARY, (3, 11), generator=generator)
        return Case(title, (ModelRef(f"tiny-{layers}"), tokens, name), group)

    return [
        case("attention of layer 0", "blocks.0.hook_attn_out"),
        case("attention of layer 1", "blocks.1.hook_attn_out"),
        case("the heads of layer 1, their bias stays", "blocks.1.attn.hook_z"),
        case("a model of one layer", "blocks.0.hook_attn_out", layers=1),
        case("nothing reaches the unembedding", "unembed.hook_in", "truth"),
    ]


ABLATION_EFFECT = Exercise(
    id="00.3",
    function="ablation_effect",
    title="What does a part do for the loss?",
    points=2,
    stars=2,
    minutes=15,
    reference=ablation_effect,
    cases=_ablation_cases,
    alternatives=(_with_context,),
    wrong=(
        Wrong(
            "the edit is not returned",
            _effect_of(lambda activation: None),
            "never reached the model",
            hint="your edit never reached the model: the hook must return the new activation",
        ),
        Wrong("clean minus edited", lambda *args: -ablation_effect(*args), "the sign is wrong"),
        Wrong(
            "the loss with the edit alone",
            lambda model, tokens, name: _loss_with(model, tokens, name, torch.zeros_like),
            "subtract",
            hint="this is the loss with the edit: subtract the loss without it",
        ),
        Wrong(
            "the first text alone",
            _effect_of(_first_text_only),
            "first text",
            hint="only the first text was silenced: make the whole activation zero",
        ),
    ),
    hints=(
        "Two runs on the same tokens, one with a hook at `name` and one without; the answer is the "
        "difference of their losses.",
        '`model.run_with_hooks(tokens, return_type="loss", fwd_hooks=[(name, silence)])` and '
        '`model(tokens, return_type="loss")`.',
        "The hook returns `torch.zeros_like(activation)`, of the same axes: "
        "`batch pos d_model` for an output of a layer.",
    ),
    groups={"random": 1, "truth": 1},
)

EXERCISES = (SPLIT_HEADS, NEXT_TOKEN_LOSS, ABLATION_EFFECT)
OPEN_QUESTIONS = (WHERE_THE_RULE_SITS,)
