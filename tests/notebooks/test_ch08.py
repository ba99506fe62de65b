"""Chapter 08 on other models, and its exercises against the methods that it teaches."""

from pathlib import Path

import pytest
import torch

from mi_course.exercises.ch08_acdc import acdc
from mi_course.exercises.ch08_attribution import edge_attribution
from mi_course.exercises.ch08_effect import edge_effect
from mi_course.exercises.ch08_graph import parents
from mi_course.exercises.ch08_mystery import EXAMPLE, MYSTERY_CIRCUIT, mystery_circuit, owner
from mi_course.exercises.ch08_order import reverse_topological_order
from mi_course.exercises.ch08_scores import precision_recall, roc_auc
from mi_course.methods import circuits
from mi_course.methods.circuits.traces import slopes, start, trace
from mi_course.models import compiled, tiny
from mi_course.models.plain import plain
from mi_course.results import EdgeScores
from tests.notebooks.other_models import ARCHITECTURES, N_LAYERS, checkpoint, run_with, times_named

SOURCE = Path(__file__).parents[2] / "solutions" / "08_acdc.py"
NAMED = 'MODEL = "town"'
CLOSE = {"rtol": 1e-3, "atol": 1e-5}


@pytest.fixture(scope="module")
def gate():
    """A compiled OR, prepared to run circuits, and the loss of every subset of six of its edges."""
    made = compiled.either()
    graph = circuits.graph_of(made.bridge, split_embed=True)
    runs = circuits.edge_runs(
        made.bridge, circuits.prompts_task(made.prompts(8), "kl"), graph=graph
    )
    six = (*sorted(made.truth.edges["corrupted"], key=graph.number.get), graph.edges[-1])
    six = graph.check(six)
    table = torch.zeros((2,) * len(six))
    for bits in torch.cartesian_prod(*[torch.arange(2)] * len(six)).tolist():
        out = {edge for edge, bit in zip(six, bits, strict=True) if not bit}
        table[tuple(bits)] = circuits.circuit_loss(runs, None, set(graph.edges) - out)
    return runs, six, table


def test_plain_parents_are_those_of_the_graph():
    graph = circuits.CircuitGraph(3, 4)
    for reader in graph.readers:
        assert parents(reader, 3, 4) == list(graph.parents(reader))


def test_the_plain_order_is_one_in_which_acdc_may_visit_the_nodes():
    graph = circuits.CircuitGraph(2, 3, split=False)
    reads = {node: list(graph.parents(node)) for node in graph.readers} | {"embed": []}
    place = {node: i for i, node in enumerate(reverse_topological_order(reads))}
    assert all(place[reader] < place[writer] for writer, reader in graph.edges)
    visited = [circuits.owner(reader) for _, reader in graph.reverse_order]
    assert visited == sorted(visited, key=lambda node: -graph.readers.index(node))


def test_the_plain_effect_is_that_of_the_method_where_nothing_is_normalised():
    made = compiled.negative()
    graph = circuits.graph_of(made.bridge, split_embed=True)
    prompts = made.prompts(6)
    runs = circuits.edge_runs(made.bridge, circuits.prompts_task(prompts, "kl"), graph=graph)
    place = runs.scored
    written, corrupted = (each[:, *place] for each in (runs.clean, runs.removed))
    numbers = {writer: i for i, writer in enumerate(graph.parents("logits"))}
    for removed, edge in (([], "L0H0"), (["L0H1"], "L0H0"), (["L0H0"], "L0H1")):
        kept = set(graph.edges) - {(writer, "logits") for writer in removed}
        before = circuits.circuit_loss(runs, None, kept)
        effect = circuits.circuit_loss(runs, None, kept - {(edge, "logits")}) - before
        out = [numbers[writer] for writer in removed]
        found = edge_effect(written, corrupted, runs.model.W_U, out, numbers[edge])
        assert found == pytest.approx(effect, rel=1e-3, abs=1e-5)


def test_the_plain_loop_keeps_what_the_method_keeps(gate):
    runs, six, table = gate
    kept = {edge for edge, keep in zip(six, acdc(table, 0.05), strict=True) if keep}
    assert kept == set(circuits.acdc(runs, None, 0.05).kept) & set(six)
    assert len(kept) == 3


def test_plain_attribution_is_that_of_the_method():
    model = plain(tiny(n_layers=2, attn_only=False))
    generator = torch.Generator().manual_seed(3)
    clean, corrupted = torch.randint(50, (2, 3, 6), generator=generator)
    mask = torch.zeros(3, 6, dtype=torch.bool)
    mask[:, -1] = True
    answers, wrongs = torch.randint(50, (2, 3, 1), generator=generator)
    task = circuits.CircuitTask(clean, corrupted, mask, "logit_diff", answers, wrongs)
    runs, fast = circuits.edge_runs(model, task), circuits.edge_attribution(model, task)
    graph = runs.graph
    x = start(model, graph, clean)[0].requires_grad_()
    run = trace(model, x)
    by_reader = list(slopes(model, graph, run, lambda end: runs.loss(end[runs.scored][None])[0]))
    every = torch.cat(by_reader, dim=1).movedim(1, 0).float() * len(clean)
    scores = edge_attribution(runs.clean, runs.removed, every)
    for (writer, reader), value in zip(fast.edges, fast.values.tolist(), strict=True):
        own = scores[graph.writers.index(writer), graph.readers.index(reader)].item()
        assert own == pytest.approx(value, rel=1e-3, abs=1e-4)


def test_plain_judgements_are_those_of_the_method():
    graph = circuits.CircuitGraph(1, 3)
    values = torch.randn(len(graph.edges), generator=torch.Generator().manual_seed(0)).abs()
    scores = EdgeScores(values, graph.edges, "EAP", "logits")
    truth = graph.edges[::3]
    labels = torch.tensor([edge in truth for edge in graph.edges])
    assert roc_auc(values, labels) == pytest.approx(circuits.roc_auc(scores, truth), abs=1e-6)
    kept = values > 0.5
    chosen = [edge for edge, keep in zip(graph.edges, kept.tolist(), strict=True) if keep]
    assert precision_recall(kept, labels) == circuits.precision_recall(chosen, truth)


def test_the_mystery_can_be_solved_with_what_the_chapter_teaches():
    for student in (EXAMPLE, "Ada"):
        mystery = compiled.mystery_model(student)
        task = circuits.prompts_task(mystery.prompts(32, seed=1), "kl")
        circuit = circuits.acdc(mystery.bridge, task, 0.003, graph=mystery.graph)
        answer = {"student": student, "edges": " ".join(circuit.names)}
        cases = MYSTERY_CIRCUIT.cases(0)
        found = [MYSTERY_CIRCUIT.verdict(case, answer, mystery_circuit()) for case in cases]
        assert MYSTERY_CIRCUIT.score(cases, found) == MYSTERY_CIRCUIT.points
    assert owner(answer) == "Ada"
    assert owner(mystery_circuit()) == EXAMPLE


def test_the_model_is_named_in_one_place():
    assert times_named(SOURCE, NAMED) == 1


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_every_cell_runs_on_models_of_other_architectures(tmp_path, capsys, architecture):
    names = run_with(SOURCE, NAMED, checkpoint(architecture, tmp_path))
    assert names["model"].cfg.n_layers == N_LAYERS[architecture]
    assert names["graph"].n_layers == N_LAYERS[architecture]
    assert len(names["found_at"]) == len(names["taus"])
    assert "✗" not in capsys.readouterr().out
