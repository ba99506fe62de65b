"""Run a model on from where rows differ from a base run: from their half-layer, from a position on.

Half-layer 2l is the stream before layer l, 2l + 1 the stream behind its attention. Rows that enter
later join the batch later. Keys and values of earlier positions are those of the base run; in the
last layer only the answering position asks. In go streams of rows; out come their ends.
"""

from collections.abc import Mapping

import torch
from jaxtyping import Float, Int
from torch import Tensor

from mi_course.methods.patching.traces import Trace
from mi_course.models.plain import PlainTransformer

__all__ = ["Fixed", "run_on"]

# layer -> ("q", "k" or "v", head, its value at each row's positions from the start)
Fixed = Mapping[int, list[tuple[str, int, Float[Tensor, "row pos d_head"]]]]


@torch.no_grad()
def run_on(
    model: PlainTransformer,
    base: Trace,
    entering: Mapping[int, Float[Tensor, "some_rows pos d_model"]],
    prompt: Int[Tensor, " row"],
    ends: Int[Tensor, " row"],
    *,
    start: int = 0,
    fixed: Fixed | None = None,
) -> Float[Tensor, "row d_model"]:
    """Return the end of each row's stream.

    Args:
        model: a plain transformer.
        base: the run that every row equals before it enters.
        entering: half-layer -> streams of the rows that enter there, at positions from `start`.
        prompt: the prompt of each row, rows in the order in which they enter.
        ends: the answering position of each row.
        start: the first position that is run; 0 for a model that looks ahead.
        fixed: queries, keys or values of heads that are given and not computed.
    """
    last = 2 * model.n_layers - 2
    n_rows = 0
    x = next(iter(entering.values()))[:0]
    for half in range(min(entering), last + 3):
        if (new := entering.get(half)) is not None:
            rows = slice(n_rows, n_rows := n_rows + len(new))
            # From the last layer's queries on only the answering position is left.
            new = new if half <= last else _at(new, ends[rows] - start)
            x = torch.cat([x, new]) if x.shape[1] == new.shape[1] else new
        layer, inside = divmod(half, 2)
        if half == last + 2 or not n_rows:
            continue
        if inside:
            x = x if model.attn_only or model.parallel else x + model.mlp(layer, x)
        else:
            rows = (prompt[:n_rows], ends[:n_rows] if half == last else None)
            given = (fixed or {}).get(layer, [])
            x = _attended(model, base, x, layer, rows, start=start, fixed=given)
    return x[:, 0]


def _attended(
    model: PlainTransformer,
    base: Trace,
    x: Float[Tensor, "row pos d_model"],
    layer: int,
    rows: tuple[Int[Tensor, " row"], Int[Tensor, " row"] | None],
    *,
    start: int,
    fixed: list[tuple[str, int, Tensor]],
) -> Float[Tensor, "row query_pos d_model"]:
    """Return the stream behind a layer's attention; of parallel blocks behind the MLP as well."""
    prompt, ends = rows
    at = torch.arange(start, start + x.shape[1], device=x.device)
    k, v = (model.project(layer, which, x, at=at) for which in "kv")
    if ends is not None:
        at, x = ends[:, None], _at(x, ends - start)
    q = model.project(layer, "q", x, at=at)
    for which, head, value in fixed:
        if which == "q":
            q[:, :, head] = value if ends is None else _at(value, ends - start)
        else:
            (k if which == "k" else v)[:, :, head] = value
    if start:
        k, v = (
            torch.cat([kept[layer][prompt, :start], new], dim=1)
            for kept, new in ((base.k, k), (base.v, v))
        )
    out = x + model.attn_out(layer, model.attend(q, k, v, at=at))
    return out + model.mlp(layer, x) if model.parallel and not model.attn_only else out


def _at(x: Float[Tensor, "row pos d"], pos: Int[Tensor, " row"]) -> Float[Tensor, "row 1 d"]:
    return x[torch.arange(len(x), device=x.device), pos][:, None]
