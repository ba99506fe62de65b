import pytest
import torch

from mi_course.results import (
    LayersByTraining,
    NeuronProbes,
    ProbeData,
    Probes,
    ProbeScores,
    Selectivity,
)

X = torch.arange(24.0).reshape(2, 4, 3)
Y = torch.tensor([[True, False], [False, False], [True, True], [False, True]])


def test_your_own_tensors_become_data():
    data = ProbeData.from_tensors(X, Y, groups=torch.tensor([0, 0, 1, 1]))
    assert data.features == ("feature 0", "feature 1")
    assert data.layers == (0, 1)
    assert data.summary() == (
        "4 examples of labels from 2 documents in 2 groups, activations of 2 layers (3 wide): "
        "feature 0 2, feature 1 2."
    )
    assert ProbeData.from_tensors(X, Y).groups.tolist() == [0, 1, 2, 3]


def test_examples_and_features_can_be_taken():
    data = ProbeData.from_tensors(X, Y, features=("a", "b"))
    with pytest.raises(ValueError, match="one entry for each"):
        ProbeData.from_tensors(X, Y[1:])
    some = data.take(torch.tensor([2, 0]))
    assert torch.equal(some.activations, X[:, [2, 0]])
    assert torch.equal(some.labels, Y[[2, 0]])
    assert some.groups.tolist() == [2, 0]
    assert torch.equal(data.only("b").labels, Y[:, 1:])
    assert data.only("b").features == ("b",)
    with pytest.raises(ValueError, match="expected one of"):
        data.only("c")


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"activations": X * torch.nan}, "finite"),
        ({"labels": Y[1:]}, "one entry for each of 4 examples"),
        ({"groups": torch.arange(3)}, "one entry for each of 4 examples"),
        ({"features": ("a",)}, "each feature"),
        ({"layers": (1,)}, "each layer"),
    ],
)
def test_data_that_does_not_fit_together_is_refused(changes, told):
    data = ProbeData.from_tensors(X, Y)
    with pytest.raises(ValueError, match=told):
        ProbeData(**{**vars(data), **changes})


def probes():
    weight = torch.tensor([[[1.0, 0, 0]], [[0, 0, 2.0]]])
    numbers = torch.tensor([[1e-9], [3e-9]])
    return Probes(weight, torch.tensor([[-3.0], [0.0]]), numbers, numbers, 2.0)


def test_logits_are_weight_times_x_plus_bias():
    logits = probes().logits(X)
    assert logits.shape == (2, 4, 1)
    assert logits[0, :, 0].tolist() == [-3, 0, 3, 6]
    assert logits[1, 0].item() == 2 * X[1, 0, 2]


def test_probes_tell_their_size_and_how_close_they_are():
    assert probes().summary() == (
        "2 probes (2 layers, 1 features, 3 wide) at penalty 2; largest gradient 3e-09 a example."
    )
    with pytest.raises(ValueError, match="finite weights"):
        Probes(X[:, :1] * torch.nan, torch.zeros(2, 1), torch.zeros(2, 1), torch.zeros(2, 1), 1.0)


def test_a_neuron_probe_says_yes_above_its_threshold():
    found = NeuronProbes(
        torch.tensor([[1.0, -1.0]]), torch.tensor([[-2.0, 0.5]]), torch.tensor([[3.0, 1.0]]), 1.0
    )
    said = found.predicted(torch.tensor([[1.0, 1.0], [3.0, 0.0]]))
    assert said.tolist() == [[[False, True], [False, True]]]
    assert found.summary() == "2 probes of one neuron; least loss: feature 0 neuron 1."


def scores(**settings):
    values = torch.tensor([[0.5, 1.0], [0.75, 0.25]])
    return ProbeScores(*[values] * 6, **settings)


def test_scores_name_the_best_layer_of_each_feature():
    told = scores(layers=(2, 3), features=("a", "b")).summary()
    assert told == (
        "4 probes: mean F1 0.62, mean accuracy 0.62; best F1 a 0.75 (layer 3), b 1.00 (layer 2)."
    )
    assert scores().summary() == "4 probes: mean F1 0.62, mean accuracy 0.62."


def test_scores_outside_their_range_are_refused():
    with pytest.raises(ValueError, match="recall from 0 to 1"):
        half = torch.tensor(0.5)
        ProbeScores(half, half, -half, half, half, half)
    half = torch.tensor(0.5)
    ProbeScores(half, half, half, -half, half, half)
    with pytest.raises(ValueError, match="each layer"):
        scores(layers=(1,), features=("a", "b"))


def test_selectivity_is_the_difference():
    found = Selectivity(torch.tensor([[0.9], [0.8]]), torch.tensor([[0.7], [0.5]]), (1, 2), ("a",))
    torch.testing.assert_close(found.values, torch.tensor([[0.2], [0.3]]))
    assert found.summary() == (
        "Task accuracy 0.85, control 0.60: selectivity 0.25, highest in layer 2 (0.30)."
    )
    with pytest.raises(ValueError, match="one control for each"):
        Selectivity(torch.rand(2, 1), torch.rand(1, 1), (1, 2), ("a",))


def test_training_tells_where_the_score_rises():
    values = torch.tensor([[0.1, 0.2], [0.3, 0.25], [0.4, 0.9]])
    found = LayersByTraining(values, torch.tensor([0, 10, 30]), (0, 1), "kind: ioi")
    assert found.summary() == (
        "kind: ioi: F1 of the best layer 0.20 (layer 1) at step 0, 0.90 (layer 1) at step 30; it "
        "rises most (+0.60) before step 30."
    )
    alone = LayersByTraining(values[:1], torch.tensor([5]), (0, 1), "kind: ioi")
    assert alone.summary().endswith("at step 5.")
    with pytest.raises(ValueError, match="rising steps"):
        LayersByTraining(values, torch.tensor([0, 10, 10]), (0, 1), "kind: ioi")
