"""Paragraphs in Spanish, French, German and Russian, with every word tagged and agreeing.

A sentence is written once for all genders: `el/la@1` takes the form that the gender of the first
thing asks for (`@1`, `@2`: the things; `@p`, `@o`: the person and the other person), and a word's
tag comes from its language's word list unless the sentence gives one. In go a generator and a
split; out comes a `Document` labelled with its language; names, cities and sentences of the
held-out split never occur in training text.
"""

import random
from collections.abc import Callable
from functools import cache

from mi_course.worlds.town.document import Document, Template, Writer
from mi_course.worlds.town.language_words import LANGUAGES, Language

_SLOT_TAGS = {
    "person": "NNP_nsubj",
    "other": "NNP_nmod",
    "other_gen": "NNP_nmod",
    "other_dat": "NNP_iobj",
    "other_ins": "NNP_nmod",
    "city": "NNP_obl",
    "thing1": "NN_nsubj",
    "thing2": "NN_nsubj",
    "object1": "NN_obj",
    "object2": "NN_obj",
    "adj1": "JJ_amod",
    "adj2": "JJ_amod",
    "attr1": "JJ_amod",
    "attr2": "JJ_amod",
    "verb1": "VBD_root",
    "verb2": "VBD_root",
    "time": "RB_advmod",
}


@cache
def tagged_sentence(sentence: str, code: str, genders: tuple[int, int, int, int]) -> Template:
    """Return the template of a sentence, its words agreeing with the genders given.

    Args:
        sentence: words between spaces; alternatives `a/b@group` are in the order of genders.
        code: the language, a key of `LANGUAGES`.
        genders: of thing 1, thing 2, the person and the other (0 masculine, 1 feminine, 2 neuter).

    Returns:
        The template; words without a tag of their own are tagged from the language's word list.
    """
    words = []
    for source in sentence.split():
        word, _, tag = source.partition("_") if source[0] != "{" else _slot(source)
        if "@" in word:
            forms, group = word.split("@")
            word = forms.split("/")[genders["12po".index(group)]]
        if any(c.isalnum() for c in word):
            word = f"{word}_{tag or LANGUAGES[code].tag(word.lstrip('~'))}"
        words.append(word)
    return Template(" ".join(words))


def _slot(source: str) -> tuple[str, str, str]:
    name, _, tag = source[1:].partition("}")
    return "{" + name + "}", "_", tag.lstrip("_") or _SLOT_TAGS[name]


def _fills(
    rng: random.Random, language: Language, split: str
) -> tuple[dict[str, str], tuple[int, int, int, int]]:
    """Return the words of one paragraph by slot, and the genders they have."""
    person, other = rng.sample(language.people.of(split), 2)
    first, second = rng.sample(language.things, 2)
    verb1, verb2 = rng.sample(language.verbs, 2)
    adj1, adj2 = rng.sample(language.adjectives, 2)
    forms = other.forms
    return {
        "person": person.forms[0],
        "other": forms[0],
        "other_gen": forms[1 % len(forms)],
        "other_dat": forms[2 % len(forms)],
        "other_ins": forms[3 % len(forms)],
        "city": rng.choice(language.cities.of(split)),
        "thing1": first.forms[0],
        "thing2": second.forms[0],
        "object1": first.forms[-1],
        "object2": second.forms[-1],
        "adj1": adj1.plain[first.gender],
        "adj2": adj2.plain[second.gender],
        "attr1": adj1.accusative[first.gender],
        "attr2": adj2.accusative[second.gender],
        "verb1": verb1[person.gender % len(verb1)],
        "verb2": verb2[person.gender % len(verb2)],
        "time": rng.choice(language.times),
    }, (first.gender, second.gender, person.gender, other.gender)


def language(rng: random.Random, split: str) -> Document:
    """Return a paragraph of four to seven sentences in one language other than English."""
    chosen = LANGUAGES[rng.choice(tuple(LANGUAGES))]
    fills, genders = _fills(rng, chosen, split)
    sentences = chosen.sentences.of(split)
    out = Writer()
    for sentence in rng.sample(sentences, min(len(sentences), rng.randint(4, 7))):
        tagged_sentence(sentence, chosen.code, genders).render(out, **fills)
    out.mark(0, "natural_language", chosen.code)
    return out.document("language")


KINDS: dict[str, Callable[[random.Random, str], Document]] = {"language": language}
