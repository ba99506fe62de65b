import pytest
import torch

from mi_course.methods.superposition import (
    SOLUTIONS,
    analytic_boundary,
    analytic_phases,
    antipodal_length,
    expected_loss,
    optimised,
    phase_diagram,
    phases_of,
    solution_loss,
)
from mi_course.models.toy import ToyModel

HALF, HEIGHT = 0.5, 3**0.5 / 2
# The directions of each solution, in the order of SOLUTIONS.
DIRECTIONS = {
    (2, 1): ([[1.0], [0.0]], [[0.0], [1.0]], [[1.0], [-1.0]]),
    (3, 2): (
        [[1.0, 0.0], [0.0, 1.0], [0.0, 0.0]],
        [[0.0, 0.0], [1.0, 0.0], [0.0, 1.0]],
        [[1.0, 0.0], [-1.0, 0.0], [0.0, 1.0]],
        [[1.0, 0.0], [0.0, 1.0], [-1.0, 0.0]],
        [[1.0, 0.0], [-HALF, HEIGHT], [-HALF, -HEIGHT]],
    ),
}
POINTS = [(0.05, 0.3), (0.3, 1.0), (0.8, 4.0), (1.0, 0.5)]
CASES = [(sizes, i) for sizes, all_W in DIRECTIONS.items() for i in range(len(all_W))]


def at_points(sizes, W):
    """Toy models with these directions at all of POINTS, unrepresented features at their mean."""
    W = torch.tensor(W, dtype=torch.float64)
    p, r = torch.tensor(POINTS, dtype=torch.float64).T
    importance = torch.ones(len(p), sizes[0], dtype=torch.float64)
    importance[:, -1] = r
    b = (W.norm(dim=1) == 0) * (p / 2)[:, None]
    return ToyModel(W.expand(len(p), -1, -1), b, p, importance)


@pytest.mark.parametrize(("sizes", "i"), CASES)
def test_the_arithmetic_of_each_solution_is_the_integral_of_its_loss(sizes, i):
    model = at_points(sizes, DIRECTIONS[sizes][i])
    by_hand = solution_loss(SOLUTIONS[sizes][i], model.density, model.importance)
    # At 30 points on an axis the quadrature errs by about one in ten thousand at ReLU's kinks.
    torch.testing.assert_close(by_hand, expected_loss(model, nodes=30), rtol=1e-3, atol=1e-12)


@pytest.mark.parametrize(("sizes", "i"), CASES)
def test_the_phase_of_each_solution_is_that_of_its_directions(sizes, i):
    W = torch.tensor(DIRECTIONS[sizes][i])[None]
    assert phases_of(W).item() == SOLUTIONS[sizes][i].phase


def test_a_digon_of_two_features_that_are_always_active_costs_a_sixth_each():
    ones = torch.ones(2)
    assert solution_loss(SOLUTIONS[2, 1][2], torch.tensor(1.0), ones).item() == pytest.approx(1 / 6)


@pytest.mark.parametrize("r", [0.1, 0.4, 1.0])
def test_superposition_of_two_in_one_begins_at_4r_over_2_plus_5r(r):
    both = analytic_boundary(2, 1, torch.tensor([r, 1 / r]))
    # The grid of densities has steps of 0.35 %; exchanging the features changes nothing.
    assert both.tolist() == pytest.approx([4 * r / (2 + 5 * r)] * 2, rel=0.004)


def test_three_in_two_begin_where_two_in_one_do_as_long_as_the_last_matters_less():
    less, more = torch.tensor([0.1, 0.5]), torch.tensor([2.0, 9.0])
    torch.testing.assert_close(analytic_boundary(3, 2, less), analytic_boundary(2, 1, less))
    assert analytic_boundary(3, 2, more).isnan().all()


def test_no_better_solution_is_found_by_descent_from_random_starts_in_another_phase():
    density = torch.tensor([0.9, 0.25, 0.05])
    importance = torch.tensor([0.2, 0.7])
    analytic = analytic_phases(2, 1, density, importance).flatten()
    seeds = 6
    generator = torch.Generator().manual_seed(0)
    W = torch.randn(seeds * 6, 2, 1, generator=generator)
    weights = torch.ones(2, 3, 2)
    weights[..., 1] = importance[:, None]
    end = optimised(
        ToyModel(
            W,
            torch.zeros(seeds * 6, 2),
            density.repeat(2).repeat(seeds),
            weights.view(6, 2).repeat(seeds, 1),
        ),
        steps=300,
        lr=0.05,
    )
    best = expected_loss(end).view(seeds, 6).argmin(dim=0)
    assert torch.equal(phases_of(end.W.float()).view(seeds, 6)[best, torch.arange(6)], analytic)


def test_the_length_of_antipodal_directions_is_where_the_loss_is_least():
    density = torch.tensor([0.05, 0.4, 1.0], dtype=torch.float64)
    lengths = torch.linspace(0.9, 1.4, 501, dtype=torch.float64)
    grid = density.repeat_interleave(501)
    W = torch.tensor([1.0, -1.0], dtype=torch.float64) * lengths.repeat(3)[:, None]
    zeros = torch.zeros(len(grid), 2, dtype=torch.float64)
    losses = expected_loss(ToyModel(W[..., None], zeros, grid, zeros + 1), nodes=24)
    best = lengths[losses.view(3, 501).argmin(dim=1)]
    torch.testing.assert_close(best, antipodal_length(density), atol=0.003, rtol=0)


def test_sizes_without_known_solutions_are_refused():
    with pytest.raises(ValueError, match="expected sizes"):
        phase_diagram(4, 2)
    with pytest.raises(ValueError, match="expected sizes"):
        analytic_boundary(2, 2, torch.ones(1))


@pytest.mark.parametrize("sizes", DIRECTIONS)
def test_trained_models_cross_over_where_arithmetic_says(sizes):
    found = phase_diagram(
        *sizes,
        density=torch.logspace(0, -0.9, 7),
        importance=torch.tensor([0.2, 0.45, 3.0]),
        steps=1000,
    )
    assert found.agreement() >= 0.85
    factors = found.boundary_factors()
    known = ~factors.isnan()
    assert known.sum() >= 2
    # Neighbouring densities differ by a factor of 1.41: the boundaries are at most a cell apart.
    assert factors[known].max() <= 1.5
    assert torch.equal(known, ~found.boundary.isnan())


@pytest.mark.slow
@pytest.mark.parametrize("sizes", DIRECTIONS)
def test_the_whole_diagram_is_as_arithmetic_says(sizes):
    found = phase_diagram(*sizes)
    assert found.agreement() >= 0.95
    factors = found.boundary_factors()
    assert factors[~factors.isnan()].max() <= 1.5
