"""The tuned lens: an affine translator for each point, trained to say what the end says.

    x'  = x + x A + b,        loss = KL(final prediction || LayerNorm(x') W_U)      [nats]

Layers write in bases that drift, and a translator undoes the drift of its point, with the mean put
right by b. Ridge regression from a point's activations to the last point's starts it close; small
steps of SGD on the divergence itself do the rest. All points learn from one run of the network.
Source: [Belrose23], section 3 (which starts at zero and takes few large steps). In go a bridge and
tokens, out come `Translators`.
"""

import json
import re
from dataclasses import dataclass
from json import JSONDecodeError
from pathlib import Path

import torch
from einops import rearrange, reduce
from jaxtyping import Float, Int
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor
from tqdm.auto import trange
from transformer_lens.model_bridge import TransformerBridge

from mi_course.methods.lens.reading import points_of, stream, unembed
from mi_course.models import weights

__all__ = ["Translators", "load_translators", "train_translators", "tuned_lens_loss"]

WEIGHTS = weights.directory("lenses")
LONGEST = 0.5  # of a translator's gradient
PRE = re.compile(r"^blocks\.([1-9]\d*)\.hook_resid_pre$")


@dataclass(frozen=True, eq=False)
class Translators:
    """An affine map for each point of the stream but the last.

    Attributes:
        names: hook names of the points, from the input up.
        A: what is added to each activation, as a matrix.
        b: and as a vector.
    """

    names: tuple[str, ...]
    A: Float[Tensor, "point d_model d_model"]
    b: Float[Tensor, "point d_model"]

    def apply(self, name: str, resid: Float[Tensor, "... d_model"]) -> Float[Tensor, "... d_model"]:
        """Return activations of hook `name` in the basis of the last point.

        The stream before a layer is the stream after the one below. The last point stays as it is.

        Raises:
            ValueError: a hook that has no translator, or activations of another width.
        """
        point = PRE.sub(lambda pre: f"blocks.{int(pre[1]) - 1}.hook_resid_post", name)
        if point == f"blocks.{len(self.names) - 1}.hook_resid_post":
            return resid
        if point not in self.names or resid.shape[-1] != self.b.shape[-1]:
            raise ValueError(
                f"expected one of {', '.join(self.names)} of width {self.b.shape[-1]}, got "
                f"{name!r} of width {resid.shape[-1]}, try the logit lens or train a tuned one"
            )
        at = self.names.index(point)
        A, b = (each[at].to(resid.device, resid.dtype) for each in (self.A, self.b))
        return resid + resid @ A + b

    def save(self, path: Path) -> None:
        """Write a safetensors file in half precision, by way of a temporary one."""
        tensors = {"A": self.A.half().contiguous(), "b": self.b.half().contiguous()}
        partial = path.with_suffix(".partial")
        save_file(tensors, partial, metadata={"names": json.dumps(self.names)})
        partial.replace(path)


def load_translators(name: str | Path) -> Translators:
    """Return the tuned lens of an embedded model, or the one in a file.

    Args:
        name: "town", or a path to what `Translators.save` wrote.

    Raises:
        ValueError: there is none, or the file holds something else or is damaged.
    """
    path = Path(name) if str(name).endswith(".safetensors") else WEIGHTS / f"{name}.safetensors"
    if not path.exists():
        known = ", ".join(sorted(each.stem for each in WEIGHTS.glob("*.safetensors")))
        raise ValueError(
            f"expected a tuned lens among {known}, got {str(name)!r}, try a file's path"
        )
    if path.parent == WEIGHTS:
        weights.read("lenses", path.name, weights.read_card("lenses")["files"][path.name])
    try:
        with safe_open(path, "pt") as file:
            names = tuple(json.loads(file.metadata()["names"]))
            return Translators(names, file.get_tensor("A").float(), file.get_tensor("b").float())
    except (SafetensorError, TypeError, KeyError, JSONDecodeError) as error:
        raise ValueError(f"expected a tuned lens in {path.name}, got {error!r}") from error


def train_translators(
    model: TransformerBridge,
    tokens: Int[Tensor, "batch pos"],
    *,
    steps: int = 600,
    positions: int = 128,
    lr: float = 0.25,
    ridge: float = 1e-2,
    skip: int | None = None,
    start: Translators | None = None,
    batch_size: int = 16,
    seed: int = 0,
) -> Translators:
    """Return translators for every point of the stream, trained by KL to the final prediction.

    Activations of all tokens are held at once (points x tokens x d_model x 4 bytes); for more text
    than fits, call again with `start`.

    Args:
        model: any bridge; its weights stay as they are.
        tokens: texts.
        steps: gradient steps after the ridge regression.
        positions: how many positions each step sees.
        lr: learning rate of SGD with Nesterov momentum, which falls linearly to zero.
        ridge: penalty of the regression, as a share of the activations' mean square.
        skip: a token, such as padding, at which nothing is learned.
        start: translators to go on from, in place of the regression.
        batch_size: rows in one forward pass.
        seed: which positions each step sees.

    Returns:
        One translator for each point but the last.

    Raises:
        ValueError: no token is left to learn from, activations that are not finite, or a `start`
            for other points.
    """
    kept = torch.ones_like(tokens, dtype=torch.bool) if skip is None else tokens != skip
    if not kept.any():
        raise ValueError("expected tokens to learn from, got none, try another `skip`")
    _, read, final = stream(model, tokens, batch_size=batch_size)
    kept = kept.to(read.device)
    read, final = read[:-1][:, kept].float(), final[kept].float()
    if not final.isfinite().all():
        raise ValueError("expected finite activations, got some NaN or infinite, try other weights")
    names = tuple(points_of(model).values())[:-1]
    begun = start or Translators(names, *_start(model, read, final, ridge))
    if begun.names != names:
        raise ValueError(f"expected a start for {', '.join(names)}, got {', '.join(begun.names)}")
    A, b = (each.clone().to(read.device).requires_grad_() for each in (begun.A, begun.b))
    optimiser = torch.optim.SGD([A, b], lr=lr, momentum=0.9, nesterov=True)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimiser, lambda step: 1 - step / max(steps, 1))
    generator = torch.Generator().manual_seed(seed)
    progress = trange(steps, desc="tuned lens", disable=None)
    for _ in progress:
        chosen = torch.randint(len(final), (positions,), generator=generator).to(read.device)
        optimiser.zero_grad()
        losses = _learn(model, read[:, chosen], final[chosen], A, b)
        _clip(A.grad, b.grad)
        optimiser.step()
        schedule.step()
        progress.set_postfix(nats=f"{sum(losses) / len(losses):.3f}")
    return Translators(names, A.detach().cpu(), b.detach().cpu())


def tuned_lens_loss(
    model: TransformerBridge,
    translated: Float[Tensor, "pos d_model"],
    final: Float[Tensor, "pos d_model"],
) -> Float[Tensor, ""]:
    """Return the mean KL(final prediction || reading of translated activations), in nats.

    Args:
        model: any bridge.
        translated: a point's activations after its translator.
        final: the end of the stream at the same positions.
    """
    return _divergence(model, translated, *_end(model, final))


@torch.enable_grad()
def _learn(model: TransformerBridge, read: Tensor, final: Tensor, A: Tensor, b: Tensor) -> list:
    """Add each point's gradient to A and b; one point's logits are held at a time."""
    losses, (end, end_probs) = [], _end(model, final)
    for at, resid in enumerate(read):
        loss = _divergence(model, resid + resid @ A[at] + b[at], end, end_probs)
        loss.backward(inputs=(A, b))
        losses.append(loss.item())
    return losses


def _clip(A: Float[Tensor, "point d_in d_model"], b: Float[Tensor, "point d_model"]) -> None:
    """Shorten each point's gradient to LONGEST in place: a far point takes no step from a near."""
    length = (reduce(A.square(), "point ... -> point", "sum") + b.square().sum(dim=1)).sqrt()
    share = (LONGEST / length).clamp(max=1)
    A.mul_(share[:, None, None])
    b.mul_(share[:, None])


@torch.no_grad()
def _start(
    model: TransformerBridge, read: Tensor, final: Tensor, ridge: float
) -> tuple[Float[Tensor, "point d_model d_model"], Float[Tensor, "point d_model"]]:
    """The regression, shortened to the length that activations of each point have anyway.

    LayerNorm does not ask for length, but gradients do: behind it they are as small as what went in
    is long, and the last point is the longest by far. So kept short, A learns at a rate that does
    not depend on the model's scale.
    """
    A, b = _regressed(read, final, ridge)
    if model.cfg.normalization_type is None:
        return A, b
    eye = torch.eye(A.shape[-1], device=A.device)
    reached = (read @ (A + eye) + b[:, None]).norm(dim=-1).mean(dim=1)
    share = read.norm(dim=-1).mean(dim=1) / reached
    return share[:, None, None] * (A + eye) - eye, share[:, None] * b


@torch.no_grad()
def _end(
    model: TransformerBridge, final: Tensor
) -> tuple[Float[Tensor, "pos d_vocab"], Float[Tensor, "pos d_vocab"]]:
    """Log-probabilities and probabilities of the final prediction."""
    log_probs = unembed(model, final).float().log_softmax(dim=-1)
    return log_probs, log_probs.exp()


def _divergence(
    model: TransformerBridge,
    translated: Tensor,
    end: Float[Tensor, "pos d_vocab"],
    end_probs: Float[Tensor, "pos d_vocab"],
) -> Float[Tensor, ""]:
    read = unembed(model, translated).float().log_softmax(dim=-1)
    return reduce(end_probs * (end - read), "pos d_vocab -> pos", "sum").mean()


@torch.no_grad()
def _regressed(
    read: Float[Tensor, "point pos d_model"], final: Float[Tensor, "pos d_model"], ridge: float
) -> tuple[Float[Tensor, "point d_model d_model"], Float[Tensor, "point d_model"]]:
    """Ridge regression from each point to the end, as what is to be added."""
    means = reduce(read, "point pos d_model -> point 1 d_model", "mean")
    centred, wanted = read - means, final - final.mean(dim=0)
    gram = rearrange(centred, "point pos d_model -> point d_model pos") @ centred
    eye = torch.eye(gram.shape[-1], device=gram.device)
    size = gram.diagonal(dim1=-2, dim2=-1).mean(dim=-1)
    right = rearrange(centred, "point pos d_model -> point d_model pos") @ wanted
    whole = torch.linalg.solve(gram + ridge * size[:, None, None] * eye, right)
    b = final.mean(dim=0) - rearrange(means @ whole, "point 1 d_model -> point d_model")
    return whole - eye, b
