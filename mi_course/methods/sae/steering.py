"""Raise a latent and see the model do what the latent is about.

    added    x + amount v_i              clamped    x + (amount - f_i(x)) v_i

at every token that counts. The behaviour is the probability of some next tokens; random directions
that move every activation equally far tell what any push would do, and KL from the untouched model
tells what it costs. Source: [Templeton24], "Influence on behavior". In go a bridge, prompts, a
hook, a dictionary and a latent; out come `LatentSteering`, or texts that the steered model writes.
"""

from collections.abc import Callable, Mapping, Sequence

import torch
from einops import einsum, rearrange, repeat
from jaxtyping import Bool, Float, Int
from torch import Tensor
from transformer_lens.model_bridge import TransformerBridge

from mi_course.activations import Edit, device_of, edit, record
from mi_course.methods.lens.reading import final_point, unembed
from mi_course.methods.sae.activity import fits
from mi_course.methods.sae.dictionary import Dictionary
from mi_course.methods.sae.latent_edits import latent_vectors
from mi_course.metrics import kl_divergence
from mi_course.results import LatentSteering

__all__ = ["continuations", "latent_steering", "token_ids"]

HOW = ("added", "clamped")


@torch.no_grad()
def latent_steering(
    model: TransformerBridge,
    hook: str,
    dictionary: Dictionary,
    latent: int,
    tokens: Int[Tensor, "prompt pos"],
    targets: Int[Tensor, " target"],
    amounts: Sequence[float | int],
    *,
    how: str = "added",
    counted: Bool[Tensor, "prompt pos"] | None = None,
    n_random: int = 5,
    seed: int = 0,
    chunk: int = 64,
    behaviour: str = "the target tokens",
) -> LatentSteering:
    """Return how likely the target tokens are next when a latent is raised.

    Args:
        model: any bridge.
        hook: the full name of the hook that the dictionary reads.
        dictionary: any dictionary of that width.
        latent: which latent.
        tokens: prompts, padded on the right.
        targets: ids of the next tokens whose probabilities are added up.
        amounts: in units of the latent's activation; its largest activation is a good scale.
        how: "added" to what the latent says, or "clamped" to it.
        counted: true for the prompts' own tokens, neither BOS nor padding: there the latent is
            raised, and after the last of them the next token is asked for. When None, all tokens.
        n_random: random directions.
        seed: of those.
        chunk: rows in one forward pass.
        behaviour: what the targets are.

    Returns:
        Probabilities and KL, by amount, means over prompts.

    Raises:
        ValueError: an unknown latent, hook or `how`, another width, no amounts or no targets, or
            a prompt without a token.
    """
    _check(how, amounts, targets)
    tokens = tokens.to(device_of(model))
    counted = torch.ones_like(tokens, dtype=torch.bool) if counted is None else counted
    counted = counted.to(tokens.device)
    vectors = _directions(latent_vectors(dictionary, [latent])[0], n_random, seed)
    x = record(model, tokens, hook, batch_size=chunk)[hook].float()
    fits(dictionary, x, hook)
    steps = torch.tensor([float(a) for a in amounts], device=x.device)
    steps = rearrange(steps, "amount -> amount 1 1") * counted
    if how == "clamped":
        acts = torch.cat([dictionary.encode(rows)[..., latent] for rows in x.split(chunk)])
        steps = steps - acts * counted
    ends = _ends(counted)
    clean = _next_logits(model, tokens, ends, {}, chunk)
    n_amounts, n_ways = len(amounts), len(vectors)
    logits = _pushed_logits(model, hook, tokens, ends, steps, vectors, chunk)
    shape = {"way": n_ways, "amount": n_amounts}
    before = repeat(clean, "prompt d_vocab -> (way amount prompt) d_vocab", **shape)
    by_run = "(way amount prompt) -> way amount prompt"
    share = rearrange(_share(logits, targets), by_run, **shape).mean(-1).cpu()
    kl = rearrange(kl_divergence(before, logits), by_run, **shape).mean(-1).cpu()
    return LatentSteering(
        share=share[0],
        random=share[1:],
        kl=kl[0],
        random_kl=kl[1:],
        untouched=_share(clean, targets).mean().item(),
        amounts=tuple(map(float, amounts)),
        latent=latent,
        dictionary=dictionary.name,
        how=how,
        behaviour=behaviour,
    )


def _check(how: str, amounts: Sequence[float | int], targets: Tensor) -> None:
    if how not in HOW:
        raise ValueError(f"expected how among {list(HOW)}, got {how!r}")
    if not len(amounts) or not len(targets):
        raise ValueError(
            f"expected at least one amount and one target token, got {len(amounts)} and "
            f"{len(targets)}, try token_ids for the targets"
        )


def _directions(
    vector: Float[Tensor, " d_in"], n_random: int, seed: int
) -> Float[Tensor, "way d_in"]:
    """Return the latent's vector, and random ones of its length."""
    generator = torch.Generator().manual_seed(seed)
    noise = torch.randn(n_random, len(vector), generator=generator).to(vector)
    noise *= vector.norm() / noise.norm(dim=1, keepdim=True)
    return torch.cat([vector[None], noise])


def _ends(counted: Bool[Tensor, "prompt pos"]) -> Int[Tensor, " prompt"]:
    """Return the last position of each prompt."""
    if not counted.any(1).all():
        raise ValueError("expected prompts of at least one token, got an empty one")
    places = torch.arange(counted.shape[1], device=counted.device)
    return (places * counted).argmax(1)


def _pushed_logits(
    model: TransformerBridge,
    hook: str,
    tokens: Int[Tensor, "prompt pos"],
    ends: Int[Tensor, " prompt"],
    steps: Float[Tensor, "amount prompt pos"],
    vectors: Float[Tensor, "way d_in"],
    chunk: int,
) -> Float[Tensor, "run d_vocab"]:
    """Return the next token's logits for each direction, amount and prompt."""
    n_amounts, n_prompts, _ = steps.shape
    shape = torch.Size((len(vectors), n_amounts, n_prompts))
    runs = torch.arange(shape.numel(), device=tokens.device)
    parts = []
    for some in runs.split(chunk):
        way, amount, prompt = torch.unravel_index(some, shape)
        push = einsum(steps[amount, prompt], vectors[way], "run pos, run d_in -> run pos d_in")
        edits = {hook: lambda x, push=push: x + push.to(x.dtype)}
        parts.append(_next_logits(model, tokens[prompt], ends[prompt], edits, chunk))
    return torch.cat(parts)


def _next_logits(
    model: TransformerBridge,
    tokens: Int[Tensor, "row pos"],
    ends: Int[Tensor, " row"],
    edits: Mapping[str, Edit],
    chunk: int,
) -> Float[Tensor, "row d_vocab"]:
    """Return the logits after each row's end; no other position is unembedded."""
    last = final_point(model)
    resid = record(model, tokens, last, edits=edits, batch_size=chunk)[last]
    return unembed(model, resid[torch.arange(len(tokens), device=resid.device), ends]).float()


def _share(
    logits: Float[Tensor, "run d_vocab"], targets: Int[Tensor, " target"]
) -> Float[Tensor, " run"]:
    return logits.softmax(dim=-1)[:, targets.to(logits.device)].sum(1)


def token_ids(model: TransformerBridge, belongs: Callable[[str], bool]) -> Int[Tensor, " token"]:
    """Return the ids of the tokens whose text passes a test.

    Args:
        model: any bridge with a tokenizer.
        belongs: the test, such as `lambda text: "э" in text`.

    Returns:
        Ids, in order.

    Raises:
        ValueError: no token passes.
    """
    found = [i for i in range(model.cfg.d_vocab) if belongs(model.tokenizer.decode([i]))]
    if not found:
        raise ValueError("expected tokens that pass the test, got none, try a wider test")
    return torch.tensor(found, device=device_of(model))


@torch.no_grad()
def continuations(
    model: TransformerBridge,
    tokens: Int[Tensor, "row pos"],
    edits: Mapping[str, Edit],
    *,
    n_new: int = 20,
    temperature: float | int = 1.0,
    seed: int = 0,
) -> Int[Tensor, "row longer_pos"]:
    """Return prompts with what the model writes after them under some edits.

    Args:
        model: any bridge.
        tokens: prompts of one length.
        edits: as in `activations.edit`; they see all tokens anew at each step.
        n_new: tokens written.
        temperature: 0 takes the likeliest token.
        seed: of the draws.

    Returns:
        The prompts' tokens and the new ones.

    Raises:
        ValueError: more tokens than the model can read, or a temperature below 0.
    """
    if tokens.shape[1] + n_new > model.cfg.n_ctx or temperature < 0:
        raise ValueError(
            f"expected at most {model.cfg.n_ctx} tokens and a temperature from 0 on, got "
            f"{tokens.shape[1]} + {n_new} tokens and {temperature}"
        )
    tokens = tokens.to(device_of(model))
    generator = torch.Generator(tokens.device).manual_seed(seed)
    for _ in range(n_new):
        logits = edit(model, tokens, edits)[:, -1].float()
        if temperature:
            weights = (logits / temperature).softmax(dim=-1)
            new = torch.multinomial(weights, 1, generator=generator)
        else:
            new = logits.argmax(dim=-1, keepdim=True)
        tokens = torch.cat([tokens, new], dim=1)
    return tokens
