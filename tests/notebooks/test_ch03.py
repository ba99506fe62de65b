"""Chapter 03 on other models, and its exercises against the methods that it teaches."""

from pathlib import Path

import pytest
import torch

from mi_course.activations import edit, record
from mi_course.exercises.ch03_controls import control_labels, selectivity
from mi_course.exercises.ch03_erasing import erase_direction
from mi_course.exercises.ch03_probes import fit_probe
from mi_course.exercises.ch03_rankings import mean_difference_ranking
from mi_course.exercises.ch03_silencing import ablate_neuron_loss
from mi_course.exercises.ch03_sparse import k_sparse_probe
from mi_course.exercises.ch03_verdicts import precision_recall_f1
from mi_course.exercises.ch03_weights import neuron_logit_effect
from mi_course.methods import probing
from mi_course.metrics import cross_entropy_by_position
from mi_course.models import tiny
from tests.notebooks.other_models import ARCHITECTURES, N_LAYERS, checkpoint, run_with, times_named

SOURCE = Path(__file__).parents[2] / "solutions" / "03_probing.py"
NAMED = 'MODEL = "town"'
# Both solve the same problem to a gradient of 1e-8, in double precision; weights are float32.
CLOSE = {"rtol": 1e-4, "atol": 1e-5}


@pytest.fixture(scope="module")
def model():
    return tiny(n_layers=2, attn_only=False)


@pytest.fixture(scope="module")
def examples():
    generator = torch.Generator().manual_seed(3)
    x = torch.randn(80, 7, generator=generator)
    noise = torch.randn(80, generator=generator)
    return x, x[:, 2] - x[:, 5] + noise > 0.3


def test_the_plain_probe_is_that_of_the_method(examples):
    x, y = examples
    weight, bias = fit_probe(x, y, 2.0)
    fast = probing.fit_probes(x[None], y[:, None], penalty=2.0)
    torch.testing.assert_close(weight, fast.weight[0, 0].float(), **CLOSE)
    torch.testing.assert_close(bias, fast.bias[0, 0].float(), **CLOSE)


def test_control_labels_of_both_depend_on_the_type_alone():
    types = torch.randint(9, (60,), generator=torch.Generator().manual_seed(0))
    plain = control_labels(types, 2, torch.Generator().manual_seed(1)) == 1
    fast = probing.control_labels(types, torch.arange(60)[:, None] < 30, seed=1)[:, 0]
    for labels in (plain, fast):
        assert all(len(labels[types == kind].unique()) == 1 for kind in range(9))
        assert labels.any()
        assert not labels.all()


def test_plain_selectivity_is_a_difference_of_the_methods_accuracies():
    generator = torch.Generator().manual_seed(4)
    logits = torch.randn(2, 30, 3, generator=generator)
    truth = torch.rand(2, 30, 3, generator=generator) < 0.5
    scores = probing.classification_scores(logits.transpose(1, 2) > 0, truth.transpose(1, 2))
    plain = selectivity(logits[0], truth[0], logits[1], truth[1])
    torch.testing.assert_close(plain, scores.accuracy[0] - scores.accuracy[1], **CLOSE)


def test_plain_ranking_and_sparse_probe_are_those_of_the_methods(examples):
    x, y = examples
    scores = probing.mean_difference(x, y)
    ranking = mean_difference_ranking(x, y)
    assert ranking.tolist() == probing.top_neurons(scores, 7).tolist()
    weight, bias = k_sparse_probe(x, y, ranking, 3, 1.0)
    fast = probing.k_sparse_probe(x, y, scores, 3)
    torch.testing.assert_close(weight[fast.neurons], fast.weight.float(), **CLOSE)
    assert bias.item() == pytest.approx(fast.bias, rel=1e-4, abs=1e-5)


def test_plain_scores_are_those_of_the_method():
    said, actual = torch.rand(2, 50, generator=torch.Generator().manual_seed(5)) < 0.4
    fast = probing.classification_scores(said, actual)
    plain = precision_recall_f1(said, actual)
    torch.testing.assert_close(plain, torch.stack([fast.precision, fast.recall, fast.f1]), **CLOSE)


def test_plain_erasing_is_that_of_the_method():
    generator = torch.Generator().manual_seed(6)
    x, direction, mean = (torch.randn(s, generator=generator) for s in ((2, 3, 5), (5,), (5,)))
    fast = probing.erase_direction(x, direction, mean=mean)
    torch.testing.assert_close(erase_direction(x, direction, mean), fast, **CLOSE)


@torch.no_grad()
def test_plain_ablation_is_that_of_the_methods(model):
    generator = torch.Generator().manual_seed(7)
    tokens = torch.randint(50, (3, 8), generator=generator)
    context = torch.rand(3, 8, generator=generator) < 0.5
    post = record(model, tokens, "blocks.1.mlp.hook_post")["blocks.1.mlp.hook_post"]
    means = torch.zeros(2, 64)
    means[1] = post.mean(dim=(0, 1))
    edits = probing.silenced(model, [(1, 9)], means)
    change = cross_entropy_by_position(edit(model, tokens, edits), tokens)
    change -= cross_entropy_by_position(model(tokens), tokens)
    inside = context[:, 1:]
    fast = torch.stack([change[inside].mean(), change[~inside].mean()])
    plain = ablate_neuron_loss(model, tokens, context, 1, 9)
    # Differences of losses of size 5, in single precision.
    torch.testing.assert_close(plain, fast, rtol=1e-4, atol=1e-5)


@torch.no_grad()
def test_plain_logit_effect_is_that_of_the_method(model):
    plain = neuron_logit_effect(model.W_out[1], model.ln_final.weight, model.W_U, 5)
    fast = probing.neuron_logit_effect(model, 1, 5).values
    torch.testing.assert_close(plain, fast, **CLOSE)


def test_the_model_is_named_in_one_place():
    assert times_named(SOURCE, NAMED) == 1


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_every_cell_runs_on_models_of_other_architectures(tmp_path, capsys, architecture):
    names = run_with(SOURCE, NAMED, checkpoint(architecture, tmp_path))
    n_layers = N_LAYERS[architecture]
    assert names["model"].cfg.n_layers == n_layers
    assert names["scores"].f1.shape == (n_layers, 5)
    assert names["lost"].groups == ("the Russian neuron", "the German neuron")
    assert "✗" not in capsys.readouterr().out
