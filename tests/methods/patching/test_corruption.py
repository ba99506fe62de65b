import pytest
import torch

from mi_course.activations import record
from mi_course.methods.patching import gaussian_corruption, patch_by_position, patch_prompts
from mi_course.worlds.tasks import facts


@pytest.fixture(scope="module")
def task(town):
    return facts(town.tokenizer, 8, 0)


def test_noise_falls_where_the_pairs_differ_and_has_the_size_asked_for(town, task):
    prompts = patch_prompts(town, task)
    made = gaussian_corruption(town, task, sigmas=3.0, seed=1)
    assert torch.equal(made.corrupted, prompts.clean)
    hit = (made.noise != 0).any(-1)
    assert torch.equal(hit, (prompts.clean != prompts.corrupted) & prompts.inside())
    embedded = record(town, prompts.clean, "hook_embed")["hook_embed"][prompts.inside()]
    # Some thousand normal draws: their spread is known to a few percent.
    assert made.noise[hit].std() == pytest.approx(3 * embedded.std().item(), rel=0.05)


def test_places_are_chosen_by_name_and_draws_by_seed(town, task):
    made, again, other = (
        gaussian_corruption(town, task, ("subject",), seed=seed) for seed in (0, 0, 1)
    )
    assert torch.equal((made.noise != 0).any(-1).int().argmax(1), made.places["subject"])
    assert torch.equal(made.noise, again.noise)
    assert not torch.equal(made.noise, other.noise)


def test_a_fact_destroyed_by_noise_comes_back_at_its_subject(town, task):
    noisy = gaussian_corruption(town, task)
    grid = patch_by_position(town, noisy, places=("subject", "end"), metric="probability")
    assert grid.clean.mean() > grid.corrupted.mean() + 0.3
    last = patch_by_position(town, noisy, "resid_post", places=("subject", "end"))
    assert last.of("L3 @end") == pytest.approx(1, abs=1e-4)
    assert last.of("L3 @subject") == pytest.approx(0, abs=1e-4)


def test_noise_that_corrupts_nothing_is_refused(town, task, pairs):
    with pytest.raises(ValueError, match="places among"):
        gaussian_corruption(town, task, ("verb",))
    with pytest.raises(ValueError, match="more than 0 sigmas"):
        gaussian_corruption(town, task, sigmas=0.0)
    noisy = gaussian_corruption(town, task)
    with pytest.raises(ValueError, match="a position to corrupt"):
        gaussian_corruption(town, noisy)
