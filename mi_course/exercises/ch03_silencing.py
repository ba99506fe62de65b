"""Exercise 03.8: what the loss does inside a context and outside when a neuron is silenced.

The model is a small random one, so any neuron matters, and which mean is put in shows.
"""

from collections.abc import Callable
from typing import Any

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from mi_course.exercises.core import Case, Exercise, ModelRef, Wrong

Tokens = Int[Tensor, "batch pos"]
Context = Bool[Tensor, "batch pos"]
Rises = Float[Tensor, "2"]


def ablate_neuron_loss(
    model: Any, tokens: Tokens, context: Context, layer: int, neuron: int
) -> Rises:
    """Return how much the loss rises without a neuron: inside the context and outside (nats)."""
    name = f"blocks.{layer}.mlp.hook_post"
    _, cache = model.run_with_cache(tokens, names_filter=name)
    usual = cache[name][..., neuron].mean()

    def replace(post: Tensor, hook: Any) -> Tensor:
        post[..., neuron] = usual
        return post

    before = model(tokens, return_type="loss", loss_per_token=True)
    with model.hooks(fwd_hooks=[(name, replace)]):
        after = model(tokens, return_type="loss", loss_per_token=True)
    rise, inside = after - before, context[:, 1:]
    return torch.stack([rise[inside].mean(), rise[~inside].mean()])


def _in_one_pass(model: Any, tokens: Tokens, context: Context, layer: int, neuron: int) -> Rises:
    def replace(post: Tensor, hook: Any) -> Tensor:
        chosen = torch.arange(post.shape[-1]) == neuron
        return torch.where(chosen, post.mean(dim=(0, 1)), post)

    hook = (f"blocks.{layer}.mlp.hook_post", replace)
    said = [model(tokens), model.run_with_hooks(tokens, fwd_hooks=[hook])]
    before, after = (
        torch.nn.functional.cross_entropy(
            logits[:, :-1].transpose(1, 2), tokens[:, 1:], reduction="none"
        )
        for logits in said
    )
    inside = context[:, 1:].float()
    shares = torch.stack([inside / inside.sum(), (1 - inside) / (1 - inside).sum()])
    return (shares * (after - before)).sum(dim=(1, 2))


Change = Callable[[Tensor, Context, int], Tensor]


def _with(change: Change, *, shift: int = 1) -> Callable[..., Rises]:
    """An answer that replaces all of a layer's neurons by `change(post, context, neuron)`."""

    def answer(model: Any, tokens: Tokens, context: Context, layer: int, neuron: int) -> Rises:
        def replace(post: Tensor, hook: Any) -> Tensor:
            return change(post.clone(), context, neuron)

        before = model(tokens, return_type="loss", loss_per_token=True)
        with model.hooks(fwd_hooks=[(f"blocks.{layer}.mlp.hook_post", replace)]):
            after = model(tokens, return_type="loss", loss_per_token=True)
        inside = context[:, 1:] if shift else context[:, :-1]
        rise = after - before
        return torch.stack([rise[inside].mean(), rise[~inside].mean()])

    return answer


def _filled(post: Tensor, place: Any, value: Tensor | float) -> Tensor:
    post[place] = value
    return post


def _usual(post: Tensor, context: Context, neuron: int) -> Tensor:
    return _filled(post, (..., neuron), post[..., neuron].mean())


def _levels(model: Any, tokens: Tokens, context: Context, layer: int, neuron: int) -> Rises:
    def replace(post: Tensor, hook: Any) -> Tensor:
        return _usual(post.clone(), context, neuron)

    with model.hooks(fwd_hooks=[(f"blocks.{layer}.mlp.hook_post", replace)]):
        loss = model(tokens, return_type="loss", loss_per_token=True)
    return torch.stack([loss[context[:, 1:]].mean(), loss[~context[:, 1:]].mean()])


def _ablate_cases(seed: int) -> list[Case]:
    generator = torch.Generator().manual_seed(seed)
    two, one = ModelRef("tiny-2-mlp"), ModelRef("tiny-1-mlp")

    def case(name: str, model: ModelRef, shape: tuple[int, int], place: tuple[int, int]) -> Case:
        tokens = torch.randint(50, shape, generator=generator)
        context = torch.rand(shape, generator=generator) < 0.4
        context[0, :4] = torch.tensor([True, False, True, False])
        return Case(name, (model, tokens, context, *place))

    drawn = torch.randint(1, 64, (4,), generator=generator).tolist()
    text = torch.randint(50, (1, 9), generator=generator)
    first = torch.arange(9)[None] < 4
    return [
        case("first layer of two", two, (3, 7), (0, drawn[0])),
        case("second layer of two", two, (2, 11), (1, drawn[1])),
        case("a model of one layer", one, (4, 6), (0, drawn[2])),
        Case("the text changes at its middle", (two, text, first, 0, drawn[3]), "property"),
    ]


ABLATE_NEURON_LOSS = Exercise(
    id="03.8",
    function="ablate_neuron_loss",
    title="Silence a neuron",
    points=4,
    stars=3,
    minutes=20,
    reference=ablate_neuron_loss,
    cases=_ablate_cases,
    alternatives=(_in_one_pass,),
    wrong=(
        Wrong(
            "nothing is changed",
            _with(lambda post, context, neuron: post),
            "nothing was ablated",
            "the losses do not move, nothing was ablated: does the hook return the activation?",
        ),
        Wrong(
            "zero",
            _with(lambda post, context, neuron: _filled(post, (..., neuron), 0.0)),
            "this is zero ablation",
            "this is zero ablation: put the neuron's mean in, so that only its variation is lost",
        ),
        Wrong(
            "mean outside the context",
            _with(
                lambda post, context, neuron: _filled(
                    post, (..., neuron), post[..., neuron][~context].mean()
                )
            ),
            "tokens outside the context alone",
            "the mean is over tokens outside the context alone: take it over all tokens",
        ),
        Wrong(
            "mean by position",
            _with(
                lambda post, context, neuron: _filled(
                    post, (..., neuron), post[..., neuron].mean(0)
                )
            ),
            "over positions as well",
            "the mean is over the texts only: average over positions as well",
        ),
        Wrong(
            "the whole layer",
            _with(lambda post, context, neuron: post.mean(dim=(0, 1)).expand_as(post)),
            "the whole layer",
            "the whole layer is silenced: change only `post[..., neuron]`",
        ),
        Wrong(
            "context of the token before",
            _with(_usual, shift=0),
            "belongs to the token that is predicted",
            "the loss belongs to the token that is predicted: its context is `context[:, 1:]`",
        ),
        Wrong(
            "before minus after",
            lambda *args: -ablate_neuron_loss(*args),
            "before minus after",
            "this is before minus after: a rise of the loss is positive",
        ),
        Wrong(
            "loss without the neuron",
            _levels,
            "subtract the loss of the whole model",
            "these are losses without the neuron: subtract the loss of the whole model",
        ),
    ),
    hints=(
        "Record the neuron and average it over all tokens; run the model as it is and with that "
        "mean in the neuron's place; average the rise of the loss over the predicted tokens inside "
        "the context and over those outside.",
        '`model(tokens, return_type="loss", loss_per_token=True)` gives one loss for each '
        "predicted token; `with model.hooks(fwd_hooks=[(name, function)]):` edits what is inside.",
        "The neurons have axes `batch pos d_mlp`, the losses `batch pos-1`: the loss at place p is "
        "about token p + 1, so `context[:, 1:]` belongs to it.",
    ),
    groups={"random": 3, "property": 1},
    axes="inside_outside",
    # Differences of losses of size 10, in single precision.
    rtol=1e-3,
    atol=1e-4,
)
