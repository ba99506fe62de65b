import pytest
import torch

from mi_course.plots import (
    plot_absorption,
    plot_dictionary_table,
    plot_frontier,
    plot_interpretability,
    plot_label_scores,
    plot_matching,
    plot_moment_correlations,
    plot_sae_scores,
    plot_splice_losses,
    plot_splitting,
    plot_stability,
    summary,
)
from mi_course.results import (
    Absorption,
    DictionaryTable,
    Interpretability,
    LabelScores,
    Matching,
    MomentCorrelations,
    ReconstructionScores,
    SAEScores,
    SpliceLosses,
    Splitting,
    Stability,
)


def words(figure):
    return figure.layout.title.text.replace("<br>", " ")


def reconstruction(name="SAE", fvu=0.1, l0=8.0):
    zeros = torch.zeros(4)
    density = torch.tensor([0.5, 0.1, 0.0, 0.01])
    return ReconstructionScores(l0, fvu, density, density, zeros, zeros, 100, name)


def label_scores(name, f1):
    values = torch.tensor(f1)
    n = len(f1)
    return LabelScores(
        matrix=values.expand(4, n),
        best=torch.arange(n),
        thresholds=values,
        f1=values,
        precision=values,
        recall=values,
        favourite=torch.zeros(4, dtype=torch.long),
        blind=0.5 * values,
        counts=torch.full((n,), 50),
        labels=tuple(f"kind: {i}" for i in range(n)),
        name=name,
    )


def explained(name, scores):
    values = torch.tensor(scores)
    said = tuple("words" for _ in scores)
    return Interpretability(torch.arange(len(scores)), values, values / 2, said, name)


LOSSES = SpliceLosses(1.0, 1.5, 9.0, 6.0, 0.4, 4.0, 500, "blocks.2.hook_resid_post")


def test_dictionaries_stand_at_their_l0_and_fvu():
    figure = plot_frontier(reconstruction(), reconstruction("PCA", 0.3, 192.0))
    assert [(trace.x[0], trace.y[0]) for trace in figure.data] == [(8.0, 0.1), (192.0, 0.3)]
    assert figure.layout.xaxis.type == "log"
    assert words(figure) == "SAE leaves 0.10 of the variance with 8 active features"
    assert "25.0% never in 100 tokens" in summary(figure)
    with pytest.raises(ValueError, match="at least one"):
        plot_frontier()


def test_the_model_itself_is_a_dashed_line_before_the_spliced_loss():
    figure = plot_splice_losses(LOSSES)
    assert tuple(figure.data[0].x) == (1.5,)
    assert [shape.x0 for shape in figure.layout.shapes] == [1.0, 6.0]
    assert figure.layout.shapes[0].line.dash == "dash"
    assert "perplexity from 2.72 to 4.48 and recovers 90% of the loss" in words(figure)
    with pytest.raises(ValueError, match="expected 2 names"):
        plot_splice_losses(LOSSES, LOSSES, names=["one"])


def test_labels_go_from_the_best_told_down_beside_a_rival():
    figure = plot_label_scores(
        label_scores("SAE", [0.3, 0.9, 0.85]), label_scores("neurons", [0.4, 0.5, 0.8]), n_labels=2
    )
    assert tuple(figure.data[0].y) == ("kind: 1", "kind: 2")
    assert tuple(figure.data[1].x) == pytest.approx((0.5, 0.8))
    assert "tells 2 labels with an F1 of 0.8, one of neurons 1" in words(figure)
    with pytest.raises(ValueError, match="the same labels"):
        plot_label_scores(label_scores("a", [0.1]), label_scores("b", [0.1, 0.2]))


def test_each_dictionary_has_a_box_of_scores():
    figure = plot_interpretability(explained("SAE", [0.9, 0.7]), explained("PCA", [0.2, 0.4]))
    assert [tuple(box.y) for box in figure.data] == [(0.9, 0.7), (0.2, 0.4)]
    assert "SAE predict best, mean correlation 0.80; PCA 0.30" in words(figure)


def test_fractions_of_all_parts_are_bars():
    scores = SAEScores(
        reconstruction(), LOSSES, label_scores("SAE", [0.9, 0.5]), explained("SAE", [0.8])
    )
    figure = plot_sae_scores(scores)
    assert tuple(figure.data[0].x) == pytest.approx((0.75, 0.9, 0.9, 0.5, 0.7, 0.8))
    assert "explains 90% of the variance with 8 active features and recovers 90%" in words(figure)


def test_means_have_their_intervals():
    ends = torch.tensor([[0.5, 0.4, 0.7], [0.3, 0.2, 0.35]])
    one = torch.tensor([1.0, 2.0])
    table = DictionaryTable(
        ("SAE", "PCA"), (4, 8), one, one, one / 2, one / 2, one, one, ends, ends, ends, (3, 0)
    )
    figure = plot_dictionary_table(table)
    assert len(figure.data) == 2
    for trace in figure.data:
        assert tuple(trace.x) == pytest.approx((0.5, 0.3))
        assert tuple(trace.error_x.array) == pytest.approx((0.2, 0.05))
        assert tuple(trace.error_x.arrayminus) == pytest.approx((0.1, 0.1))
    assert "SAE: mean score of explanations 0.50" in words(figure)
    assert "0.50 [0.40, 0.70] (3 labels of 0.8 or more)" in summary(figure)


def test_features_stand_at_their_moments_and_those_of_zero_are_left_out():
    found = MomentCorrelations(
        score=torch.tensor([0.5, 0.6, 0.7]),
        skew=torch.tensor([1.0, 2.0, 0.0]),
        kurtosis=torch.tensor([3.0, -1.0, 5.0]),
        dictionary=torch.tensor([0, 0, 1]),
        with_skew=0.2,
        with_kurtosis=-0.1,
        ranks_with_skew=0.3,
        ranks_with_kurtosis=0.0,
        names=("SAE", "PCA"),
    )
    figure = plot_moment_correlations(found)
    drawn = [tuple(trace.x) for trace in figure.data]
    assert drawn == [(1.0, 2.0), (3.0,), (), (5.0,)]
    assert "0.20 with skew and -0.10 with kurtosis" in words(figure)


def test_mutual_and_one_sided_pairs_are_told_apart():
    cosines = torch.tensor([0.95, 0.75, 0.2])
    mutual = torch.tensor([True, True, False])
    figure = plot_matching(Matching(cosines, torch.tensor([2, 1, 1]), mutual, ("a", "b")))
    assert tuple(figure.data[0].x) == pytest.approx((0.95, 0.75))
    assert tuple(figure.data[1].x) == pytest.approx((0.2,))
    assert words(figure).startswith("67% of the features have a counterpart")


def test_shared_fractions_are_a_map_of_pairs():
    fractions = torch.tensor([[1.0, 0.4], [0.6, 1.0]])
    figure = plot_stability(Stability(fractions, fractions, 0.7, ("one", "two")))
    assert [list(row) for row in figure.data[0].z] == fractions.tolist()
    assert "share 50% of their features" in words(figure)


def test_latents_are_counted_by_children():
    half = torch.tensor([0.9, 0.8, 0.7, 0.1])
    split = Splitting(torch.tensor([0, 0, 1, 2]), half, half, half, 4, 0.5, 0.5, ("s", "w"))
    figure = plot_splitting(split)
    # Latents 2 and 3 have none (a cosine of 0.1 is no child), 1 has one, 0 has two.
    assert tuple(figure.data[0].y) == (2, 1, 1)
    assert words(figure).startswith("25% of the features split")


def test_absorbing_latents_are_active_where_the_parent_is_silent():
    found = Absorption(
        label="kind: a",
        parent=3,
        recall=0.75,
        n_missed=20,
        latents=torch.tensor([5]),
        on_missed=torch.tensor([0.8]),
        on_found=torch.tensor([0.1]),
        precision=torch.tensor([1.0]),
        cosines=torch.tensor([0.4]),
        parent_cosine=0.7,
        explained=0.8,
        tokens=((1, 2),),
        favourites=("kind: b",),
    )
    figure = plot_absorption(found)
    assert [trace.name for trace in figure.data] == ["where #3 is silent", "where #3 is active"]
    assert tuple(figure.data[0].y) == ("#5 (kind: b)",)
    assert tuple(figure.data[0].x) == pytest.approx((0.8,))
    assert words(figure).startswith("#3 misses 25% of kind: a; more special features")
