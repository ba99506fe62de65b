import re

import pytest
import torch

from mi_course.plots import (
    plot_circuit,
    plot_edge_stability,
    plot_edges,
    plot_faithfulness_by_size,
    plot_roc,
    summary,
    to_dot,
)
from mi_course.plots.style import COLOURS, TRUTH
from mi_course.results.circuit_graph import CircuitGraph, parse_edge
from mi_course.results.circuit_scores import EdgeScores, EdgeStability, FaithfulnessCurve, RocCurve
from mi_course.results.circuits import Circuit

GRAPH = CircuitGraph(2, 2)
A, B, C, D = EDGES = tuple(
    map(parse_edge, ["embed->L0H1.q", "L0H1->L1H0.k", "L0H1->MLP1", "L1H0->logits"])
)


def words(figure):
    return figure.layout.title.text.replace("<br>", " ")


def circuit(**effects):
    values = torch.zeros(len(GRAPH.edges), dtype=torch.float64)
    for name, value in effects.items():
        values[GRAPH.number[EDGES["ABCD".index(name)]]] = value
    kept = GRAPH.check([EDGES["ABCD".index(name)] for name in effects])
    return Circuit(GRAPH, kept, values, 0.1, "kl", "corrupted", loss=0.3, full_loss=0.0)


def nodes(figure):
    (trace,) = [trace for trace in figure.data if trace.mode == "markers+text"]
    return dict(zip(trace.text, zip(trace.x, trace.y, strict=True), strict=True))


def lines(figure, name):
    return [trace for trace in figure.data if trace.mode == "lines" and trace.name == name]


def test_only_nodes_with_an_edge_are_drawn_and_layers_go_up():
    found = nodes(plot_circuit(circuit(A=1.0, B=0.5, C=0.2)))
    assert {name: y for name, (_, y) in found.items()} == {
        "embed": 0,
        "L0H1": 1,
        "L1H0": 2,
        "MLP1": 3,
    }


def test_an_edge_leaves_at_the_top_and_enters_its_port_at_the_bottom():
    figure = plot_circuit(circuit(B=0.5))
    (trace,) = lines(figure, "the loss rises without it")
    (x0, y0), (x1, y1) = nodes(figure)["L0H1"], nodes(figure)["L1H0"]
    assert (trace.x[0], trace.x[-2]) == pytest.approx((x0, x1))
    assert y0 < trace.y[0] < trace.y[-2] < y1
    queries = plot_circuit(circuit(A=0.5)).data[0]
    assert queries.x[-2] < nodes(plot_circuit(circuit(A=0.5)))["L0H1"][0]


def test_an_edge_swerves_past_a_node_that_it_does_not_touch():
    graph = CircuitGraph(3, 1, mlps=False)
    long, over = parse_edge("L0H0->logits"), parse_edge("L1H0->logits")
    scores = torch.zeros(len(graph.edges), dtype=torch.float64)
    kept = graph.check([long, over, parse_edge("embed->L2H0.v")])
    figure = plot_circuit(Circuit(graph, kept, scores + 1, 0.1, "kl", "zero", 0.3, 0.0))
    (trace,) = lines(figure, "the loss rises without it")
    points = list(zip(trace.x, trace.y, strict=True))
    for x, y in nodes(figure).values():
        inside = [p for p in points if p[0] is not None and abs(p[1] - y) < 0.2]
        assert all(abs(px - x) > 0.25 for px, _ in inside)


def test_width_tells_the_size_and_colour_the_sign():
    figure = plot_circuit(circuit(A=1.0, B=0.1, D=-1.0))
    rises, falls = (lines(figure, f"the loss {what} without it") for what in ("rises", "falls"))
    assert [trace.line.color for trace in (*rises, *falls)] == [COLOURS[0]] * 2 + [COLOURS[1]]
    assert rises[0].line.width > 3 * rises[1].line.width
    assert falls[0].line.width == rises[0].line.width
    assert [trace.showlegend for trace in rises] == [True, False]


def test_true_edges_wear_black_dashes_also_those_that_were_missed():
    figure = plot_circuit(circuit(A=1.0, B=0.5), [A, D])
    (trace,) = lines(figure, "true edge")
    assert trace.line.to_plotly_json() == TRUTH
    assert list(trace.x).count(None) == 2
    assert "logits" in nodes(figure)
    assert words(figure) == "2 edges are kept at tau = 0.1: 1 of 2 true ones"


def test_hovering_tells_the_edge_and_its_score():
    figure = plot_circuit(circuit(A=1.0, B=0.25))
    (trace,) = [trace for trace in figure.data if trace.hovertext]
    assert list(trace.hovertext) == ["embed->L0H1.q: 1", "L0H1->L1H0.k: 0.25"]
    assert summary(figure) == circuit(A=1.0, B=0.25).summary()


def test_a_circuit_of_no_edges_is_an_empty_picture():
    figure = plot_circuit(circuit())
    assert words(figure) == "0 edges are kept at tau = 0.1"


def test_the_best_edges_of_scores_are_drawn_like_a_circuit():
    scores = EdgeScores(torch.tensor([0.1, -3.0, 2.0, 0.0]), EDGES, "EAP", "logits")
    figure = plot_edges(scores, 2, [B])
    assert set(nodes(figure)) == {"L0H1", "L1H0", "MLP1"}
    assert words(figure) == "The 2 edges of largest EAP score: 1 of 1 true ones"
    assert len(lines(figure, "the loss falls without it")) == 1


def test_dot_names_every_node_row_by_row_and_every_edge():
    text = to_dot(circuit(A=1.0, B=-0.5), [A, D])
    assert re.findall(r"rank=same; (.*?) }", text) == [
        '"embed";',
        '"L0H1";',
        '"L1H0";',
        '"logits";',
    ]
    edges = [line.strip() for line in text.splitlines() if "->" in line]
    assert edges[0] == (
        f'"embed" -> "L0H1" [label="q", color="{COLOURS[0]}", penwidth=9.0, style=dashed];'
    )
    assert edges[1] == f'"L0H1" -> "L1H0" [label="k", color="{COLOURS[1]}", penwidth=5.0];'
    assert edges[2] == '"L1H0" -> "logits" [label="", style=dashed];'
    assert text.startswith("digraph circuit {")
    assert text.endswith("}\n")


def roc(name="EAP", middle=1.0):
    rates = torch.tensor([0.0, 0.0, 1.0]), torch.tensor([0.0, middle, 1.0])
    return RocCurve(*rates, n_true=2, n_edges=9, name=name)


def test_areas_stand_beside_the_names_of_curves():
    figure = plot_roc([roc("HISP", 0.4), roc()])
    assert [trace.name for trace in figure.data if trace.showlegend] == [
        "HISP (0.700)",
        "EAP (1.000)",
    ]
    assert words(figure) == "EAP has the largest area under its curve, 1.000"
    assert tuple(figure.data[0].y) == pytest.approx((0, 0.4, 1))
    with pytest.raises(ValueError, match="at least one curve"):
        plot_roc([])


def test_what_is_recovered_stands_against_a_size_that_may_be_nothing():
    loss = torch.tensor([3.0, 2.0, 1.0])
    curve = FaithfulnessCurve(loss, (0, 3, 40), whole=1.0, empty=3.0, name="EAP", unit="nats")
    figure = plot_faithfulness_by_size([curve], at=5)
    assert tuple(figure.data[0].x) == (0.5, 3, 40)
    assert tuple(figure.data[0].y) == pytest.approx((0, 0.5, 1))
    assert figure.layout.xaxis.ticktext == ("0", "1", "3", "10", "30")
    assert {shape.line.dash for shape in figure.layout.shapes} == {None, "dash"}
    assert words(figure) == "Edges needed to recover 90 %: 40 by EAP"
    with pytest.raises(ValueError, match="at least one curve"):
        plot_faithfulness_by_size([])


def test_edges_that_are_always_kept_stand_on_top_with_their_intervals():
    values = torch.tensor([0.1, -3.0, 2.0, 0.0])
    kept = torch.tensor([0.2, 1.0, 1.0, 0.0])
    spread = torch.tensor([0.1, 0.5, 0.25, 0.0])
    stability = EdgeStability(
        values, values - spread, values + 2 * spread, kept, torch.tensor([0.8]), EDGES, "EAP"
    )
    figure = plot_edge_stability(stability, 3)
    (trace,) = figure.data
    assert tuple(trace.y)[::-1] == ("L0H1->L1H0.k", "L0H1->MLP1", "embed->L0H1.q")
    assert tuple(trace.error_x.array)[::-1] == pytest.approx((1.0, 0.5, 0.2))
    assert tuple(trace.error_x.arrayminus)[::-1] == pytest.approx((0.5, 0.25, 0.1))
    assert words(figure) == "Two draws of prompts share 80% of the edges that either keeps"
    with pytest.raises(ValueError, match="1 to 40 edges to show"):
        plot_edge_stability(stability, 0)
