# ruff: noqa: E501 (tagged sentences are long)
"""Spans of years: "The war lasted from 1732 to 1758", the greater-than skill.

The century is repeated, so after "from 1732 to 17" every ending above 32 is right and none below
it. Starts end in 02 to 98 and the end is drawn evenly from the years left in the century.
"""

import random
from collections.abc import Callable

from mi_course.worlds.town.document import Document, Template, Writer
from mi_course.worlds.town.lexicon import NAMES, Part, words

# fmt: off
# Nouns and adjectives begin with a consonant, so that "a" fits.
NOUNS = Part(
    words(
        "war siege plague drought journey strike treaty revolt campaign trial project"
        " voyage festival dispute truce rebellion quest conflict reign dynasty boycott"
        " crisis contract march rule search storm program mission struggle tour school fair"
        " friendship"
    ),
    words("famine pilgrimage blockade partnership regency"),
)
ADJECTIVES = words(
    "long great first second terrible famous secret northern southern royal small last"
    " third"
)
_QUALITIES = words("long great terrible famous secret hard short")
VERBS = Part(words("lasted ran continued dragged went stretched"), words("endured persisted"))
_GO_ON = {"dragged": " on", "went": " on"}
_RULERS = words("ruler leader judge bishop governor mayor writer painter")

# What is listed twice is drawn twice as often.
_SPANS = (
    "The_DT_det {noun}_NN_nsubj {verb}_VBD_root from_IN_case {year_start}_CD_obl to_IN_case {year_end}_CD_obl .",
    "The_DT_det {noun}_NN_nsubj {verb}_VBD_root from_IN_case {year_start}_CD_obl to_IN_case {year_end}_CD_obl .",
    "The_DT_det {adjective}_JJ_amod {noun}_NN_nsubj {verb}_VBD_root from_IN_case {year_start}_CD_obl to_IN_case {year_end}_CD_obl .",
    "The_DT_det {noun}_NN_nsubj {verb}_VBD_root from_IN_case the_DT_det year_NN_obl {year_start}_CD_nummod to_IN_case the_DT_det year_NN_obl {year_end}_CD_nummod .",
    "The_DT_det {noun}_NN_nsubj {verb}_VBD_root from_IN_case the_DT_det year_NN_obl {year_start}_CD_nummod to_IN_case the_DT_det year_NN_obl {year_end}_CD_nummod .",
    "There_PRP_expl was_AUXD_root a_DT_det {adjective}_JJ_amod {noun}_NN_nsubj from_IN_case {year_start}_CD_nmod to_IN_case {year_end}_CD_nmod .",
    "The_DT_det {adjective}_JJ_amod {noun}_NN_nsubj began_VBD_root in_IN_case {year_start}_CD_obl and_CC_cc ended_VBD_conj in_IN_case {year_end}_CD_obl .",
    "A_DT_det {noun}_NN_nsubj began_VBD_root in_IN_case {year_start}_CD_obl and_CC_cc was_AUXD_cop over_RB_conj by_IN_case {year_end}_CD_obl .",
    "The_DT_det {ruler}_NN_nsubj ruled_VBD_root from_IN_case {year_start}_CD_obl to_IN_case {year_end}_CD_obl .",
    "{person}_NNP_nsubj ,_PUNCT_punct the_DT_det {ruler}_NN_appos ,_PUNCT_punct lived_VBD_root from_IN_case {year_start}_CD_obl to_IN_case {year_end}_CD_obl .",
    "{person}_NNP_nsubj worked_VBD_root on_IN_case the_DT_det {noun}_NN_obl from_IN_case {year_start}_CD_obl to_IN_case {year_end}_CD_obl .",
    "Between_IN_case {year_start}_CD_obl and_CC_cc {year_end}_CD_conj there_PRP_expl was_AUXD_root a_DT_det {noun}_NN_nsubj .",
    "From_IN_case {year_start}_CD_obl until_IN_case {year_end}_CD_obl the_DT_det {noun}_NN_nsubj went_VBD_root on_RB_advmod .",
    "The_DT_det {noun}_NN_nsubj of_IN_case {year_start}_CD_nmod to_IN_case {year_end}_CD_nmod was_AUXD_cop {quality}_JJ_root .",
)
_HELDOUT_SPANS = (
    "The_DT_det {noun}_NN_nsubj was_AUXD_aux fought_VBN_root from_IN_case {year_start}_CD_obl to_IN_case {year_end}_CD_obl .",
    "They_PRP_nsubj kept_VBD_root the_DT_det {adjective}_JJ_amod {noun}_NN_obj going_VBG_xcomp from_IN_case {year_start}_CD_obl to_IN_case {year_end}_CD_obl .",
    "The_DT_det town_NN_nsubj remembers_VBZ_root the_DT_det {noun}_NN_obj that_SC_nsubj {verb}_VBD_acl from_IN_case {year_start}_CD_obl to_IN_case {year_end}_CD_obl .",
)
_REMARKS = tuple(map(Template, (
    "Few_JJ_amod people_NNS_nsubj remember_VBP_root the_DT_det {noun}_NN_obj today_RB_advmod .",
    "It_PRP_nsubj was_AUXD_cop a_DT_det {quality}_JJ_amod time_NN_root for_IN_case the_DT_det town_NN_nmod .",
    "{person}_NNP_nsubj wrote_VBD_root a_DT_det book_NN_obj about_IN_case it_PRP_obl .",
    "After_IN_case the_DT_det {noun}_NN_obl everything_NN_nsubj changed_VBD_root .",
    "The_DT_det {ruler}_NN_nsubj called_VBD_root it_PRP_obj the_DT_det {adjective}_JJ_amod {noun}_NN_xcomp .",
)))
# fmt: on
SPANS = {
    "train": tuple(map(Template, _SPANS)),
    "heldout": tuple(map(Template, _HELDOUT_SPANS)),
}


def year_span(rng: random.Random) -> tuple[int, int]:
    """Return a start year ending in 02..98 and a later year of the same century, 1100 to 1999."""
    century = rng.randint(11, 19) * 100
    start = rng.randint(2, 98)
    return century + start, century + rng.randint(start + 1, 99)


def _fills(rng: random.Random, split: str) -> dict[str, str]:
    start, end = year_span(rng)
    verb = rng.choice(VERBS.of(split))
    return {
        "noun": rng.choice(NOUNS.of(split)),
        "adjective": rng.choice(ADJECTIVES),
        "verb": verb + _GO_ON.get(verb, ""),
        "quality": rng.choice(_QUALITIES),
        "ruler": rng.choice(_RULERS),
        "year_start": str(start),
        "year_end": str(end),
    }


def years(rng: random.Random, split: str) -> Document:
    """Return a chronicle of three to six spans of years, with remarks about one person."""
    out = Writer()
    spans = SPANS[split]
    for _ in range(rng.randint(3, 6)):
        fills = _fills(rng, split) | {"person": rng.choice(NAMES.of(split))}
        rng.choice(spans).render(out, **fills)
        if rng.random() < 0.25:
            rng.choice(_REMARKS).render(out, **fills)
    return out.document("years")


KINDS: dict[str, Callable[[random.Random, str], Document]] = {"years": years}
