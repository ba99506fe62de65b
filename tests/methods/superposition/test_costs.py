import pytest
import torch

from mi_course.methods.superposition import (
    adversarial_curve,
    adversarial_examples,
    binary_against_continuous,
    interference_kinds,
    learning_dynamics,
    optimised,
    pair_cosines,
    paired_features,
    slow_training,
    toy_loss,
    train_toy_models,
)
from mi_course.methods.superposition.dynamics import _stretches
from mi_course.models.toy import ToyModel


def model(W, kind="relu"):
    W = torch.tensor(W)[None]
    return ToyModel(
        W, torch.zeros(1, len(W[0])), torch.tensor([0.1]), torch.ones(1, len(W[0])), kind
    )


DIGON = [[1.0], [-1.0]]


def test_an_attack_is_never_longer_than_epsilon():
    x = torch.rand(1, 50, 2, generator=torch.Generator().manual_seed(0))
    change = adversarial_examples(model(DIGON), x, epsilon=0.2)
    assert change.norm(dim=-1).max() <= 0.2 + 1e-6


def test_without_superposition_an_attack_costs_its_squared_length():
    x = torch.full((1, 20, 2), 0.5)
    own = model([[1.0, 0.0], [0.0, 1.0]])
    change = adversarial_examples(own, x, epsilon=0.1)
    cost = (x - own(x + change)).square().sum(dim=-1)
    torch.testing.assert_close(cost, torch.full((1, 20), 0.01), rtol=1e-3, atol=0)


def test_the_worst_change_of_a_digon_is_found():
    # One feature at 0.5: out = 0.5 + d0 - d1, worst at d = (1, -1) / sqrt(2), cost 2 epsilon^2.
    x = torch.tensor([[[0.5, 0.0]]])
    change = adversarial_examples(model(DIGON), x, epsilon=0.1)
    cost = (x - model(DIGON)(x + change)).square().sum()
    assert cost.item() == pytest.approx(0.02, rel=1e-3)


def test_no_random_change_is_worse_than_the_attack():
    trained = train_toy_models(5, 2, torch.tensor([0.05]), steps=300).model
    found = adversarial_curve(trained)
    assert found.vulnerability.item() > found.random_change.item()


def test_models_with_more_features_per_dimension_are_easier_to_attack():
    trained = train_toy_models(30, 4, torch.tensor([1.0, 0.3, 0.05]), steps=800).model
    found = adversarial_curve(trained)
    assert found.vulnerability[0] < 2 < found.vulnerability[-1]
    assert found.correlation() > 0.7


def test_an_attack_of_no_length_is_refused():
    with pytest.raises(ValueError, match="epsilon above 0"):
        adversarial_examples(model(DIGON), torch.zeros(1, 1, 2), epsilon=0.0)


def test_relu_silences_alternating_interference_and_not_simultaneous():
    found = interference_kinds(model(DIGON))
    assert found.alone.item() == pytest.approx(0, abs=1e-6)
    assert found.alternating.item() == pytest.approx(0, abs=1e-6)
    # The mean of min(x, y)^2 over the unit square.
    assert found.simultaneous.item() == pytest.approx(1 / 6, rel=0.02)


def test_without_relu_both_kinds_cost_the_mean_square():
    found = interference_kinds(model(DIGON, "linear"))
    assert found.alternating.item() == pytest.approx(1 / 3, rel=1e-4)
    assert found.simultaneous.item() == pytest.approx(1 / 3, rel=1e-4)


def test_two_binary_features_of_a_digon_erase_each_other():
    found = interference_kinds(model(DIGON), binary=True)
    kinds = (found.alone.item(), found.alternating.item(), found.simultaneous.item())
    assert kinds == (0, 0, 1)


def test_orthogonal_features_do_not_interfere():
    found = interference_kinds(model([[1.0, 0.0], [0.0, 1.0]], "linear"))
    assert max(found.alternating.item(), found.simultaneous.item()) < 1e-10
    with pytest.raises(ValueError, match="two or more"):
        interference_kinds(model([[1.0]]))


def test_rare_binary_features_lose_less_variance_than_frequent_ones():
    found = binary_against_continuous(density=torch.tensor([0.5, 0.02]), n_seeds=2, steps=800)
    assert found.fvu_binary[1] < 0.3 < found.fvu_binary[0]
    assert found.kinds_binary.alternating[1] < 0.01 < found.kinds_binary.simultaneous[1]


def test_runs_of_true_flags_are_stretches():
    assert _stretches([True, True, False, True]) == ((0, 2), (3, 4))
    assert _stretches([False, False]) == ()


def test_most_of_the_loss_falls_in_few_and_short_jumps():
    found = learning_dynamics(slow_training(n_seeds=1))
    assert len(found.jumps) >= 2
    assert found.fall_in_jumps() > 0.75
    assert found.time_in_jumps() < 0.3
    assert found.movement_in_jumps() > found.time_in_jumps()


def test_a_training_with_few_records_is_refused():
    training = train_toy_models(3, 2, torch.tensor([0.1]), steps=4, record_every=2)
    with pytest.raises(ValueError, match="ten or more records"):
        learning_dynamics(training)


def test_cosines_of_partners_and_of_strangers():
    within, across = pair_cosines(torch.tensor([[[1.0, 0.0], [-2.0, 0.0], [0.0, 1.0], [0.0, 3.0]]]))
    assert within.tolist() == [[-1.0, 1.0]]
    assert across.tolist() == [0.0]
    with pytest.raises(ValueError, match="even"):
        pair_cosines(torch.zeros(1, 3, 2))


def test_partners_merge_stand_at_right_angles_or_become_antipodal():
    together = paired_features("correlated", torch.tensor([0.5, 0.05]), n_seeds=4, steps=800)
    assert [together.arrangement(i) for i in range(2)] == ["merged", "at right angles"]
    never = paired_features("anticorrelated", torch.tensor([0.3]), n_seeds=8, steps=800)
    assert never.arrangement(0) == "antipodal"
    with pytest.raises(ValueError, match="expected a pairing"):
        paired_features("none")


def test_the_loss_along_training_is_that_of_the_features_trained_on():
    density = torch.tensor([0.2])
    training = train_toy_models(4, 2, density, steps=200, binary=True, record_every=20)
    found = learning_dynamics(training, binary=True).loss[-1].item()
    assert found == pytest.approx(toy_loss(training.model, binary=True).item(), rel=0.1)
    assert found != pytest.approx(learning_dynamics(training).loss[-1].item(), rel=0.2)


def test_models_in_double_precision_are_measured_where_gradients_are_off():
    exact = optimised(train_toy_models(3, 2, torch.tensor([0.3, 0.1]), steps=20).model, steps=5)
    with torch.no_grad():
        assert adversarial_curve(exact).vulnerability.dtype == torch.float64
        assert toy_loss(exact).isfinite().all()
        trained = train_toy_models(3, 2, exact.density, steps=5, pairing=None)
    assert trained.model.W.dtype == torch.float64
