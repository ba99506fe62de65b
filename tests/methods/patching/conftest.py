"""Models and prompts on which sweeps are compared with one patch at a time."""

from dataclasses import replace

import pytest
import torch

from mi_course.methods.patching import patch_prompts
from mi_course.methods.patching import sweep as module
from mi_course.worlds.tasks import ioi


def without_plain(monkeypatch):
    """Make every model one whose weights cannot be read, so that sweeps run with hooks."""

    def refuse(model):
        raise ValueError("expected nothing")

    monkeypatch.setattr(module, "plain", refuse)


@pytest.fixture(scope="session")
def loud_models(random_models):
    """Random models of two architectures whose weights are large: attention is far from uniform.

    With the usual weights of 0.02 a patched query changes less than rounding does.
    """
    return random_models(0.4)


@pytest.fixture(params=["town", "gpt2", "neox", "gpt2 hooked", "neox hooked"])
def any_model(request, town, loud_models, monkeypatch):
    """A trained native model and random ones of two other architectures, by both engines."""
    name, _, hooked = request.param.partition(" ")
    if hooked:
        without_plain(monkeypatch)
    return town if name == "town" else loud_models[name]


@pytest.fixture(scope="session")
def pairs(town):
    """Pairs of one group and length, the same tokens for all models; corrupted by three others."""
    task = ioi(town.tokenizer, 24, 0, corruption="abc")
    return max(task.groups().values(), key=len)[:2]


@pytest.fixture(scope="session")
def mixed(town):
    """Pairs of several lengths, in which one token differs."""
    task = ioi(town.tokenizer, 6, 1)
    assert len({len(pair.clean_tokens) for pair in task.pairs}) > 1
    return task.pairs[:3]


@pytest.fixture
def noisy(town, pairs):
    """Prompts whose corrupted run has the clean tokens and noise on two positions."""
    made = patch_prompts(town, pairs)
    noise = torch.zeros(*made.clean.shape, town.cfg.d_model)
    generator = torch.Generator().manual_seed(0)
    noise[:, 3:5] = torch.randn(noise[:, 3:5].shape, generator=generator)
    return replace(made, corrupted=made.clean, noise=noise)


@pytest.fixture(params=["fast", "hooked"])
def engine(request, monkeypatch):
    """Both ways to run a sweep: on plain weights, and with hooks where these cannot be read."""
    if request.param == "hooked":
        without_plain(monkeypatch)
    return request.param
