"""The residual stream: sums that must hold, parts whose worth is known, and results that check."""

import math

import pytest
import torch

from mi_course.activations import record
from mi_course.methods.residual import part_effects, part_names, residual_norms
from mi_course.models import tiny
from mi_course.plots import plot_part_effects, plot_residual_norms, summary
from mi_course.results import PartEffects, ResidualNorms


class Letters:
    """A tokenizer as far as these methods need one."""

    def decode(self, ids):
        return f" {chr(97 + ids[0] % 26)}"


@pytest.fixture(scope="module")
def model():
    made = tiny(n_layers=2, attn_only=False)
    made.tokenizer = Letters()
    return made


@pytest.fixture(scope="module")
def tokens():
    return torch.randint(50, (3, 9), generator=torch.Generator().manual_seed(0))


def test_parts_are_named_in_the_order_in_which_they_run(model):
    assert list(part_names(model).values()) == ["attention 0", "MLP 0", "attention 1", "MLP 1"]
    assert list(part_names(tiny(n_layers=1)).values()) == ["attention 0"]


def test_the_stream_is_the_embedding_plus_all_parts_and_norms_measure_it(model, tokens):
    names = ["blocks.0.hook_resid_pre", *part_names(model)]
    added = torch.stack(list(record(model, tokens[:1], names).values())).sum(dim=0)
    norms = residual_norms(model, tokens[:1])
    assert norms.points == ("embedding", "after layer 0", "after layer 1")
    torch.testing.assert_close(norms.values[-1], added[0].norm(dim=-1))


def test_a_silent_part_costs_what_a_run_without_its_weights_costs(tokens):
    model = tiny(n_layers=2)
    before = model(tokens, return_type="loss")
    effects = part_effects(model, tokens)
    for layer in range(2):
        block = tiny(n_layers=2)
        for name, parameter in block.named_parameters():
            if f"layers.{layer}." in name and ".attn." in name and ".o." in name:
                parameter.data.zero_()
        loss = block(tokens, return_type="loss")
        assert effects.of(f"attention {layer}") == pytest.approx((loss - before).item(), abs=1e-4)


def test_the_mean_of_a_part_that_never_varies_changes_nothing(tokens):
    model = tiny(n_layers=1)
    for name, parameter in model.named_parameters():
        if ".attn." in name and ".o." in name and name.endswith("weight"):
            parameter.data.zero_()  # the bias alone is left: the same vector everywhere
    assert part_effects(model, tokens, "mean").values.abs().max() < 1e-5
    assert part_effects(model, tokens, "zero").values.abs().max() > 1e-3


def test_batches_do_not_change_the_effects(model, tokens):
    whole, split = part_effects(model, tokens), part_effects(model, tokens, batch_size=2)
    torch.testing.assert_close(whole.values, split.values)


def test_an_unknown_mode_is_refused(model, tokens):
    with pytest.raises(ValueError, match='"zero" or "mean", got \'median\''):
        part_effects(model, tokens, "median")


def test_norms_by_hand():
    values = torch.tensor([[9.0, 1.0, 3.0], [5.0, 6.0, 2.0]])
    norms = ResidualNorms(values, ("embedding", "after layer 0"), ("<s>", " a", " b"))
    assert norms.typical().tolist() == [2.0, 4.0]
    assert norms.growth() == 2.0
    assert "2.00 at the embedding and 4.00 at the end" in norms.summary()
    figure = plot_residual_norms(norms)
    assert "2.0 times as long" in figure.layout.title.text.replace("<br>", " ")
    assert [list(trace.y) for trace in figure.data] == [[1, 6], [3, 2], [2, 4], [9, 5]]
    assert summary(figure) == norms.summary()


def test_effects_are_ranked_and_drawn_from_the_bottom_up():
    effects = PartEffects(torch.tensor([0.5, -0.25, 2.0]), ("attention 0", "MLP 0", "attention 1"))
    assert [part for part, _ in effects.ranked()] == ["attention 1", "attention 0", "MLP 0"]
    assert effects.of("MLP 0") == -0.25
    figure = plot_part_effects(effects)
    assert figure.layout.yaxis.categoryarray == effects.parts
    assert {trace.name: list(trace.x) for trace in figure.data} == {
        "attention": [0.5, 2.0],
        "MLP": [-0.25],
    }
    assert "Without attention 1 the loss rises by 2.00 nats" in figure.layout.title.text.replace(
        "<br>", " "
    )
    with pytest.raises(ValueError, match="expected one of"):
        effects.of("MLP 7")


@pytest.mark.parametrize("bad", [math.nan, -1.0])
def test_impossible_norms_are_refused(bad):
    values = torch.tensor([[1.0, 2.0], [1.0, bad]])
    with pytest.raises(ValueError, match="expected"):
        ResidualNorms(values, ("embedding", "after layer 0"), ("a", "b"))


def test_several_texts_have_no_one_length(model, tokens):
    with pytest.raises(ValueError, match="expected one text"):
        residual_norms(model, tokens)
