"""A random circuit as a description: live heads and MLPs that build on each other, and decoys.

Every live part copies or recodes a letter into a variable of its own, and reads, where it can, what
a live part before it wrote: as value (what to copy), as query (what to look for) or as key (where).
What nobody has read at the end goes to the logits, so every live part reaches them. The other
heads and MLPs look alike, but write what nobody live reads, or a constant, which no prompt changes.
In goes a random generator; out comes a `Program`.
"""

from dataclasses import dataclass, field, replace

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from mi_course.models.compiled.neurons import table, table_of_two
from mi_course.models.compiled.program import Head, Move, Neurons, Program, Score

__all__ = ["Shape", "draw_program"]

OUTPUT_LOGIT = 3.0  # what each part that reaches the logits adds to its letter
SHARPNESS = 10.0  # score of a match: gradients of the attention do not vanish
CONSTANT = 1.0  # size of what a constant decoy writes
UNREAD = ("unread", "unread_too")
FARTHEST = 3  # places that a positional head looks back


@dataclass(frozen=True)
class Shape:
    """The size of a random circuit.

    Attributes:
        n_layers: number of blocks.
        n_heads: heads in each.
        n_live: heads that take part.
        mlps: whether blocks have MLPs; about half of them take part.
        n_letters: letters of the vocabulary, beside BOS.
        length: letters of a prompt.
    """

    n_layers: int = 3
    n_heads: int = 4
    n_live: int = 6
    mlps: bool = True
    n_letters: int = 6
    length: int = 8

    def __post_init__(self) -> None:
        room = self.n_layers * self.n_heads
        if self.n_layers < 1 or not 1 <= self.n_live <= room:
            raise ValueError(
                f"expected 1 to {room} live heads, got {self.n_live}, try half as many"
            )
        if self.n_letters < 3 or self.length < 4:
            raise ValueError(
                f"expected at least 3 letters and prompts of 4, got {self.n_letters} and "
                f"{self.length}, try 6 and 8"
            )


@dataclass
class _Draft:
    """What has been drawn so far; variables hold one letter each unless they are unread."""

    shape: Shape
    rng: np.random.Generator
    heads: list[Head] = field(default_factory=list)
    neurons: list[Neurons] = field(default_factory=list)
    written: list[str] = field(default_factory=list)
    waiting: list[str] = field(default_factory=list)
    shifts: set[tuple[str, int]] = field(default_factory=set)

    def recoding(self) -> Float[Tensor, "letter letter"]:
        """Return a random permutation without fixed points, as a matrix."""
        n = self.shape.n_letters
        order = torch.as_tensor(self.rng.permutation(n))
        return torch.eye(n)[order].T @ torch.eye(n).roll(1, dims=0)[order]

    def source(self, ready: list[str]) -> str:
        """Return a variable to read: one that waits for a reader, or any, or the letter itself."""
        waiting = [name for name in ready if name in self.waiting]
        name = str(self.rng.choice(waiting or ready or ["letter"]))
        if name in self.waiting:
            self.waiting.remove(name)
        return name

    def new(self, name: str) -> str:
        """Return a variable of this name, which now waits for a reader."""
        self.written.append(name)
        self.waiting.append(name)
        return name


def draw_program(shape: Shape, rng: np.random.Generator) -> Program:
    """Return a random circuit of a size, in named variables."""
    draft = _Draft(shape, rng)
    live = _live_heads(shape, rng)
    roles = [str(role) for _ in range(shape.n_live) for role in rng.permutation(["q", "k", "v"])]
    places = [rng.permutation(shape.n_heads) for _ in range(shape.n_layers)]
    live_mlps = rng.permutation(shape.n_layers)[: (shape.n_layers + 1) // 2] if shape.mlps else []
    for layer in range(shape.n_layers):
        ready = list(draft.written)
        for index in places[layer][: live[layer]]:
            role = roles.pop() if ready else "v"
            draft.heads.append(_head(draft, (layer, int(index)), role, ready))
        if layer in live_mlps:
            draft.neurons.append(_mlp(draft, layer))
    final = list(draft.waiting)
    _add_decoys(draft, [int(i) for i in live], places, final)
    return _program(draft, final)


def _live_heads(shape: Shape, rng: np.random.Generator) -> list[int]:
    """Return how many heads of each layer are live: the same number, but for a remainder."""
    each, more = divmod(shape.n_live, shape.n_layers)
    lucky = set(rng.permutation(shape.n_layers)[:more].tolist())
    return [each + (layer in lucky) for layer in range(shape.n_layers)]


def _head(draft: _Draft, place: tuple[int, int], role: str, ready: list[str]) -> Head:
    """Return a live head that reads a variable as value, query or key."""
    name = "L{}H{}".format(*place)
    if role == "v":
        source = draft.source(ready)
        back = [b for b in range(1, FARTHEST + 1) if (source, b) not in draft.shifts]
        offset = int(draft.rng.choice(back or [FARTHEST + 1]))
        draft.shifts.add((source, offset))
        move = Move(source, draft.new(name), draft.recoding())
        return Head(*place, (_look_back(draft.shape, offset),), (move,))
    known = draft.source(ready)
    query, key = (known, "letter") if role == "q" else ("letter", known)
    value = str(draft.rng.choice([v for v in ("letter", *ready) if v != key]))
    if value in draft.waiting:
        draft.waiting.remove(value)
    move = Move(value, draft.new(name), draft.recoding())
    return Head(*place, _match(draft, query, key), (move,))


def _look_back(shape: Shape, offset: int) -> Score:
    """Return a score that is high a number of places back, at BOS where there are not so many."""
    n_ctx = shape.length + 1
    there = torch.eye(n_ctx)[(torch.arange(n_ctx) - offset).clamp(min=0)]
    return Score("position", "position", 2 * SHARPNESS * there)


def _match(draft: _Draft, query: str, key: str) -> tuple[Score, ...]:
    """Return scores that are high where the key is the query's recoded letter.

    Where no letter matches, a head whose keys are tokens looks at BOS, any other one everywhere.
    """
    match = Score(query, key, SHARPNESS * draft.recoding())
    rest = Score(None, "bos", torch.tensor([[SHARPNESS / 2]]))
    return (match, rest) if key == "letter" else (match,)


def _mlp(draft: _Draft, layer: int) -> Neurons:
    """Return a live MLP: a table of one variable, or of two if two are waiting."""
    first = draft.source(list(draft.written))
    name = f"MLP{layer}"
    second = [v for v in draft.waiting if v != first]
    if not second or draft.rng.random() < 0.5:
        return table(layer, first, draft.new(name), draft.recoding())
    return table_of_two(layer, (first, draft.source(second)), draft.new(name), _sums(draft))


def _sums(draft: _Draft) -> Float[Tensor, "letter letter letter"]:
    """Return a table in which letters i and j make the recoded letter i + j."""
    n = draft.shape.n_letters
    i = torch.arange(n)
    return draft.recoding()[(i[:, None] + i) % n]


def _add_decoys(draft: _Draft, live: list[int], places: list[np.ndarray], final: list[str]) -> None:
    """Fill the heads and MLPs that are left: every third writes a constant, the others unread."""
    number = int(draft.rng.integers(3))
    wasted: set[str] = set()
    used = {each.layer for each in draft.neurons}
    for layer in range(draft.shape.n_layers):
        before = [name for name in draft.written if _layer_of(name) < layer]
        readable = ["letter", *before, *sorted(wasted)]
        for index in places[layer][live[layer] :]:
            number += 1
            constant = number % 3 == 0
            decoy = _constant_head(draft, final) if constant else _unread_head(draft, readable)
            draft.heads.append(replace(decoy, layer=layer, index=int(index)))
        if draft.shape.mlps and layer not in used:
            draft.neurons.append(_unread_mlp(draft, layer, readable))
        wasted |= {m.target for head in draft.heads if head.layer == layer for m in head.moves}
        wasted &= set(UNREAD)


def _layer_of(name: str) -> int:
    return int(name[1:].split("H")[0]) if name.startswith("L") else int(name.removeprefix("MLP"))


def _unread_head(draft: _Draft, readable: list[str]) -> Head:
    """Return a head like the live ones that writes what nobody live reads."""
    query, key, value = (str(draft.rng.choice(readable)) for _ in range(3))
    offset = int(draft.rng.integers(1, FARTHEST + 1))
    back = draft.rng.random() < 0.5
    scores = (_look_back(draft.shape, offset),) if back else _match(draft, query, key)
    return Head(0, 0, scores, (Move(value, str(draft.rng.choice(UNREAD)), draft.recoding()),))


def _constant_head(draft: _Draft, final: list[str]) -> Head:
    """Return a head that looks at BOS only, and writes always the same where the logits read."""
    n_ctx = draft.shape.length + 1
    at_bos = Score("position", "bos", 2 * SHARPNESS * torch.ones(n_ctx, 1))
    vector = torch.as_tensor(draft.rng.normal(size=(1, draft.shape.n_letters)), dtype=torch.float32)
    move = Move("bos", str(draft.rng.choice(final)), CONSTANT * vector)
    return Head(0, 0, (at_bos,), (move,))


def _unread_mlp(draft: _Draft, layer: int, readable: list[str]) -> Neurons:
    """Return an MLP like the live ones that writes what nobody live reads."""
    target = str(draft.rng.choice(UNREAD))
    if draft.rng.random() < 0.5:
        return table(layer, str(draft.rng.choice(readable)), target, draft.recoding())
    first, second = (str(v) for v in draft.rng.choice(readable, size=2))
    if first == second:
        return table(layer, first, target, draft.recoding())
    return table_of_two(layer, (first, second), target, _sums(draft))


def _program(draft: _Draft, final: list[str]) -> Program:
    shape = draft.shape
    n, n_ctx = shape.n_letters, shape.length + 1
    letters = torch.eye(n + 1)
    return Program(
        sizes={
            **{"letter": n, "bos": 1, "position": n_ctx},
            **dict.fromkeys([*draft.written, *UNREAD], n),
        },
        tokens={"letter": letters[:, 1:], "bos": letters[:, :1]},
        positions={"position": torch.eye(n_ctx)},
        heads=tuple(draft.heads),
        neurons=tuple(draft.neurons),
        outputs={name: OUTPUT_LOGIT * draft.recoding() @ letters[1:] for name in final},
        n_layers=shape.n_layers,
        n_heads=shape.n_heads,
        n_ctx=n_ctx,
        varying=frozenset({"letter"}),
    )
