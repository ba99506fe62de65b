import pytest
import torch

from mi_course.methods.superposition import (
    circle_codes,
    geometry,
    interference_kinds,
    neuron_stacks,
    plateaus,
)
from mi_course.models.toy import AbsoluteValueModel, ToyModel
from mi_course.plots import (
    plot_adversarial_curve,
    plot_binary_comparison,
    plot_circle_codes,
    plot_computed_features,
    plot_dimensionality,
    plot_directions,
    plot_feature_lengths,
    plot_gram,
    plot_interference_kinds,
    plot_learning_dynamics,
    plot_neuron_stacks,
    plot_paired_features,
    plot_phase_diagram,
    summary,
)
from mi_course.results import (
    AdversarialCurve,
    BinaryComparison,
    LearningDynamics,
    PairedFeatures,
    PhaseDiagram,
)

# Two models: an axis for each of two features and none for two others; two digons.
W = torch.tensor(
    [
        [[1.0, 0.0], [0.0, 1.0], [0.0, 0.0], [0.0, 0.0]],
        [[1.0, 0.0], [-1.0, 0.0], [0.0, 1.0], [0.0, -1.0]],
    ]
)
DENSITY = torch.tensor([1.0, 0.1])


@pytest.fixture
def found():
    return geometry(W, DENSITY)


def words(figure):
    return figure.layout.title.text.replace("<br>", " ")


def test_directions_end_where_the_weights_say_and_the_title_names_the_shapes(found):
    figure = plot_directions(found)
    ends = [(trace.x[1], trace.y[1]) for trace in figure.data]
    assert ends == [tuple(row) for row in W.flatten(0, 1).tolist()]
    assert "2 own dimensions and 2 not represented at density 1" in words(figure)
    assert "2 digons at density 0.1" in words(figure)
    assert summary(figure) == found.summary()


def test_partners_of_one_number_have_one_colour(found):
    figure = plot_directions(found, instances=[1], colours=[0, 0, 1, 1])
    first, second, third, _ = (trace.line.color for trace in figure.data)
    assert first == second != third


def test_only_planes_and_chosen_instances_can_be_drawn(found):
    with pytest.raises(ValueError, match="two hidden dimensions"):
        plot_directions(geometry(torch.eye(3)[None]))
    with pytest.raises(ValueError, match="at least one instance"):
        plot_directions(found, instances=[])


def test_the_gram_matrix_is_centred_on_zero(found):
    figure = plot_gram(found, 1)
    (heat,) = figure.data
    torch.testing.assert_close(torch.tensor(heat.z), W[1] @ W[1].T)
    assert (heat.zmin, heat.zmid, heat.zmax) == (-1, 0, 1)
    assert words(figure) == "At density 0.1: 2 digons"


def test_bars_are_lengths_and_their_colour_is_interference(found):
    dense, sparse = plot_feature_lengths(found).data
    assert tuple(dense.y) == (1, 1, 0, 0)
    assert tuple(dense.marker.color) == (0, 0, 0, 0)
    assert tuple(sparse.marker.color) == (1, 1, 1, 1)
    assert "2 features at density 1 and 4 at density 0.1" in words(plot_feature_lengths(found))


def test_dimensionality_stands_at_its_plateaus(found):
    figure = plot_dimensionality(found, plateaus(W, DENSITY))
    points, line = figure.data
    assert sorted(zip(points.x, points.y, strict=True))[:2] == [(1, 1), (1, 1)]
    assert tuple(line.y) == pytest.approx((1, 0.5))
    assert "digon (4)" in words(figure)


def test_both_phase_maps_are_drawn_and_their_agreement_is_the_title():
    phases = torch.tensor([[0, 2], [2, 2]])
    diagram = PhaseDiagram(
        length=torch.ones(2, 2),
        interference=torch.ones(2, 2),
        measured=phases,
        analytic=torch.tensor([[0, 2], [0, 2]]),
        boundary=torch.tensor([0.3, 0.5]),
        density=torch.tensor([1.0, 0.1]),
        importance=torch.tensor([0.1, 1.0]),
        n_features=2,
        d_hidden=1,
    )
    figure = plot_phase_diagram(diagram)
    maps = [trace for trace in figure.data if trace.type == "heatmap"]
    assert torch.equal(torch.tensor(maps[0].z), phases)
    assert "at 75% of points" in words(figure)
    lines = [trace for trace in figure.data if trace.type == "scatter"]
    assert {(line.line.color, line.line.dash) for line in lines} == {("black", "dash")}


def layer():
    W_in = torch.tensor([[[1.0, -1.0], [0.5, 0.0]]])
    return AbsoluteValueModel(W_in, W_in.abs().mT, torch.zeros(1, 2), torch.tensor([0.2]))


def test_neurons_are_stacks_of_their_weights():
    stacks = neuron_stacks(layer())
    figure = plot_neuron_stacks(stacks)
    assert [tuple(trace.y) for trace in figure.data] == [(1, -1), (0.5, 0)]
    assert "1 of 2 neurons read two or more" in words(figure)
    computed, several = plot_computed_features(stacks).data
    assert (tuple(computed.y), tuple(several.y)) == ((1,), (1,))


def test_gain_and_pairs_of_the_circle():
    codes = circle_codes((3, 10))
    gain, pairs = plot_circle_codes(codes).data
    assert tuple(gain.y) == pytest.approx(tuple(codes.gain.tolist()))
    assert tuple(pairs.y) == (1, 0)
    assert "10 one-hot features" in words(plot_circle_codes(codes))


def test_jumps_are_shaded_and_told():
    dynamics = LearningDynamics(
        steps=torch.tensor([0, 10, 20, 30]),
        loss=torch.tensor([4.0, 1.0, 1.0, 0.0]),
        dimensionality=torch.tensor([[0.0], [0.5], [0.5], [1.0]]),
        jumps=((0, 1),),
        density=0.1,
        d_hidden=1,
    )
    figure = plot_learning_dynamics(dynamics)
    assert words(figure) == "75% of the loss's fall happens in 1 jump that takes 33% of the time"
    assert dynamics.movement_in_jumps() == 0.5


def test_vulnerability_and_features_per_dimension_are_on_two_axes():
    curve = AdversarialCurve(
        vulnerability=torch.tensor([1.0, 3.0, 5.0]),
        random_change=torch.tensor([0.1, 0.2, 0.3]),
        features_per_dimension=torch.tensor([1.0, 2.0, 3.0]),
        density=torch.tensor([1.0, 0.3, 0.1]),
        epsilon=0.1,
        n_features=5,
        d_hidden=2,
    )
    figure = plot_adversarial_curve(curve)
    assert "correlation 1.00" in words(figure)
    assert [trace.yaxis for trace in figure.data] == ["y", "y", "y2"]


def test_interference_is_one_group_for_each_situation():
    pair = ToyModel(
        torch.tensor([[[1.0], [-1.0]]]), torch.zeros(1, 2), torch.tensor([0.1]), torch.ones(1, 2)
    )
    kinds = interference_kinds(pair, binary=True)
    figure = plot_interference_kinds({"digon": kinds})
    assert tuple(figure.data[0].y) == (0, 0, 1)
    assert words(figure) == "digon: another feature alone costs 0.000, both together 1.000"
    with pytest.raises(ValueError, match="at least one"):
        plot_interference_kinds({})
    values = torch.tensor([0.25])
    comparison = BinaryComparison(values, 2 * values, kinds, kinds, pair.density, 2, 1)
    binary, continuous = plot_binary_comparison(comparison).data
    assert (tuple(binary.y), tuple(continuous.y)) == ((0.25,), (0.5,))


def test_partners_are_told_by_their_arrangement(found):
    within = torch.tensor([[0.0, 0.0], [-1.0, -1.0]])
    pairs = PairedFeatures(found, within, torch.zeros(2), "anticorrelated")
    figure = plot_paired_features(pairs)
    assert "at right angles at density 1 and antipodal at density 0.1" in words(figure)
    assert summary(figure) == pairs.summary()
