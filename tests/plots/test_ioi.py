import pytest
import torch

from mi_course.plots import plot_circuit_test, plot_head_classes, plot_minimality
from mi_course.results import CircuitTest, HeadClasses, Minimality


@pytest.fixture
def classes():
    return HeadClasses({"name mover": ((1, 2),), "backup mover": ()}, {}, 2, 4)


@pytest.fixture
def completeness():
    sets = (((0, 1),), ((0, 1), (1, 2)), ((1, 2),))
    names = ("nothing", "movers", "random set 0")
    circuit, model = torch.tensor([3.0, 1.0, 2.0]), torch.tensor([3.5, 1.0, 0.5])
    return CircuitTest(circuit, model, names, sets, "completeness")


def test_a_class_is_drawn_where_its_heads_are_and_an_empty_one_not_at_all(classes):
    figure = plot_head_classes(classes)
    everybody, movers = figure.data
    assert len(everybody.x) == 8 and movers.name == "name mover"
    assert (list(movers.x), list(movers.y)) == ([2], [1])
    assert figure.layout.title.text == "1 of 8 heads play a part"
    assert figure.layout.meta["summary"] == "name mover L1H2. No head is a backup mover."


def test_circuit_and_model_are_equal_on_the_dashed_line(completeness):
    line, chosen, drawn = plot_circuit_test(completeness).data
    assert line.line.dash == "dash" and list(line.x) == list(line.y)
    assert (list(chosen.x), list(chosen.y)) == ([3.5, 1.0], [3.0, 1.0])
    assert (list(drawn.x), list(drawn.y)) == ([0.5], [2.0])
    assert drawn.hovertext[0] == "random set 0: L1H2"


def test_the_title_tells_the_largest_difference(completeness):
    title = plot_circuit_test(completeness).layout.title.text
    assert title.replace("<br>", " ") == (
        "Circuit and model are at most 1.50 logits apart (random set 0)"
    )


def test_each_head_has_a_bar_and_the_least_is_told():
    result = Minimality(torch.tensor([0.2, 0.1]), ((0, 1), (1, 2)), ((), ((0, 1),)))
    figure = plot_minimality(result)
    (bars,) = figure.data
    assert list(bars.x) == ["L0H1", "L1H2"]
    assert list(bars.y) == pytest.approx([0.2, 0.1])
    assert list(bars.hovertext) == ["without anybody else", "without L0H1"]
    assert figure.layout.title.text == "Each head adds at least 0.10 (L1H2)"
