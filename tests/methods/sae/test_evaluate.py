import pytest
import torch
from scipy.stats import bootstrap, pearsonr, spearmanr

from mi_course.methods.sae.autointerp import Explanation
from mi_course.methods.sae.baselines import TopCodes, neurons, pca
from mi_course.methods.sae.evaluate import (
    bootstrap_interval,
    dictionary_table,
    evaluate_sae,
    moment_correlations,
)
from mi_course.methods.sae.labelled import LabelledActivations, labelled_activations
from mi_course.methods.sae.reconstruction import reconstruction_scores
from mi_course.methods.sae.splice import splice_losses

HOOK = "blocks.2.hook_resid_post"


@pytest.fixture(scope="module")
def data(town):
    return labelled_activations(town, HOOK, n_documents=80, context=64, seed=2)


@pytest.fixture(scope="module")
def scores(town, data):
    some = (neurons(data.x), TopCodes(pca(data.x), 8))
    return [evaluate_sae(town, each, data, n_latents=40, splice_documents=8) for each in some]


def test_one_call_gives_what_its_parts_give(town, data, scores):
    dictionary = TopCodes(pca(data.x), 8)
    found = scores[1]
    assert found.name == "PCA, top 8"
    assert found.reconstruction.fvu == reconstruction_scores(dictionary, data.x).fvu
    tokens, counted = data.texts.tokens[:8], data.texts.counted[:8]
    spliced = splice_losses(town, tokens, counted, HOOK, dictionary).spliced
    assert found.splice.spliced == pytest.approx(spliced)
    assert found.labels.labels == data.names
    assert len(found.interpretability.latents) == 40
    assert found.mmcs is None
    assert "loss recovered" in found.summary()


def test_planted_directions_are_compared(town, data):
    basis = torch.eye(192)[:5]
    found = evaluate_sae(town, neurons(data.x), data, truth=basis, n_latents=5, splice_documents=2)
    assert found.mmcs == pytest.approx(1)
    assert found.summary().endswith("MMCS of the planted directions 1.000.")


def test_explainer_and_simulator_are_used(town, data):
    class Fixed:
        def explain(self, latent, tokens, acts):
            return Explanation("fixed")

        def simulate(self, explanation, tokens):
            return torch.zeros(tokens.shape)

    found = evaluate_sae(
        town,
        neurons(data.x),
        data,
        explainer=Fixed(),
        simulator=Fixed(),
        n_latents=5,
        splice_documents=2,
    )
    assert set(found.interpretability.explanations) == {"fixed"}
    assert found.interpretability.top_and_random.tolist() == [0] * 5


def test_the_table_holds_every_dictionary_with_intervals(scores):
    table = dictionary_table(scores, n_resamples=300)
    assert table.names == ("neurons", "PCA, top 8")
    assert table.n_features == (384, 384)
    assert table.fvu[0] < 1e-6 < table.fvu[1]
    assert table.l0[1] == 8
    for values in (table.interpretability, table.latent_gain, table.label_f1):
        mean, low, high = values.T
        assert ((low < mean) & (mean < high)).all()
    torch.testing.assert_close(
        table.label_f1[:, 0], torch.stack([s.labels.f1.mean() for s in scores])
    )
    rows = table.rows()
    assert rows[2][:4] == ("PCA, top 8", "384", "8.0", f"{table.fvu[1]:.3f}")
    assert all(len(row) == len(rows[0]) for row in rows)


def test_an_interval_is_that_of_scipy():
    generator = torch.Generator().manual_seed(0)
    values = torch.rand(80, generator=generator) ** 2
    mean, low, high = bootstrap_interval(values, n_resamples=5000).tolist()
    expected = bootstrap(
        (values.numpy(),),
        lambda x, axis: x.mean(axis),
        n_resamples=5000,
        method="percentile",
        rng=0,
    ).confidence_interval
    # With 5000 samples an end varies by some 2 % of the interval's width.
    assert low == pytest.approx(expected.low, abs=0.005)
    assert high == pytest.approx(expected.high, abs=0.005)
    assert mean == pytest.approx(values.mean().item())
    wide = bootstrap_interval(values, level=0.99)
    assert wide[1] < low < high < wide[2]
    assert bootstrap_interval(torch.ones(5)).tolist() == [1, 1, 1]


def test_correlations_with_moments_are_those_of_scipy(scores):
    found = moment_correlations(scores)
    assert len(found.score) == 80
    assert found.dictionary.tolist() == [0] * 40 + [1] * 40
    at = scores[1].interpretability.latents
    assert torch.equal(found.skew[40:], scores[1].reconstruction.skew[at])
    score, skew, kurtosis = (x.numpy() for x in (found.score, found.skew, found.kurtosis))
    assert found.with_skew == pytest.approx(pearsonr(score, skew).statistic, abs=1e-5)
    assert found.with_kurtosis == pytest.approx(pearsonr(score, kurtosis).statistic, abs=1e-5)
    assert found.ranks_with_skew == pytest.approx(spearmanr(score, skew).statistic, abs=1e-5)
    assert found.ranks_with_kurtosis == pytest.approx(
        spearmanr(score, kurtosis).statistic, abs=1e-5
    )


def test_other_architectures_are_evaluated_too(random_neox):
    hook = "blocks.1.mlp.hook_out"
    data = labelled_activations(random_neox, hook, n_documents=30, context=40, least=5)
    found = evaluate_sae(random_neox, neurons(data.x), data, n_latents=4, splice_documents=3)
    assert found.splice.spliced == pytest.approx(found.splice.clean, abs=1e-4)
    assert found.splice.hook == hook
    assert len(found.interpretability.latents) == 4


def test_bad_input_is_refused(town, data):
    bare = LabelledActivations(data.x, data.labels, data.names, data.document, data.token_ids)
    with pytest.raises(ValueError, match="a model's texts"):
        evaluate_sae(town, neurons(data.x), bare)
    with pytest.raises(ValueError, match="at least one dictionary"):
        dictionary_table([])
    with pytest.raises(ValueError, match="at least one dictionary"):
        moment_correlations([])
    with pytest.raises(ValueError, match="level between 0 and 1"):
        bootstrap_interval(torch.ones(3), level=1.0)
