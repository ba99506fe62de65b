import itertools
import math
import os
import subprocess
import sys

import pytest
import torch

from mi_course.methods.sae import (
    ARCHITECTURES,
    SAEConfig,
    planted_dictionary,
    planted_stream,
    train_sae,
)
from mi_course.methods.sae.run import Run
from mi_course.results import TrainingCurves

D_IN, N_FEATURES, ACTIVE = 16, 32, 2
RULES = {
    "tied_l1": {"l1": 0.05},
    "l1": {"l1": 0.02},
    "topk": {"k": 3},
    "batchtopk": {"k": ACTIVE},
    "matryoshka": {"k": ACTIVE},
    "jumprelu": {"l0": 0.015, "first_threshold": 0.1},
}


@pytest.fixture(scope="module")
def directions():
    return planted_dictionary(N_FEATURES, D_IN)


@pytest.fixture(scope="module")
def stream(directions):
    return planted_stream(directions, ACTIVE, batch_size=256)


def config(architecture, **changes):
    return SAEConfig(architecture, N_FEATURES, **{"steps": 40, **RULES[architecture], **changes})


def mean_max_cosine(directions, sae):
    return (directions @ sae.directions.T).amax(1).mean().item()


@pytest.fixture(scope="module")
def trained(stream):
    found = {}

    def train(architecture):
        if architecture not in found:
            found[architecture] = train_sae(
                stream, config(architecture, steps=400, lr=6e-3, dead_after=50)
            )
        return found[architecture]

    return train


@pytest.mark.parametrize("architecture", ["l1", "topk", "batchtopk", "jumprelu"])
def test_planted_features_are_found(architecture, trained, directions):
    sae = trained(architecture).sae
    assert mean_max_cosine(directions, sae) > 0.95
    untrained = planted_dictionary(N_FEATURES, D_IN, seed=9)
    assert (directions @ untrained.T).amax(1).mean() < 0.7


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_curves_tell_what_the_autoencoder_does_on_new_activations(architecture, trained, stream):
    training = trained(architecture)
    x = stream.batch(10**6)[0]
    codes, wrong = training.sae.encode(x), training.sae(x) - x
    # About the mean of the data: an autoencoder that says the mean scores 1.
    fvu = wrong.square().sum() / (x - x.mean(0)).square().sum()
    assert training.fvu[-1].item() == pytest.approx(fvu.item(), rel=0.25)
    assert training.l0[-1].item() == pytest.approx((codes > 0).sum().item() / 256, rel=0.2)
    assert training.fvu[-1] < 0.35 < training.fvu[0]
    assert training.loss[-1] < training.loss[0]
    assert training.steps[-1] == 400


@pytest.mark.parametrize("architecture", ["l1", "jumprelu"])
def test_few_latents_are_active_in_the_end_and_half_at_first(architecture, trained):
    l0 = trained(architecture).l0
    assert l0[-1] < 0.3 * N_FEATURES < l0[0]


def test_thresholds_of_jump_relu_learn(trained):
    threshold = trained("jumprelu").sae.threshold
    start = config("jumprelu").first_threshold
    assert threshold.min() > 0
    assert (threshold.log() - torch.tensor(start).log()).abs().median() > 0.5


def test_a_target_l0_is_reached(stream, directions):
    settings = config("jumprelu", l0=1.0, target_l0=3, steps=400, lr=6e-3)
    training = train_sae(stream, settings)
    assert training.l0[-10:].mean().item() == pytest.approx(3, abs=0.7)
    assert mean_max_cosine(directions, training.sae) > 0.9


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_decoder_rows_have_length_one(architecture, trained):
    sae = trained(architecture).sae
    torch.testing.assert_close(sae.W_dec.norm(dim=1), torch.ones(N_FEATURES))


def test_a_tied_encoder_is_the_decoder_and_its_centre_stays(trained):
    sae = trained("tied_l1").sae
    assert torch.equal(sae.W_enc, sae.W_dec.T)
    assert sae.b_dec.abs().max() == 0


def test_every_prefix_of_a_matryoshka_writes_better_than_the_one_before(trained, stream):
    sae, x = trained("matryoshka").sae, stream.batch(10**6)[0]
    codes, errors = sae.encode(x), []
    for width in sae.prefixes:
        kept = codes * (torch.arange(N_FEATURES) < width)
        errors.append((sae.decode(kept) - x).square().sum().item())
    assert errors == sorted(errors, reverse=True)
    plain = trained("batchtopk").sae
    kept = plain.encode(x) * (torch.arange(N_FEATURES) < sae.prefixes[-2])
    assert errors[-2] < (plain.decode(kept) - x).square().sum()


def test_the_variance_of_scaled_activations_is_d_in(stream):
    training = train_sae(stream, config("topk", steps=4))
    x = torch.cat([stream.batch(i)[0] for i in range(4)])
    assert training.sae.scale == pytest.approx((x - x.mean(0)).square().mean().sqrt().item())
    fixed = train_sae(stream, config("topk", steps=4, scale=2.0))
    assert fixed.sae.scale == 2.0


def test_a_thousand_times_larger_activations_give_the_same_codes(stream):
    large = [1000 * x for x in itertools.islice(stream, 40)]
    one, other = train_sae(stream, config("topk")), train_sae(large, config("topk"))
    x = stream.batch(99)[0]
    # Single precision, forty steps of Adam.
    torch.testing.assert_close(other.sae.encode(1000 * x), one.sae.encode(x), atol=1e-3, rtol=1e-3)


def test_the_learning_rate_rises_stays_and_falls_to_nothing():
    settings = SAEConfig("topk", 64, lr=2.0, steps=100, warm_up=0.1, decay=0.2)
    assert settings.lr_at(0) == pytest.approx(0.2)
    assert settings.lr_at(9) == settings.lr_at(50) == 2.0
    assert settings.lr_at(90) == pytest.approx(1.0)
    assert settings.lr_at(99) == pytest.approx(0.1)


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_a_killed_run_goes_on_to_the_same_numbers(architecture, stream, tmp_path):
    settings = config(architecture, dead_after=5, resample_every=7, sparse_below=0.3)
    whole = train_sae(stream, settings)

    def cut_short():
        yield from itertools.islice(stream, 33)
        raise KeyboardInterrupt

    file = tmp_path / "run" / "state"
    with pytest.raises(KeyboardInterrupt):
        train_sae(cut_short(), settings, checkpoint=file, save_every=10)
    resumed = train_sae(stream, settings, checkpoint=file, save_every=10)
    for name in ("W_enc", "b_enc", "W_dec", "b_dec"):
        assert torch.equal(getattr(resumed.sae, name), getattr(whole.sae, name)), name
    assert all(torch.equal(getattr(resumed, n), getattr(whole, n)) for n in ("loss", "l0", "fvu"))
    assert resumed.sae.scale == whole.sae.scale
    assert [path.name for path in file.parent.iterdir()] == ["state"]


def test_a_finished_run_is_read_and_not_trained_again(stream, tmp_path):
    first = train_sae(stream, config("topk"), checkpoint=tmp_path / "state")
    again = train_sae([], config("topk"), checkpoint=tmp_path / "state")
    assert torch.equal(again.sae.W_dec, first.sae.W_dec)


def test_a_stream_that_can_be_read_again_starts_over_and_resumes_in_the_middle(tmp_path):
    batches = list(torch.randn(3, 32, D_IN, generator=torch.Generator().manual_seed(0)))
    thrice = batches * 14
    file = tmp_path / "state"
    whole = train_sae(batches, config("topk"))
    assert torch.equal(whole.sae.W_dec, train_sae(iter(thrice), config("topk")).sae.W_dec)
    with pytest.raises(ValueError, match="got 17 in the stream"):
        train_sae(iter(thrice[:17]), config("topk"), checkpoint=file, save_every=7)
    resumed = train_sae(batches, config("topk"), checkpoint=file)
    assert torch.equal(whole.sae.W_dec, resumed.sae.W_dec)


def test_a_checkpoint_of_another_run_is_refused(stream, tmp_path):
    train_sae(stream, config("topk"), checkpoint=tmp_path / "state")
    with pytest.raises(ValueError, match="to hold a run with"):
        train_sae(stream, config("topk", seed=1), checkpoint=tmp_path / "state")
    (tmp_path / "state").write_bytes(b"nothing of the kind")
    with pytest.raises(ValueError, match="expected a checkpoint in"):
        train_sae(stream, config("topk"), checkpoint=tmp_path / "state")


def test_a_full_disk_is_told_and_leaves_the_last_good_checkpoint(stream, tmp_path):
    file = tmp_path / "state"
    train_sae(stream, config("topk", steps=20, decay=0.0), checkpoint=file)
    good = file.read_bytes()
    run = Run.load(file, config("topk", steps=20, decay=0.0))
    run.learn(stream.batch(20)[0])
    # Everything written to this device meets a full disk.
    (tmp_path / "state.partial").symlink_to("/dev/full")
    with pytest.raises(OSError, match=r"No space left.*the last good state is kept"):
        run.save(file)
    assert file.read_bytes() == good
    assert list(tmp_path.iterdir()) == [file]
    again = train_sae([], config("topk", steps=20, decay=0.0), checkpoint=file)
    assert again.steps[-1] == 20


def test_training_goes_on_from_there_once_there_is_room(tmp_path):
    program = """
import resource, signal, sys, pathlib
from mi_course.methods.sae import SAEConfig, planted_dictionary, planted_stream, train_sae
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
stream = planted_stream(planted_dictionary(32, 16), 2, batch_size=64)
file = pathlib.Path(sys.argv[1])
settings = SAEConfig("topk", 32, k=3, steps=30)
for room in (1000, 10**8):
    resource.setrlimit(resource.RLIMIT_FSIZE, (room, resource.RLIM_INFINITY))
    try:
        train_sae(stream, settings, checkpoint=file, save_every=10)
        print("done")
    except OSError:
        print("full, and", list(file.parent.iterdir()) or "nothing is left behind")
"""
    done = subprocess.run(
        [sys.executable, "-c", program, str(tmp_path / "state")],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )
    assert done.stdout.split("\n") == ["full, and nothing is left behind", "done", ""]


@pytest.mark.parametrize("bad", [math.nan, math.inf])
@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_activations_that_are_not_finite_are_refused_before_they_do_harm(architecture, bad, stream):
    def with_one_bad():
        for number, x in enumerate(itertools.islice(stream, 40)):
            if number == 12:
                x = x.clone()
                x[3, 4] = bad
            yield x

    with pytest.raises(ValueError, match="got NaN or infinity in batch 12"):
        train_sae(with_one_bad(), config(architecture))


def test_a_bad_batch_leaves_the_weights_and_the_last_good_checkpoint(stream, tmp_path):
    file = tmp_path / "state"
    batches = [stream.batch(i)[0] for i in range(15)]
    batches[12] = torch.full_like(batches[0], math.nan)
    with pytest.raises(ValueError, match="in batch 12"):
        train_sae(iter(batches), config("topk"), checkpoint=file, save_every=5)
    run = Run.load(file, config("topk"))
    assert run.step == 10
    before = run.weights.W_dec.clone()
    assert before.isfinite().all()
    with pytest.raises(ValueError, match="in batch 10"):
        run.learn(batches[12])
    assert torch.equal(run.weights.W_dec, before)


@pytest.mark.parametrize(
    ("stream", "message"),
    [
        ([], "got 0 in the stream"),
        (iter([]), "got 0 in the stream"),
        (iter([torch.randn(8, D_IN)] * 3), "got 3 in the stream"),
        ([torch.ones(8, D_IN)], "expected finite activations that vary, got a spread of 0.0"),
        ([torch.full((8, D_IN), math.nan)], "expected finite activations that vary"),
        ([torch.randn(8, D_IN), torch.randn(8, D_IN + 1)], "width d_in = 16, got shape"),
        ([torch.randn(8, D_IN)] * 9 + [torch.randn(8, 3)], "width d_in = 16, got shape"),
    ],
)
def test_streams_that_teach_nothing_are_refused(stream, message):
    with pytest.raises(ValueError, match=message):
        train_sae(stream, config("topk"))


def test_save_every_is_checked(stream):
    with pytest.raises(ValueError, match="save_every of at least 1"):
        train_sae(stream, config("topk"), save_every=0)


def test_the_bar_shows_l0_fvu_and_dead_latents(stream, monkeypatch):
    import mi_course.methods.sae.training as module

    shown = []

    class Bar(module.tqdm):
        def set_postfix(self, told, **more):
            shown.append(told)

    monkeypatch.setattr(module, "tqdm", Bar)
    train_sae(stream, config("topk", record_every=10))
    assert len(shown) == 4
    assert all(set(told) == {"L0", "FVU", "dead"} for told in shown)
    assert shown[-1]["L0"] == "3.0"


def test_a_training_is_its_curves(trained):
    training = trained("topk")
    assert isinstance(training, TrainingCurves)
    assert "features are active" in training.summary()


@pytest.mark.slow
@pytest.mark.parametrize("architecture", ["tied_l1", "l1", "topk", "batchtopk", "jumprelu"])
def test_the_miniature_of_the_peers_is_matched(architecture):
    """64 wide, 128 features, 4 active: where SAELens and others reach a mean cosine of 0.95."""
    directions = planted_dictionary(128, 64)
    rules = {
        "tied_l1": {"l1": 0.04, "lr": 3e-3},
        "l1": {"l1": 0.015},
        "topk": {"k": 6},
        "batchtopk": {"k": 4},
        "jumprelu": {"l0": 5e-3},
    }
    width = 256 if architecture == "tied_l1" else 128
    settings = SAEConfig(architecture, width, steps=3000, **rules[architecture])
    training = train_sae(planted_stream(directions, 4, batch_size=1024), settings)
    assert mean_max_cosine(directions, training.sae) > 0.95
    # L1 shrinks codes, and the small ones of this world to nothing.
    assert training.fvu[-1] < (0.25 if architecture == "tied_l1" else 0.1)


def test_batches_of_one_activation_can_be_learned_from(directions):
    batches = planted_stream(directions, ACTIVE, batch_size=1)
    training = train_sae(batches, config("topk", steps=20))
    assert training.fvu.isfinite().all()
