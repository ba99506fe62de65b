import pytest
import torch

from mi_course.models import tiny

KINDS = ["rotary", "mlp", "gpt2", "neox"]


@pytest.fixture(scope="session")
def mlp():
    """A native model with MLPs whose LayerNorms and biases do something."""
    model = tiny(n_layers=3, attn_only=False)
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter += 0.2 * torch.randn(parameter.shape, generator=generator)
    return model


@pytest.fixture(params=KINDS)
def reader(request):
    """A model of every kind in turn: native with and without MLPs, GPT-2, GPT-NeoX."""
    return request.getfixturevalue(request.param)


@pytest.fixture
def tokens():
    return torch.randint(1, 50, (3, 9), generator=torch.Generator().manual_seed(5))
