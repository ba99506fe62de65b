"""Exercise 03.9: which tokens a neuron makes likelier, read from the weights.

Matrices are drawn far from 0 and with means that are not 0, so that a missing step shows.
"""

import torch
from jaxtyping import Float
from torch import Tensor

from mi_course.exercises.core import Case, Exercise, Wrong

Out = Float[Tensor, "d_mlp d_model"]
Gain = Float[Tensor, " d_model"]
Unembed = Float[Tensor, "d_model d_vocab"]
Effect = Float[Tensor, " d_vocab"]


def neuron_logit_effect(W_out: Out, gain: Gain, W_U: Unembed, neuron: int) -> Effect:
    """Return what a neuron adds to each logit when it fires by 1, centred over the vocabulary."""
    written = W_out[neuron]
    effect = ((written - written.mean()) * gain) @ W_U
    return effect - effect.mean()


def _by_matrices(W_out: Out, gain: Gain, W_U: Unembed, neuron: int) -> Effect:
    n, d_vocab = W_U.shape
    remove = torch.eye(n) - torch.full((n, n), 1 / n)
    centre = torch.eye(d_vocab) - torch.full((d_vocab, d_vocab), 1 / d_vocab)
    return (W_out @ remove @ gain.diag() @ W_U @ centre)[neuron]


def _not_centred(W_out: Out, gain: Gain, W_U: Unembed, neuron: int) -> Effect:
    written = W_out[neuron]
    return ((written - written.mean()) * gain) @ W_U


def _no_layernorm_mean(W_out: Out, gain: Gain, W_U: Unembed, neuron: int) -> Effect:
    effect = (W_out[neuron] * gain) @ W_U
    return effect - effect.mean()


def _no_gain(W_out: Out, gain: Gain, W_U: Unembed, neuron: int) -> Effect:
    return neuron_logit_effect(W_out, torch.ones_like(gain), W_U, neuron)


def _gain_first(W_out: Out, gain: Gain, W_U: Unembed, neuron: int) -> Effect:
    written = W_out[neuron] * gain
    effect = (written - written.mean()) @ W_U
    return effect - effect.mean()


def _softmax(W_out: Out, gain: Gain, W_U: Unembed, neuron: int) -> Effect:
    return neuron_logit_effect(W_out, gain, W_U, neuron).softmax(dim=-1)


def _cases(seed: int) -> list[Case]:
    generator = torch.Generator().manual_seed(seed)

    def drawn(d_mlp: int, d_model: int, d_vocab: int) -> tuple[Out, Gain, Unembed]:
        out = 2 * torch.randn(d_mlp, d_model, generator=generator) + 1
        gain = 1.5 + torch.rand(d_model, generator=generator)
        return out, gain, torch.randn(d_model, d_vocab, generator=generator) + 0.5

    hand = torch.tensor([[3.0, 1.0], [5.0, 9.0]]), torch.tensor([1.0, 2.0])
    W_U = torch.tensor([[1.0, 0.0, 2.0], [0.0, 1.0, 0.0]])
    out, gain, unembed = drawn(5, 8, 12)
    # What a neuron writes alike everywhere is taken away by the LayerNorm.
    out[3] = 2.5 + 0.1 * out[2]
    neuron = int(torch.randint(9, (), generator=generator))
    return [
        Case("two numbers, three tokens", (*hand, W_U, 0), "hand"),
        Case("width 7, 13 tokens", (*drawn(9, 7, 13), neuron)),
        Case("width 11, 6 tokens", (*drawn(11, 11, 6), neuron)),
        Case("a neuron that moves the mean above all", (out, gain, unembed, 3), "property"),
    ]


NEURON_LOGIT_EFFECT = Exercise(
    id="03.9",
    function="neuron_logit_effect",
    title="Read a neuron's effect",
    points=2,
    stars=2,
    minutes=10,
    reference=neuron_logit_effect,
    cases=_cases,
    alternatives=(_by_matrices,),
    wrong=(
        Wrong(
            "not centred over the vocabulary",
            _not_centred,
            "the same number to all logits",
            "the same number to all logits changes nothing: subtract the mean over the vocabulary",
        ),
        Wrong(
            "without the LayerNorm's mean",
            _no_layernorm_mean,
            "the LayerNorm takes away",
            "the LayerNorm takes away the mean of what is written: subtract it over d_model first",
        ),
        Wrong(
            "without the gain",
            _no_gain,
            "the gain is missing",
            "the gain is missing: the LayerNorm multiplies each direction by its own",
        ),
        Wrong(
            "the gain first",
            _gain_first,
            "the gain comes after",
            "the gain comes after the mean is taken away: these two do not commute",
        ),
        Wrong(
            "probabilities",
            _softmax,
            "probabilities",
            "these are probabilities: an effect is a difference of logits, return it as it is",
        ),
        Wrong(
            "the sign",
            lambda *args: -neuron_logit_effect(*args),
            "the sign is wrong everywhere",
        ),
    ),
    hints=(
        "Follow what the neuron writes to the residual stream through the final LayerNorm (its "
        "scale apart) and the unembedding.",
        "Take the row of W_out, subtract its mean, multiply by the gain, multiply by W_U, and "
        "subtract the mean over the vocabulary.",
        "`W_out[neuron]` and `gain` have the axis `d_model`; times `W_U` it has `d_vocab`.",
    ),
    groups={"random": 1, "property": 1},
    axes="d_vocab",
)
