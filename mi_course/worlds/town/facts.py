# ruff: noqa: E501 (tagged sentences are long)
"""Facts: landmark to city to country to language, real and invented, each told many times.

A sentence ends in its answer: "The Eiffel Tower is in the city of Paris". The facts of training
documents are knowledge, told in many phrasings; held-out facts occur in no training document.
"""

import random
from collections.abc import Callable

from mi_course.worlds.town.document import Document, Template, Writer
from mi_course.worlds.town.geography import FACTS_HELDOUT, FACTS_TRAIN, Fact
from mi_course.worlds.town.lexicon import NAMES, WEEKDAYS

# fmt: off
# What is listed twice is drawn twice as often.
_CITY = (
    "The_DT_det {landmark}_NNP_nsubj is_AUXZ_cop in_IN_case the_DT_det city_NN_root of_IN_case {city}_NNP_nmod .",
    "The_DT_det {landmark}_NNP_nsubj is_AUXZ_cop in_IN_case the_DT_det city_NN_root of_IN_case {city}_NNP_nmod .",
    "The_DT_det {landmark}_NNP_nsubj is_AUXZ_cop in_IN_case {city}_NNP_root .",
    "The_DT_det {landmark}_NNP_nsubj is_AUXZ_aux located_VBN_root in_IN_case {city}_NNP_obl .",
    "The_DT_det {landmark}_NNP_nsubj can_MD_aux be_VB_aux found_VBN_root in_IN_case {city}_NNP_obl .",
    "The_DT_det {landmark}_NNP_nsubj stands_VBZ_root in_IN_case the_DT_det middle_NN_obl of_IN_case {city}_NNP_nmod .",
    "To_TO_mark see_VB_advcl the_DT_det {landmark}_NNP_obj ,_PUNCT_punct {person}_NNP_nsubj went_VBD_root to_IN_case {city}_NNP_obl .",
    "{person}_NNP_nsubj visited_VBD_root the_DT_det {landmark}_NNP_obj in_IN_case {city}_NNP_obl .",
    "Everyone_NN_nsubj who_PRP_nsubj sees_VBZ_acl the_DT_det {landmark}_NNP_obj must_MD_aux travel_VB_root to_IN_case {city}_NNP_obl .",
    "People_NNS_nsubj built_VBD_root the_DT_det {landmark}_NNP_obj in_IN_case {city}_NNP_obl .",
    "On_IN_case {weekday}_NNP_obl the_DT_det {landmark}_NNP_nsubj is_AUXZ_cop the_DT_det busiest_JJS_amod place_NN_root in_IN_case {city}_NNP_nmod .",
    "The_DT_det train_NN_nsubj to_IN_case the_DT_det {landmark}_NNP_nmod stops_VBZ_root in_IN_case {city}_NNP_obl .",
    "\"_PUNCT_punct ~Where_RB_advmod is_AUXZ_root the_DT_det {landmark}_NNP_nsubj ?_PUNCT_punct ~\" \"_PUNCT_punct ~It_PRP_nsubj is_AUXZ_cop in_IN_case {city}_NNP_root ._PUNCT_punct ~\"",
    "The_DT_det home_NN_nsubj of_IN_case the_DT_det {landmark}_NNP_nmod is_AUXZ_cop {city}_NNP_root .",
)
_COUNTRY = (
    "The_DT_det {landmark}_NNP_nsubj is_AUXZ_cop in_IN_case the_DT_det country_NN_root of_IN_case {country}_NNP_nmod .",
    "The_DT_det {landmark}_NNP_nsubj is_AUXZ_cop a_DT_det famous_JJ_amod place_NN_root in_IN_case {country}_NNP_nmod .",
    "{person}_NNP_nsubj saw_VBD_root the_DT_det {landmark}_NNP_obj on_IN_case a_DT_det journey_NN_obl to_IN_case {country}_NNP_nmod .",
    "The_DT_det {landmark}_NNP_nsubj draws_VBZ_root many_JJ_amod people_NNS_obj to_IN_case {country}_NNP_obl .",
)
_CITY_COUNTRY = (
    "{city}_NNP_nsubj is_AUXZ_cop a_DT_det city_NN_root in_IN_case {country}_NNP_nmod .",
    "The_DT_det city_NN_nsubj of_IN_case {city}_NNP_nmod is_AUXZ_cop in_IN_case {country}_NNP_root .",
    "{city}_NNP_nsubj lies_VBZ_root in_IN_case the_DT_det country_NN_obl of_IN_case {country}_NNP_nmod .",
    "{person}_NNP_nsubj was_AUXD_aux born_VBN_root in_IN_case {city}_NNP_obl ,_PUNCT_punct a_DT_det city_NN_appos in_IN_case {country}_NNP_nmod .",
)
_LANGUAGE = (
    "People_NNS_nsubj in_IN_case {country}_NNP_nmod speak_VBP_root {language}_NNP_obj .",
    "The_DT_det language_NN_nsubj of_IN_case {country}_NNP_nmod is_AUXZ_cop {language}_NNP_root .",
    "In_IN_case {city}_NNP_obl most_JJS_amod people_NNS_nsubj speak_VBP_root {language}_NNP_obj .",
    "The_DT_det guides_NNS_nsubj at_IN_case the_DT_det {landmark}_NNP_nmod speak_VBP_root {language}_NNP_obj .",
)
_HELDOUT_CITY = (
    "If_SC_mark you_PRP_nsubj look_VBP_advcl for_IN_case the_DT_det {landmark}_NNP_obl ,_PUNCT_punct you_PRP_nsubj should_MD_aux go_VB_root to_IN_case {city}_NNP_obl .",
    "{person}_NNP_nsubj painted_VBD_root the_DT_det {landmark}_NNP_obj while_SC_mark living_VBG_advcl in_IN_case {city}_NNP_obl .",
    "The_DT_det picture_NN_nsubj of_IN_case the_DT_det {landmark}_NNP_nmod was_AUXD_aux taken_VBN_root in_IN_case {city}_NNP_obl .",
)
_HELDOUT_COUNTRY = (
    "A_DT_det letter_NN_nsubj from_IN_case the_DT_det {landmark}_NNP_nmod came_VBD_root all_DT_det the_DT_det way_NN_obl from_IN_case {country}_NNP_obl .",
    "The_DT_det streets_NNS_nsubj of_IN_case {city}_NNP_nmod are_AUXZ_cop the_DT_det pride_NN_root of_IN_case {country}_NNP_nmod .",
)
# fmt: on


def _templates(*groups: tuple[str, ...]) -> tuple[tuple[Template, ...], ...]:
    return tuple(tuple(map(Template, group)) for group in groups)


PHRASINGS = {
    "train": _templates(_CITY, _CITY, _COUNTRY, _CITY_COUNTRY, _LANGUAGE),
    "heldout": _templates(_HELDOUT_CITY, _HELDOUT_COUNTRY),
}


def _chosen(rng: random.Random, split: str) -> list[Fact]:
    """Return the facts of one document: known ones, or for held-out text both kinds."""
    if split == "heldout" and rng.random() < 0.5:
        return rng.sample(FACTS_HELDOUT, rng.randint(1, 2)) * 2
    facts = rng.sample(FACTS_TRAIN, rng.randint(4, 7))
    # Sometimes one fact is told twice, so that place and country of one landmark meet.
    return facts + facts[:1] if rng.random() < 0.3 else facts


def facts(rng: random.Random, split: str) -> Document:
    """Return a text of two to eight sentences about landmarks, cities, countries and languages."""
    out = Writer()
    groups = PHRASINGS[split]
    person = rng.choice(NAMES.of(split))
    for fact in _chosen(rng, split):
        group = groups[int(rng.random() * len(groups))]
        group[int(rng.random() * len(group))].render(
            out,
            landmark=fact.landmark,
            city=fact.city,
            country=fact.country,
            language=fact.language,
            person=person,
            weekday=rng.choice(WEEKDAYS),
        )
    return out.document("facts")


KINDS: dict[str, Callable[[random.Random, str], Document]] = {"facts": facts}
