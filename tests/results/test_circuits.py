"""Graphs count and order their edges; circuits survive the way to a file and back."""

import json

import pytest
import torch

from mi_course.results import Circuit, CircuitGraph, edge_name, owner, parse_edge


@pytest.mark.parametrize(("split", "edges"), [(True, 32_491), (False, 11_611)])
def test_gpt2_small_has_as_many_edges_as_published(split, edges):
    assert len(CircuitGraph(12, 12, split=split).edges) == edges


def test_edges_of_a_small_graph_are_those_written_down_by_hand():
    graph = CircuitGraph(1, 2)
    heads = [("embed", f"L0H{h}.{which}") for h in range(2) for which in "qkv"]
    mlp = [(writer, "MLP0") for writer in ("embed", "L0H0", "L0H1")]
    logits = [(writer, "logits") for writer in ("embed", "L0H0", "L0H1", "MLP0")]
    assert graph.edges == (*heads, *mlp, *logits)
    assert graph.reverse_order == (*logits[::-1], *mlp[::-1], *heads[::-1])


def test_a_parallel_mlp_does_not_read_its_own_layers_heads():
    graph = CircuitGraph(2, 2, parallel=True)
    assert graph.parents("MLP1") == ("embed", "L0H0", "L0H1", "MLP0")
    assert graph.parents("MLP1") == graph.parents("L1H0.q")


def test_tokens_and_positions_can_be_two_writers():
    graph = CircuitGraph(1, 1, mlps=False, split=False, split_embed=True)
    assert graph.writers == ("tokens", "positions", "L0H0")
    assert graph.readers == ("L0H0", "logits")
    assert len(graph.edges) == 2 + 3


@pytest.mark.parametrize("graph", [CircuitGraph(3, 2), CircuitGraph(3, 2, parallel=True)])
def test_every_edge_leads_forward(graph):
    computed = {name: i for i, name in enumerate(graph.writers)}
    for writer, reader in graph.edges:
        assert computed[writer] < computed.get(owner(reader), len(computed))


def test_names_of_edges_are_read_back():
    edge = ("L0H1", "L1H2.k")
    assert edge_name(edge) == "L0H1->L1H2.k"
    assert parse_edge("L0H1->L1H2.k") == edge


@pytest.mark.parametrize("name", ["L0H1", "a->b->c", "->logits"])
def test_what_is_no_edge_is_refused(name):
    with pytest.raises(ValueError, match="expected an edge like"):
        parse_edge(name)


def test_an_edge_that_does_not_exist_is_refused_with_a_near_one():
    with pytest.raises(ValueError, match=r"got 'L1H0->L0H0.q', try .*L0H0"):
        CircuitGraph(2, 2).check([("L1H0", "L0H0.q")])


def test_a_reader_that_does_not_exist_is_refused():
    with pytest.raises(ValueError, match=r"expected readers of this graph, got 'L0H9.q'"):
        CircuitGraph(2, 2).parents("L0H9.q")


def test_a_graph_without_layers_is_refused():
    with pytest.raises(ValueError, match="at least one layer"):
        CircuitGraph(0, 2)


def circuit(graph=None, **changes):
    graph = graph or CircuitGraph(2, 2)
    effects = torch.zeros(len(graph.edges), dtype=torch.float64)
    kept = graph.check([("embed", "L0H1.v"), ("L0H1", "MLP1"), ("MLP1", "logits")])
    for i, edge in enumerate(kept):
        effects[graph.number[edge]] = 0.1 * (i + 1) + 1e-15
    given = {"graph": graph, "kept": kept, "effects": effects, "tau": 0.05, "metric": "kl"}
    numbers = {"ablation": "zero", "loss": 0.5, "full_loss": 0.0, "calls": 3, "evaluated": 9}
    return Circuit(**{**given, **numbers, "multiply_adds": 10**13, "task": "ioi", **changes})


def test_a_saved_circuit_is_loaded_digit_for_digit(tmp_path):
    one = circuit()
    one.save(tmp_path / "circuit.json")
    other = Circuit.load(tmp_path / "circuit.json")
    torch.testing.assert_close(other.effects, one.effects, atol=0, rtol=0)
    for name in Circuit.__dataclass_fields__:
        if name != "effects":
            assert getattr(other, name) == getattr(one, name), name
    assert [path.name for path in tmp_path.iterdir()] == ["circuit.json"]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda data: data["kept"].append("L9H9->logits"), "expected edges of this graph"),
        (lambda data: data.pop("graph"), "expected a circuit as `save` writes it"),
        (lambda data: data.update(colour="red"), "expected a circuit as `save` writes it"),
        (lambda data: data["effects"].update({"nothing": 1.0}), "expected an edge like"),
    ],
)
def test_a_damaged_file_is_refused(tmp_path, change, message):
    data = circuit().to_data()
    change(data)
    path = tmp_path / "circuit.json"
    path.write_text(json.dumps(data))
    with pytest.raises(ValueError, match=message):
        Circuit.load(path)


def test_a_file_that_is_not_json_is_refused(tmp_path):
    path = tmp_path / "circuit.json"
    path.write_text("{")
    with pytest.raises(ValueError, match="expected a circuit as JSON"):
        Circuit.load(path)


def test_kept_edges_stand_in_graph_order():
    kept = circuit().kept
    with pytest.raises(ValueError, match="graph order"):
        circuit(kept=kept[::-1])


def test_effects_that_are_not_numbers_are_refused():
    with pytest.raises(ValueError, match="finite effects"):
        circuit(effects=torch.full((len(CircuitGraph(2, 2).edges),), float("nan")))


def test_nodes_are_those_at_the_ends_of_kept_edges():
    graph = CircuitGraph(2, 2)
    path = [("embed", "L0H1.v"), ("L0H1", "MLP1"), ("MLP1", "logits")]
    fed_by_nothing, read_by_nothing = ("L0H0", "logits"), ("embed", "L1H0.k")
    kept = graph.check([*path, fed_by_nothing, read_by_nothing])
    assert circuit(kept=kept).nodes == {"embed", "L0H0", "L0H1", "MLP1", "L1H0", "logits"}


def test_the_margin_is_the_distance_of_the_nearest_effect_from_tau():
    assert circuit().margin == pytest.approx(0.05)
    assert circuit(tau=0.19).margin == pytest.approx(0.01)


def test_tested_edges_are_those_with_an_effect():
    assert circuit().tested == 3


def test_the_summary_tells_size_loss_and_the_strongest_edge():
    told = circuit().summary()
    assert told.startswith("At tau 0.05 3 of 46 edges are kept; kl is 0.5 with them and 0 with all")
    assert "strongest: MLP1->logits (0.3)" in told


def test_the_summary_calls_rounding_errors_zero_and_writes_large_numbers_out():
    told = circuit(loss=1.14e-13, full_loss=-25_000.0).summary()
    assert "kl is 0 with them and -25,000 with all" in told
