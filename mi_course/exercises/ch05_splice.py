"""Exercise 05.7: how much of the loss comes back when a reconstruction replaces an activation.

The model is a small random one. What is to be spliced in is wild at the first position, where it
is to be left out.
"""

from collections.abc import Callable
from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor

from mi_course.exercises.core import Case, Exercise, ModelRef, Wrong

Tokens = Int[Tensor, "batch pos"]
X = Float[Tensor, "batch pos d_in"]
Number = Float[Tensor, ""]
Spliced = Callable[[X], X]


def loss_recovered(model: Any, tokens: Tokens, hook_name: str, recon: X) -> Number:
    """Return (mean-ablated - spliced) / (mean-ablated - clean), of losses."""
    _, cache = model.run_with_cache(tokens, names_filter=hook_name)
    mean = cache[hook_name][:, 1:].mean(dim=(0, 1))

    def loss_with(value: Tensor) -> Number:
        def replace(x: X, hook: Any) -> X:
            x[:, 1:] = value
            return x

        with model.hooks(fwd_hooks=[(hook_name, replace)]):
            return model(tokens, return_type="loss")

    clean, ablated = model(tokens, return_type="loss"), loss_with(mean)
    return (ablated - loss_with(recon[:, 1:])) / (ablated - clean)


def _in_three_runs(model: Any, tokens: Tokens, hook_name: str, recon: X) -> Number:
    def later(x: X) -> Tensor:
        return (torch.arange(x.shape[1]) > 0)[:, None]

    def average(x: X, hook: Any) -> X:
        usual = x[:, 1:].flatten(0, 1).mean(0)
        return torch.where(later(x), usual, x)

    def splice(x: X, hook: Any) -> X:
        return torch.where(later(x), recon, x)

    losses = []
    for hooks in ([(hook_name, average)], [(hook_name, splice)], []):
        logits = model.run_with_hooks(tokens, fwd_hooks=hooks)
        said = logits[:, :-1].log_softmax(-1).gather(-1, tokens[:, 1:, None])
        losses.append(-said.mean())
    ablated, spliced, clean = losses
    return 1 - (spliced - clean) / (ablated - clean)


def _losses(model: Any, tokens: Tokens, hook_name: str, *edits: Spliced) -> tuple[Number, ...]:
    """The clean loss, and the loss under each edit."""
    found = [model(tokens, return_type="loss")]
    for change in edits:

        def replace(x: X, hook: Any, change: Spliced = change) -> X:
            return change(x.clone())

        with model.hooks(fwd_hooks=[(hook_name, replace)]):
            found.append(model(tokens, return_type="loss"))
    return tuple(found)


def _put(value: Tensor | float, first: int = 1) -> Spliced:
    def change(x: X) -> X:
        x[:, first:] = value
        return x

    return change


def _averaged(x: X) -> X:
    return _put(x[:, 1:].mean(dim=(0, 1)))(x)


def _against(ablation: Spliced) -> Callable[..., Number]:
    """An answer that puts another ablation in the mean's place."""

    def answer(model: Any, tokens: Tokens, hook_name: str, recon: X) -> Number:
        splice = _put(recon[:, 1:])
        clean, spliced, ablated = _losses(model, tokens, hook_name, splice, ablation)
        return (ablated - spliced) / (ablated - clean)

    return answer


def _everywhere(model: Any, tokens: Tokens, hook_name: str, recon: X) -> Number:
    clean, spliced, ablated = _losses(model, tokens, hook_name, _put(recon, 0), _averaged)
    return (ablated - spliced) / (ablated - clean)


def _ratio(model: Any, tokens: Tokens, hook_name: str, recon: X) -> Number:
    clean, spliced = _losses(model, tokens, hook_name, _put(recon[:, 1:]))
    return clean / spliced


def _perplexities(model: Any, tokens: Tokens, hook_name: str, recon: X) -> Number:
    losses = _losses(model, tokens, hook_name, _put(recon[:, 1:]), _averaged)
    clean, spliced, ablated = (loss.exp() for loss in losses)
    return (ablated - spliced) / (ablated - clean)


def _of_the_spliced(model: Any, tokens: Tokens, hook_name: str, recon: X) -> Number:
    losses = _losses(model, tokens, hook_name, _put(recon[:, 1:]), _averaged)
    clean, spliced, ablated = losses
    return (ablated - spliced) / (ablated - clean) * (ablated - clean) / ablated


def _untouched(model: Any, tokens: Tokens, hook_name: str, recon: X) -> Number:
    return 0 * loss_recovered(model, tokens, hook_name, recon) + 1


def _cases(seed: int) -> list[Case]:
    generator = torch.Generator().manual_seed(seed)
    two, one = ModelRef("tiny-2-mlp"), ModelRef("tiny-1-mlp")

    def case(
        name: str, model: ModelRef, shape: tuple[int, int], hook: str, group: str = "random"
    ) -> Case:
        tokens = torch.randint(50, shape, generator=generator)
        width = 64 if hook.endswith("post") and "mlp" in hook else 16
        recon = 0.5 * torch.randn(*shape, width, generator=generator)
        recon[:, 0] *= 30  # nothing is to be put in there
        return Case(name, (model, tokens, hook, recon), group)

    return [
        case("neurons of the second layer", two, (4, 12), "blocks.1.mlp.hook_post"),
        case("residual stream between two layers", two, (5, 9), "blocks.0.hook_resid_post"),
        case("a model of one layer", one, (6, 7), "blocks.0.hook_resid_post"),
        case("one text", two, (1, 20), "blocks.1.hook_resid_pre", "property"),
    ]


LOSS_RECOVERED = Exercise(
    id="05.7",
    function="loss_recovered",
    title="Let the model read the reconstruction",
    points=4,
    stars=3,
    minutes=20,
    reference=loss_recovered,
    cases=_cases,
    alternatives=(_in_three_runs,),
    wrong=(
        Wrong(
            "against zero",
            _against(_put(0.0)),
            "against zero ablation",
            "this is against zero ablation: put the mean activation in, which is nearer to what "
            "the model knows",
        ),
        Wrong(
            "mean by position",
            _against(lambda x: _put(x[:, 1:].mean(0))(x)),
            "over texts only",
            "the mean is over texts only: average over positions as well",
        ),
        Wrong(
            "mean of each text",
            _against(lambda x: _put(x[:, 1:].mean(1, keepdim=True))(x)),
            "over positions only",
            "the mean is over positions only: average over texts as well",
        ),
        Wrong(
            "the first position in the mean",
            _against(lambda x: _put(x.mean((0, 1)))(x)),
            "counts in the mean",
            "the first position counts in the mean: it is the BOS token, leave it out",
        ),
        Wrong(
            "the first position replaced",
            _everywhere,
            "stays as it is",
            "the first position is replaced too: it is the BOS token and stays as it is",
        ),
        Wrong(
            "one number for the mean",
            _against(lambda x: _put(x[:, 1:].mean())(x)),
            "one number for all",
            "the mean is one number for all dimensions: keep the axis d_in in it",
        ),
        Wrong(
            "lost",
            lambda *args: 1 - loss_recovered(*args),
            "one minus",
            "this is one minus what was asked, the part that is lost: 1 is a perfect "
            "reconstruction",
        ),
        Wrong(
            "ratio of losses",
            _ratio,
            "ratio of two losses",
            "this is a ratio of two losses: place the spliced loss between the ablated and the "
            "clean one",
        ),
        Wrong(
            "of perplexities",
            _perplexities,
            "perplexities",
            "these are perplexities: use losses, in nats",
        ),
        Wrong(
            "over the ablated loss",
            _of_the_spliced,
            "below the line",
            "below the line stands the ablated loss: subtract the clean one from it",
        ),
        Wrong(
            "nothing is spliced in",
            _untouched,
            "nothing was spliced in",
            "exactly 1, nothing was spliced in: does the hook return the activation?",
        ),
    ),
    hints=(
        "Three losses: of the model as it is, with the mean activation in place of every one, and "
        "with the reconstruction. How much of the way from the second back to the first does the "
        "third go?",
        '`model(tokens, return_type="loss")` inside `with model.hooks(fwd_hooks=[(hook_name, '
        "function)]):`; `model.run_with_cache(tokens, names_filter=hook_name)` records.",
        "The activation has axes `batch pos d_in`: change `x[:, 1:]`; the mean over `dim=(0, 1)` "
        "of that leaves `d_in`.",
    ),
    groups={"random": 3, "property": 1},
    # A quotient of differences of losses of size 4, in single precision.
    rtol=2e-3,
    atol=2e-3,
)
