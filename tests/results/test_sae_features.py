from dataclasses import replace

import pytest
import torch

from mi_course.results import (
    ActivationHistogram,
    FeaturePage,
    LatentAblations,
    LatentExample,
    LatentLabels,
    LatentSteering,
    LogitEffect,
    TokenHistogram,
)


def example(peak=1):
    return LatentExample((" the", "\n", "x"), torch.tensor([0.0, 2.0, 0.5]), peak, 4)


def page(**changes):
    parts = {
        "latent": 3,
        "dictionary": "topk SAE (8, k=2)",
        "hook": "blocks.1.hook_resid_post",
        "density": 0.015,
        "n_tokens": 200,
        "examples": (example(),),
        "by_quantile": (("0%-50%", (example(2),)),),
        "tokens": TokenHistogram(("\n",), torch.tensor([2]), torch.tensor([5]), 3),
        "activations": ActivationHistogram(
            torch.tensor([0.0, 1.0, 2.0]),
            torch.tensor([1, 2]),
            torch.tensor([0, 2]),
            "kind: http",
            (0.5, 1.0),
            torch.tensor([1.5, 2.0]),
        ),
        "logits": LogitEffect(torch.tensor([1.0, -1.0]), (1, 3), ("a", "b")),
        "labels": LatentLabels(
            ("kind: http",), *(torch.tensor([value]) for value in (0.8, 0.7, 0.9, 1.2))
        ),
    }
    return FeaturePage(**{**parts, **changes})


def test_an_example_shows_its_peak():
    assert example().value == 2
    assert example().text() == " the[\n]x"
    with pytest.raises(ValueError, match="peak below 3, got 3"):
        example(3)
    with pytest.raises(ValueError, match="position"):
        LatentExample(("a",), torch.zeros(2), 0, 0)


def test_a_page_is_told_in_two_sentences():
    said = page().summary()
    assert "Feature 3 of topk SAE (8, k=2) is active at 1.50% of the tokens" in said
    assert "kind: http (held-out F1 0.80)" in said
    assert "raises 'a', 'b' and lowers 'b', 'a'" in said
    with pytest.raises(ValueError, match="examples of the feature, got none"):
        page(examples=())


def test_shares_of_an_empty_bin_are_zero():
    found = page().activations
    assert found.shares().tolist() == [0, 1]
    assert replace(found, counts=torch.tensor([0, 2])).shares().tolist() == [0, 1]
    with pytest.raises(ValueError, match="more tokens with the label"):
        replace(found, with_label=torch.tensor([2, 0]))
    with pytest.raises(ValueError, match="edge"):
        replace(found, edges=torch.tensor([0.0, 1.0]))
    with pytest.raises(ValueError, match="quantile"):
        replace(found, quantiles=(0.5,))


def test_counts_that_contradict_each_other_are_refused():
    with pytest.raises(ValueError, match="no more active tokens than there are"):
        TokenHistogram(("a",), torch.tensor([6]), torch.tensor([5]), 9)
    with pytest.raises(ValueError, match="no more active tokens than there are"):
        TokenHistogram(("a",), torch.tensor([4]), torch.tensor([5]), 3)
    with pytest.raises(ValueError, match="f1 from 0 to 1"):
        LatentLabels(("a",), torch.tensor([1.2]), *[torch.tensor([0.5])] * 3)
    with pytest.raises(ValueError, match="label"):
        LatentLabels(("a", "b"), *[torch.tensor([0.5])] * 4)


def ablations(**changes):
    one = torch.tensor([0.5, 0.25])
    parts = {
        "change": torch.tensor([[0.0, -2.0, 2.0], [1.0, -1.0, 0.0]]),
        "kl": one,
        "kl_elsewhere": one / 10,
        "projected_kl": 2 * one,
        "projected_kl_elsewhere": one,
        "random_kl": torch.tensor([[0.1, 0.3], [0.0, 0.0]]),
        "loss": one,
        "random_loss": torch.zeros(2, 2),
        "n_active": torch.tensor([4, 5]),
        "latents": (7, 9),
        "dictionary": "SAE",
        "tokens": ("a", "b", "c"),
    }
    return LatentAblations(**{**parts, **changes})


def test_losers_and_winners_are_those_of_the_latent():
    found = ablations()
    assert found.losers(7, 1) == [("b", -2.0)]
    assert found.winners(9, 2) == [("a", 1.0), ("c", 0.0)]
    assert ablations(tokens=()).losers(9, 1) == [("1", -1.0)]
    assert "logits of 'b' -2.00" in found.summary()
    assert "0.500 nats there and 0.050 elsewhere; 1.000 and 0.500" in found.summary(7)
    assert "0.200 for random" in found.summary()
    assert (
        "nan for random"
        in ablations(**dict.fromkeys(("random_kl", "random_loss"), torch.zeros(2, 0))).summary()
    )
    with pytest.raises(ValueError, match=r"one of the features \[7, 9\], got 8"):
        found.losers(8)
    with pytest.raises(ValueError, match="finite kl"):
        ablations(kl=torch.tensor([0.0, torch.nan]))
    with pytest.raises(ValueError, match="each latent"):
        ablations(latents=(7,))
    with pytest.raises(ValueError, match="token"):
        ablations(tokens=("a",))


def test_steering_is_told_at_its_largest_amount():
    share = torch.tensor([0.5, 0.1])
    found = LatentSteering(
        share=share,
        random=torch.tensor([[0.02, 0.01], [0.03, 0.01]]),
        kl=share,
        random_kl=torch.zeros(2, 2),
        untouched=0.01,
        amounts=(4.0, 0.0),
        latent=2,
        dictionary="SAE",
        how="clamped",
        behaviour="Cyrillic",
    )
    assert "clamped to 4, the probability of Cyrillic is 50.0% (1.0% untouched" in found.summary()
    assert "at most 3.0%" in found.summary()
    alone = replace(found, random=torch.zeros(0, 2), random_kl=torch.zeros(0, 2))
    assert "not tried" in alone.summary()
    with pytest.raises(ValueError, match="amount"):
        replace(found, amounts=(1.0,))
