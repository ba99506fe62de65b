import pytest

from mi_course.plots import summary
from mi_course.widgets import CircuitBrowser
from mi_course.widgets import circuits as module
from tests.plots.test_circuits import A, B, D, circuit, lines, nodes, words


def at(tau, **effects):
    return module.replace(circuit(**effects), tau=tau)


@pytest.fixture
def sweep():
    return [at(0.5, A=1.0), at(0.1, A=1.0, B=0.4), at(0.01, A=1.0, B=0.4, C=0.1, D=-0.2)]


def test_the_default_state_is_an_ordinary_figure_below_the_controls(sweep, displayed):
    browser = CircuitBrowser(sweep)
    browser._ipython_display_()
    controls, sentence, shown = displayed[0]
    assert controls is browser.controls
    assert "application/vnd.plotly.v1+json" in shown._repr_mimebundle_()
    assert words(browser.figure) == "2 edges are kept at tau = 0.1"
    assert sentence["text/plain"] == summary(browser.figure)


def test_moving_the_slider_shows_the_circuit_of_another_threshold(sweep, displayed):
    browser = CircuitBrowser(sweep)
    browser._ipython_display_()
    assert [label for label, _ in browser.tau.options] == ["0.01", "0.1", "0.5"]
    browser.tau.value = 0.01
    assert words(browser.figure) == "4 edges are kept at tau = 0.01"
    browser.tau.value = 0.5
    assert set(nodes(browser.figure)) == {"embed", "L0H1"}
    assert displayed[1][2].updates[-1].figure is browser.figure


def test_one_node_can_be_looked_at_alone(sweep):
    browser = CircuitBrowser(sweep, tau=0.01)
    assert browser.through.options == ("all edges", "embed", "L0H1", "L1H0", "MLP1", "logits")
    browser.through.value = "L1H0"
    assert set(nodes(browser.figure)) == {"L0H1", "L1H0", "logits"}
    assert words(browser.figure) == ("2 of 4 kept edges at tau = 0.01 begin or end at L1H0")


def test_true_edges_are_shown_where_they_are_known(sweep):
    assert CircuitBrowser(sweep).known.disabled
    browser = CircuitBrowser(sweep, [A, D])
    assert lines(browser.figure, "true edge") == []
    browser.known.value = True
    assert words(browser.figure).endswith("1 of 2 true ones")
    browser.through.value = "embed"
    assert list(lines(browser.figure, "true edge")[0].x).count(None) == 1


def test_a_circuit_too_large_to_draw_is_told_and_the_figure_kept(sweep, monkeypatch):
    browser = CircuitBrowser(sweep)
    before = browser.figure
    monkeypatch.setattr(module, "MOST_EDGES", 3)
    browser.tau.value = 0.01
    assert "at most 3 edges to draw, got 4 at tau = 0.01" in browser.told.value
    assert browser.figure is before


def test_what_is_no_sweep_is_refused(sweep):
    for circuits in ([], [*sweep, at(0.1, B=0.4)]):
        with pytest.raises(ValueError, match="circuits of different thresholds"):
            CircuitBrowser(circuits)
    with pytest.raises(ValueError, match="a threshold among"):
        CircuitBrowser(sweep, tau=0.2)
    assert B in sweep[1].kept
