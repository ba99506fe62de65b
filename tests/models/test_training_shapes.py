"""Training of the shapes: moves against the network, goes on where it stopped, learns, reports."""

from dataclasses import replace

import pytest
import torch
import torch.nn.functional as F

from mi_course.models import training_shapes
from mi_course.models.report_shapes import shapes_report
from mi_course.models.training_shapes import (
    RECIPES,
    ShapesRecipe,
    ShapesRun,
    attacked,
    losses_of,
    train_shapes,
)
from mi_course.models.vision import load_vision
from mi_course.worlds.shapes import CLASSES, scenes

SMALL = ShapesRecipe("small", 3, n_chunks=3, chunk=24, rows=12, widths=(4, 4, 6, 8, 8), narrow=3)


def batch(n=24, seed=11):
    drawn = scenes(n, seed)
    return torch.from_numpy(drawn.images).permute(0, 3, 1, 2), torch.from_numpy(drawn.labels)


def test_an_attack_stays_within_its_radius_and_raises_the_loss(tmp_path):
    run = ShapesRun(SMALL, tmp_path, "cpu")
    x, y = batch()
    moved = attacked(run.model, x, y, 4.0, moves=3)
    assert (moved - x).flatten(1).norm(dim=1).max() <= 4.0 + 1e-4
    assert moved.min() >= 0
    assert moved.max() <= 1
    assert losses_of(run.model, moved, y)[0] > losses_of(run.model, x, y)[0] + 0.01
    assert torch.equal(attacked(run.model, x, y, 0.0, moves=3), x)


def test_the_loss_is_the_cross_entropy_of_both_readouts(tmp_path):
    run = ShapesRun(SMALL, tmp_path, "cpu")
    x, y = batch()
    main, beside, _ = run.module.everything(run.model.normalise(x))
    expected = F.cross_entropy(main, y) + F.cross_entropy(beside, y)
    # bfloat16 keeps 8 bits of each activation.
    torch.testing.assert_close(losses_of(run.model, x, y)[0], expected, atol=0.05, rtol=0.02)


def test_a_killed_run_goes_on_to_the_same_weights(tmp_path):
    whole = ShapesRun(SMALL, tmp_path / "whole", "cpu")
    whole.finish()
    first = ShapesRun(SMALL, tmp_path / "parts", "cpu")
    first.advance()
    first.save()
    second = ShapesRun(SMALL, tmp_path / "parts", "cpu")
    second.resume()
    assert second.chunk == 1
    second.finish()
    assert whole.losses == second.losses
    for name, value in whole.module.state_dict().items():
        assert torch.equal(value, second.module.state_dict()[name]), name


def test_a_state_of_another_recipe_is_left_alone(tmp_path):
    first = ShapesRun(SMALL, tmp_path, "cpu")
    first.advance()
    first.save()
    other = ShapesRun(replace(SMALL, rate=1e-3), tmp_path, "cpu")
    other.resume()
    assert other.chunk == 0


def test_the_steps_of_training_learn_a_batch_by_heart(tmp_path):
    run = ShapesRun(replace(SMALL, rate=1e-2), tmp_path, "cpu")
    x, y = batch(12)
    losses = [run._learn(x, y, done=0.0) for _ in range(60)]
    # Two readouts that know nothing cost 2 log 12 = 4.97 nats.
    assert losses[0] == pytest.approx(4.97, abs=0.2)
    assert losses[-1] < 3


def test_the_two_recipes_differ_by_their_seed_alone():
    first, second = RECIPES["shapes-a"], RECIPES["shapes-b"]
    assert first.seed != second.seed
    assert replace(second, name=first.name, seed=first.seed) == first


def test_training_writes_weights_and_a_card_that_load(tmp_path, monkeypatch):
    plan = replace(RECIPES["shapes-a"], n_chunks=1, chunk=24, rows=12)
    monkeypatch.setitem(training_shapes.RECIPES, "shapes-a", plan)
    monkeypatch.setattr(training_shapes.weights, "ROOT", tmp_path / "weights")
    monkeypatch.setattr(training_shapes, "shapes_report", lambda model: {"accuracy": 0.1})
    folder = train_shapes("shapes-a", runs=tmp_path / "runs")
    assert sorted(path.name for path in folder.iterdir()) == ["card.json", "model.safetensors"]
    found = load_vision("shapes-a", device="cpu")
    trained = ShapesRun(plan, tmp_path / "runs" / "shapes-a", "cpu")
    trained.resume()
    weight = trained.module.conv5.weight
    torch.testing.assert_close(found.module.conv5.weight, weight.half().float(), rtol=0, atol=0)


def test_a_network_of_zeros_is_right_as_often_as_chance_and_silent(tmp_path):
    run = ShapesRun(SMALL, tmp_path, "cpu")
    for value in run.module.parameters():
        value.data.zero_()
    run.model.module.requires_grad_(False)
    found = shapes_report(run.model, n=24)
    assert found["accuracy"] == found["narrow_accuracy"] == pytest.approx(1 / 12, abs=1e-3)
    assert found["accuracy_by_class"] == {name: float(name == CLASSES[0]) for name in CLASSES}
    assert list(found["silent_channels"].values()) == [4, 4, 6, 8, 8, 3]


def test_an_unknown_name_is_refused():
    with pytest.raises(ValueError, match="expected one of"):
        train_shapes("shapes-z")
    with pytest.raises(ValueError, match="expected one of"):
        load_vision("shapes-z")
    with pytest.raises(ValueError, match="has its own"):
        load_vision("shapes-a", weights_file="x.pth")
