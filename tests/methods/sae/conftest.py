"""A small autoencoder, and a model of another architecture that reads the town's documents."""

import pytest
import torch

from mi_course.methods.sae.dictionary import SAE


@pytest.fixture(scope="session")
def random_neox(other_models):
    return other_models["neox"]


@pytest.fixture(scope="session")
def sae():
    """Twenty latents for the 16 dimensions of the smallest models, all biases unlike 0."""
    generator = torch.Generator().manual_seed(0)

    def normal(*shape):
        return torch.randn(*shape, generator=generator)

    return SAE(0.3 * normal(16, 20), normal(20), normal(20, 16), normal(16), "l1", scale=1.5)
