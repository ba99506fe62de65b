import math
from dataclasses import replace

import pytest
import torch

from mi_course.results import AblationEffects, PatchedPrompt, PatchGrid, PatchScatter


@pytest.fixture
def grid():
    """Two layers, two heads, two prompts; denoising."""
    values = torch.tensor([[0.0, 0.1], [-0.3, 0.8]])
    return PatchGrid(
        values,
        low=values - 0.2,
        high=values + 0.05,
        by_prompt=torch.zeros(2, 2, 2),
        axes=("layer", "head"),
        labels=(("0", "1"), ("0", "1")),
        site="z",
        metric="logit_diff",
        unit="fraction",
        raw_unit="logits",
        normalised=True,
        direction="denoising",
        clean=torch.tensor([2.0, 4.0]),
        corrupted=torch.tensor([-2.0, -2.0]),
    )


def test_cells_have_names_and_are_ranked_by_how_far_they_move(grid):
    assert grid.names == ("L0H0", "L0H1", "L1H0", "L1H1")
    assert [name for name, _ in grid.top(3)] == ["L1H1", "L1H0", "L0H1"]
    assert grid.of("L1H0") == pytest.approx(-0.3)
    with pytest.raises(ValueError, match="a cell such as"):
        grid.of("L2H0")


def test_a_place_is_named_behind_its_layer_and_head(grid):
    many = replace(
        grid,
        **{name: torch.zeros(1, 1, 2) for name in ("values", "low", "high")},
        by_prompt=torch.zeros(1, 1, 2, 2),
        axes=("layer", "head", "position"),
        labels=(("3",), ("7",), ("s2", "4  Mary")),
    )
    assert many.names == ("L3H7 @s2", "L3H7 @4  Mary")
    neurons = replace(grid, axes=("layer", "neuron"))
    assert neurons.names[-1] == "L1N1"


def test_nothing_happens_at_0_when_denoising_and_at_1_when_noising(grid):
    assert grid.base == 0
    noising = replace(grid, direction="noising")
    assert noising.base == 1
    assert noising.top()[0][0] == "L1H0"
    raw = replace(grid, unit="logits", normalised=False)
    assert raw.base == -2
    assert replace(raw, direction="noising").base == 3
    torch.testing.assert_close(noising.change(), grid.values - 1)


def test_a_cell_is_certain_when_its_interval_leaves_out_no_effect(grid):
    assert grid.certain() == ("L1H0", "L1H1")


def test_the_summary_tells_site_direction_and_the_strongest_cells(grid):
    told = grid.summary()
    for part in ("z by layer and head", "denoising", "2 prompts", "L1H1 0.80 (0.60 to 0.85)"):
        assert part in told


def test_a_grid_that_cannot_be_is_refused(grid):
    with pytest.raises(ValueError, match="finite values"):
        replace(grid, values=grid.values * math.nan)
    with pytest.raises(ValueError, match="one label for each head"):
        replace(grid, labels=(("0", "1"), ("0",)))
    with pytest.raises(ValueError, match="an axis and labels"):
        replace(grid, axes=("layer",))
    with pytest.raises(ValueError, match="a direction among"):
        replace(grid, direction="sideways")


def test_a_scatter_knows_correlation_signs_slope_and_its_worst_cell():
    true = torch.tensor([1.0, -2.0, 3.0, 0.001])
    doubled = PatchScatter(2 * true, true, ("a", "b", "c", "d"), "z", "fraction")
    assert doubled.correlation() == pytest.approx(1)
    assert doubled.slope() == pytest.approx(2)
    assert doubled.sign_agreement() == 1
    assert doubled.worst()[0] == ("c", 6.0, 3.0)
    # The tiny one has the wrong sign and does not count.
    other = replace(doubled, approximate=torch.tensor([1.0, 2.0, 3.0, -0.1]))
    assert other.sign_agreement() == pytest.approx(2 / 3)
    flat = replace(doubled, approximate=torch.ones(4))
    assert math.isnan(flat.correlation())
    assert "furthest off c" in doubled.summary()
    with pytest.raises(ValueError, match="one label for each cell"):
        replace(doubled, names=("a",))


def test_a_patched_prompt_marks_what_is_patched():
    shown = PatchedPrompt(
        ("When", " Mary", " and"),
        (1,),
        "resid_pre of layer 2",
        (" John", " Mary"),
        torch.tensor([0.7, 0.2]),
        torch.tensor([0.1, 0.8]),
        " John",
        " Mary",
        "denoising",
    )
    assert shown.marked() == "When[ Mary] and"
    assert replace(shown, patched=(0, 1, 2)).marked() == "When Mary and"
    assert "from the clean run: the model says ' John' (0.70, before 0.10)" in shown.summary()
    with pytest.raises(ValueError, match="positions below 3"):
        replace(shown, patched=(3,))
    with pytest.raises(ValueError, match="one label for each token"):
        replace(shown, says=(" John",))
    with pytest.raises(ValueError, match="probabilities from 0 to 1"):
        replace(shown, probs=torch.tensor([1.7, 0.2]))


def test_ablations_are_told_by_the_largest_change():
    effects = AblationEffects(
        values=torch.tensor([3.0, 1.0]),
        low=torch.tensor([2.5, 0.5]),
        high=torch.tensor([3.5, 1.5]),
        by_prompt=torch.zeros(2, 2),
        sets=((), ("L0H1", "L0H2", "L1H0", "L1H1", "MLP0")),
        clean=torch.tensor([2.0, 4.0]),
        metric="logit_diff",
        unit="logits",
        mode="zero",
    )
    torch.testing.assert_close(effects.change(), torch.tensor([0.0, -2.0]))
    assert "furthest L0H1 L0H2 L1H0 L1H1 and 1 more 1.00, nothing 3.00" in effects.summary()
    with pytest.raises(ValueError, match="one label for each set"):
        replace(effects, sets=((),))


def test_a_metric_of_ones_own_may_be_normalised_and_a_fraction(grid):
    own = replace(grid, raw_unit="fraction")
    assert own.base == 0


def test_of_one_prompt_nothing_is_certain(grid):
    one = {"by_prompt": grid.by_prompt[..., :1], "clean": grid.clean[:1]}
    alone = replace(grid, corrupted=grid.corrupted[:1], **one)
    assert grid.certain()
    assert alone.certain() == ()
