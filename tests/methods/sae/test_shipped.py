"""What the committed autoencoders of `town` must show, on documents they were not trained on."""

import json
from dataclasses import replace

import pytest
import torch

from mi_course.methods import sae
from mi_course.methods.sae.ioi_patching import feature_patching_by_pair
from mi_course.methods.sae.shipped import SITES, load_town_sae, shipped_saes
from mi_course.models import weights
from mi_course.worlds.tasks import ioi

# Kinds in which the labels asked for occur, so that none of them is too rare to be judged.
KINDS = {"code": 6, "language": 5, "contraction": 2, "aside": 2} | dict.fromkeys(
    ("latex", "legal", "http", "base64", "dna", "random", "review", "biography", "compound"), 1
)
MLP = "blocks.2.mlp.hook_post"
OF_TOKENS = {
    "DNA": "text_feature: dna",
    "capitals": "text_feature: all_caps",
    "the second script": "natural_language: ru",
    "closing brackets": "text_feature: bracket_close",
    "opening brackets": "text_feature: bracket_open",
    "apostrophes": "spelling: apostrophe",
}
OF_TEXTS = {
    "HTTP": "kind: http",
    "base64": "kind: base64",
    "legal": "subset: law",
    "LaTeX": "subset: maths",
    "C": "code_language: c",
    "JavaScript": "code_language: javascript",
    "Go": "code_language: go",
    "Rust": "code_language: rust",
    "Java": "code_language: java",
    "German": "natural_language: de",
    "French": "natural_language: fr",
    "compounds": "kind: compound",
}


@pytest.fixture(scope="module")
def data(town):
    found = sae.labelled_activations(
        town, SITES["resid"], n_documents=700, weights=KINDS, seed=11, least=20
    )
    written = [town.tokenizer.decode([token]) for token in range(len(town.tokenizer))]
    apostrophe = torch.tensor(["'" in word for word in written])[found.token_ids]
    labels = torch.cat([found.labels, apostrophe[:, None]], dim=1)
    return replace(found, labels=labels, names=(*found.names, "spelling: apostrophe"))


@pytest.fixture(scope="module")
def scores(town, data):
    """F1 of the widest autoencoder and of the neurons of its layer, for tokens and for texts."""
    post = sae.activations_at(town, data.texts.tokens, data.texts.counted, MLP)
    wanted = [data.column(name) for name in OF_TOKENS.values()]
    found = {}
    for name, dictionary, x in (
        ("latents", load_town_sae(width=1536), data.x),
        ("neurons", sae.neurons(post), post),
    ):
        read = replace(data, x=x)
        tokens = replace(
            read, labels=data.labels[:, wanted], names=tuple(data.names[i] for i in wanted)
        )
        found[name] = sae.label_f1(dictionary, tokens), sae.text_label_f1(dictionary, read)
    return found


def f1(scores, who: str) -> dict[str, float]:
    of_tokens, of_texts = scores[who]
    return {name: of_tokens.f1[of_tokens.of(label)].item() for name, label in OF_TOKENS.items()} | {
        name: of_texts.f1[of_texts.of(label)].item() for name, label in OF_TEXTS.items()
    }


def test_every_shipped_autoencoder_loads_and_explains_most_of_what_its_card_says():
    for site, width, seed in shipped_saes():
        found = load_town_sae(site, width=width, seed=seed)
        assert (found.d_in, found.d_sae, found.hook) == (192, width, SITES[site])
        card = json.loads(
            (weights.directory("saes") / f"{site}-{width}-{seed}/card.json").read_text()
        )
        assert card["metrics"]["fvu"] < 0.25
        assert card["metrics"]["never_active"] < 0.02


def test_an_autoencoder_that_is_not_shipped_is_refused():
    with pytest.raises(ValueError, match="expected a site of"):
        load_town_sae("resid", width=1000)


def test_at_least_fifteen_labels_have_a_latent_of_their_own(scores):
    told = f1(scores, "latents")
    assert sum(value >= 0.8 for value in told.values()) >= 15, told
    each = ("DNA", "the second script", "closing brackets", "apostrophes", "base64", "HTTP")
    assert all(told[name] >= 0.8 for name in (*each, "legal", "LaTeX", "German", "French")), told


def test_the_best_neuron_of_the_layer_is_clearly_worse_for_most_of_them(scores):
    latents, neurons = f1(scores, "latents"), f1(scores, "neurons")
    gains = {name: latents[name] - neurons[name] for name in latents}
    assert sum(gain > 0.05 for gain in gains.values()) > len(gains) / 2, gains


def test_latents_can_be_explained_better_than_axes_of_pca_and_ica(town, data):
    few = sae.labelled_activations(town, SITES["resid"], n_documents=300, seed=3)
    words = town.tokenizer.decode
    means = {}
    for dictionary in (load_town_sae(width=768), sae.pca(few.x), sae.ica(few.x)):
        found = sae.interpretability(
            dictionary,
            few,
            sae.label_explainer(dictionary, few, words=words),
            sae.LabelSimulator(few),
        )
        means[dictionary.name] = found.top_and_random.mean().item()
    latents, pca, ica = means.values()
    assert latents > pca + 0.1, means
    assert latents > ica + 0.03, means


def test_few_latents_turn_the_answer_of_ioi_where_pca_needs_many(town):
    pairs = ioi(town.tokenizer, 40, 0).pairs
    few = sae.labelled_activations(
        town, SITES["resid"], n_documents=100, seed=3, collections=["kind"]
    )
    numbers = (1, 2, 4, 8, 16)
    curves = [
        feature_patching_by_pair(town, SITES["resid"], dictionary, pairs, numbers=numbers)
        for dictionary in (load_town_sae(width=1536), sae.pca(few.x))
    ]
    latents, pca = (curve.kl[: len(numbers)] for curve in curves)
    assert (latents < pca).all()
    assert latents[2] < 0.3 * pca[2]  # four latents: measured 1.0 against 9.5 nats
