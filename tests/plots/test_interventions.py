import pytest
import torch

from mi_course.plots import plot_choice_effects, plot_steering_effects, plot_trigger_alarms
from mi_course.plots.style import GREY
from mi_course.results import ChoiceEffects, SteeringEffects, TriggerAlarms


def words(figure):
    return figure.layout.title.text.replace("<br>", " ")


def test_each_set_of_prompts_has_a_bar_for_each_change():
    sets = {
        name: ChoiceEffects(torch.tensor([[first, first], [0.0, 1.0]]), ("nothing", "erased"))
        for name, first in (("2024", 4.0), ("2023", -4.0))
    }
    figure = plot_choice_effects(sets)
    assert [trace.name for trace in figure.data] == ["2024", "2023"]
    assert [tuple(trace.y) for trace in figure.data] == [(4.0, 0.5), (-4.0, 0.5)]
    assert words(figure) == "2024: +4.0 nats for yes (nothing changed), +0.5 (erased)"


def test_random_directions_are_grey_and_the_title_compares():
    effects = SteeringEffects(
        torch.tensor([-2.0, 5.0]), torch.tensor([[-2.0, -1.0], [-2.0, -3.5]]), (0.0, 1.0), 2
    )
    figure = plot_steering_effects(effects)
    assert [trace.line.color for trace in figure.data[:2]] == [GREY] * 2
    assert tuple(figure.data[-1].y) == pytest.approx((-2.0, 5.0))
    assert "by +7.0 nats, random ones by at most 1.5" in words(figure)


def test_alarms_are_of_the_layer_asked_for_and_the_worst_is_named():
    share = torch.tensor([1.0, 0.75])
    alarms = TriggerAlarms(
        share, share, share, torch.tensor([[0.0, 0.0], [0.1, 0.5]]), ("safe files", "years"), (0, 3)
    )
    figure = plot_trigger_alarms(alarms, layer=3)
    (bars,) = figure.data
    assert tuple(bars.x) == ("flawed files", "safe files", "years")
    assert tuple(bars.y) == pytest.approx((0.75, 0.1, 0.5))
    assert words(figure) == "Layer 3: alarm on 75% of the flawed files, and on 50% of years"
