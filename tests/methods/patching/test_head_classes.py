"""Classes of heads: criteria on data, GPT-2's published classes, and what the town's model has."""

import math
from dataclasses import fields, replace

import pytest
import torch

from mi_course.methods.patching import (
    GPT2_CLASSES,
    Criteria,
    classify_heads,
    gpt2_evidence,
    head_evidence,
)
from mi_course.methods.patching.head_classes import CLASSES
from mi_course.results import HeadEvidence
from mi_course.worlds.tasks import facts, ioi


def evidence(**known):
    """One layer of three heads of which nothing is known but what is given for the first."""
    scores = {each.name: torch.full((1, 3), math.nan) for each in fields(HeadEvidence)}
    for name, value in known.items():
        scores[name][0, 0] = value
    return HeadEvidence(**scores)


@pytest.fixture(scope="module")
def measured(town):
    pairs = [ioi(town.tokenizer, 48, 0, corruption=kind) for kind in ("symmetric", "abc")]
    return head_evidence(town, *pairs)


@pytest.mark.parametrize(
    ("known", "name"),
    [
        ({"previous_token": 0.9, "at_s1_next": 0.1}, "previous token"),
        ({"duplicate_token": 0.9, "s2_to_io": 0.1, "at_s2": 0.1}, "duplicate token"),
        ({"induction": 0.9, "at_s2": 0.1}, "induction"),
        ({"current_token": 0.9, "at_s2": -0.1}, "current token"),
        ({"to_s2": 0.9, "through_queries": 0.1}, "S-inhibition"),
        ({"to_io": 0.9, "copying": 0.9, "direct": 0.1}, "name mover"),
        ({"to_io": 0.9, "copying": 0.9, "direct": 0.0, "on_names": 0.2}, "unselective mover"),
        ({"to_io": 0.9, "anti_copying": 0.9, "direct": -0.1}, "negative mover"),
        ({"to_s2": 0.9, "anti_copying": 0.9, "direct": 0.1}, "name eraser"),
        ({"direct": 0.01, "after_ablation": 0.1}, "backup mover"),
    ],
)
def test_each_class_is_found_by_its_own_criteria(known, name):
    found = classify_heads(evidence(**known))
    assert found.of(0, 0) == (name,)
    assert found.circuit == ((0, 0),)


@pytest.mark.parametrize(
    ("known", "looks_like"),
    [
        ({"previous_token": 0.9, "at_s1_next": 0.01}, "previous token"),
        ({"to_io": 0.9, "copying": 0.9, "direct": 0.0}, "name mover"),
        ({"to_s2": 0.9, "through_queries": 0.0}, "S-inhibition"),
    ],
)
def test_a_look_without_an_effect_is_idle(known, looks_like):
    found = classify_heads(evidence(**known))
    assert found.circuit == ()
    assert found.idle[looks_like] == ((0, 0),)


def test_a_detector_of_duplicates_must_prefer_the_duplicate():
    everybody = {"duplicate_token": 0.4, "at_s2": 0.5}
    assert classify_heads(evidence(**everybody, s2_to_io=0.4)).circuit == ()
    assert classify_heads(evidence(**everybody, s2_to_io=0.1)).circuit == ((0, 0),)


def test_nothing_is_concluded_from_nothing():
    found = classify_heads(evidence())
    assert found.circuit == () and not any(found.idle.values())
    assert set(found.classes) == set(CLASSES)


def test_thresholds_are_the_readers_choice():
    weak = evidence(to_io=0.15, copying=0.9, direct=0.1)
    assert classify_heads(weak).circuit == ()
    assert classify_heads(weak, Criteria(attention=0.1)).of(0, 0) == ("name mover",)


def test_published_evidence_gives_the_published_classes():
    found = classify_heads(gpt2_evidence())
    assert {name: heads for name, heads in found.classes.items() if heads} == GPT2_CLASSES
    assert len(found.circuit) == 26


def test_attention_alone_would_have_named_others():
    found = classify_heads(gpt2_evidence())
    # They look from S2 to S1 as much as the detectors of duplicates, and nothing depends on them.
    assert found.idle["duplicate token"] == ((0, 5), (1, 11))
    assert found.idle["S-inhibition"] == ((8, 5), (9, 7))
    without_copying = replace(gpt2_evidence(), anti_copying=torch.zeros(12, 12))
    assert classify_heads(without_copying).classes["negative mover"] == ()


def test_the_town_erases_the_giver_in_place_of_inhibiting(measured):
    found = classify_heads(measured)
    assert {name: heads for name, heads in found.classes.items() if heads} == {
        "current token": ((0, 0), (0, 1), (0, 2), (0, 3)),
        "unselective mover": ((2, 4), (2, 5), (2, 6), (2, 7)),
        "name eraser": ((2, 1), (3, 1)),
    }
    assert {(2, 1), (3, 1)} <= set(found.idle["S-inhibition"])
    assert found.idle["duplicate token"] == ()


def test_the_towns_numbers_are_those_that_the_chapter_tells(measured):
    assert measured.of(2, 1) == pytest.approx(
        measured.of(2, 1)
        | {"to_s2": 0.98, "anti_copying": 1.0, "direct": 0.65, "total": 0.84, "to_io": 0.0},
        abs=0.03,
    )
    assert measured.copying[2, 4:].tolist() == pytest.approx([0.96, 1, 0.96, 0.95], abs=0.03)
    assert measured.copying[3].max() == 0 and measured.copying[1].max() == 0
    assert measured.direct[2, 4:].abs().max() < 0.03
    assert measured.through_queries.abs().max() < 0.01
    # No head writes more because the movers are silent: there are no backups.
    rise = measured.after_ablation - measured.direct
    assert rise.topk(1, dim=1).values.flatten().tolist() == pytest.approx(
        [0, 0, 0.05, 0.01], abs=0.03
    )


def test_in_parallel_blocks_nothing_reacts_to_the_last_layers_heads(town, other_models):
    pairs = [ioi(town.tokenizer, 12, 0, corruption=kind) for kind in ("symmetric", "abc")]
    found = head_evidence(other_models["neox"], *pairs)
    torch.testing.assert_close(found.direct[-1], found.total[-1], rtol=1e-2, atol=1e-4)
    assert (found.direct[0] - found.total[0]).abs().max() > 1e-3


@pytest.mark.parametrize("name", ["gpt2", "neox", "llama"])
def test_random_models_of_other_architectures_are_measured_too(name, town, other_models):
    model = other_models[name]
    pairs = [ioi(town.tokenizer, 12, 0, corruption=kind) for kind in ("symmetric", "abc")]
    found = head_evidence(model, *pairs)
    assert found.shape == (2, 4)
    assert all(getattr(found, each.name).isfinite().all() for each in fields(found))
    classes = classify_heads(found)
    assert (classes.n_layers, classes.n_heads) == (2, 4)


def test_prompts_of_another_task_are_refused(town):
    other = facts(town.tokenizer, 4, 0)
    with pytest.raises(ValueError, match="expected prompts with the places"):
        head_evidence(town, other, other)


def test_a_reference_without_the_templates_is_refused(town):
    task = ioi(town.tokenizer, 12, 0)
    fewer = ioi(town.tokenizer, 4, 0, corruption="abc", order="ABBA")
    with pytest.raises(ValueError, match="the same templates"):
        head_evidence(town, task, fewer)


def test_bad_scores_are_refused():
    good = evidence()
    with pytest.raises(ValueError, match="copying from 0 to 1"):
        replace(good, copying=torch.full((1, 3), 2.0))
    with pytest.raises(ValueError, match="got infinity"):
        replace(good, direct=torch.full((1, 3), torch.inf))
