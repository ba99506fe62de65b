"""The part of a model that still counts, run for many circuits at once, as changes of one state.

ACDC goes from the logits backwards. When it comes to a reader, everything before it still has all
its edges and so its clean value, and of everything after it only those nodes count from which kept
edges lead to the logits. So the state is small: inputs and outputs of live nodes. Removing edges
from one reader shifts its input by

    offset = sum over removed edges of (what they carry instead - what the writer writes)

and the shift travels along kept edges only. Three things bound the work further: a node is run only
at positions that something reads (the last one, as long as only logits and queries read it); what
stands before the first token that differs never changes; and all variants share a batch. In go
offsets of one reader, one for each variant; out come losses.
"""

from collections.abc import Iterator, Mapping

import torch
from einops import rearrange
from jaxtyping import Float, Int
from torch import Tensor

from mi_course.methods.circuits.graph import owner
from mi_course.methods.circuits.runs import EdgeRuns, layer_of

__all__ = ["LiveGraph"]

Shifts = Mapping[str, Tensor]  # by reader, [variant *where d_model]; readers differ in where


class LiveGraph:
    """The live nodes of a circuit under construction, at the moment.

    A tensor of a node lives either at all positions from the first that can change, [batch window
    d_model], or only where the task is scored, [scored d_model] (`everywhere` says which).

    Attributes:
        live: the live nodes, from the logits backwards.
        multiply_adds: of all matrix products so far.
    """

    def __init__(self, runs: EdgeRuns) -> None:
        self.runs, self.model = runs, runs.model
        self.rows, self.cols = runs.scored
        self.stop = runs.task.clean.shape[1]
        self.start = runs.first_change()
        self.at = torch.arange(self.start, self.stop, device=runs.clean.device)
        self.delta = (runs.removed - runs.clean)[:, :, self.start :]
        self.live: list[str] = []
        self.everywhere: dict[str, bool] = {}
        self.multiply_adds = 0
        self._children: dict[str, list[str]] = {}
        self._inputs: dict[str, Tensor] = {}
        self._outputs: dict[str, Tensor] = {}
        self._projected: dict[tuple[str, str], Tensor] = {}
        self._writer = {writer: i for i, writer in enumerate(runs.graph.writers)}

    def keep(self, writer: str, reader: str) -> None:
        """Note that an edge into a live node stays."""
        self._children.setdefault(writer, []).append(reader)

    def admit(self, node: str) -> bool:
        """Return whether anything live reads the node; if so, it is live from now on.

        All edges out of the node must have been decided, and none into it.
        """
        children = self._children.get(node, [])
        if not children and node != "logits":
            return False
        self.everywhere[node] = any(self._reads_everywhere(reader) for reader in children)
        for reader in self.runs.graph.readers_of(node):
            self._inputs[reader] = self._placed(self._clean_input(reader), reader)
        if node.startswith("L"):
            for which in "qkv":
                x = self._project(node, which, self._clean_input(self._reader(node, which)))
                if which == "q":
                    x = x[:, self.start :] if self.everywhere[node] else x[self.rows, self.cols]
                self._projected[node, which] = x
        if node != "logits":
            clean = self.runs.clean[self._writer[node]][:, self.start :]
            self._outputs[node] = clean if self.everywhere[node] else self._at_scored(clean)
        self.live.append(node)
        return True

    def offset(self, writer: str, reader: str) -> Float[Tensor, "*where d_model"]:
        """Return how a live reader's input shifts when an edge into it is removed."""
        delta = self.delta[self._writer[writer]]
        return delta if self._reads_everywhere(reader) else self._at_scored(delta)

    def losses(
        self, reader: str, offsets: Float[Tensor, "variant *where d_model"]
    ) -> Float[Tensor, " variant"]:
        """Return the loss of the present circuit with one live reader's input shifted."""
        n = len(offsets)
        # Zero where no path leads there: children may read other positions only.
        shift = torch.zeros_like(self._inputs["logits"]).expand(n, -1, -1)
        for node, shifts, _ in self._travel({reader: offsets}):
            shift = shifts[node] if node == "logits" else shift
        self.multiply_adds += n * self.runs.loss.multiply_adds
        return self.runs.loss(self._inputs["logits"] + shift)

    def advance(self, offsets: Shifts) -> None:
        """Shift the inputs of some live readers for good; one variant."""
        for node, shifts, moved in self._travel(offsets):
            for reader, shift in shifts.items():
                self._inputs[reader] = self._inputs[reader] + shift[0]
            if moved is not None:
                self._outputs[node] = self._outputs[node] + moved[0]
            for which in "qkv" if node.startswith("L") else ():
                if (reader := self._reader(node, which)) in shifts:
                    x = self._inputs[reader][None]
                    self._projected[node, which] = self._replaced(node, which, x)[0]

    def _travel(self, offsets: Shifts) -> Iterator[tuple[str, Shifts, Tensor | None]]:
        """Yield nodes in forward order, with the shifts of their inputs and of their output.

        What a node writes is handed to its children at once, so that no more is held than is still
        to be read, and for the logits only where they are scored.
        """
        shifts = dict(offsets)
        for node in reversed(self.live):
            own = {r: shifts.pop(r) for r in self.runs.graph.readers_of(node) if r in shifts}
            if not own:
                continue
            if node == "logits":
                yield node, own, None
                continue
            run = self._mlp_out if node.startswith("MLP") else self._head_out
            moved = run(node, own) - self._outputs[node]
            yield node, own, moved
            for child in self._children[node]:
                seen = self._seen_by(moved, node, child)
                shifts[child] = shifts[child] + seen if child in shifts else seen

    def _mlp_out(self, node: str, shifts: Shifts) -> Float[Tensor, "variant *where d_model"]:
        x = self._inputs[node] + shifts[node]
        layer = layer_of(node, self.model.n_layers)
        weights = self.model.layers[layer]
        n_products = 2 if weights.W_gate is None else 3
        self.multiply_adds += x.numel() * weights.W_in.shape[1] * n_products
        return self.model.mlp(layer, x)

    def _head_out(self, node: str, shifts: Shifts) -> Float[Tensor, "variant *where d_model"]:
        q, k, v = (self._now(node, which, shifts) for which in "qkv")
        if self.everywhere[node]:
            at = self.at
        else:
            q, at = q[..., None, :], self.cols[:, None]
            k, v = k[..., self.rows, :, :], v[..., self.rows, :, :]
        scores = q @ k.mT / self.model.scale
        if self.model.causal:
            later = torch.arange(self.stop, device=at.device) > at[..., None]
            scores = scores.masked_fill(later, float("-inf"))
        z = scores.softmax(dim=-1) @ v
        z = z if self.everywhere[node] else z.squeeze(-2)
        layer, head = layer_of(node, self.model.n_layers), int(node.partition("H")[2])
        W_O = self.model.layers[layer].W_O[head]
        self.multiply_adds += 2 * scores.numel() * v.shape[-1] + z.numel() * W_O.shape[1]
        return z @ W_O

    def _now(self, node: str, which: str, shifts: Shifts) -> Tensor:
        """Return queries, keys or values, new ones where the input is shifted."""
        reader = self._reader(node, which)
        if reader not in shifts:
            return self._projected[node, which][None]
        return self._replaced(node, which, self._inputs[reader] + shifts[reader])

    def _replaced(self, node: str, which: str, x: Tensor) -> Float[Tensor, "variant *where d_head"]:
        """Return keys or values at all positions, or queries where the node is read."""
        if which == "q" and not self.everywhere[node]:
            x = x if x.ndim == 3 else self._at_scored(x)
            return self._project(node, which, x, at=self.cols)
        n = len(x)
        flat = rearrange(x, "variant batch pos d_model -> (variant batch) pos d_model")
        new = self._project(node, which, flat, at=self.at)
        new = rearrange(new, "(variant batch) pos d_head -> variant batch pos d_head", variant=n)
        if which == "q" or not self.start:
            return new
        old = self._projected[node, which][:, : self.start].expand(n, -1, -1, -1)
        return torch.cat([old, new], dim=2)

    def _project(
        self,
        node: str,
        which: str,
        x: Float[Tensor, "batch pos d_model"],
        at: Int[Tensor, " pos"] | None = None,
    ) -> Float[Tensor, "batch pos d_head"]:
        layer, head = layer_of(node, self.model.n_layers), int(node.partition("H")[2])
        self.multiply_adds += x.numel() * self.model.layers[layer].W_Q.shape[-1]
        heads = slice(head, head + 1)
        return self.model.project(layer, which, x, at=at, heads=heads)[:, :, 0]

    def _reader(self, node: str, which: str) -> str:
        return f"{node}.{which}" if self.runs.graph.split else node

    def _reads_everywhere(self, reader: str) -> bool:
        """Return whether a live reader's input matters at all positions; keys and values do."""
        if reader.endswith((".k", ".v")):
            return True
        if reader == "logits":
            return False
        return self.everywhere[owner(reader)] or (reader.startswith("L") and "." not in reader)

    def _seen_by(self, change: Tensor, parent: str, reader: str) -> Tensor:
        same = self.everywhere[parent] == self._reads_everywhere(reader)
        return change if same else self._at_scored(change)

    def _at_scored(self, x: Float[Tensor, "*variant batch window d_model"]) -> Tensor:
        return x[..., self.rows, self.cols - self.start, :]

    def _placed(self, x: Float[Tensor, "batch pos d_model"], reader: str) -> Tensor:
        window = x[:, self.start :]
        return window if self._reads_everywhere(reader) else self._at_scored(window)

    def _clean_input(self, reader: str) -> Float[Tensor, "batch pos d_model"]:
        return self.runs.clean_inputs[len(self.runs.graph.parents(reader))]
