"""Stories in which one of two people gives something to the other: the indirect-object skill.

An event names both people, then the giver again, so the receiver is always the other person: "When
{io} and {s1} went to the store, {s2} gave a drink to {io_answer}". The two people stay the same
through the document while the giver changes, and a pair of training names in ten never meets here.
"""

# ruff: noqa: E501 (tagged sentences are long)
import random
from collections.abc import Callable

from mi_course.worlds.town.document import Document, Template, Writer
from mi_course.worlds.town.lexicon import (
    NAMES,
    OBJECTS,
    PLACES,
    SEASONS,
    WEEKDAYS,
    Part,
    name_pair_is_heldout,
    words,
)

# fmt: off
_OPENERS = (
    "Then_RB_advmod ,", "Later_RB_advmod ,", "Yesterday_RB_advmod ,", "Today_RB_advmod ,",
    "One_CD_nummod day_NN_obl ,", "The_DT_det next_JJ_amod day_NN_obl ,", "Afterwards_RB_advmod ,",
    "After_IN_case that_DT_obl ,", "On_IN_case {weekday}_NNP_obl ,", "In_IN_case the_DT_det {season}_NN_obl ,",
    "That_DT_det evening_NN_obl ,", "Soon_RB_advmod ,",
)
# Whole sentences, and after "When", "After", "Once" also clauses: {A} and {B} are the two people
# in either order.
_EVENTS = (
    "{A}_NNP_nsubj and_CC_cc {B}_NNP_conj went_VBD_root to_IN_case the_DT_det {place}_NN_obl",
    "{A}_NNP_nsubj and_CC_cc {B}_NNP_conj came_VBD_root to_IN_case the_DT_det {place}_NN_obl",
    "{A}_NNP_nsubj and_CC_cc {B}_NNP_conj walked_VBD_root to_IN_case the_DT_det {place}_NN_obl",
    "{A}_NNP_nsubj and_CC_cc {B}_NNP_conj met_VBD_root at_IN_case the_DT_det {place}_NN_obl",
    "{A}_NNP_nsubj and_CC_cc {B}_NNP_conj had_VBD_root lunch_NN_obj at_IN_case the_DT_det {place}_NN_obl",
    "{A}_NNP_nsubj and_CC_cc {B}_NNP_conj got_VBD_root lost_JJ_xcomp near_IN_case the_DT_det {place}_NN_obl",
    "{A}_NNP_nsubj and_CC_cc {B}_NNP_conj had_VBD_root a_DT_det long_JJ_amod talk_NN_obj at_IN_case the_DT_det {place}_NN_obl",
    "{A}_NNP_nsubj and_CC_cc {B}_NNP_conj spent_VBD_root some_DT_det time_NN_obj at_IN_case the_DT_det {place}_NN_obl",
    "{A}_NNP_nsubj and_CC_cc {B}_NNP_conj found_VBD_root a_DT_det {object}_NN_obj at_IN_case the_DT_det {place}_NN_obl",
    "{A}_NNP_nsubj and_CC_cc {B}_NNP_conj bought_VBD_root a_DT_det {object}_NN_obj near_IN_case the_DT_det {place}_NN_obl",
    "{A}_NNP_nsubj met_VBD_root {B}_NNP_obj at_IN_case the_DT_det {place}_NN_obl",
    "{A}_NNP_nsubj saw_VBD_root {B}_NNP_obj near_IN_case the_DT_det {place}_NN_obl",
    "{A}_NNP_nsubj took_VBD_root {B}_NNP_obj to_IN_case the_DT_det {place}_NN_obl",
    "{A}_NNP_nsubj went_VBD_root to_IN_case the_DT_det {place}_NN_obl with_IN_case {B}_NNP_obl",
    "{A}_NNP_nsubj and_CC_cc {B}_NNP_conj were_AUXD_cop friends_NNS_root",
)
_PROGRESSIVES = (
    "{A}_NNP_nsubj and_CC_cc {B}_NNP_conj were_AUXD_aux working_VBG_root at_IN_case the_DT_det {place}_NN_obl",
    "{A}_NNP_nsubj and_CC_cc {B}_NNP_conj were_AUXD_aux walking_VBG_root to_IN_case the_DT_det {place}_NN_obl",
    "{A}_NNP_nsubj and_CC_cc {B}_NNP_conj were_AUXD_aux waiting_VBG_root at_IN_case the_DT_det {place}_NN_obl",
    "{A}_NNP_nsubj and_CC_cc {B}_NNP_conj were_AUXD_aux playing_VBG_root near_IN_case the_DT_det {place}_NN_obl",
    "{A}_NNP_nsubj and_CC_cc {B}_NNP_conj were_AUXD_aux looking_VBG_root for_IN_case a_DT_det {object}_NN_obl",
    "{A}_NNP_nsubj and_CC_cc {B}_NNP_conj were_AUXD_aux sitting_VBG_root in_IN_case the_DT_det {place}_NN_obl",
    "{A}_NNP_nsubj was_AUXD_aux helping_VBG_root {B}_NNP_obj at_IN_case the_DT_det {place}_NN_obl",
)
_HELDOUT_EVENTS = (
    "{A}_NNP_nsubj and_CC_cc {B}_NNP_conj rode_VBD_root past_IN_case the_DT_det {place}_NN_obl",
    "{A}_NNP_nsubj and_CC_cc {B}_NNP_conj returned_VBD_root from_IN_case the_DT_det {place}_NN_obl",
    "{A}_NNP_nsubj and_CC_cc {B}_NNP_conj stood_VBD_root together_RB_advmod behind_IN_case the_DT_det {place}_NN_obl",
    "{A}_NNP_nsubj and_CC_cc {B}_NNP_conj had_VBD_root a_DT_det small_JJ_amod party_NN_obj inside_IN_case the_DT_det {place}_NN_obl",
    "{A}_NNP_nsubj followed_VBD_root {B}_NNP_obj to_IN_case the_DT_det {place}_NN_obl",
    "{A}_NNP_nsubj and_CC_cc {B}_NNP_conj drove_VBD_root to_IN_case the_DT_det {place}_NN_obl",
)
_HELDOUT_PROGRESSIVES = (
    "{A}_NNP_nsubj and_CC_cc {B}_NNP_conj were_AUXD_aux running_VBG_root round_IN_case the_DT_det {place}_NN_obl",
    "{A}_NNP_nsubj and_CC_cc {B}_NNP_conj were_AUXD_aux resting_VBG_root outside_IN_case the_DT_det {place}_NN_obl",
)
# What is listed twice is drawn twice as often.
_GIVES = (
    "{s2}_NNP_nsubj {verb}_VBD_root a_DT_det {object}_NN_obj to_IN_case {io_answer}_NNP_obl .",
    "{s2}_NNP_nsubj {verb}_VBD_root the_DT_det {object}_NN_obj to_IN_case {io_answer}_NNP_obl .",
    "{s2}_NNP_nsubj {verb}_VBD_root a_DT_det {object}_NN_obj to_IN_case {io_answer}_NNP_obl .",
    "{s2}_NNP_nsubj decided_VBD_root to_TO_mark give_VB_xcomp a_DT_det {object}_NN_obj to_IN_case {io_answer}_NNP_obl .",
    "{s2}_NNP_nsubj wanted_VBD_root to_TO_mark give_VB_xcomp the_DT_det {object}_NN_obj to_IN_case {io_answer}_NNP_obl .",
    "{s2}_NNP_nsubj took_VBD_root a_DT_det {object}_NN_obj and_CC_cc {verb}_VBD_conj it_PRP_obj to_IN_case {io_answer}_NNP_obl .",
    "{s2}_NNP_nsubj said_VBD_root something_NN_obj to_IN_case {io_answer}_NNP_obl .",
    "{s2}_NNP_nsubj {give}_VBD_root {io_answer}_NNP_iobj a_DT_det {object}_NN_obj .",
)
_HELDOUT_GIVES = (
    "{s2}_NNP_nsubj returned_VBD_root the_DT_det {object}_NN_obj to_IN_case {io_answer}_NNP_obl .",
    "{s2}_NNP_nsubj had_VBD_root to_TO_mark hand_VB_xcomp the_DT_det {object}_NN_obj to_IN_case {io_answer}_NNP_obl .",
    "{s2}_NNP_nsubj carefully_RB_advmod {verb}_VBD_root a_DT_det new_JJ_amod {object}_NN_obj to_IN_case {io_answer}_NNP_obl .",
)
_THREE = (
    "{A}_NNP_nsubj ,_PUNCT_punct {B}_NNP_conj ,_PUNCT_punct and_CC_cc {C}_NNP_conj went_VBD_root to_IN_case the_DT_det {place}_NN_obl .",
    "{A}_NNP_nsubj ,_PUNCT_punct {B}_NNP_conj and_CC_cc {C}_NNP_conj met_VBD_root at_IN_case the_DT_det {place}_NN_obl .",
    "{A}_NNP_nsubj ,_PUNCT_punct {B}_NNP_conj and_CC_cc {C}_NNP_conj were_AUXD_aux working_VBG_root at_IN_case the_DT_det {place}_NN_obl .",
)
_THREE_GIVES = tuple(map(Template, (
    "{s2}_NNP_nsubj and_CC_cc {third}_NNP_conj {verb}_VBD_root a_DT_det {object}_NN_obj to_IN_case {io_answer}_NNP_obl .",
    "{third}_NNP_nsubj and_CC_cc {s2}_NNP_conj {verb}_VBD_root the_DT_det {object}_NN_obj to_IN_case {io_answer}_NNP_obl .",
)))
_ASIDES = tuple(map(Template, (
    "{third}_NNP_nsubj stayed_VBD_root at_IN_case home_NN_obl .",
    "{third}_NNP_nsubj was_AUXD_cop away_RB_root that_DT_det day_NN_obl .",
    "The_DT_det {place}_NN_nsubj was_AUXD_cop quiet_JJ_root .",
    "It_PRP_nsubj was_AUXD_cop a_DT_det warm_JJ_amod day_NN_root .",
    "It_PRP_nsubj was_AUXD_cop late_JJ_root and_CC_cc they_PRP_nsubj were_AUXD_cop tired_JJ_conj .",
    "They_PRP_nsubj talked_VBD_root about_IN_case the_DT_det {object}_NN_obl .",
)))
_THANKS = tuple(map(Template, (
    "{receiver}_NNP_nsubj thanked_VBD_root {giver}_NNP_obj .",
    "{receiver}_NNP_nsubj smiled_VBD_root at_IN_case {giver}_NNP_obl .",
    "{receiver}_NNP_nsubj was_AUXD_cop very_RB_advmod happy_JJ_root .",
)))
# fmt: on
VERBS = words("gave gave gave gave handed passed sent showed offered brought lent sold")
DOUBLE_OBJECT_VERBS = words("gave handed showed lent")


def _orders(source: str) -> tuple[Template, Template]:
    """Return the sentence with the receiver named first (ABBA), and with the giver first (BABA)."""
    receiver_first = source.replace("{A}", "{io}").replace("{B}", "{s1}").replace("{C}", "{third}")
    giver_first = source.replace("{A}", "{s1}").replace("{B}", "{io}").replace("{C}", "{third}")
    return Template(receiver_first), Template(giver_first)


def _clause(marker: str, event: str) -> tuple[Template, Template]:
    return _orders(f"{marker}_SC_mark {event.replace('_root', '_advcl')} ,")


def _sentences(
    events: tuple[str, ...], progressives: tuple[str, ...]
) -> tuple[tuple[bool, tuple[Template, Template]], ...]:
    """Return (takes an opener, both orders) for every way to set an event."""
    plain = [(True, _orders(f"{e} .")) for e in events + progressives]
    joined = [(True, _orders(f"{e} ,_PUNCT_punct and_CC_cc")) for e in events[:10]]
    clauses = [(False, _clause(m, e)) for m in ("When", "After", "Once") for e in events]
    whiles = [(False, _clause(m, e)) for m in ("While", "As") for e in progressives]
    return tuple(plain * 2 + joined + clauses + whiles)


SETUPS = {
    "train": _sentences(_EVENTS, _PROGRESSIVES),
    "heldout": _sentences(_HELDOUT_EVENTS, _HELDOUT_PROGRESSIVES),
}
GIVES = Part(_GIVES, _HELDOUT_GIVES)
_OPENER_TEMPLATES = tuple(map(Template, _OPENERS))
_GIVE_TEMPLATES = {split: tuple(map(Template, GIVES.of(split))) for split in ("train", "heldout")}
_THREE_TEMPLATES = tuple(map(_orders, _THREE))


def two_people(rng: random.Random, split: str) -> tuple[str, str]:
    """Return two names that may meet in a story of the split.

    Held-out stories take held-out names, or training names that never meet in training.
    """
    heldout = split == "heldout"
    if heldout and rng.random() < 0.5:
        first, second = rng.sample(NAMES.heldout, 2)
        return first, second
    while True:
        first, second = rng.sample(NAMES.train, 2)
        if name_pair_is_heldout(first, second) == heldout:
            return first, second


def _third(rng: random.Random, split: str, people: tuple[str, str]) -> str:
    """Return a bystander, who may meet both people."""
    names = NAMES.of(split)
    while True:
        name = rng.choice(names)
        if name not in people and not any(name_pair_is_heldout(name, p) for p in people):
            return name


def _fills(rng: random.Random, split: str) -> dict[str, str]:
    places, objects = PLACES.train, OBJECTS.train
    if split == "heldout" and rng.random() < 0.5:
        places, objects = PLACES.heldout, OBJECTS.heldout
    return {
        "place": rng.choice(places),
        "object": rng.choice(objects),
        "weekday": rng.choice(WEEKDAYS),
        "season": rng.choice(SEASONS),
        "verb": rng.choice(VERBS),
        "give": rng.choice(DOUBLE_OBJECT_VERBS),
    }


def _event(
    rng: random.Random, split: str, out: Writer, people: tuple[str, str], bystander: str
) -> None:
    """Write one event: both people, then one of them gives something to the other."""
    giver, receiver = people if rng.random() < 0.5 else people[::-1]
    fills = _fills(rng, split) | {"third": bystander}
    fills |= {"s1": giver, "s2": giver, "io": receiver, "io_answer": receiver}
    order = rng.randrange(2)
    three = bool(bystander) and rng.random() < 0.35
    takes_opener, setup = (
        (True, rng.choice(_THREE_TEMPLATES)) if three else rng.choice(SETUPS[split])
    )
    if takes_opener and rng.random() < 0.5:
        rng.choice(_OPENER_TEMPLATES).render(out, **fills)
    setup[order].render(out, **fills)
    if rng.random() < 0.5:  # the object may be the one just found, or another
        fills["object"] = rng.choice(OBJECTS.train)
    gives = _THREE_GIVES if three else _GIVE_TEMPLATES[split]
    rng.choice(gives).render(out, **fills)
    if rng.random() < 0.25:
        rng.choice(_THANKS).render(out, receiver=receiver, giver=giver)


def ioi(rng: random.Random, split: str) -> Document:
    """Return a story of two to five events between the same two people."""
    out = Writer()
    people = two_people(rng, split)
    bystander = _third(rng, split, people) if rng.random() < 0.3 else ""
    for number in range(rng.randint(2, 5)):
        if rng.random() < (0.15 if number == 0 else 0.25):
            choices = _ASIDES if bystander else _ASIDES[2:]
            rng.choice(choices).render(out, third=bystander, **_fills(rng, split))
        _event(rng, split, out, people, bystander)
    return out.document("ioi")


KINDS: dict[str, Callable[[random.Random, str], Document]] = {"ioi": ioi}
