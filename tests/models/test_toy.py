import pytest
import torch

from mi_course.models.toy import AbsoluteValueModel, ToyModel, ToyTraining


def pair(kind="relu"):
    """Two features on one axis."""
    W = torch.tensor([[[1.0], [-1.0]]])
    return ToyModel(W, torch.zeros(1, 2), torch.tensor([0.1]), torch.ones(1, 2), kind)


def test_antipodal_features_are_read_back_unless_both_are_active():
    x = torch.tensor([[[0.7, 0.0], [0.0, 0.3], [0.7, 0.3]]])
    torch.testing.assert_close(
        pair()(x), torch.tensor([[[0.7, 0.0], [0.0, 0.3], [0.4, 0.0]]]), atol=1e-6, rtol=0
    )


def test_without_relu_the_other_feature_is_pushed_below_zero():
    out = pair("linear")(torch.tensor([[[0.7, 0.0]]]))
    torch.testing.assert_close(out, torch.tensor([[[0.7, -0.7]]]))


def test_the_bias_is_added_before_relu():
    model = pair()
    shifted = ToyModel(model.W, torch.tensor([[-0.5, 0.2]]), model.density, model.importance)
    out = shifted(torch.tensor([[[0.7, 0.0]]]))
    torch.testing.assert_close(out, torch.tensor([[[0.2, 0.0]]]))


def test_one_instance_keeps_its_axis():
    both = ToyModel(
        torch.stack([pair().W[0], 2 * pair().W[0]]),
        torch.zeros(2, 2),
        torch.tensor([0.1, 0.2]),
        torch.ones(2, 2),
    )
    one = both.instance(1)
    assert len(one) == 1
    assert torch.equal(one.W[0], both.W[1])
    assert one.density.tolist() == pytest.approx([0.2])
    assert torch.equal(both.instance(-1).W, one.W)
    assert (both.n_features, both.d_hidden) == (2, 1)
    with pytest.raises(ValueError, match="from 0 to 1, got 2"):
        both.instance(2)


def test_features_for_other_instances_are_refused():
    with pytest.raises(ValueError, match="one batch for each instance"):
        pair()(torch.zeros(2, 5, 2))


# While tests run, shapes are checked before the constructor's own words: a TypeError.
REFUSED = (ValueError, TypeError)


@pytest.mark.parametrize(
    "change", [{"b": torch.zeros(1, 3)}, {"density": torch.ones(2)}, {"kind": "gelu"}]
)
def test_parts_that_do_not_fit_are_refused(change):
    parts = {"W": pair().W, "b": pair().b, "density": pair().density}
    parts["importance"] = torch.ones(1, 2)
    assert len(ToyModel(**parts)) == 1
    with pytest.raises(REFUSED, match=r"[Ee]xpected"):
        ToyModel(**(parts | change))


def test_a_training_knows_its_models_at_each_record_and_refuses_nonsense():
    model = pair()
    along = torch.stack([2 * model.W, model.W]), torch.stack([model.b, model.b])
    steps, losses = torch.tensor([0, 5]), torch.tensor([[1.0], [0.5]])
    training = ToyTraining(model, steps, losses, *along)
    assert torch.equal(training.at(0).W, 2 * model.W)
    with pytest.raises(ValueError, match="from 0 to 1, got 7"):
        training.at(7)
    with pytest.raises(REFUSED):
        ToyTraining(model, steps, losses[:1], *along)
    with pytest.raises(ValueError, match="smaller lr"):
        ToyTraining(model, steps, losses * torch.nan, *along)


def test_two_neurons_written_by_hand_compute_an_absolute_value():
    model = AbsoluteValueModel(
        W_in=torch.tensor([[[1.0, -1.0]]]),
        W_out=torch.ones(1, 2, 1),
        b=torch.zeros(1, 1),
        density=torch.ones(1),
    )
    x = torch.tensor([[[-0.5], [0.0], [0.25]]])
    assert torch.equal(model(x), x.abs())
