import math

import pytest
import torch

from mi_course.results import TrainingCurves

GOOD = {
    "steps": torch.tensor([1, 2]),
    "loss": torch.tensor([1.0, 0.5]),
    "l0": torch.tensor([9.0, 3.0]),
    "fvu": torch.tensor([1.2, 0.25]),
    "dead": torch.tensor([0.0, 0.5]),
    "name": "topk",
}


def test_the_summary_tells_the_end():
    assert TrainingCurves(**GOOD).summary() == (
        "topk after 2 steps: 3.0 features are active on an activation, 0.250 of the variance is "
        "unexplained, 50.0% of the features are dead."
    )


@pytest.mark.parametrize(
    ("name", "values", "message"),
    [
        ("dead", [0.0, 1.5], "expected dead from 0 to 1"),
        ("fvu", [0.1, math.nan], "expected finite fvu"),
        ("l0", [math.inf, 1.0], "expected finite l0"),
    ],
)
def test_curves_that_cannot_be_are_refused(name, values, message):
    with pytest.raises(ValueError, match=message):
        TrainingCurves(**GOOD | {name: torch.tensor(values)})
