# ruff: noqa: E501 (tagged sentences are long)
"""Biographies of invented people: gender, alive or dead, occupation, sport and party.

Every mention of a person by name carries all five attributes, and so does each word that reveals
one of them: a pronoun the gender, a verb's tense whether the person is alive, the nouns the rest.
The attributes are told once and asked for again, so a model gains by remembering them.
"""

import random
from collections.abc import Callable

from mi_course.worlds.town.annotate import Labels, render_labelled
from mi_course.worlds.town.document import Document, Template, Writer
from mi_course.worlds.town.lexicon import (
    CITIES,
    NAMES,
    OCCUPATIONS,
    PARTIES,
    POSSESSIVE,
    SPORTS,
    SUBJECT,
    gender,
    surname,
)

# fmt: off
# (sentence, present, past). _VT_ and _AT_ are a verb's and an auxiliary's tag, by tense; _PG_ and
# _QG_ those of
# a personal and a possessive pronoun, by gender.
_BORN = (
    ("{person}_NNP_nsubj was_AUXD_aux born_VBN_root in_IN_case {city}_NNP_obl in_IN_case {year}_CD_obl .", "", ""),
    ("{person}_NNP_nsubj came_VBD_root from_IN_case {city}_NNP_obl .", "", ""),
    ("{person}_NNP_nsubj grew_VBD_root up_RB_compound in_IN_case {city}_NNP_obl .", "", ""),
)
_JOB = (
    ("{person}_NNP_nsubj {tense}_AT_cop a_DT_det {job}_NN_root .", "is", "was"),
    ("{He}_PG_nsubj {tense}_AT_cop a_DT_det {job}_NN_root .", "is", "was"),
    ("{person}_NNP_nsubj {tense}_VT_root as_IN_case a_DT_det {job}_NN_obl .", "works", "worked"),
    ("{He}_PG_nsubj {tense}_VT_root as_IN_case a_DT_det {job}_NN_obl in_IN_case {city}_NNP_obl .", "works", "worked"),
)
_SPORT = (
    ("{person}_NNP_nsubj {tense}_VT_root {sport}_NN_obj .", "plays", "played"),
    ("{He}_PG_nsubj {tense}_VT_root {sport}_NN_obj every_DT_det week_NN_obl .", "plays", "played"),
    ("{His}_QG_nmod favourite_JJ_amod game_NN_nsubj {tense}_AT_cop {sport}_NN_root .", "is", "was"),
    ("{He}_PG_nsubj {tense}_VT_root to_TO_mark watch_VB_xcomp {sport}_NN_obj .", "likes", "liked"),
)
_PARTY = (
    ("{person}_NNP_nsubj {tense}_AT_cop a_DT_det member_NN_root of_IN_case the_DT_det {party}_NNP_compound Party_NNP_nmod .", "is", "was"),
    ("{He}_PG_nsubj {tense}_VT_root to_IN_case the_DT_det {party}_NNP_compound Party_NNP_obl .", "belongs", "belonged"),
    ("{person}_NNP_nsubj {tense}_VT_root for_IN_case the_DT_det {party}_NNP_compound Party_NNP_obl .", "votes", "voted"),
    ("{His}_QG_nmod party_NN_nsubj {tense}_AT_cop the_DT_det {party}_NNP_compound Party_NNP_root .", "is", "was"),
)
_RECALL = (
    ("As_IN_case a_DT_det {job}_NN_obl ,_PUNCT_punct {person}_NNP_nsubj {tense}_AT_cop well_RB_advmod known_JJ_root .", "is", "was"),
    ("The_DT_det {job}_NN_nsubj {tense}_VT_root {sport}_NN_obj with_IN_case friends_NNS_obl from_IN_case the_DT_det {party}_NNP_compound Party_NNP_nmod .", "plays", "played"),
    ("{person}_NNP_nsubj ,_PUNCT_punct the_DT_det {job}_NN_appos ,_PUNCT_punct {tense}_VT_root a_DT_det house_NN_obj in_IN_case {city}_NNP_obl .", "has", "had"),
    ("Every_DT_det {job}_NN_nsubj in_IN_case {city}_NNP_nmod {tense}_VT_root {person}_NNP_obj .", "knows", "knew"),
    ("{His}_QG_nmod friends_NNS_nsubj from_IN_case the_DT_det {party}_NNP_compound Party_NNP_nmod also_RB_advmod liked_VBD_root {sport}_NN_obj .", "", ""),
    ("{person}_NNP_nsubj {tense}_VT_root about_IN_case {sport}_NN_obl like_IN_case a_DT_det {job}_NN_obl .", "talks", "talked"),
)
_END = {
    "alive": (
        ("Today_RB_advmod {he}_PG_nsubj {tense}_VT_root in_IN_case {city}_NNP_obl .", "lives", ""),
        ("{He}_PG_nsubj {tense}_AT_cop still_RB_advmod a_DT_det {job}_NN_root today_RB_advmod .", "is", ""),
        ("{person}_NNP_nsubj {tense}_AT_cop {age}_CD_nummod years_NNS_obl old_JJ_root .", "is", ""),
    ),
    "dead": (
        ("{person}_NNP_nsubj {tense}_VT_root in_IN_case {death}_CD_obl .", "", "died"),
        ("{He}_PG_nsubj {tense}_VT_root in_IN_case {city}_NNP_obl at_IN_case the_DT_det age_NN_obl of_IN_case {age}_CD_nmod .", "", "died"),
        ("When_SC_mark {he}_PG_nsubj {tense}_VT_advcl ,_PUNCT_punct the_DT_det {party}_NNP_compound Party_NNP_nsubj was_AUXD_cop sad_JJ_root .", "", "died"),
    ),
}
_HELDOUT_RECALL = (
    ("No_DT_det one_NN_nsubj in_IN_case {city}_NNP_nmod {tense}_VT_root {person}_NNP_obj more_RB_advmod than_IN_case the_DT_det {party}_NNP_compound Party_NNP_obl .", "loves", "loved"),
    ("Among_IN_case other_JJ_amod things_NNS_obl ,_PUNCT_punct {person}_NNP_nsubj {tense}_AT_cop also_RB_advmod a_DT_det {job}_NN_root .", "is", "was"),
    ("For_IN_case {person}_NNP_obl ,_PUNCT_punct {sport}_NN_nsubj {tense}_VT_root first_RB_advmod .", "comes", "came"),
)
# fmt: on
COLLECTIONS = ("person_gender", "person_alive", "person_occupation", "person_sport", "person_party")
_TAGS = {
    "alive": (("_VT_", "_VBZ_"), ("_AT_", "_AUXZ_")),
    "dead": (("_VT_", "_VBD_"), ("_AT_", "_AUXD_")),
    "male": (("_PG_", "_PRPM_"), ("_QG_", "_POSM_")),
    "female": (("_PG_", "_PRPF_"), ("_QG_", "_POSF_")),
}


def _inflect(entry: tuple[str, str, str], sex: str, alive: str) -> tuple[Template, str]:
    """Return the sentence with the tags of a gender and a tense, and its verb."""
    source, present, past = entry
    for old, new in _TAGS[sex] + _TAGS[alive]:
        source = source.replace(old, new)
    return Template(source), present if alive == "alive" else past


Sentences = tuple[tuple[tuple[Template, str], ...], ...]


def _groups(sex: str, alive: str, recall: tuple[tuple[str, str, str], ...]) -> Sentences:
    groups = (_BORN, _JOB, _SPORT, _PARTY, recall, _END[alive])
    return tuple(tuple(_inflect(e, sex, alive) for e in group) for group in groups)


SENTENCES = {
    (sex, alive, split): _groups(sex, alive, recall)
    for sex in ("male", "female")
    for alive in ("alive", "dead")
    for split, recall in (("train", _RECALL), ("heldout", _HELDOUT_RECALL))
}


def _meanings(fills: dict[str, str], alive: str) -> dict[str, Labels]:
    """Return the labels of each slot that tells something about the person."""
    values = (fills["sex"], alive, fills["job"], fills["sport"], fills["party"])
    everything = tuple(zip(COLLECTIONS, values, strict=True))
    of = {collection: ((collection, value),) for collection, value in everything}
    sex = of["person_gender"]
    return {
        "person": everything,
        "He": sex,
        "he": sex,
        "His": sex,
        "tense": of["person_alive"],
        "death": of["person_alive"],
        "job": of["person_occupation"],
        "sport": of["person_sport"],
        "party": of["person_party"],
    }


def _person(rng: random.Random, split: str) -> tuple[dict[str, str], str]:
    """Return the words about an invented person, and "alive" or "dead"."""
    given = rng.choice(NAMES.of(split))
    sex = gender(given)
    alive = "alive" if rng.random() < 0.5 else "dead"
    age = rng.randint(30, 89)
    birth = rng.randint(1935, 1990) if alive == "alive" else rng.randint(1800, 1920)
    fills = {
        "sex": sex,
        "given": given,
        "surname": surname(rng, split),
        "He": SUBJECT[sex].capitalize(),
        "he": SUBJECT[sex],
        "His": POSSESSIVE[sex].capitalize(),
        "job": rng.choice(OCCUPATIONS.of(split)),
        "sport": rng.choice(SPORTS.of(split)),
        "party": rng.choice(PARTIES.of(split)),
        "city": rng.choice(CITIES.train),
        "year": str(birth),
        "death": str(birth + age),
        "age": str(age),
    }
    return fills, alive


def biography(rng: random.Random, split: str) -> Document:
    """Return the life of one person in five to seven sentences."""
    out = Writer()
    fills, alive = _person(rng, split)
    meanings = _meanings(fills, alive)
    born, job, sport, party, recall, end = SENTENCES[fills["sex"], alive, split]
    middle = [job, sport, party]
    rng.shuffle(middle)
    names = (fills["given"], fills["surname"], f"{fills['given']} {fills['surname']}")
    sentences = [rng.choice(group) for group in (born, *middle)]
    sentences += rng.sample(recall, rng.randint(1, 2))
    if rng.random() < 0.7:
        sentences.append(rng.choice(end))
    for number, (template, verb) in enumerate(sentences):
        name = names[2] if number == 0 else names[int(rng.random() * 3)]
        render_labelled(out, template, fills | {"person": name, "tense": verb}, meanings)
    return out.document("biography")


KINDS: dict[str, Callable[[random.Random, str], Document]] = {"biography": biography}
