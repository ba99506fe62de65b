import pytest
import torch

from mi_course.plots import plot_attention, plot_attention_from, summary


def test_the_text_runs_down_and_right(attention):
    figure = plot_attention(attention, "L1H1")
    torch.testing.assert_close(torch.tensor(figure.data[0].z), attention.patterns[1])
    assert figure.layout.yaxis.autorange == "reversed"
    assert figure.layout.xaxis.ticktext == ("&lt;s&gt;", "·the", "↵")
    assert (figure.data[0].zmin, figure.data[0].zmax) == (0, 1)


def test_the_first_head_is_shown_by_default_and_an_unknown_one_refused(attention):
    assert "L0H0" in plot_attention(attention).layout.title.text
    with pytest.raises(ValueError, match="L0H0"):
        plot_attention(attention, "L7H7")


def test_one_token_looks_with_every_head(attention):
    figure = plot_attention_from(attention)
    assert [bar.name for bar in figure.data] == ["L0H0", "L1H1"]
    assert tuple(figure.data[0].y) == pytest.approx((0.1, 0.2, 0.7))


def test_the_sentence_is_about_the_token_that_looks(attention):
    told = summary(plot_attention_from(attention, query=1))
    assert "' the'" in told
    assert "L0H0 looks most at ' the' (position 1, 0.75)" in told
