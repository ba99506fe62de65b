import pytest
import torch

from mi_course.plots import (
    plot_ablation_size,
    plot_latent_ablation,
    plot_latent_steering,
    summary,
)
from mi_course.results import LatentAblations, LatentSteering


def words(figure):
    return figure.layout.title.text.replace("<br>", " ")


@pytest.fixture
def ablations():
    one = torch.tensor([0.5, 0.25])
    return LatentAblations(
        change=torch.tensor([[0.0, -2.0, 2.0], [1.0, -1.0, 0.0]]),
        kl=one,
        kl_elsewhere=one / 10,
        projected_kl=2 * one,
        projected_kl_elsewhere=one,
        random_kl=torch.tensor([[0.1, 0.3], [0.0, 0.2]]),
        loss=one,
        random_loss=torch.zeros(2, 2),
        n_active=torch.tensor([4, 5]),
        latents=(7, 9),
        dictionary="SAE",
        tokens=(" a", "<b>", "c"),
    )


@pytest.fixture
def steering():
    return LatentSteering(
        share=torch.tensor([0.1, 0.7]),
        random=torch.tensor([[0.1, 0.2], [0.1, 0.15]]),
        kl=torch.tensor([0.0, 2.0]),
        random_kl=torch.tensor([[0.0, 1.0], [0.0, 0.5]]),
        untouched=0.1,
        amounts=(0.0, 8.0),
        latent=7,
        dictionary="SAE",
        behaviour="cyrillic",
    )


def test_losers_stand_left_in_another_colour_than_winners(ablations):
    figure = plot_latent_ablation(ablations, 7, k=1)
    (bars,) = figure.data
    assert tuple(bars.y) == (-2, 2)
    assert tuple(figure.layout.xaxis.ticktext) == ("&lt;b&gt;", "c")
    assert bars.marker.color[0] != bars.marker.color[1]
    assert words(figure) == "Without feature 7 the logits of &lt;b&gt; fall most"
    assert summary(figure) == ablations.summary(7)


def test_both_ways_of_ablating_stand_side_by_side(ablations):
    figure = plot_ablation_size(ablations)
    own, elsewhere, projected, projected_elsewhere, *random = figure.data
    assert tuple(own.y) == (0.5, 0.25)
    assert tuple(elsewhere.y) == pytest.approx((0.05, 0.025))
    assert tuple(projected.y) == (1, 0.5)
    assert tuple(projected_elsewhere.y) == (0.5, 0.25)
    assert tuple(own.x) == ("7", "9")
    assert [tuple(marks.y) for marks in random] == [
        pytest.approx((0.1, 0.0)),
        pytest.approx((0.3, 0.2)),
    ]
    assert "costs 0.0375 nats on average, its direction projected out 0.3750" in words(figure)


def test_behaviour_and_cost_follow_the_amount_beside_random_directions(steering):
    figure = plot_latent_steering(steering)
    assert len(figure.data) == 6
    assert tuple(figure.data[2].y) == pytest.approx((0.1, 0.7))
    assert tuple(figure.data[5].y) == (0, 2)
    assert tuple(figure.data[3].y) == (0, 1)
    assert words(figure) == "Cyrillic: 10.0% untouched, 70.0% with feature 7 raised by 8"
    assert figure.layout.xaxis.title.text == "amount added (units of activation)"
    assert summary(figure) == steering.summary()
