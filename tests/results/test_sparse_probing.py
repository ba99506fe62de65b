import pytest
import torch

from mi_course.results import OptimalProbe, SparseProbe, SparseTable
from mi_course.results.sparse_probing import PUBLISHED_F1, PUBLISHED_SECONDS

FIELDS = {
    "neurons": torch.tensor([2, 5]),
    "weight": torch.tensor([1.0, -0.5]),
    "bias": 0.1,
    "loss": 80.0,
    "n_neurons": 9,
    "nodes": 3,
    "fitted": 40,
    "seconds": 1.5,
    "penalty": 1.0,
}


def table(**changes):
    fields = {
        "f1": torch.tensor([[[0.2, 0.4], [0.6, 0.8]], [[0.5, 0.7], [0.9, 1.0]]]),
        "collections": ("language", "code"),
        "methods": ("random", "mean difference"),
        "ks": (1, 4),
        "n_probes": (3, 1),
        "seconds": torch.tensor([0.01, 0.025]),
        "proven": torch.full((2, 2), float("nan")),
        "candidates": 50,
    }
    return SparseTable(**(fields | changes))


def test_a_proven_probe_says_so():
    probe = OptimalProbe(**FIELDS, bound=80.0, proven=True)
    assert probe.gap == 0
    assert probe.summary() == (
        "Probe on neurons 2, 5: loss 80 nats, proven optimal among 9 neurons (3 nodes, 40 fits, "
        "1.5 s)."
    )


@pytest.mark.parametrize(
    ("bound", "gap", "words"), [(60.0, 0.25, "20 nats (25.0%"), (-9.0, 1, "80 nats (100.0%")]
)
def test_a_stopped_probe_tells_its_gap(bound, gap, words):
    probe = OptimalProbe(**FIELDS, bound=bound, proven=False)
    assert probe.gap == gap
    assert f"stopped after 1.5 s: at most {words} of the loss) above the optimum" in probe.summary()


def test_no_bound_is_above_the_loss():
    with pytest.raises(ValueError, match="expected a bound of at most the loss"):
        OptimalProbe(**FIELDS, bound=81.0, proven=False)


def test_a_probe_says_yes_above_its_threshold():
    probe = SparseProbe(torch.tensor([2, 0]), torch.tensor([1.0, 2.0]), 0.5, 3.0, 1.0, 1.0)
    x = torch.tensor([[1.0, 9.0, 0.4], [1.0, 9.0, 0.6]])
    assert probe.logits(x).tolist() == pytest.approx([2.9, 3.1])
    assert probe.predicted(x).tolist() == [False, True]
    assert probe.summary() == "Probe on 2 neurons, with weights: 2 (+1.00), 0 (+2.00)."


def test_the_mean_counts_every_probe_alike():
    torch.testing.assert_close(table().mean[0], torch.tensor([0.275, 0.475]))


def test_rows_hold_the_published_figures():
    row = table().rows()[1]
    assert row["k = 4"] == 0.85
    assert row["paper, k = 4"] == PUBLISHED_F1["mean difference"][4] == 0.874
    assert row["paper, seconds"] == PUBLISHED_SECONDS["mean difference"]


def test_every_axis_has_its_names():
    with pytest.raises(ValueError, match="one label for each method"):
        table(methods=("random",))
    with pytest.raises(ValueError, match="F1"):
        table(f1=torch.full((2, 2, 2), 1.5))
