"""A circuit as a picture, and as text for Graphviz.

Layers are rows, the embedding at the bottom, and only nodes with an edge are drawn. An edge leaves
a node at its top and enters a head at the bottom: queries left, keys in the middle, values right.
It is as wide as its score is large; true edges wear black dashes.
"""

import re
from collections.abc import Collection, Iterable, Mapping
from math import ceil

import plotly.graph_objects as go

from mi_course.plots.style import COLOURS, TRUTH, frame
from mi_course.results.circuit_graph import Edge, edge_name, owner
from mi_course.results.circuit_scores import EdgeScores
from mi_course.results.circuits import Circuit

__all__ = ["plot_circuit", "plot_edges", "to_dot"]

HEAD = re.compile(r"L(\d+)H(\d+)")
PORTS = {"q": -0.16, "k": 0.0, "v": 0.16}
NODE_SIZE, COLUMN, ROW, SIDES = 38, 84, 80, 100  # pixels
HALF = NODE_SIZE / ROW / 2
WIDEST, THINNEST = 9.0, 1.0  # pixels
WIDTHS = 6  # classes of width, so that a circuit of many edges has few traces
STEPS = 16  # straight pieces of a curve
BOWS = (0.0, 0.5, 0.9, 1.4, 2.0)  # columns by which an edge may be pushed aside; the first that do
CLEAR = 0.32  # columns between an edge and the middle of a node that it passes
COLOUR = {True: COLOURS[0], False: COLOURS[1]}
SAYS = {True: "the loss rises without it", False: "the loss falls without it"}
Place = tuple[float, float]


def plot_circuit(
    circuit: Circuit, truth: Collection[Edge] = (), *, title: str | None = None
) -> go.Figure:
    """Return the kept edges of a circuit, layer above layer, as wide as their effects are large.

    Args:
        circuit: what ACDC found.
        truth: true edges, if they are known; those that were missed are drawn too.
        title: the claim; by default how many edges are kept at which threshold.

    Returns:
        A figure.
    """
    claim = f"{len(circuit.kept)} edges are kept at tau = {circuit.tau:g}"
    claim = title or claim + _true_ones(circuit.kept, truth)
    return _drawn(_effects(circuit), truth, claim, circuit.summary())


def plot_edges(
    scores: EdgeScores, n: int, truth: Collection[Edge] = (), *, title: str | None = None
) -> go.Figure:
    """Return the edges of largest score, layer above layer.

    Args:
        scores: of all edges.
        n: how many of largest score, its sign apart, are drawn.
        truth: true edges, if they are known; those that were missed are drawn too.
        title: the claim; by default how many true edges are among them.

    Returns:
        A figure.
    """
    kept = scores.top(n)
    claim = title or f"The {n} edges of largest {scores.name} score" + _true_ones(kept, truth)
    return _drawn({edge: scores.of(edge) for edge in kept}, truth, claim, scores.summary())


def _effects(circuit: Circuit) -> dict[Edge, float]:
    numbers = [circuit.graph.number[edge] for edge in circuit.kept]
    return dict(zip(circuit.kept, circuit.effects[numbers].tolist(), strict=True))


def _true_ones(kept: Collection[Edge], truth: Collection[Edge]) -> str:
    return f": {len({*kept} & {*truth})} of {len({*truth})} true ones" if truth else ""


def _drawn(
    scores: Mapping[Edge, float], truth: Collection[Edge], title: str, summary: str
) -> go.Figure:
    places = _places([*scores, *truth])
    figure = go.Figure()
    _add_kept(figure, scores, places)
    if truth:
        _add_lines(figure, sorted(truth), places, name="true edge", line=TRUTH)
    _add_hover(figure, scores, places)
    _add_nodes(figure, places)
    rows = sorted({y for _, y in places.values()})
    widest = 2 * max((abs(x) for x, _ in places.values()), default=0.0) + 1
    width = max(600, SIDES + ceil(COLUMN * (widest + 1.6)))
    half = (width - SIDES) / COLUMN / 2  # so that a column has its width in every figure
    figure.update_xaxes(visible=False, range=[-half, half])
    figure.update_yaxes(visible=False, range=[-0.45, len(rows) - 0.55])
    return frame(
        figure,
        title=title,
        summary=summary,
        width=width,
        height=60 + ROW * max(len(rows), 2),
    )


def to_dot(circuit: Circuit, truth: Collection[Edge] = ()) -> str:
    """Return a circuit as text for Graphviz (`dot -Tsvg`), nothing of which is needed here.

    Args:
        circuit: its kept edges with their scores.
        truth: true edges, drawn dashed.

    Returns:
        A directed graph in the DOT language.
    """
    scores = _effects(circuit)
    largest = _largest(scores)
    lines = ["digraph circuit {", "  rankdir=BT;", "  node [shape=box];"]
    for row in _rows([*scores, *truth]):
        lines.append(f"  {{ rank=same; {' '.join(f'{_quoted(node)};' for node in row)} }}")
    for edge in [*scores, *sorted(set(truth) - set(scores))]:
        look = {"label": _quoted(edge[1].rpartition(".")[2] if "." in edge[1] else "")}
        if edge in scores:
            look["color"] = _quoted(COLOUR[scores[edge] >= 0])
            look["penwidth"] = f"{_width(scores[edge], largest):.1f}"
        if edge in truth:
            look["style"] = "dashed"
        told = ", ".join(f"{key}={value}" for key, value in look.items())
        lines.append(f"  {_quoted(edge[0])} -> {_quoted(owner(edge[1]))} [{told}];")
    return "\n".join([*lines, "}"]) + "\n"


def _height(node: str) -> tuple[float, int]:
    """Return what orders nodes from the bottom up and from left to right."""
    if head := HEAD.fullmatch(node):
        return float(head[1]), int(head[2])
    if node.startswith("MLP"):
        return float(node.removeprefix("MLP")) + 0.5, 0
    if node == "logits":
        return float("inf"), 0
    return -1.0, ["embed", "tokens", "positions"].index(node)


def _rows(edges: Iterable[Edge]) -> list[list[str]]:
    """Return the nodes of some edges, row by row from the bottom."""
    nodes = sorted({owner(end) for edge in edges for end in edge}, key=_height)
    rows: dict[float, list[str]] = {}
    for node in nodes:
        rows.setdefault(_height(node)[0], []).append(node)
    return list(rows.values())


def _places(edges: Iterable[Edge]) -> dict[str, Place]:
    """Return where each node stands: rows from the bottom, each centred."""
    return {
        node: (i - (len(row) - 1) / 2, float(y))
        for y, row in enumerate(_rows(edges))
        for i, node in enumerate(row)
    }


def _curve(edge: Edge, places: Mapping[str, Place]) -> list[Place]:
    """Return the points of an edge, which swerves as far as it must to pass beside other nodes."""
    (x0, y0), (x1, y1) = places[edge[0]], places[owner(edge[1])]
    between = [(x, y) for x, y in places.values() if y0 < y < y1]
    x1 += PORTS.get(edge[1].rpartition(".")[2], 0.0) if "." in edge[1] else 0.0
    away = 1 if x0 + x1 >= 0 else -1
    curves = [
        _swerving((x0, y0 + HALF), (x1, y1 - HALF), side * away * bow)
        for bow in BOWS
        for side in (1, -1)
    ]
    return max(curves, key=lambda curve: min(_clearance(curve, between), CLEAR))


def _swerving(start: Place, end: Place, bow: float) -> list[Place]:
    """Return points that go up, across, and up again, pushed aside by `bow` columns."""
    (x0, y0), (x1, y1) = start, end
    xs, ys = (x0, x0 + bow, x1 + bow, x1), (y0, (y0 + y1) / 2, (y0 + y1) / 2, y1)
    return [(_bezier(xs, i / STEPS), _bezier(ys, i / STEPS)) for i in range(STEPS + 1)]


def _clearance(curve: list[Place], nodes: Iterable[Place]) -> float:
    """Return by how many columns a curve passes beside the nearest node that it must not touch."""
    beside = [
        abs(x - node_x)
        for node_x, node_y in nodes
        for x, y in curve
        if abs(y - node_y) < 1.4 * HALF
    ]
    return min(beside, default=CLEAR)


def _bezier(p: tuple[float, float, float, float], t: float) -> float:
    s = 1 - t
    return s**3 * p[0] + 3 * s * s * t * p[1] + 3 * s * t * t * p[2] + t**3 * p[3]


def _largest(scores: Mapping[Edge, float]) -> float:
    return max(map(abs, scores.values()), default=0.0) or 1.0


def _width(score: float, largest: float) -> float:
    return THINNEST + (WIDEST - THINNEST) * abs(score) / largest


def _add_kept(figure: go.Figure, scores: Mapping[Edge, float], places: Mapping[str, Place]) -> None:
    """Draw edges, those of one sign and about one width as one trace."""
    largest, told = _largest(scores), set()
    classes: dict[tuple[bool, int], list[Edge]] = {}
    for edge, score in scores.items():
        step = round(abs(score) / largest * WIDTHS)
        classes.setdefault((score >= 0, step), []).append(edge)
    for (rises, step), edges in sorted(classes.items(), reverse=True):
        width = THINNEST + (WIDEST - THINNEST) * step / WIDTHS
        line = {"color": COLOUR[rises], "width": width}
        _add_lines(figure, edges, places, name=SAYS[rises], line=line, legend=rises not in told)
        told.add(rises)


def _add_lines(
    figure: go.Figure,
    edges: Iterable[Edge],
    places: Mapping[str, Place],
    *,
    name: str,
    line: Mapping[str, object],
    legend: bool = True,
) -> None:
    xs: list[float | None] = []
    ys: list[float | None] = []
    for edge in edges:
        x, y = zip(*_curve(edge, places), strict=True)
        xs, ys = [*xs, *x, None], [*ys, *y, None]
    opaque = line == TRUTH
    figure.add_scatter(
        x=xs,
        y=ys,
        mode="lines",
        line=dict(line),
        name=name,
        legendgroup=name,
        opacity=1.0 if opaque else 0.65,
        hoverinfo="skip",
        showlegend=legend,
    )


def _add_hover(
    figure: go.Figure, scores: Mapping[Edge, float], places: Mapping[str, Place]
) -> None:
    middles = [_curve(edge, places)[STEPS // 2] for edge in scores]
    figure.add_scatter(
        x=[x for x, _ in middles],
        y=[y for _, y in middles],
        mode="markers",
        marker={"size": 14, "opacity": 0},
        hovertext=[f"{edge_name(edge)}: {score:.3g}" for edge, score in scores.items()],
        hoverinfo="text",
        showlegend=False,
    )


def _add_nodes(figure: go.Figure, places: Mapping[str, Place]) -> None:
    border = {"color": "#222222", "width": 1.5}
    figure.add_scatter(
        x=[x for x, _ in places.values()],
        y=[y for _, y in places.values()],
        mode="markers+text",
        text=list(places),
        textfont={"size": [8 if len(name) > 6 else 10 for name in places]},
        marker={"symbol": "square", "size": NODE_SIZE, "color": "white", "line": border},
        hoverinfo="skip",
        showlegend=False,
    )


def _quoted(name: str) -> str:
    return f'"{name}"'
