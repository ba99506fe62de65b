"""Masked models against whole runs, and masks that learn a circuit which is known."""

import pytest
import torch

from mi_course.methods.circuits.faithfulness import faithfulness_by_size
from mi_course.methods.circuits.graph import graph_of
from mi_course.methods.circuits.runs import edge_runs
from mi_course.methods.circuits.scoring import roc_auc
from mi_course.methods.circuits.subnetwork import masked_loss, subnetwork_probing
from mi_course.methods.circuits.task import prompts_task
from mi_course.models import tiny
from mi_course.models.compiled import reverse, xproportion
from mi_course.results.circuit_scores import EdgeScores
from tests.methods.circuits.test_attribution import task_of


@pytest.mark.parametrize("name", ["rotary", "gpt2", "neox"])
@pytest.mark.parametrize("split", [True, False])
def test_masks_of_zeros_and_ones_are_circuits(request, name, split):
    bridge = request.getfixturevalue(name)
    runs = edge_runs(bridge, task_of("kl"), graph=graph_of(bridge, split=split))
    generator = torch.Generator().manual_seed(0)
    for share in (0.0, 0.3, 0.8, 1.0):
        kept = torch.rand(len(runs.graph.edges), generator=generator) < share
        whole = runs.loss_of(kept)
        assert masked_loss(runs, kept.float()).item() == pytest.approx(whole, rel=1e-3, abs=1e-5)


def test_masks_find_the_edges_of_a_program():
    compiled = xproportion()
    task = prompts_task(compiled.prompts(12), "distance")
    found = subnetwork_probing(
        compiled.bridge, task, graph=graph_of(compiled.bridge, split_embed=True),
        ablation="zero", penalty=0.3, steps=50,
    )  # fmt: skip
    assert roc_auc(found, compiled.truth.edges["zero"]) > 0.9
    assert found.values.min() >= 0
    assert found.values.max() <= 1


def test_the_same_seed_gives_the_same_masks():
    model = tiny(n_layers=1)
    one, same, other = (
        subnetwork_probing(model, task_of(), steps=3, seed=seed).values for seed in (1, 1, 2)
    )
    assert torch.equal(one, same)
    assert not torch.equal(one, other)
    with pytest.raises(ValueError, match="at least 1 step"):
        subnetwork_probing(model, task_of(), steps=0)


def test_the_true_edges_alone_do_all_that_the_program_does():
    compiled = reverse()
    task = prompts_task(compiled.prompts(8), "distance")
    graph = graph_of(compiled.bridge, split_embed=True)
    truth = compiled.truth.edges["corrupted"]
    known = torch.tensor([float(edge in truth) for edge in graph.edges])
    scores = EdgeScores(known, graph.edges, "truth", "1")
    sizes = [0, len(truth) - 1, len(truth), len(graph.edges)]
    curve = faithfulness_by_size(compiled.bridge, task, scores, sizes, graph=graph)
    recovered = curve.recovered().tolist()
    assert recovered[0] == 0
    assert recovered[1] < 0.9
    assert recovered[2:] == pytest.approx([1, 1], abs=1e-4)
    assert curve.needed(0.99) == len(truth)


def test_scores_of_another_graph_are_refused():
    model = tiny(n_layers=1)
    scores = EdgeScores(torch.ones(1), (("embed", "logits"),), "EAP", "logits")
    with pytest.raises(ValueError, match="scores of this graph's edges"):
        faithfulness_by_size(model, task_of(), scores, [1])
