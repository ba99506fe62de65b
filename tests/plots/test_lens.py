import dataclasses

import pytest
import torch

from mi_course.plots import plot_kl_by_layer, plot_lens_grid, plot_trajectories, summary
from mi_course.plots.lens_grid import GRID_COLOURS
from mi_course.plots.style import TRUTH
from mi_course.results import LensGrid, LensTrajectories

POINTS = ("embedding", "after layer 0")


@pytest.fixture
def grid():
    return LensGrid(
        points=POINTS,
        tokens=("<s>", " a", "b"),
        targets=(" a", "b", ""),
        words=(((" x",), ("b",), ("c",)), ((" a",), ("b",), ("a very long word",))),
        logits=torch.tensor([[[1.0], [2.0], [3.0]], [[4.0], [5.0], [6.0]]]),
        probs=torch.full((2, 3, 1), 0.25),
        target_rank=torch.tensor([[9, 0, -1], [0, 0, -1]]),
        entropy=torch.tensor([[1.0, 2.0, 1.5], [0.5, 0.2, 0.1]]),
        kl_to_final=torch.tensor([[3.0, 1.0, 2.0], [0.0, 0.0, 0.0]]),
    )


@pytest.fixture
def facts():
    rank = torch.tensor([[9, 99, 999], [0, 0, 3]])
    kl = torch.tensor([[4.0, 5.0, 9.0], [0.0, 0.0, 0.0]])
    return LensTrajectories(POINTS, rank, -kl, kl, kl, name="facts")


@pytest.fixture
def tuned(facts):
    return dataclasses.replace(facts, rank=facts.rank // 2, lens="tuned lens")


def title(figure):
    return figure.layout.title.text.replace("<br>", " ")


def test_the_embedding_is_at_the_bottom_and_every_cell_shows_its_word(grid):
    figure = plot_lens_grid(grid)
    heat = figure.data[0]
    assert figure.layout.yaxis.autorange is None
    assert tuple(figure.layout.yaxis.ticktext) == (*POINTS, "right token")
    assert tuple(figure.layout.xaxis.ticktext) == ("&lt;s&gt;", "·a", "b")
    assert [list(row) for row in heat.text] == [["·x", "b", "c"], ["·a", "b", "a·very·l…"]]
    torch.testing.assert_close(torch.tensor(heat.z), grid.logits[..., 0])
    assert summary(figure) == grid.summary()


def test_right_words_wear_the_black_dashed_mark(grid):
    halo, frames = plot_lens_grid(grid).data[1:3]
    assert (halo.x, halo.line.color) == (frames.x, "white")
    assert (frames.line.color, frames.line.dash) == (TRUTH["color"], TRUTH["dash"])
    corners = [(x, y) for x, y in zip(frames.x, frames.y, strict=True) if x is not None]
    centres = {(round(x), round(y)) for x, y in corners}
    assert centres == {(1, 0), (0, 1), (1, 1)}
    assert len(corners) == 3 * 5


def test_right_tokens_stand_above_the_grid(grid):
    above = plot_lens_grid(grid).data[3]
    assert (tuple(above.text), set(above.y)) == (("·a", "b", ""), {2})


def test_without_a_right_word_there_is_no_mark_to_explain(grid):
    wrong = dataclasses.replace(grid, target_rank=torch.full((2, 3), 4))
    assert not plot_lens_grid(wrong).data[2].showlegend


@pytest.mark.parametrize("colour", ["logit", "probability", "entropy", "KL"])
def test_colours_are_the_results_numbers(grid, colour):
    values = {
        "logit": grid.logits[..., 0],
        "probability": grid.probs[..., 0],
        "entropy": grid.entropy,
        "KL": grid.kl_to_final,
    }[colour]
    heat = plot_lens_grid(grid, colour).data[0]
    torch.testing.assert_close(torch.tensor(heat.z), values)
    assert heat.zmin == 0
    assert heat.zmax == (1 if colour == "probability" else pytest.approx(values.max().item()))


def test_ranks_are_coloured_on_a_log_scale_and_blank_where_unknown(grid):
    heat = plot_lens_grid(grid, "rank").data[0]
    assert heat.z[0][2] is None and heat.z[1][2] is None
    assert heat.z[0][0] == pytest.approx(torch.tensor(10.0).log().item())
    assert heat.colorbar.ticktext[:2] == ("0", "1")


def test_negative_logits_have_a_colour_of_their_own(grid):
    negative = dataclasses.replace(grid, logits=grid.logits - 10)
    assert plot_lens_grid(negative).data[0].zmin == -9


def test_hovering_tells_all_that_is_known(grid):
    told = plot_lens_grid(grid).data[0].customdata[0][0]
    assert "embedding, at &lt;s&gt;" in told
    assert "·x: logit 1.0, p 0.25" in told
    assert "right: ·a, rank 9" in told
    assert "right" not in plot_lens_grid(grid).data[0].customdata[0][2]


def test_the_title_counts_right_words_from_point_to_point(grid):
    expected = "Logit lens: of 2 best tokens are right: 1 at the embedding, 2 after layer 0"
    assert title(plot_lens_grid(grid)) == expected
    assert title(plot_lens_grid(grid, title="Mine")) == "Mine"


def test_a_long_text_is_drawn_without_words(grid):
    n = 50
    long = LensGrid(
        points=POINTS,
        tokens=("a",) * n,
        targets=("b",) * n,
        words=((("c",),) * n,) * 2,
        logits=torch.ones(2, n, 1),
        probs=torch.ones(2, n, 1),
        target_rank=torch.ones(2, n, dtype=torch.long),
        entropy=torch.ones(2, n),
        kl_to_final=torch.ones(2, n),
    )
    figure = plot_lens_grid(long)
    assert figure.data[0].text is None
    assert figure.layout.width < 1600


def test_an_unknown_colour_is_refused(grid):
    with pytest.raises(ValueError, match=f"{', '.join(GRID_COLOURS)}, got 'red'"):
        plot_lens_grid(grid, "red")


def test_ranks_are_drawn_one_higher_because_a_log_scale_has_no_zero(facts):
    figure = plot_trajectories(facts)
    band, line = figure.data
    assert figure.layout.yaxis.type == "log"
    assert tuple(line.y) == (100, 1)
    assert tuple(line.customdata) == (99, 0)
    assert tuple(band.y) == pytest.approx((550, 2.5, 1, 55))
    assert figure.layout.yaxis.ticktext[0] == 0
    assert figure.layout.yaxis.tickvals[0] == 1


def test_two_lenses_are_two_lines_with_their_names_and_dashes(facts, tuned):
    figure = plot_trajectories(facts, tuned, what="kl_to_final")
    lines = [trace for trace in figure.data if trace.showlegend]
    assert [line.name for line in lines] == ["logit lens", "tuned lens"]
    assert lines[0].line.dash != lines[1].line.dash
    assert tuple(lines[0].y) == (5, 0)
    assert figure.layout.yaxis.type is None
    assert summary(figure) == f"{facts.summary()} {tuned.summary()}"


def test_one_lens_on_two_tasks_is_told_apart_by_the_task(facts):
    other = dataclasses.replace(facts, name="surnames")
    names = [trace.name for trace in plot_trajectories(facts, other).data if trace.showlegend]
    assert names == ["logit lens, facts", "logit lens, surnames"]


def test_the_title_says_where_most_answers_arrive(facts):
    claim = "At least half of the answers are the best token: logit lens first after layer 0"
    assert title(plot_trajectories(facts)) == claim
    never = dataclasses.replace(facts, rank=facts.rank + 7)
    assert "logit lens nowhere (lowest median rank 7)" in title(plot_trajectories(never))
    assert "Logit lens: embedding 5.00, after layer 0 0.00" in title(
        plot_trajectories(facts, what="entropy")
    )


def test_means_by_point_of_grids_and_trajectories(grid, tuned):
    figure = plot_kl_by_layer(grid, tuned)
    assert [tuple(trace.y) for trace in figure.data] == [(2, 0), (6, 0)]
    assert tuple(figure.data[0].text) == ("2.00", "")
    assert title(figure) == (
        "Mean KL to the final prediction at the embedding (nats): logit lens 2.00, tuned lens 6.00"
    )


def test_readings_of_other_points_are_not_compared(facts):
    other = dataclasses.replace(facts, points=("before layer 0", "before layer 1"))
    for plot in (plot_trajectories, plot_kl_by_layer):
        with pytest.raises(ValueError, match="readings of the same points"):
            plot(facts, other)
        with pytest.raises(ValueError, match="one or several"):
            plot()
