"""Faithfulness, completeness and minimality, on the town's circuit and on planted ones."""

import pytest
import torch

from mi_course.methods.patching import (
    ablate,
    completeness,
    faithfulness,
    greedy_set,
    minimality,
    random_sets,
)
from mi_course.methods.patching.circuit_tests import score_of
from mi_course.worlds.tasks import ioi

CIRCUIT = ((0, 0), (0, 1), (0, 2), (0, 3), (2, 1), (2, 4), (2, 5), (2, 6), (2, 7), (3, 1))
CLASSES = {"readers": CIRCUIT[:4], "movers": CIRCUIT[5:9], "erasers": ((2, 1), (3, 1))}


@pytest.fixture(scope="module")
def prompts(town):
    return ioi(town.tokenizer, 48, 0, corruption="abc")


def test_the_whole_model_is_a_faithful_circuit(town, prompts):
    every = [(layer, head) for layer in range(4) for head in range(8)]
    test = faithfulness(town, prompts, every)
    assert test.gap()[0] == pytest.approx(0, abs=1e-4)


def test_ten_of_thirty_two_heads_keep_the_towns_logit_difference(town, prompts):
    test = faithfulness(town, prompts, CIRCUIT)
    assert test.model[0] == pytest.approx(13.8, abs=0.3)
    assert test.circuit[0] / test.model[0] == pytest.approx(0.94, abs=0.03)


def test_the_circuit_is_complete_for_its_classes_and_for_random_sets(town, prompts):
    test = completeness(town, prompts, CIRCUIT, CLASSES | random_sets(CIRCUIT, 10))
    assert test.names[0] == "nothing" and len(test.names) == 14
    assert test.gap().max() < 1.5
    assert test.model[test.names.index("erasers")].abs() < 1


def test_without_an_eraser_the_circuit_is_neither_faithful_nor_complete(town, prompts):
    half = [head for head in CIRCUIT if head != (2, 1)]
    test = completeness(town, prompts, half, {"movers": CIRCUIT[5:9]})
    assert test.gap().min() > 8


def test_movers_are_missed_in_company_only(town, prompts):
    found = minimality(town, prompts, CIRCUIT, CLASSES)
    values = dict(zip(found.heads, found.values.tolist(), strict=True))
    assert max(values, key=values.get) == (2, 1)
    assert values[2, 1] == pytest.approx(0.83, abs=0.05)
    assert min(values.values()) > 0.05
    company = dict(zip(found.heads, found.company, strict=True))
    assert company[2, 7] == ((2, 4), (2, 5), (2, 6)) and company[2, 1] == ()


def test_minimality_of_a_useless_head_is_near_nothing(town, prompts):
    found = minimality(town, prompts, [*CIRCUIT, (1, 1)], {})
    values = dict(zip(found.heads, found.values.tolist(), strict=True))
    assert values[1, 1] < 0.02


def test_the_greedy_set_is_at_least_as_far_off_as_any_single_head(town, prompts):
    few = [(2, 1), (2, 4), (3, 1)]
    chosen = greedy_set(town, prompts.pairs[:12], few)
    gap = completeness(town, prompts.pairs[:12], few, {"chosen": chosen}).gap()
    singles = {str(head): (head,) for head in few}
    alone = completeness(town, prompts.pairs[:12], few, singles).gap()
    assert chosen and gap[1] >= alone.max() - 1e-4


@torch.no_grad()
def test_scores_are_those_of_heads_replaced_by_hand(town):
    task = ioi(town.tokenizer, 8, 2, corruption="abc", order="ABBA", n_templates=1)
    assert len(task.groups()) == 1
    clean, corrupted = (
        torch.tensor([getattr(pair, f"{kind}_tokens") for pair in task.pairs])
        for kind in ("clean", "corrupted")
    )
    name = "blocks.2.attn.hook_z"
    z = town.run_with_cache(corrupted, names_filter=name)[1][name].mean(dim=0)

    def put(old, hook):
        old = old.clone()
        old[:, :, 1] = z[:, 1]
        return old

    logits = town.run_with_hooks(clean, fwd_hooks=[(name, put)])[:, -1]
    rows = torch.arange(8)
    right, wrong = (
        torch.tensor([getattr(p, k)[0] for p in task.pairs]) for k in ("answers", "wrongs")
    )
    by_hand = (logits[rows, right] - logits[rows, wrong]).mean()
    assert score_of(town, task, [[(2, 1)]])[0] == pytest.approx(by_hand.item(), abs=1e-3)


def test_random_sets_are_drawn_by_seed_from_the_circuit():
    drawn = random_sets(CIRCUIT, 50, seed=1)
    assert drawn == random_sets(CIRCUIT, 50, seed=1) != random_sets(CIRCUIT, 50, seed=2)
    assert {head for heads in drawn.values() for head in heads} == set(CIRCUIT)
    assert 4 < sum(map(len, drawn.values())) / 50 < 6


@pytest.mark.parametrize("name", ["gpt2", "neox"])
def test_random_models_of_other_architectures_are_tested_too(name, prompts, other_models):
    model = other_models[name]
    test = faithfulness(model, prompts.pairs[:6], [(0, 1), (1, 3)])
    assert test.circuit.shape == (1,) and test.gap()[0] > 0


def test_bad_circuits_are_refused(town, prompts):
    with pytest.raises(ValueError, match="at least one head"):
        faithfulness(town, prompts, [])
    with pytest.raises(ValueError, match="got L4H0"):
        faithfulness(town, prompts, [(4, 0)])
    with pytest.raises(ValueError, match="sets of the circuit's heads"):
        completeness(town, prompts, [(2, 1)], {"others": ((0, 0),)})
    with pytest.raises(ValueError, match="sets of the circuit's heads"):
        completeness(town, prompts, [(2, 1)], {})


def test_by_probability_the_movers_are_everything_and_by_difference_less_than_nothing(
    town, prompts
):
    movers = ("L2H4", "L2H5", "L2H6", "L2H7")
    sets = [*((head,) for head in movers), movers]
    told = {
        metric: ablate(town, prompts, sets, mode="group_mean", metric=metric)
        for metric in ("logit_diff", "probability")
    }
    assert told["logit_diff"].change()[-1] > 0.5
    assert told["probability"].clean.mean() > 0.99 and told["probability"].values[-1] < 0.1
    # One of them alone hides behind the other three.
    assert told["probability"].values[:4].min() > 0.8


def test_heads_may_come_from_generators(town, prompts):
    lost = {"erasers": (head for head in CLASSES["erasers"])}
    once = completeness(town, prompts, (head for head in CIRCUIT), lost)
    again = completeness(town, prompts, CIRCUIT, {"erasers": CLASSES["erasers"]})
    assert torch.equal(once.circuit, again.circuit)
    classes = {name: (head for head in heads) for name, heads in CLASSES.items()}
    least = minimality(town, prompts, CIRCUIT, classes)
    assert torch.equal(least.values, minimality(town, prompts, CIRCUIT, CLASSES).values)
