from dataclasses import dataclass

import pytest
import torch

from mi_course.methods.sae.autointerp import Explanation, correlation, interpretability
from mi_course.methods.sae.dictionary import SAE
from mi_course.methods.sae.explaining import LabelSimulator, label_explainer
from mi_course.methods.sae.labelled import LabelledActivations

N_DOCUMENTS, LENGTH = 40, 48


def identity(n):
    return SAE(torch.eye(n), torch.zeros(n), torch.eye(n), torch.zeros(n), "l1")


@pytest.fixture(scope="module")
def data():
    """Latent 0 is label 1, latent 1 the tokens 3 and 8, latent 2 noise, latent 3 never active.

    Latent 4 is active for label 0 too, with noise of half its size.
    """
    generator = torch.Generator().manual_seed(0)
    n = N_DOCUMENTS * LENGTH
    labels = torch.rand(n, 3, generator=generator) < torch.tensor([0.1, 0.2, 0.5])
    ids = torch.randint(0, 30, (n,), generator=generator)
    noise = torch.rand(n, generator=generator)
    x = torch.stack(
        [
            2.0 * labels[:, 1],
            ((ids == 3) | (ids == 8)).float() * (1 + 0.1 * noise),
            noise.square(),
            torch.full((n,), -1.0),
            labels[:, 0] + 0.5 * torch.rand(n, generator=generator),
        ],
        dim=1,
    )
    names = ("a: zero", "a: one", "a: two")
    return LabelledActivations(x, labels, names, torch.arange(n) // LENGTH, ids)


@pytest.fixture(scope="module")
def found(data):
    explainer = label_explainer(identity(5), data, words="w{}".format)
    return interpretability(identity(5), data, explainer, LabelSimulator(data))


def test_planted_features_are_explained_by_their_labels_and_tokens(found):
    assert found.latents.tolist() == [0, 1, 2, 4]
    assert found.explanations[0] == "a: one"
    assert found.explanations[1] in {"tokens 'w3', 'w8'", "tokens 'w8', 'w3'"}
    assert found.explanations[3] == "a: zero"


def test_what_is_explained_is_predicted_and_noise_is_not(found):
    exact, tokens, noise, noisy = found.top_and_random.tolist()
    assert exact == pytest.approx(1)
    assert tokens > 0.99
    assert abs(noise) < 0.25
    assert 0.7 < noisy < 0.98
    assert found.random[0] == pytest.approx(1)
    assert "#0 1.00 (a: one)" in found.summary()


def test_correlations_of_the_explainer_are_those_of_the_activations(data):
    explainer = label_explainer(identity(5), data, chunk=100)
    fit = data.fit
    codes = data.x[fit].relu().T
    for latent in range(5):
        for_each = [
            correlation(codes[latent : latent + 1], data.labels[fit, i][None].float()).item()
            for i in range(3)
        ]
        best = max(range(3), key=for_each.__getitem__)
        assert explainer.label_correlation[latent].item() == pytest.approx(for_each[best], abs=1e-4)
        if latent != 3:
            assert explainer.label[latent] == best
    for latent in (1, 2):
        ids = explainer.token_ids[latent, : explainer.n_tokens[latent]]
        present = torch.isin(data.token_ids[fit], ids).float()
        expected = correlation(codes[latent : latent + 1], present[None]).item()
        assert explainer.token_correlation[latent].item() == pytest.approx(expected, abs=1e-4)


def test_the_simulator_reads_only_the_explanation(data):
    simulator, tokens = LabelSimulator(data), torch.arange(12).reshape(2, 6)
    said = simulator.simulate(Explanation("x", label=2), tokens)
    assert torch.equal(said, data.labels[tokens, 2].float())
    said = simulator.simulate(Explanation("x", token_ids=(3, 8)), tokens)
    ids = data.token_ids[tokens]
    assert torch.equal(said, ((ids == 3) | (ids == 8)).float())
    with pytest.raises(ValueError, match="try ChatSimulator"):
        simulator.simulate(Explanation("in words only"), tokens)


@dataclass(frozen=True)
class Oracle:
    """Explains by number and simulates by looking the activation up."""

    x: torch.Tensor
    factor: float = 1.0

    def explain(self, latent, tokens, acts):
        assert torch.equal(self.x[tokens, latent].relu(), acts)
        return Explanation(str(latent))

    def simulate(self, explanation, tokens):
        return self.factor * self.x[tokens, int(explanation.text)].relu()


def test_any_explainer_and_simulator_can_be_plugged_in(data):
    right = interpretability(identity(5), data, Oracle(data.x), Oracle(data.x, 3.0))
    assert right.top_and_random.tolist() == pytest.approx([1] * 4)
    assert right.explanations == ("0", "1", "2", "4")
    wrong = interpretability(identity(5), data, Oracle(data.x), Oracle(data.x, -1.0))
    assert wrong.top_and_random.tolist() == pytest.approx([-1] * 4)
    silent = interpretability(identity(5), data, Oracle(data.x), Oracle(data.x, 0.0))
    assert silent.top_and_random.tolist() == [0] * 4


def test_some_features_can_be_drawn(data):
    some = interpretability(identity(5), data, Oracle(data.x), Oracle(data.x), n_latents=2, seed=1)
    assert len(some.latents) == 2
    assert set(some.latents.tolist()) <= {0, 1, 2, 4}


def test_correlation_is_that_of_torch_and_zero_for_constants():
    generator = torch.Generator().manual_seed(0)
    a, b = torch.randn(2, 3, 50, generator=generator)
    expected = [torch.corrcoef(torch.stack([a[i], b[i]]))[0, 1].item() for i in range(3)]
    assert correlation(a, b).tolist() == pytest.approx(expected, abs=1e-5)
    assert correlation(torch.ones(1, 4), torch.rand(1, 4, generator=generator)).item() == 0


def test_bad_input_is_refused(data):
    with pytest.raises(ValueError, match="d_in = 4"):
        interpretability(identity(4), data, Oracle(data.x), Oracle(data.x))
    dead = SAE(torch.eye(5), -torch.full((5,), 99.0), torch.eye(5), torch.zeros(5), "l1")
    with pytest.raises(ValueError, match="active in both halves"):
        interpretability(dead, data, Oracle(data.x), Oracle(data.x))
