"""`reverse` and `xproportion` do what RASP says, on every input, and their circuits hold."""

from itertools import product

import numpy as np
import pytest
import torch

from mi_course.models import load, zoo
from mi_course.models.compiled import reverse, xproportion
from mi_course.models.compiled.ablation import edge_ablated_logits
from mi_course.models.compiled.rasp import proportions, reversed_rows
from mi_course.models.plain import plain

MADE = {"reverse": reverse, "xproportion": xproportion}


@pytest.fixture(scope="module", params=sorted(MADE))
def model(request):
    return MADE[request.param]()


def every_row(letters, length):
    return torch.tensor(list(product(letters, repeat=length)))


def after_bos(rows):
    return torch.cat([torch.zeros(len(rows), 1, dtype=torch.long), rows], dim=1)


@pytest.mark.parametrize("length", range(1, 6))
@pytest.mark.parametrize("padding", [0, 3])
def test_every_sequence_of_up_to_five_letters_is_reversed(length, padding):
    rows = every_row([2, 3, 4, 5] if length < 5 else [2, 3, 4], length)
    tokens = after_bos(torch.nn.functional.pad(rows, (0, padding), value=1))
    logits = reverse().bridge(tokens)[:, 1 : length + 1]
    expected = 10 * torch.nn.functional.one_hot(rows.flip(1), 6)
    assert torch.equal(logits, expected.float())


def test_random_sequences_of_every_length_are_reversed():
    tokens = reverse().prompts(2000, seed=7)
    logits = reverse().bridge(tokens.clean)
    assert torch.equal(logits.argmax(-1)[tokens.mask], tokens.answers[tokens.mask])
    assert logits[tokens.mask].max(-1).values.min() == 10
    assert set(tokens.mask.sum(1).tolist()) == set(range(3, 9))


def test_a_longer_model_of_the_same_make_is_exact_too():
    model = reverse(max_length=24)
    prompts = model.prompts(300, seed=1)
    logits = model.bridge(prompts.clean)
    assert torch.equal(logits.argmax(-1)[prompts.mask], prompts.answers[prompts.mask])
    assert logits[prompts.mask].max(-1).values.min() == 10


@pytest.mark.parametrize("length", range(1, 6))
def test_the_fraction_of_x_is_exact_for_every_sequence_of_up_to_five_letters(length):
    rows = every_row([1, 2, 3, 4] if length < 5 else [1, 2, 3], length)
    logits = xproportion().bridge(after_bos(rows))[:, 1:]
    counts = (rows == 1).cumsum(1) / torch.arange(1, length + 1)
    assert (logits[..., 1] - counts).abs().max() < 2e-7  # a sum of at most 10 rounded addends
    assert (logits[..., [0, 2, 3, 4]] == 0).all()


def test_random_sequences_have_the_fraction_that_counting_gives():
    model = xproportion()
    prompts = model.prompts(1000, seed=3)
    told = model.bridge(prompts.clean)[..., 1][prompts.mask]
    assert (told - prompts.answers[prompts.mask]).abs().max() < 3e-7


def test_rows_by_hand():
    rows = np.array([[0, 2, 3, 4, 1], [0, 5, 1, 1, 1]])
    assert reversed_rows(rows).tolist() == [[0, 4, 3, 2, 1], [0, 5, 1, 1, 1]]
    assert proportions(np.array([[0, 1, 2, 1]])).tolist() == [[0, 1, 0.5, 2 / 3]]


def test_the_circuits_are_those_that_the_programs_spell_out():
    assert reverse().truth.edges["zero"] == {
        ("tokens", "L0H0.k"),  # which tokens are there at all
        ("tokens", "L0H0.v"),  # one of them is BOS: 1 / (length + 1)
        ("L0H0", "MLP0"),  # the length
        ("MLP0", "MLP1"),  # the opposite index is made of the length ...
        ("positions", "MLP1"),  # ... and the index
        ("MLP1", "L2H0.q"),
        ("positions", "L2H0.k"),
        ("tokens", "L2H0.v"),
        ("L2H0", "logits"),
    }
    assert reverse().truth.edges["corrupted"] == {("tokens", "L2H0.v"), ("L2H0", "logits")}
    kept = {("tokens", "MLP0"), ("MLP0", "L1H0.v"), ("L1H0", "logits")}
    assert xproportion().truth.edges["corrupted"] == kept
    assert xproportion().truth.edges["zero"] == kept | {("tokens", "L1H0.k")}  # BOS is left out
    assert xproportion().truth.nodes == {"tokens", "MLP0", "L1H0"}


@pytest.mark.parametrize("ablation", ["zero", "corrupted"])
def test_an_edge_is_true_if_and_only_if_removing_it_alone_changes_the_answer(model, ablation):
    weights, prompts = plain(model.bridge), model.prompts(24, seed=5)
    source = prompts.corrupted if ablation == "corrupted" else None
    whole = weights.forward(prompts.clean)[prompts.mask]
    changes = {
        edge: (edge_ablated_logits(weights, prompts.clean, {edge}, source)[prompts.mask] - whole)
        .abs()
        .max()
        .item()
        for edge in model.graph.edges
    }
    true = model.truth.edges[ablation]
    assert min(changes[edge] for edge in true) > 0.1
    assert max(change for edge, change in changes.items() if edge not in true) < 1e-6
    everything_else = set(changes) - true
    alone = edge_ablated_logits(weights, prompts.clean, everything_else, source)[prompts.mask]
    assert (alone - whole).abs().max() < 1e-6


def test_prompts_repeat_by_seed_and_differ_where_they_should(model):
    a, b, c = (model.prompts(8, seed=s) for s in (0, 0, 1))
    assert torch.equal(a.clean, b.clean) and torch.equal(a.corrupted, b.corrupted)
    assert not torch.equal(a.clean, c.clean)
    assert torch.equal(a.clean[:, 0], a.corrupted[:, 0])
    assert (a.answers[~a.mask] == -1).all()
    assert (a.answers != a.wrongs).any(dim=1).all()


def test_corrupted_letters_of_reverse_differ_everywhere_and_the_length_stays():
    prompts = reverse().prompts(50, seed=2)
    assert (prompts.clean != prompts.corrupted)[prompts.mask].all()
    assert (prompts.clean == prompts.corrupted)[~prompts.mask].all()


@pytest.mark.parametrize("name", sorted(MADE))
def test_the_zoo_loads_it_by_name_with_a_card_and_without_checkpoints(name):
    bridge = load(name, device="cpu")
    prompts = MADE[name]().prompts(4)
    assert torch.equal(bridge(prompts.clean), MADE[name]().bridge(prompts.clean))
    assert name in zoo.names()
    assert zoo.checkpoints(name) == ()
    card = zoo.card(name)
    assert card["nonzero_weights"] == sum(int((p != 0).sum()) for p in bridge.parameters())
    assert card["d_model"] == bridge.cfg.d_model
    with pytest.raises(ValueError, match="no checkpoints"):
        load(name, checkpoint=3)


def test_a_description_says_who_does_what():
    text = reverse().describe()
    assert "L2H0 looks with opposite at position: letter into output" in text
    assert "9 true edges when an ablated edge carries zero" in text
    assert reverse().words(reverse().prompts(1).clean[0])[0] == "BOS"


def test_no_prompts_and_no_such_ablation_are_refused(model):
    with pytest.raises(ValueError, match="at least 1 prompt, got 0"):
        model.prompts(0)
    with pytest.raises(ValueError, match=r"expected one of \['zero', 'corrupted'\], got 'mean'"):
        model.truth.nodes_of("mean")
    with pytest.raises(ValueError, match="expected edges of this graph"):
        prompts = model.prompts(2)
        edge_ablated_logits(plain(model.bridge), prompts.clean, {("logits", "MLP0")})
