import math
from dataclasses import fields

import pytest
import torch

from mi_course.results import CircuitTest, HeadClasses, HeadEvidence, Minimality


def test_what_is_not_known_is_not_told():
    scores = {each.name: torch.full((1, 2), math.nan) for each in fields(HeadEvidence)}
    found = HeadEvidence(**scores | {"direct": torch.tensor([[0.5, math.nan]])})
    assert found.of(0, 0) == {"direct": 0.5} and found.of(0, 1) == {}


def test_one_measurement_can_be_drawn_with_its_unit():
    scores = {each.name: torch.full((1, 2), 0.5) for each in fields(HeadEvidence)}
    found = HeadEvidence(**scores)
    assert found.scores("to_io").unit == "probability" and not found.scores("to_io").signed
    assert found.scores("direct").unit == "fraction" and found.scores("direct").signed
    with pytest.raises(ValueError, match="got 'attention'"):
        found.scores("attention")


def test_a_circuit_is_every_head_with_a_class_once():
    found = HeadClasses({"a": ((1, 0), (0, 1)), "b": ((1, 0),), "c": ()}, {"c": ((0, 0),)}, 2, 2)
    assert found.circuit == ((0, 1), (1, 0))
    assert found.of(1, 0) == ("a", "b") and found.of(0, 0) == ()
    assert found.summary() == "a L1H0, L0H1; b L1H0. No head is a c."


def test_heads_outside_the_model_are_refused():
    with pytest.raises(ValueError, match="got L2H0"):
        HeadClasses({"a": ((2, 0),)}, {}, 2, 2)


def test_the_worst_set_is_where_circuit_and_model_differ_most():
    test = CircuitTest(
        torch.tensor([3.0, 1.0]), torch.tensor([3.5, -1.0]), ("nothing", "a"), ((), ()), "test"
    )
    assert test.worst() == ("a", 2.0)
    assert test.gap().tolist() == [0.5, 2.0]
    assert test.summary() == (
        "Test over 2 sets of heads taken from both: with nothing taken, circuit 3.00 and model "
        "3.50; mean difference 1.25 logits, largest 2.00 (a)."
    )


@pytest.mark.parametrize("bad", [math.nan, math.inf])
def test_numbers_that_are_none_are_refused(bad):
    values = torch.tensor([bad])
    with pytest.raises(ValueError, match="finite logit differences"):
        CircuitTest(values, torch.zeros(1), ("nothing",), ((),), "test")
    with pytest.raises(ValueError, match="finite changes"):
        Minimality(values, ((0, 0),), ((),))


def test_missing_names_and_companies_are_refused():
    with pytest.raises(ValueError, match="a value, a name and heads"):
        CircuitTest(torch.zeros(2), torch.zeros(2), ("nothing",), ((), ()), "test")
    with pytest.raises(ValueError, match="a value and a company"):
        Minimality(torch.zeros(1), ((0, 0),), ())
