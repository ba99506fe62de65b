import itertools

import pytest
import torch

from mi_course.activations import record
from mi_course.methods.sae import (
    SAEConfig,
    ShuffledActivations,
    activation_stream,
    train_sae,
)
from mi_course.methods.sae import stream as module

HOOK = "blocks.1.hook_resid_post"


def read(model, **changes):
    settings = {"batch_size": 40, "n_batches": 7, "buffer_rows": 100, "context": 24, "seed": 3}
    return activation_stream(model, HOOK, **settings | changes)


def rows_of(x):
    return {tuple(row) for row in x.round(decimals=4).tolist()}


@pytest.mark.parametrize("name", ["town", "random_neox"])
def test_batches_have_the_shape_asked_for_and_come_again(name, request):
    stream = read(request.getfixturevalue(name))
    once, twice = list(stream), list(stream)
    width = request.getfixturevalue(name).cfg.d_model
    assert [x.shape for x in once] == [(40, width)] * 7 == [x.shape for x in twice]
    assert all(torch.equal(a, b) for a, b in zip(once, twice, strict=True))
    assert len(stream) == 7
    # Documents that begin alike have equal activations there; all others come once.
    assert len(rows_of(torch.cat(once))) > 0.9 * 280


@pytest.mark.parametrize("n", [0, 1, 2, 3, 6, 7, 9])
def test_skipping_leaves_out_the_first_batches_and_changes_none(random_neox, n):
    whole, rest = list(read(random_neox)), read(random_neox).skip(n)
    assert len(rest) == max(0, 7 - n) == len(list(rest))
    assert all(torch.equal(a, b) for a, b in zip(whole[n:], rest, strict=True))
    assert len(list(read(random_neox).skip(2).skip(3))) == 2


def test_only_the_last_texts_are_read_for_the_last_batches(random_neox, monkeypatch):
    numbers = []
    texts = module.ActivationStream._texts
    monkeypatch.setattr(
        module.ActivationStream, "_texts", lambda s, n: numbers.append(n) or texts(s, n)
    )
    list(read(random_neox).skip(5))
    # Two batches fit into a buffer of 100.
    assert numbers == [2, 3]


def test_given_tokens_are_read_without_bos_each_once_in_a_round(gpt2):
    bos = gpt2.tokenizer.bos_token_id
    tokens = torch.randint(1, 50, (20, 9), generator=torch.Generator().manual_seed(0))
    tokens = torch.cat([torch.full((20, 1), bos), tokens], dim=1)
    stream = read(gpt2, tokens=tokens, batch_size=60, n_batches=3, buffer_rows=180)
    expected = record(gpt2, tokens, HOOK)[HOOK][:, 1:].flatten(0, 1)
    assert rows_of(torch.cat(list(stream))) == rows_of(expected)
    again = read(gpt2, tokens=tokens, batch_size=60, n_batches=6, buffer_rows=180)
    assert rows_of(torch.cat(list(again.skip(3)))) == rows_of(expected)


def test_batches_are_shuffled(gpt2):
    tokens = torch.randint(1, 50, (20, 9), generator=torch.Generator().manual_seed(0))
    inside = record(gpt2, tokens, HOOK)[HOOK].flatten(0, 1)
    batch = next(iter(read(gpt2, tokens=tokens, batch_size=180, n_batches=1, buffer_rows=180)))
    assert not torch.equal(batch, inside)
    places = torch.cdist(batch, inside).argmin(1)
    assert (places.diff() == 1).float().mean() < 0.2


def test_seeds_and_splits_read_other_texts(random_neox):
    batches = [
        next(iter(read(random_neox, **changes)))
        for changes in ({}, {"seed": 4}, {"split": "heldout"})
    ]
    assert not torch.equal(batches[0], batches[1])
    assert not torch.equal(batches[0], batches[2])


def test_heads_are_put_side_by_side(random_neox):
    stream = activation_stream(
        random_neox, "blocks.0.attn.hook_z", batch_size=8, n_batches=1, buffer_rows=8, context=16
    )
    assert next(iter(stream)).shape == (8, 16)


def test_no_more_than_the_buffer_is_ever_held(random_neox, monkeypatch):
    held = []
    buffer = module.ActivationStream._buffer
    monkeypatch.setattr(
        module.ActivationStream,
        "_buffer",
        lambda *args: held.append(found := buffer(*args)) or found,
    )
    list(read(random_neox))
    assert [len(each) for each in held] == [80, 80, 80, 80]


def test_an_autoencoder_learns_from_a_stream_and_goes_on_in_it(random_neox, tmp_path):
    settings = SAEConfig("topk", 32, k=4, steps=12)
    stream, file = read(random_neox), tmp_path / "state"
    whole = train_sae(stream, settings, hook=HOOK)
    with pytest.raises(ValueError, match="got 9 in the stream"):
        train_sae(
            itertools.islice(itertools.cycle(stream), 9), settings, checkpoint=file, save_every=8
        )
    resumed = train_sae(stream, settings, hook=HOOK, checkpoint=file)
    assert torch.equal(whole.sae.W_dec, resumed.sae.W_dec)
    assert whole.sae.hook == HOOK


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"batch_size": 0}, "expected a batch_size of at least 1, got 0"),
        ({"n_batches": 0}, "expected a n_batches of at least 1, got 0"),
        ({"buffer_rows": 39}, "expected buffer_rows of at least batch_size = 40, got 39"),
    ],
)
def test_streams_without_room_are_refused(random_neox, changes, message):
    with pytest.raises(ValueError, match=message):
        read(random_neox, **changes)


def test_texts_of_nothing_but_bos_are_refused(gpt2):
    tokens = torch.full((4, 8), gpt2.tokenizer.bos_token_id)
    with pytest.raises(ValueError, match="tokens beside BOS, got none"):
        read(gpt2, tokens=tokens)


def test_an_unknown_hook_is_told_when_it_is_read(random_neox):
    stream = activation_stream(random_neox, "blocks.9.nowhere", batch_size=4, n_batches=1)
    with pytest.raises(ValueError, match="expected a hook name of this model"):
        next(iter(stream))


def test_shuffled_activations_come_once_a_round_in_another_order_each_round():
    x = torch.arange(23.0)[:, None]
    stream = ShuffledActivations(x, 5, seed=2)
    rounds = list(itertools.islice(stream, 8))
    first, second = torch.cat(rounds[:4]), torch.cat(rounds[4:])
    assert len(set(first.flatten().tolist())) == len(set(second.flatten().tolist())) == 20
    assert not torch.equal(first, second)
    skipped = itertools.islice(stream.skip(3).skip(2), 3)
    assert all(torch.equal(a, b) for a, b in zip(rounds[5:], skipped, strict=True))
    with pytest.raises(ValueError, match="batch_size from 1 to 23"):
        ShuffledActivations(x, 24)
