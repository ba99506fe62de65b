# ruff: noqa: E501 (tagged sentences are long)
"""Families whose invented surname recurs: several tokens to be copied from their first mention.

A surname of three or four syllables is never known in advance, so from its second mention on
each of its tokens can only come from the text before: the pattern of an induction head.
"""

import random
from collections.abc import Callable

from mi_course.worlds.town.document import Document, Template, Writer
from mi_course.worlds.town.lexicon import (
    ANIMALS,
    FEMALE,
    FOODS,
    MALE,
    OCCUPATIONS,
    PLACES,
    surname,
)

# fmt: off
# {name} becomes {surname_first} at the first mention and {surname_again} afterwards.
_FIRST = (
    "The_DT_det {name}_NNP_compound family_NN_nsubj lived_VBD_root near_IN_case the_DT_det {place}_NN_obl .",
    "Mr._NNP_compound and_CC_cc Mrs._NNP_conj {name}_NNP_nsubj lived_VBD_root near_IN_case the_DT_det {place}_NN_obl .",
    "{he}_NNP_nsubj {name}_NNP_flat was_AUXD_cop the_DT_det {job}_NN_root of_IN_case the_DT_det town_NN_nmod .",
    "{she}_NNP_nsubj {name}_NNP_flat worked_VBD_root as_IN_case a_DT_det {job}_NN_obl .",
    "Everyone_NN_nsubj knew_VBD_root the_DT_det {name}_NNP_compound house_NN_obj by_IN_case the_DT_det {place}_NN_nmod .",
    "{he}_NNP_nsubj and_CC_cc {she}_NNP_conj {name}_NNP_flat had_VBD_root a_DT_det {animal}_NN_obj .",
)
_AGAIN = (
    "Mr._NNP_compound {name}_NNP_nsubj was_AUXD_cop a_DT_det {job}_NN_root .",
    "Mrs._NNP_compound {name}_NNP_nsubj was_AUXD_cop a_DT_det {job}_NN_root .",
    "Mr._NNP_compound {name}_NNP_nsubj liked_VBD_root {food}_NN_obj ,_PUNCT_punct but_CC_cc Mrs._NNP_compound {name}_NNP_nsubj did_AUXD_root not_NEG_advmod .",
    "Mrs._NNP_compound {name}_NNP_nsubj made_VBD_root {food}_NN_obj for_IN_case Mr._NNP_compound {name}_NNP_obl .",
    "The_DT_det {name}_NNP_compound family_NN_nsubj had_VBD_root a_DT_det {animal}_NN_obj .",
    "The_DT_det {animal}_NN_nsubj of_IN_case the_DT_det {name}_NNP_compound family_NN_nmod was_AUXD_cop old_JJ_root .",
    "{he}_NNP_nsubj {name}_NNP_flat went_VBD_root to_IN_case the_DT_det {place}_NN_obl .",
    "{she}_NNP_nsubj {name}_NNP_flat came_VBD_root back_RB_advmod from_IN_case the_DT_det {place}_NN_obl .",
    "Nobody_NN_nsubj at_IN_case the_DT_det {place}_NN_nmod had_AUXD_aux seen_VBN_root {she}_NNP_obj {name}_NNP_flat .",
    "People_NNS_nsubj said_VBD_root that_SC_mark {he}_NNP_nsubj {name}_NNP_flat was_AUXD_cop rich_JJ_ccomp .",
    "The_DT_det {name}_NNP_compound house_NN_nsubj was_AUXD_cop near_IN_case the_DT_det {place}_NN_root .",
    "\"_PUNCT_punct ~Good_JJ_amod morning_NN_root ,_PUNCT_punct Mrs._NNP_compound {name}_NNP_vocative ,_PUNCT_punct ~\" said_VBD_parataxis the_DT_det {job}_NN_nsubj .",
    "A_DT_det letter_NN_nsubj came_VBD_root for_IN_case Mr._NNP_compound {name}_NNP_obl .",
    "The_DT_det {job}_NN_nsubj met_VBD_root {he}_NNP_obj {name}_NNP_flat and_CC_cc {she}_NNP_conj {name}_NNP_flat .",
    "{she}_NNP_nsubj {name}_NNP_flat loved_VBD_root the_DT_det {animal}_NN_obj .",
    "The_DT_det name_NN_nsubj {name}_NNP_appos was_AUXD_cop well_RB_advmod known_JJ_root .",
)
_HELDOUT_AGAIN = (
    "No_DT_det one_NN_nsubj near_IN_case the_DT_det {place}_NN_nmod trusted_VBD_root the_DT_det {name}_NNP_compound brothers_NNS_obj .",
    "Old_JJ_amod {he}_NNP_nsubj {name}_NNP_flat sold_VBD_root {food}_NN_obj to_IN_case young_JJ_amod {she}_NNP_obl {name}_NNP_flat .",
    "In_IN_case the_DT_det end_NN_obl Mr._NNP_compound {name}_NNP_nsubj left_VBD_root the_DT_det {place}_NN_obj .",
    "The_DT_det {job}_NN_nsubj painted_VBD_root the_DT_det {name}_NNP_compound door_NN_obj .",
    "Every_DT_det {animal}_NN_nsubj ran_VBD_root away_RB_advmod from_IN_case {she}_NNP_obl {name}_NNP_flat .",
    "The_DT_det {place}_NN_nsubj belonged_VBD_root to_IN_case the_DT_det {name}_NNP_compound family_NN_obl .",
    "Some_DT_det {food}_NN_nsubj was_AUXD_aux kept_VBN_root for_IN_case {he}_NNP_obl {name}_NNP_flat .",
    "That_PRP_nsubj was_AUXD_cop how_RB_advmod Mrs._NNP_compound {name}_NNP_nsubj became_VBD_root a_DT_det {job}_NN_xcomp .",
)
# fmt: on


def _mention(source: str) -> tuple[Template, Template]:
    """Return the sentence as a first mention and as a later one."""
    first = source.replace("{name}", "{surname_first}", 1).replace("{name}", "{surname_again}")
    return Template(first), Template(source.replace("{name}", "{surname_again}"))


FIRST = tuple(map(_mention, _FIRST))
AGAIN = {"train": tuple(map(_mention, _AGAIN)), "heldout": tuple(map(_mention, _HELDOUT_AGAIN))}


def _family(rng: random.Random, split: str) -> dict[str, str]:
    name = surname(rng, split)
    return {
        "surname_first": name,
        "surname_again": name,
        "he": rng.choice(MALE.of(split)),
        "she": rng.choice(FEMALE.of(split)),
    }


def surnames(rng: random.Random, split: str) -> Document:
    """Return a text about one family, or two, each named at least four times."""
    out = Writer()
    families = [_family(rng, split) for _ in range(1 if rng.random() < 0.65 else 2)]
    while len(families) > 1 and families[0]["surname_first"] == families[1]["surname_first"]:
        families[1] = _family(rng, split)
    for family in families:
        rng.choice(FIRST)[0].render(out, **family, **_fills(rng))
    counts = [1] * len(families)
    goal = 4 if len(families) == 2 else rng.randint(4, 8)
    templates = rng.sample(AGAIN[split], len(AGAIN[split]))
    number = 0
    while min(counts) < goal:
        who = rng.randrange(len(families)) if max(counts) < goal + 2 else counts.index(min(counts))
        template = templates[number % len(templates)][1]
        number += 1
        template.render(out, **families[who], **_fills(rng))
        counts[who] += template.source.count("{surname_again}")
    return out.document("surnames")


def _fills(rng: random.Random) -> dict[str, str]:
    return {
        "place": rng.choice(PLACES.train),
        "job": rng.choice(OCCUPATIONS.train),
        "food": rng.choice(FOODS.train),
        "animal": rng.choice(ANIMALS.train),
    }


KINDS: dict[str, Callable[[random.Random, str], Document]] = {"surnames": surnames}
