import pytest
import torch

from mi_course.methods.superposition import geometry
from mi_course.results import PhaseDiagram, Plateaus


def diagram(measured, boundary, **changes):
    measured = torch.tensor(measured)
    parts = {
        "length": torch.ones(measured.shape),
        "interference": torch.ones(measured.shape),
        "measured": measured,
        "analytic": measured,
        "boundary": torch.tensor(boundary),
        "density": torch.tensor([1.0, 0.25, 0.0625]),
        "importance": torch.ones(len(measured)),
        "n_features": 2,
        "d_hidden": 1,
    }
    return PhaseDiagram(**(parts | changes))


def test_the_measured_boundary_is_between_the_last_point_without_and_the_first_with():
    found = diagram([[0, 2, 2], [0, 0, 2], [0, 0, 0], [2, 2, 2]], [0.5, 0.25, 0.1, 0.1])
    assert found.measured_boundary()[:2].tolist() == pytest.approx([0.5, 0.125])
    assert found.measured_boundary()[2:].isnan().all()
    assert found.boundary_factors()[:2].tolist() == pytest.approx([1, 2])
    assert "1.00 (median of 2 importances), 2.00 at most" in found.summary()


def test_a_diagram_without_a_boundary_says_so():
    found = diagram([[0, 0, 0]], [float("nan")])
    assert "no boundary was met" in found.summary()
    assert found.agreement() == 1


def test_densities_must_fall_and_phases_exist():
    with pytest.raises(ValueError, match="falling densities"):
        diagram([[0, 2, 2]], [0.5], density=torch.tensor([0.1, 0.2, 0.3]))
    with pytest.raises(ValueError, match="from 0 to 2"):
        diagram([[0, 2, 3]], [0.5])


def test_shapes_are_counted_in_words():
    W = torch.tensor([[[1.0, 0.0], [-1.0, 0.0], [0.0, 1.0], [0.0, 0.1]]])
    found = geometry(W, torch.tensor([0.25]))
    assert found.told(0) == "1 digon, 1 own dimension and 1 not represented"
    assert found.summary().startswith("4 features in 2 dimensions. density 0.25: 1 digon")
    assert found.lengths()[0].tolist() == pytest.approx([1, 1, 1, 0.1])
    assert found.dimensions_per_feature().item() == pytest.approx(2 / 3.01)
    assert len(found.instance(0)) == 1


def test_a_feature_cannot_stand_at_two_plateaus():
    with pytest.raises(ValueError, match="one plateau at most"):
        Plateaus(
            names=("a", "b"),
            values=torch.tensor([0.4, 0.375]),
            counts=torch.tensor([[3.0, 3.0]]),
            n_represented=torch.tensor([5.0]),
            density=torch.tensor([0.1]),
            tolerance=0.05,
        )
