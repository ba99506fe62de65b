import pytest
import torch

from mi_course.methods.lens import Translators, logit_lens, patchscope, point_name, stream, unembed


def translators_of(model):
    generator = torch.Generator().manual_seed(0)
    width, n_layers = model.cfg.d_model, model.cfg.n_layers
    names = tuple(point_name(model, layer) for layer in range(-1, n_layers - 1))
    A = 0.1 * torch.randn(n_layers, width, width, generator=generator)
    return Translators(names, A, torch.randn(n_layers, width, generator=generator))


@pytest.mark.parametrize("layer", [-1, 0, 1])
def test_an_activation_put_back_where_it_was_changes_nothing(reader, tokens, layer):
    same = {"source_layer": layer, "source_pos": 4, "target_layer": layer, "target_pos": 4}
    torch.testing.assert_close(
        patchscope(reader, tokens, tokens, **same), reader(tokens), atol=1e-5, rtol=1e-5
    )


def test_with_the_identity_and_the_last_point_it_is_the_logit_lens(reader, tokens):
    last = reader.cfg.n_layers - 1
    grid = logit_lens(reader, tokens[:1])
    _, read, _ = stream(reader, tokens[:1])
    for layer in range(-1, last + 1):
        place = {"source_layer": layer, "source_pos": 5, "target_layer": last, "target_pos": -1}
        said = patchscope(reader, tokens[:1], tokens[1:2, :6], **place)[0, -1]
        lens = unembed(reader, read[layer + 1, 0, 5])
        torch.testing.assert_close(said, lens, atol=1e-4, rtol=1e-4)
        best = said.topk(5).values
        torch.testing.assert_close(grid.logits[layer + 1, 5], best, atol=1e-4, rtol=1e-4)


def test_with_an_affine_mapping_and_the_last_point_it_is_the_tuned_lens(reader, tokens):
    last, tuned = reader.cfg.n_layers - 1, translators_of(reader)
    grid = logit_lens(reader, tokens[:1], translators=tuned)
    for layer in range(-1, last):
        name = point_name(reader, layer)
        said = patchscope(
            reader,
            tokens[:1],
            tokens[1:2],
            source_layer=layer,
            source_pos=5,
            target_layer=last,
            target_pos=2,
            mapping=lambda x, name=name: tuned.apply(name, x),
        )[0, 2]
        best = said.topk(5).values
        torch.testing.assert_close(grid.logits[layer + 1, 5], best, atol=1e-4, rtol=1e-4)


def test_it_agrees_with_a_hook_written_by_hand(reader, tokens):
    taken = stream(reader, tokens)[1][1][:, 2]

    def put(resid, hook):
        resid = resid.clone()
        resid[:, 3] = 2 * taken
        return resid

    with torch.no_grad():
        expected = reader.run_with_hooks(tokens, fwd_hooks=[("blocks.1.hook_resid_post", put)])
    place = {"source_layer": 0, "source_pos": 2, "target_layer": 1, "target_pos": 3}
    found = patchscope(reader, tokens, tokens, **place, mapping=lambda x: 2 * x)
    torch.testing.assert_close(found, expected, atol=1e-5, rtol=1e-5)
    assert (found - reader(tokens))[:, 3:].abs().max() > 1e-3
    torch.testing.assert_close(found[:, :3], reader(tokens)[:, :3], atol=1e-5, rtol=1e-5)


def test_one_target_asks_all_sources(reader, tokens):
    place = {"source_layer": 0, "source_pos": 1, "target_layer": 0, "target_pos": 2}
    found = patchscope(reader, tokens, tokens[:1, :4], **place)
    assert found.shape == (3, 4, 50)
    alone = patchscope(reader, tokens[2:], tokens[:1, :4], **place)
    torch.testing.assert_close(found[2:], alone, atol=1e-5, rtol=1e-5)


def test_the_target_may_be_another_model_of_another_width(mlp, gpt2, planted, tokens):
    place = {"source_layer": 0, "source_pos": 1, "target_layer": 0, "target_pos": 2}
    wide = planted.cfg.d_model
    found = patchscope(
        gpt2, tokens, tokens, **place, target_model=planted, mapping=lambda x: x.new_zeros(3, wide)
    )
    assert found.shape == (3, 9, 50)
    with pytest.raises(ValueError, match="try a mapping to the target's width"):
        patchscope(gpt2, tokens, tokens, **place, target_model=planted)


@pytest.mark.parametrize(
    ("wrong", "match"),
    [
        ({"source_layer": 2}, "layer from 0 to 1, or -1 for the embedding, got 2"),
        ({"target_layer": -2}, "got -2"),
        ({"source_pos": 9}, "source position below 9, got 9"),
        ({"target_pos": -6}, "target position below 5, got -6"),
    ],
)
def test_a_place_that_does_not_exist_is_refused(rotary, tokens, wrong, match):
    place = {"source_layer": 0, "source_pos": 1, "target_layer": 0, "target_pos": 2}
    with pytest.raises(ValueError, match=match):
        patchscope(rotary, tokens, tokens[:, :5], **place | wrong)


def test_prompts_that_do_not_fit_are_refused(rotary, tokens):
    place = {"source_layer": 0, "source_pos": 0, "target_layer": 0, "target_pos": 0}
    with pytest.raises(ValueError, match=r"target for each source \(3\), got 2"):
        patchscope(rotary, tokens, tokens[:2], **place)
    with pytest.raises(ValueError, match="empty source"):
        patchscope(rotary, tokens[:, :0], tokens, **place)
    with pytest.raises(ValueError, match="empty target"):
        patchscope(rotary, tokens, tokens[:, :0], **place)
