"""Pairs of prompts as tensors: what patching runs, and where it asks.

Prompts of any length share a batch, padded on the right: in a causal model nothing before the
padding changes. A place such as "s2" is another position in each prompt. In go a bridge and
`PromptPair`s; out come `PatchPrompts`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor
from transformer_lens.model_bridge import TransformerBridge

from mi_course.activations import device_of
from mi_course.methods.lens.reading import known_tokens
from mi_course.worlds.tasks import PromptPair, Task

__all__ = ["PatchPrompts", "is_causal", "patch_prompts", "written_pair"]


@dataclass(frozen=True, eq=False)
class PatchPrompts:
    """Clean and corrupted prompts, their answers, and the places that have a name.

    Attributes:
        clean: token ids of the clean prompts, padded right.
        corrupted: those of the corrupted prompts.
        ends: the position that answers.
        answers: ids of the right tokens, -1 where a prompt has fewer than another.
        wrongs: ids of the wrong ones.
        places: name -> position in each prompt, for the names that all prompts have.
        groups: prompts of one group share a template.
        words: tokens of the first clean prompt, as text.
        noise: what the corrupted run adds to the first residual stream, beside its tokens.
    """

    clean: Int[Tensor, "prompt pos"]
    corrupted: Int[Tensor, "prompt pos"]
    ends: Int[Tensor, " prompt"]
    answers: Int[Tensor, "prompt answer"]
    wrongs: Int[Tensor, "prompt wrong"]
    places: Mapping[str, Int[Tensor, " prompt"]]
    groups: tuple[str, ...]
    words: tuple[str, ...]
    noise: Float[Tensor, "prompt pos d_model"] | None = field(default=None)

    def __len__(self) -> int:
        """Return the number of prompts."""
        return len(self.clean)

    @property
    def one_length(self) -> bool:
        """Whether all prompts are equally long."""
        return bool((self.ends == self.ends[0]).all())

    def first_difference(self) -> Int[Tensor, " prompt"]:
        """Return the first position at which the two runs differ; the length where they never do.

        In a causal model all activations before it are the same in both runs.
        """
        differ = self.clean != self.corrupted
        if self.noise is not None:
            differ = differ | (self.noise != 0).any(-1)
        return torch.where(differ.any(1), differ.int().argmax(1), self.clean.shape[1])

    def inside(self) -> Bool[Tensor, "prompt pos"]:
        """Return which positions are not padding."""
        return torch.arange(self.clean.shape[1], device=self.ends.device) <= self.ends[:, None]


def patch_prompts(
    model: TransformerBridge, given: "PatchPrompts | Task | Sequence[PromptPair]"
) -> PatchPrompts:
    """Return prompt pairs as tensors on the model's device; `PatchPrompts` as they are.

    Args:
        model: any bridge.
        given: a task, or some of its pairs.

    Raises:
        ValueError: no pairs, token ids that the model does not know, prompts that are too long, or
            prompts of several lengths for a model that looks ahead.
    """
    if isinstance(given, PatchPrompts):
        return given
    pairs = tuple(given.pairs if isinstance(given, Task) else given)
    _fitting(model, pairs)
    device = device_of(model)
    made = PatchPrompts(
        clean=_padded([pair.clean_tokens for pair in pairs], 0, device),
        corrupted=_padded([pair.corrupted_tokens for pair in pairs], 0, device),
        ends=torch.tensor([len(pair.clean_tokens) - 1 for pair in pairs], device=device),
        answers=_padded([pair.answers for pair in pairs], -1, device),
        wrongs=_padded([pair.wrongs for pair in pairs], -1, device),
        places=_places(pairs, device),
        groups=tuple(f"{pair.group}/{len(pair.clean_tokens)}" for pair in pairs),
        words=_words(model, pairs[0]),
    )
    known_tokens(model, "clean prompt", made.clean)
    known_tokens(model, "corrupted prompt", made.corrupted)
    return made


def _fitting(model: TransformerBridge, pairs: Sequence[PromptPair]) -> None:
    """Raise ValueError for pairs that the model cannot run together."""
    if not pairs:
        raise ValueError("expected prompt pairs, got none, try worlds.tasks.ioi")
    lengths = sorted({len(pair.clean_tokens) for pair in pairs})
    if lengths[-1] > model.cfg.n_ctx:
        raise ValueError(f"expected prompts up to {model.cfg.n_ctx} tokens, got {lengths[-1]}")
    if len(lengths) > 1 and not is_causal(model):
        raise ValueError(
            f"expected prompts of one length for a model that looks ahead, got {lengths}, "
            "try Task.groups()"
        )


def is_causal(model: TransformerBridge) -> bool:
    """Return whether no position sees a later one."""
    return getattr(model.cfg, "attention_dir", "causal") == "causal"


def written_pair(tokenizer: Any, clean: str, corrupted: str, answer: str, wrong: str) -> PromptPair:
    """Return a pair from four texts; both answers with the space that stands before them.

    Args:
        tokenizer: of the model.
        clean: a prompt.
        corrupted: another one with as many tokens.
        answer: the next word after `clean`.
        wrong: the word that it is compared with, such as the one after `corrupted`.

    Raises:
        ValueError: prompts of different length, or an answer that is not a single token.
    """
    start = [] if tokenizer.bos_token_id is None else [tokenizer.bos_token_id]
    ids = {}
    for word in (answer, wrong):
        ids[word] = tuple(tokenizer.encode(word, add_special_tokens=False))
        if len(ids[word]) != 1:
            raise ValueError(
                f"expected an answer of one token, got {word!r} with {len(ids[word])}, "
                "try its first token, or another word"
            )
    texts = [(*start, *tokenizer.encode(t, add_special_tokens=False)) for t in (clean, corrupted)]
    return PromptPair(
        clean=clean,
        corrupted=corrupted,
        answer=answer,
        wrong=wrong,
        positions={"end": len(texts[0]) - 1},
        clean_tokens=texts[0],
        corrupted_tokens=texts[1],
        answers=ids[answer],
        wrongs=ids[wrong],
        group="written",
    )


def _padded(rows: Sequence[Sequence[int]], by: int, device: torch.device) -> Int[Tensor, "row i"]:
    longest = max(map(len, rows))
    return torch.tensor([[*row, *[by] * (longest - len(row))] for row in rows], device=device)


def _places(pairs: Sequence[PromptPair], device: torch.device) -> dict[str, Tensor]:
    shared = [name for name in pairs[0].positions if all(name in p.positions for p in pairs)]
    found = {name: torch.tensor([p.positions[name] for p in pairs]) for name in shared}
    # As they stand in the prompts, "end" last.
    order = sorted(shared, key=lambda name: found[name].float().mean().item())
    return {name: found[name].to(device) for name in order}


def _words(model: TransformerBridge, pair: PromptPair) -> tuple[str, ...]:
    if model.tokenizer is None:
        return tuple(map(str, pair.clean_tokens))
    return tuple(model.tokenizer.decode([token]) for token in pair.clean_tokens)
