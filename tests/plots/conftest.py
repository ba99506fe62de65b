"""Results with known numbers, no model needed."""

import pytest
import torch

from mi_course.results import (
    Attention,
    HeadPairs,
    HeadScores,
    LossByPosition,
    PhaseChange,
    TokenMatrix,
)


@pytest.fixture
def scores():
    values = torch.tensor([[0.1, 0.2, 0.0], [0.05, 0.9, 0.3]])
    return HeadScores(values, name="prefix-matching score", unit="probability")


@pytest.fixture
def effects():
    values = torch.tensor([[0.0, 2.0, -0.1], [0.0, 0.0, 0.1]])
    return HeadScores(values, name="loss added by mean ablation", unit="nats", signed=True)


@pytest.fixture
def pairs():
    values = torch.full((2, 2, 2, 2), torch.nan)
    values[0, :, 1] = torch.tensor([[0.1, 0.2], [0.7, 0.15]])
    return HeadPairs(values, name="K-composition", unit="ratio", baseline=0.12)


@pytest.fixture
def loss():
    values = torch.tensor([[4.0, 4.0, 3.9, 1.0, 0.5], [4.0, 4.0, 4.0, 4.0, 4.0]])
    return LossByPosition(values, ("whole", "without L0H1"), repeat_at=3)


@pytest.fixture
def change():
    steps = torch.tensor([0, 100, 200])
    heads = torch.zeros(3, 2, 2)
    heads[2, 1, 0] = 0.8
    return PhaseChange(
        model="attn-2l",
        steps=steps,
        tokens_seen=steps * 4096,
        repeat_drop=torch.tensor([0.0, 0.1, 5.0]),
        in_context=torch.tensor([0.0, -0.2, -1.0]),
        prefix_matching=heads,
        previous_token=heads,
    )


@pytest.fixture
def matrix():
    values = torch.tensor([[2.0, -1.0, 0.0], [0.0, 1.0, 0.5], [3.0, 0.0, 1.0]])
    return TokenMatrix(values, (" a", "b", "<c>"), (" a", "b", "<c>"), name="OV circuit of L1H0")


@pytest.fixture
def attention():
    patterns = torch.tensor(
        [
            [[1.0, 0.0, 0.0], [0.25, 0.75, 0.0], [0.1, 0.2, 0.7]],
            [[1.0, 0.0, 0.0], [1.0, 0.0, 0.0], [0.9, 0.1, 0.0]],
        ]
    )
    return Attention(patterns, ("<s>", " the", "\n"), ("L0H0", "L1H1"))
