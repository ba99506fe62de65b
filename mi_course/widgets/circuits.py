"""Browse the circuits of a threshold sweep: move tau, and edges appear or go.

As with the heads, the figure is an ordinary output of the cell that the controls replace in place.
In go circuits found at several thresholds; out comes something to display.
"""

from collections.abc import Collection, Sequence
from dataclasses import replace

import ipywidgets
import plotly.graph_objects as go

from mi_course.plots.circuits import plot_circuit
from mi_course.results.circuit_graph import Edge, owner
from mi_course.results.circuits import Circuit
from mi_course.widgets.controlled import ControlledFigure

__all__ = ["CircuitBrowser"]

MOST_EDGES = 300  # a figure of more is a grey ball
ALL = "all edges"


class CircuitBrowser(ControlledFigure):
    """A threshold and a node to choose, and the circuit below.

    Args:
        circuits: of one graph at different thresholds, in any order.
        truth: true edges, if they are known: drawn dashed where the box is ticked.
        tau: the threshold to show first; the one in the middle when None.

    Raises:
        ValueError: no circuits, or two with one threshold, or none with `tau`.
    """

    def __init__(
        self,
        circuits: Sequence[Circuit],
        truth: Collection[Edge] = (),
        *,
        tau: float | None = None,
    ) -> None:
        self._circuits = {circuit.tau: circuit for circuit in circuits}
        if not circuits or len(self._circuits) < len(circuits):
            raise ValueError(
                f"expected circuits of different thresholds, got {[c.tau for c in circuits]}"
            )
        taus = sorted(self._circuits)
        first = taus[len(taus) // 2] if tau is None else tau
        if first not in taus:
            raise ValueError(f"expected a threshold among {taus}, got {tau}")
        self._truth = tuple(truth)
        self.tau = ipywidgets.SelectionSlider(
            options=[(f"{each:g}", each) for each in taus],
            value=first,
            description="tau",
            layout=ipywidgets.Layout(width="60%", min_width="300px"),
        )
        used = {node for circuit in circuits for node in circuit.nodes}
        nodes = [node for node in (*circuits[0].graph.writers, "logits") if node in used]
        self.through = ipywidgets.Dropdown(options=[ALL, *nodes], value=ALL, description="through")
        self.known = ipywidgets.Checkbox(value=False, description="true edges")
        self.known.disabled = not self._truth
        super().__init__([self.tau], [self.through, self.known])

    def _draw(self) -> go.Figure:
        circuit, node = self._circuits[self.tau.value], self.through.value
        shown = circuit if node == ALL else _through(circuit, node)
        if len(shown.kept) > MOST_EDGES:
            raise ValueError(
                f"expected at most {MOST_EDGES} edges to draw, got {len(shown.kept)} at tau = "
                f"{circuit.tau:g}, try a larger tau or one node's edges"
            )
        known = self._truth if self.known.value else ()
        if node == ALL:
            return plot_circuit(shown, known)
        title = f"{len(shown.kept)} of {len(circuit.kept)} kept edges at tau = {circuit.tau:g}"
        known = [edge for edge in known if _touches(edge, node)]
        return plot_circuit(shown, known, title=f"{title} begin or end at {node}")


def _touches(edge: Edge, node: str) -> bool:
    return node in (edge[0], owner(edge[1]))


def _through(circuit: Circuit, node: str) -> Circuit:
    """Return the circuit with one node's edges alone."""
    return replace(circuit, kept=tuple(edge for edge in circuit.kept if _touches(edge, node)))
