# ruff: noqa: E501 (tagged sentences are long)
"""Everyday prose: reviews with a sentiment, bracketed asides, contractions and possessives.

A bracket is closed by the same kind that opened it, innermost first, sometimes many words later.
A review keeps one sentiment from its first sentence to its last. Compounds have their own module.
"""

import random
from collections.abc import Callable

from mi_course.worlds.town import compounds
from mi_course.worlds.town.document import Document, Template, Writer
from mi_course.worlds.town.lexicon import (
    ANIMALS,
    COLORS,
    FOODS,
    NAMES,
    OBJECTS,
    OCCUPATIONS,
    PLACES,
    SUBJECT,
    WEEKDAYS,
    Part,
    gender,
    words,
)

# fmt: off
SENTIMENT = {
    "positive": Part(words(
        "good great lovely wonderful fine perfect beautiful charming fresh clever superb"
        " delightful happy brilliant pleasant nice"
    ),
                     words("marvellous splendid")),
    "negative": Part(words(
        "bad terrible boring poor dull gloomy stale stupid weak horrible disappointing sad"
        " nasty cheap silly"
    ),
                     words("dreadful ghastly")),
}
_VERBS = {"positive": words("loved liked enjoyed admired praised"), "negative": words(
    "hated disliked regretted left criticised"
)}
_ADVICE = {"positive": words("again soon often"), "negative": words("elsewhere home away")}
_OTHER = {"positive": "negative", "negative": "positive"}
_THINGS = words(
    "film book hotel restaurant meal song play show cafe concert tour museum hike course"
    " game party shop market"
)
_PARTS = words(
    "service price room story staff view sound light start finish menu crowd garden table"
    " team voice picture plan"
)
_REVIEW = tuple(map(Template, (
    "The_DT_det {thing}_NN_nsubj was_AUXD_cop {feeling}_JJ_root .",
    "The_DT_det {part}_NN_nsubj was_AUXD_cop {feeling}_JJ_root and_CC_cc the_DT_det {part2}_NN_nsubj was_AUXD_cop {feeling2}_JJ_conj .",
    "What_DT_det a_DT_det {feeling}_JJ_amod {thing}_NN_root !",
    "We_PRP_nsubj {verb}_VBD_root the_DT_det {part}_NN_obj .",
    "{person}_NNP_nsubj {verb}_VBD_root the_DT_det {thing}_NN_obj .",
    "I_PRP_nsubj thought_VBD_root the_DT_det {part}_NN_nsubj was_AUXD_cop {feeling}_JJ_ccomp .",
    "The_DT_det {part}_NN_nsubj was_AUXD_cop not_NEG_advmod {opposite}_JJ_root at_IN_case all_DT_obl .",
    "The_DT_det {thing}_NN_nsubj had_VBD_root a_DT_det {feeling}_JJ_amod {part}_NN_obj .",
    "It_PRP_nsubj was_AUXD_cop the_DT_det most_RB_advmod {feeling}_JJ_amod {thing}_NN_root in_IN_case town_NN_nmod .",
    "The_DT_det {part}_NN_nsubj felt_VBD_root {feeling}_JJ_xcomp from_IN_case the_DT_det first_JJ_amod minute_NN_obl .",
    "Even_RB_advmod the_DT_det {part}_NN_nsubj looked_VBD_root {feeling}_JJ_xcomp .",
    "{person}_NNP_nsubj called_VBD_root it_PRP_obj a_DT_det {feeling}_JJ_amod {thing}_NN_xcomp with_IN_case a_DT_det {feeling2}_JJ_amod {part}_NN_nmod .",
    "On_IN_case {weekday}_NNP_obl we_PRP_nsubj went_VBD_root to_TO_mark see_VB_xcomp the_DT_det {thing}_NN_obj .",
    "The_DT_det {job}_NN_nsubj who_PRP_nsubj came_VBD_acl with_IN_case us_PRP_obl {verb}_VBD_root the_DT_det {part}_NN_obj .",
    "My_POSS_nmod friends_NNS_nsubj {verb}_VBD_root every_DT_det minute_NN_obj of_IN_case it_PRP_nmod .",
)))
_HELDOUT_REVIEW = tuple(map(Template, (
    "Nothing_NN_nsubj about_IN_case the_DT_det {thing}_NN_nmod was_AUXD_cop {opposite}_JJ_root .",
    "If_SC_mark you_PRP_nsubj ask_VBP_advcl me_PRP_obj ,_PUNCT_punct the_DT_det {part}_NN_nsubj is_AUXZ_cop simply_RB_advmod {feeling}_JJ_root .",
    "The_DT_det whole_JJ_amod {thing}_NN_nsubj felt_VBD_root {feeling}_JJ_xcomp to_IN_case us_PRP_obl .",
)))
_VERDICT = {
    "positive": (
        "We_PRP_nsubj will_MD_aux come_VB_root {advice}_RB_advmod .",
        "Five_CD_nummod stars_NNS_root for_IN_case the_DT_det {thing}_NN_nmod .",
    ),
    "negative": (
        "Next_JJ_amod time_NN_obl we_PRP_nsubj will_MD_aux stay_VB_root {advice}_RB_advmod .",
        "One_CD_nummod star_NN_root for_IN_case the_DT_det {thing}_NN_nmod .",
    ),
}
VERDICTS = {feeling: tuple(map(Template, sources)) for feeling, sources in _VERDICT.items()}

# A subject and the rest of its sentence, between which an aside may stand.
_SUBJECTS = tuple(map(Template, (
    "The_DT_det {color}_JJ_amod {animal}_NN_nsubj", "{person}_NNP_nsubj", "The_DT_det old_JJ_amod {job}_NN_nsubj",
    "A_DT_det {animal}_NN_nsubj from_IN_case the_DT_det {place}_NN_nmod", "The_DT_det {object}_NN_nsubj on_IN_case the_DT_det table_NN_nmod",
)))
_RESTS = tuple(map(Template, (
    "was_AUXD_cop still_RB_advmod at_IN_case the_DT_det {place}_NN_root .", "came_VBD_root back_RB_advmod on_IN_case {weekday}_NNP_obl .",
    "was_AUXD_cop near_IN_case the_DT_det {color}_JJ_amod {object}_NN_root .", "went_VBD_root from_IN_case the_DT_det {place}_NN_obl to_IN_case the_DT_det {place2}_NN_obl .",
    "was_AUXD_aux not_NEG_advmod seen_VBN_root before_IN_case {weekday}_NNP_obl .",
)))
_HELDOUT_RESTS = tuple(map(Template, (
    "lay_VBD_root quite_RB_advmod still_JJ_xcomp behind_IN_case the_DT_det {place}_NN_obl .",
    "reached_VBD_root the_DT_det {place}_NN_obj just_RB_advmod in_IN_case time_NN_obl .",
)))
# Asides begin without a space; those that end in a name or noun can hold another aside.
_ASIDES = tuple(map(Template, (
    "~as_SC_mark {person2}_NNP_nsubj said_VBD_parataxis", "~a_DT_det gift_NN_parataxis from_IN_case {person2}_NNP_nmod",
    "~the_DT_det {color}_JJ_amod one_NN_parataxis", "~so_RB_advmod {person2}_NNP_nsubj told_VBD_parataxis the_DT_det {job2}_NN_obj at_IN_case the_DT_det {place2}_NN_obl",
    "~on_IN_case {weekday}_NNP_parataxis and_CC_cc on_IN_case {weekday2}_NNP_conj", "~like_IN_case every_DT_det {animal2}_NN_parataxis near_IN_case the_DT_det {place2}_NN_nmod",
    "~once_RB_advmod a_DT_det friend_NN_parataxis of_IN_case {person2}_NNP_nmod the_DT_det {job2}_NN_appos", "~{person2}_NNP_nsubj never_RB_advmod knew_VBD_parataxis why_RB_xcomp",
    "~with_IN_case bread_NN_parataxis ,_PUNCT_punct {food}_NN_conj and_CC_cc a_DT_det little_JJ_amod {food2}_NN_conj", "~see_VB_parataxis the_DT_det note_NN_obj about_IN_case the_DT_det {object2}_NN_nmod",
)))
_QUOTED = tuple(map(Template, (
    "~I_PRP_nsubj lost_VBD_root the_DT_det {object2}_NN_obj", "~Bring_VB_root me_PRP_iobj the_DT_det {color}_JJ_amod {object2}_NN_obj",
    "~Where_RB_advmod is_AUXZ_root my_POSS_nmod {animal2}_NN_nsubj ?", "~We_PRP_nsubj met_VBD_root {person2}_NNP_obj at_IN_case the_DT_det {place2}_NN_obl on_IN_case {weekday2}_NNP_obl",
    "~Nobody_NN_nsubj eats_VBZ_root {food}_NN_obj here_RB_advmod", "~The_DT_det {job2}_NN_nsubj went_VBD_root home_NN_obl",
)))
_SPEAKERS = tuple(map(Template, (
    "{person}_NNP_nsubj said_VBD_root ,", "The_DT_det {job}_NN_nsubj wrote_VBD_root :", "Then_RB_advmod {he}_PRP_nsubj called_VBD_root ,",
)))
BRACKETS = (("round", "(", ")"), ("square", "[", "]"), ("curly", "{", "}"))

_CONTRACTED = tuple(map(Template, (
    "{person}_NNP_nsubj did_AUXD_aux n't_NEG_advmod find_VB_root the_DT_det {object}_NN_obj .",
    "I_PRP_nsubj do_AUXZ_aux n't_NEG_advmod like_VB_root {food}_NN_obj .",
    "It_PRP_nsubj 's_AUXZ_cop a_DT_det {color}_JJ_amod {object}_NN_root .",
    "They_PRP_nsubj 're_AUXZ_cop at_IN_case the_DT_det {place}_NN_root .",
    "We_PRP_nsubj 'll_MD_aux go_VB_root to_IN_case the_DT_det {place}_NN_obl on_IN_case {weekday}_NNP_obl .",
    "I_PRP_nsubj 've_AUXZ_aux lost_VBN_root my_POSS_nmod {object}_NN_obj .",
    "I_PRP_nsubj 'm_AUXZ_cop a_DT_det {job}_NN_root ,_PUNCT_punct and_CC_cc you_PRP_nsubj are_AUXZ_cop n't_NEG_conj .",
    "{person}_NNP_nmod 's_POS_case {animal}_NN_nsubj was_AUXD_cop n't_NEG_advmod at_IN_case the_DT_det {place}_NN_root .",
    "The_DT_det {job}_NN_nmod 's_POS_case {object}_NN_nsubj is_AUXZ_cop {color}_JJ_root .",
    "Is_AUXZ_cop this_DT_nsubj {person2}_NNP_nmod 's_POS_case {object2}_NN_root ?",
    "She_PRPF_nsubj could_MD_aux n't_NEG_advmod see_VB_root {person}_NNP_nmod 's_POS_case {animal}_NN_obj .",
    "He_PRPM_nsubj 'd_MD_aux rather_RB_advmod eat_VB_root {food}_NN_obj .",
    "{person2}_NNP_nsubj took_VBD_root the_DT_det {animal}_NN_nmod 's_POS_case {food}_NN_obj .",
    "You_PRP_nsubj should_MD_aux n't_NEG_advmod sell_VB_root {person2}_NNP_nmod 's_POS_case {object}_NN_obj .",
)))
_HELDOUT_CONTRACTED = tuple(map(Template, (
    "There_PRP_expl 's_AUXZ_root no_DT_det {food}_NN_nsubj in_IN_case {person}_NNP_nmod 's_POS_case kitchen_NN_nmod .",
    "I_PRP_nsubj would_MD_aux n't_NEG_advmod miss_VB_root the_DT_det {job}_NN_nmod 's_POS_case {animal}_NN_obj .",
    "You_PRP_nsubj 're_AUXZ_aux wearing_VBG_root {person2}_NNP_nmod 's_POS_case {object}_NN_obj again_RB_advmod .",
)))
# fmt: on


def _fills(rng: random.Random, split: str) -> dict[str, str]:
    """Return words for every slot of the asides and contractions."""
    names = rng.sample(NAMES.of(split), 2)
    fills = {"person": names[0], "person2": names[1], "he": SUBJECT[gender(names[0])]}
    for slot, pool in _POOLS:
        fills[slot] = pool[int(rng.random() * len(pool))]
    return fills


_POOLS = tuple(
    (slot + suffix, pool)
    for slot, pool in (
        ("color", COLORS.train),
        ("animal", ANIMALS.train),
        ("job", OCCUPATIONS.train),
        ("place", PLACES.train),
        ("object", OBJECTS.train),
        ("weekday", WEEKDAYS),
        ("food", FOODS.train),
    )
    for suffix in ("", "2")
)


def review(rng: random.Random, split: str) -> Document:
    """Return a review of five to nine sentences with one sentiment, which labels it as a whole."""
    out = Writer()
    feeling = "positive" if rng.random() < 0.5 else "negative"
    adjectives, opposites = (SENTIMENT[f].of(split) for f in (feeling, _OTHER[feeling]))
    sentences = _REVIEW if split == "train" else _HELDOUT_REVIEW
    thing, person = rng.choice(_THINGS), rng.choice(NAMES.of(split))
    count = rng.randint(4, 8)
    chosen = [rng.choice(sentences) for _ in range(count)] + [rng.choice(VERDICTS[feeling])]
    for template in chosen:
        part, part2 = rng.sample(_PARTS, 2)
        feeling1, feeling2 = rng.sample(adjectives, 2)
        fills = {"thing": thing, "person": person, "part": part, "part2": part2}
        fills |= {"feeling": feeling1, "feeling2": feeling2, "opposite": rng.choice(opposites)}
        fills |= {"verb": rng.choice(_VERBS[feeling]), "advice": rng.choice(_ADVICE[feeling])}
        fills |= {"weekday": rng.choice(WEEKDAYS), "job": rng.choice(OCCUPATIONS.train)}
        template.render(out, **fills)
    out.mark(0, "sentiment", feeling)
    return out.document("review")


def _bracketed(rng: random.Random, split: str, out: Writer, depth: int) -> None:
    """Write an aside in brackets, and sometimes another one inside it."""
    shape, left, right = BRACKETS[0 if rng.random() < 0.6 else rng.randrange(3)]
    out.add(f" {left}", word="PUNCT.punct", text_feature="bracket_open", role=f"{shape}_open")
    start = out.length
    rng.choice(_ASIDES).render(out, **_fills(rng, split))
    if depth < 2 and rng.random() < 0.25:
        _bracketed(rng, split, out, depth + 1)
    out.mark(start, "text_feature", "bracket_inside")
    out.add(right, word="PUNCT.punct", text_feature="bracket_close", role=f"{shape}_close")


def _quoted(rng: random.Random, split: str, out: Writer, fills: dict[str, str]) -> None:
    """Write what someone said, in curly quotation marks."""
    rng.choice(_SPEAKERS).render(out, **fills)
    out.add(" “", word="PUNCT.punct", text_feature="bracket_open", role="quote_open")
    start = out.length
    rng.choice(_QUOTED).render(out, **fills)
    if rng.random() < 0.2:
        _bracketed(rng, split, out, 2)
    out.mark(start, "text_feature", "bracket_inside")
    out.add("”", word="PUNCT.punct", text_feature="bracket_close", role="quote_close")
    out.add(".", word="PUNCT.punct")


def aside(rng: random.Random, split: str) -> Document:
    """Return three to five sentences with asides, nested up to three deep, and quotations."""
    out = Writer()
    rests = _RESTS if split == "train" else _HELDOUT_RESTS
    for number in range(rng.randint(3, 5)):
        fills = _fills(rng, split)
        if number and rng.random() < 0.3:
            _quoted(rng, split, out, fills)
            continue
        rng.choice(_SUBJECTS).render(out, **fills)
        if rng.random() < 0.85:
            _bracketed(rng, split, out, 0)
        rng.choice(rests).render(out, **fills)
    return out.document("aside")


def _mark_glued(out: Writer, first: int) -> None:
    """Label each word that an apostrophe joins to the one before it, over both words."""
    previous_start = previous_end = -1
    for start, end, collection, label in out.spans[first:]:
        if collection != "word":
            continue
        if start == previous_end and not label.startswith("PUNCT"):
            feature = "possessive" if label.startswith("POS.") else "contraction"
            out.spans.append((previous_start, end, "text_feature", feature))
        previous_start, previous_end = start, end


def contraction(rng: random.Random, split: str) -> Document:
    """Return five to nine spoken sentences with contractions and possessives."""
    out = Writer()
    sentences = _CONTRACTED if split == "train" else _HELDOUT_CONTRACTED
    names = rng.sample(NAMES.of(split), 2)
    for _ in range(rng.randint(5, 9)):
        fills = _fills(rng, split) | {"person": names[0], "person2": names[1]}
        first = len(out.spans)
        rng.choice(sentences).render(out, **fills)
        _mark_glued(out, first)
    return out.document("contraction")


KINDS: dict[str, Callable[[random.Random, str], Document]] = {
    "review": review,
    "aside": aside,
    "contraction": contraction,
    **compounds.KINDS,
}
