import torch

from mi_course.plots import plot_feature_page, summary
from mi_course.results import (
    ActivationHistogram,
    FeaturePage,
    LatentExample,
    LatentLabels,
    LogitEffect,
    TokenHistogram,
)


def page():
    strong = LatentExample((" the", "\n", "x"), torch.tensor([0.0, 2.0, 0.5]), 1, 4)
    weak = LatentExample(("<b>", "extraordinary"), torch.tensor([0.0, 0.3]), 1, 4)
    return FeaturePage(
        latent=3,
        dictionary="SAE",
        hook="blocks.1.hook_resid_post",
        density=0.015,
        n_tokens=200,
        examples=(strong,),
        by_quantile=(("0%-50%", (weak,)),),
        tokens=TokenHistogram(("\n", " a"), torch.tensor([2, 1]), torch.tensor([5, 1]), 3),
        activations=ActivationHistogram(
            torch.tensor([0.0, 1.0, 2.0]),
            torch.tensor([1, 4]),
            torch.tensor([0, 3]),
            "kind: http",
            (0.5, 1.0),
            torch.tensor([1.5, 2.0]),
        ),
        logits=LogitEffect(torch.tensor([1.0, -1.0, 0.5]), (1, 3), ("a", "b", "</b>")),
        labels=LatentLabels(
            ("kind: http", "kind: dna"), *[torch.tensor([0.75, 0.1])] * 3, torch.zeros(2)
        ),
    )


def test_a_page_lines_its_examples_up_at_the_peak():
    heat = plot_feature_page(page()).data[0]
    assert [list(row) for row in heat.text] == [
        ["·the", "<b>↵</b>", "x"],
        ["&lt;b&gt;", "<b>extrao…</b>", ""],
    ]
    assert [list(row) for row in heat.z] == [[0, 2, 0.5], [0, 0.3, None]]
    assert heat.customdata[1][1] == "extraordinary"
    assert heat.zmax == 2


def test_a_page_shows_activations_tokens_logits_and_labels():
    figure = plot_feature_page(page())
    _, with_label, without, tokens, logits, labels = figure.data
    assert (with_label.name, without.name) == ("kind: http", "without")
    assert (list(with_label.y), list(without.y)) == ([0, 3], [1, 1])
    assert list(with_label.x) == [0.5, 1.5]
    assert list(tokens.y) == [2, 1]
    assert list(logits.y) == [1.0, 0.5, -1.0, 1.0, 0.5, -1.0]
    assert logits.marker.color[0] != logits.marker.color[2]
    assert list(labels.text) == ["kind: http 0.75", "kind: dna 0.10"]
    title = figure.layout.title.text.replace("<br>", " ")
    assert title == (
        "Feature 3 of SAE is active at 1.50% of the tokens; best label kind: http, F1 0.75"
    )
    assert summary(figure) == page().summary()
    assert plot_feature_page(page(), title="mine").layout.title.text == "mine"
