import torch

from mi_course.plots import plot_token_matrix
from mi_course.plots.style import visible


def test_copying_would_be_a_blue_diagonal_from_the_top(matrix):
    figure = plot_token_matrix(matrix)
    (heat,) = figure.data
    torch.testing.assert_close(torch.tensor(heat.z), matrix.values)
    assert figure.layout.yaxis.autorange == "reversed"
    assert (heat.zmin, heat.zmid, heat.zmax) == (-3, 0, 3)


def test_tokens_are_tick_labels_that_show_their_spaces(matrix):
    figure = plot_token_matrix(matrix)
    assert figure.layout.xaxis.ticktext == figure.layout.yaxis.ticktext == ("·a", "b", "&lt;c&gt;")


def test_the_title_counts_the_tokens_that_copy(matrix):
    title = plot_token_matrix(matrix).layout.title.text.replace("<br>", " ")
    assert "2 of 3 tokens raise themselves most" in title


def test_invisible_characters_become_visible_and_markup_harmless():
    assert visible(" a\n\t<b>") == "·a↵⇥&lt;b&gt;"
