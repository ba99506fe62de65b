import pytest

from mi_course.plots import plot_loss_by_position, plot_phase_change


def test_each_condition_is_a_curve_with_its_own_dash(loss):
    figure = plot_loss_by_position(loss)
    assert [trace.name for trace in figure.data] == ["whole", "without L0H1"]
    assert len({(trace.line.color, trace.line.dash) for trace in figure.data}) == 2
    assert tuple(figure.data[0].y) == pytest.approx((4, 4, 3.9, 1, 0.5))


def test_the_start_of_the_repetition_is_black_and_dashed(loss):
    (line,) = plot_loss_by_position(loss).layout.shapes
    assert (line.x0, line.line.color, line.line.dash) == (3, "black", "dash")


def test_columns_are_placed_at_the_token_that_is_predicted(loss):
    assert tuple(plot_loss_by_position(loss).data[0].x) == (1, 2, 3, 4, 5)


def test_models_share_three_panels_and_one_legend(change):
    figure = plot_phase_change(change, change)
    assert len(figure.data) == 6
    assert [trace.showlegend for trace in figure.data] == [True, False, False] * 2
    assert {trace.xaxis for trace in figure.data} == {"x", "x2", "x3"}
    assert tuple(figure.data[1].y) == pytest.approx((0, 0, 0.8))
    assert figure.layout.yaxis2.range == (0, 1)
