"""Examples that a probe can be fitted on."""

import pytest
import torch


@pytest.fixture(scope="session")
def gaussian():
    """Two layers of 300 correlated examples, and three features of which one is rare."""
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(2, 300, 12, generator=generator) @ torch.randn(2, 12, 12, generator=generator)
    noise = torch.randn(300, 3, generator=generator)
    score = x[0] @ torch.randn(12, 3, generator=generator) + 3 * noise
    return x + 1.5, score > torch.tensor([0.0, -2.0, 6.0])
