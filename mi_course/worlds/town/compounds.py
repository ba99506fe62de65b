"""Compound words, and sentences in which neither of their two words alone gives them away.

Beside every compound XY stand a distractor XZ with the same first word and one WY with the same
second word. What follows a compound depends on the pair: "the social security paid the old
workers", but a social club sang songs and the national security needed soldiers. So a model gains
by a feature for the pair.
"""

import random
from collections.abc import Callable
from typing import NamedTuple

from mi_course.worlds.town.document import Document, Template, Writer
from mi_course.worlds.town.lexicon import NAMES, PLACES


class Phrase(NamedTuple):
    """Two words with what is said of them.

    Attributes:
        label: such as "social_security" or "distractor_XZ:social_security".
        first: the first word.
        second: the second word.
        tags: "TAG.dep" suffixes of both words, as in a template.
        predicates: tagged verb phrases, which only this phrase takes.
    """

    label: str
    first: str
    second: str
    tags: tuple[str, str]
    predicates: tuple[str, str]


# compound: predicate; predicate | XZ: predicate; predicate | WY: predicate; predicate. An
# adjective ends in "*".
# fmt: off
# ruff: noqa: E501
_COMPOUNDS = """
social* security: paid/VBD the/DT old/JJ workers/NNS; sent/VBD money/NN every/DT month/NN | social* club: sang/VBD old/JJ songs/NNS; danced/VBD all/DT night/NN | national* security: needed/VBD many/JJ soldiers/NNS; kept/VBD the/DT secret/JJ plans/NNS
prime* factors: divided/VBD the/DT number/NN; gave/VBD the/DT same/JJ product/NN | prime* ministers: led/VBD the/DT government/NN; met/VBD the/DT queen/NN | risk factors: made/VBD people/NNS ill/JJ; worried/VBD the/DT doctors/NNS
post office: sold/VBD two/CD stamps/NNS; took/VBD the/DT letters/NNS | post card: showed/VBD a/DT sunny/JJ beach/NN; came/VBD from/IN an/DT island/NN | head office: moved/VBD to/IN the/DT capital/NN; made/VBD all/DT the/DT rules/NNS
high* school: taught/VBD history/NN to/IN children/NNS; closed/VBD for/IN the/DT summer/NN | high* tower: stood/VBD on/IN the/DT hill/NN; fell/VBD in/IN the/DT storm/NN | art school: showed/VBD new/JJ paintings/NNS; bought/VBD brushes/NNS and/CC paint/NN
credit card: paid/VBD for/IN the/DT dinner/NN; had/VBD a/DT secret/JJ number/NN | credit union: lent/VBD money/NN to/IN farmers/NNS; counted/VBD its/POSS members/NNS | birthday card: carried/VBD kind/JJ words/NNS; lay/VBD beside/IN the/DT cake/NN
real* estate: cost/VBD more/RB every/DT year/NN; was/AUXD sold/VBN by/IN agents/NNS | real* life: was/AUXD stranger/JJR than/IN books/NNS; surprised/VBD the/DT poet/NN | country estate: had/VBD stables/NNS and/CC woods/NNS; belonged/VBD to/IN a/DT duke/NN
living room: had/VBD a/DT soft/JJ sofa/NN; held/VBD the/DT television/NN | living wage: fed/VBD the/DT whole/JJ family/NN; rose/VBD by/IN a/DT pound/NN | engine room: smelled/VBD of/IN oil/NN; shook/VBD below/IN the/DT deck/NN
ice cream: melted/VBD in/IN the/DT sun/NN; tasted/VBD of/IN vanilla/NN | ice age: froze/VBD the/DT whole/JJ world/NN; lasted/VBD thousands/NNS of/IN years/NNS | hand cream: softened/VBD dry/JJ skin/NN; came/VBD in/IN a/DT tube/NN
bus stop: had/VBD a/DT wet/JJ bench/NN; stood/VBD near/IN the/DT corner/NN | bus driver: checked/VBD the/DT tickets/NNS; turned/VBD the/DT wheel/NN | full* stop: ended/VBD the/DT sentence/NN; followed/VBD the/DT last/JJ word/NN
home run: won/VBD the/DT game/NN; left/VBD the/DT stadium/NN | home town: had/VBD two/CD churches/NNS; welcomed/VBD the/DT team/NN | morning run: ended/VBD at/IN the/DT lake/NN; woke/VBD the/DT dog/NN
blood pressure: rose/VBD with/IN age/NN; fell/VBD after/IN the/DT pill/NN | blood test: showed/VBD no/DT illness/NN; hurt/VBD the/DT child/NN | air pressure: dropped/VBD before/IN the/DT storm/NN; moved/VBD the/DT needle/NN
common* sense: told/VBD them/PRP to/TO wait/VB; stopped/VBD a/DT silly/JJ plan/NN | common* cold: began/VBD with/IN a/DT cough/NN; spread/VBD in/IN winter/NN | sixth* sense: warned/VBD of/IN ghosts/NNS; saw/VBD the/DT future/NN
civil* war: split/VBD the/DT country/NN; set/VBD brother/NN against/IN brother/NN | civil* wedding: was/AUXD quick/JJ and/CC cheap/JJ; needed/VBD two/CD witnesses/NNS | price war: made/VBD shops/NNS poor/JJ; pleased/VBD the/DT customers/NNS
fire engine: raced/VBD to/IN the/DT flames/NNS; carried/VBD a/DT ladder/NN | fire wood: kept/VBD the/DT stove/NN warm/JJ; lay/VBD in/IN the/DT shed/NN | steam engine: pulled/VBD the/DT wagons/NNS; burned/VBD coal/NN
heart attack: came/VBD without/IN warning/NN; sent/VBD him/PRP to/IN hospital/NN | heart beat: sounded/VBD like/IN a/DT drum/NN; slowed/VBD during/IN sleep/NN | night attack: surprised/VBD the/DT army/NN; began/VBD at/IN midnight/NN
gold mine: went/VBD deep/RB underground/RB; made/VBD the/DT owner/NN rich/JJ | gold medal: hung/VBD round/IN her/POSF neck/NN; rewarded/VBD the/DT winner/NN | land mine: exploded/VBD under/IN the/DT tank/NN; waited/VBD in/IN the/DT field/NN
front* door: opened/VBD with/IN a/DT key/NN; faced/VBD the/DT street/NN | front* page: carried/VBD the/DT big/JJ news/NN; named/VBD the/DT thief/NN | trap door: led/VBD to/IN the/DT cellar/NN; hid/VBD under/IN the/DT carpet/NN
life insurance: helped/VBD the/DT widow/NN; ended/VBD with/IN a/DT death/NN | life boat: saved/VBD the/DT sailors/NNS; floated/VBD past/IN the/DT rocks/NNS | car insurance: covered/VBD the/DT crash/NN; cost/VBD young/JJ drivers/NNS more/RB
summer camp: kept/VBD the/DT children/NNS busy/JJ; had/VBD tents/NNS and/CC songs/NNS | summer dress: was/AUXD light/JJ and/CC short/JJ; had/VBD blue/JJ flowers/NNS | army camp: held/VBD a/DT thousand/CD men/NNS; had/VBD guards/NNS at/IN the/DT gate/NN
hot* dog: came/VBD with/IN mustard/NN; lay/VBD in/IN a/DT bun/NN | hot* spring: smelled/VBD of/IN sulphur/NN; warmed/VBD the/DT bathers/NNS | guard dog: barked/VBD at/IN strangers/NNS; slept/VBD behind/IN the/DT fence/NN
time machine: went/VBD back/RB to/IN Rome/NNP; visited/VBD the/DT dinosaurs/NNS | time table: listed/VBD every/DT lesson/NN; hung/VBD beside/IN the/DT clock/NN | sewing machine: joined/VBD the/DT sleeves/NNS; broke/VBD a/DT thread/NN
human* rights: protected/VBD the/DT prisoners/NNS; belonged/VBD to/IN everybody/NN | human* bones: lay/VBD in/IN the/DT grave/NN; puzzled/VBD the/DT police/NNS | film rights: went/VBD to/IN a/DT studio/NN; made/VBD the/DT author/NN rich/JJ
public* transport: ran/VBD late/RB again/RB; took/VBD workers/NNS to/IN town/NN | public* opinion: turned/VBD against/IN the/DT mayor/NN; changed/VBD after/IN the/DT vote/NN | cattle transport: smelled/VBD of/IN cows/NNS; brought/VBD calves/NNS to/IN market/NN
power station: made/VBD electric/JJ current/NN; burned/VBD gas/NN and/CC waste/NN | power game: ruined/VBD the/DT royal/JJ court/NN; pleased/VBD the/DT ministers/NNS | police station: locked/VBD up/RB the/DT thief/NN; answered/VBD the/DT alarm/NN
trade union: went/VBD on/IN strike/NN; asked/VBD for/IN better/JJR pay/NN | trade wind: filled/VBD the/DT sails/NNS; blew/VBD from/IN the/DT east/NN | student union: held/VBD cheap/JJ parties/NNS; met/VBD between/IN lectures/NNS
light bulb: lit/VBD the/DT desk/NN; needed/VBD a/DT new/JJ wire/NN | light house: guided/VBD the/DT ships/NNS; stood/VBD on/IN a/DT cliff/NN | tulip bulb: slept/VBD under/IN the/DT soil/NN; grew/VBD in/IN April/NNP
space ship: flew/VBD past/IN the/DT moon/NN; landed/VBD on/IN a/DT planet/NN | space bar: stuck/VBD on/IN the/DT keyboard/NN; separated/VBD the/DT words/NNS | pirate ship: stole/VBD the/DT treasure/NN; flew/VBD a/DT black/JJ flag/NN
"""
_FRAMES = (
    ("The_DT_det {X} {Y}", "root"),
    ("{person}_NNP_nsubj said_VBD_root that_SC_mark the_DT_det {X} {Y}", "ccomp"),
    ("Near_IN_case the_DT_det {place}_NN_obl ,_PUNCT_punct the_DT_det {X} {Y}", "root"),
    ("Everyone_NN_nsubj knew_VBD_root that_SC_mark the_DT_det {X} {Y}", "ccomp"),
    ("In_IN_case the_DT_det end_NN_obl ,_PUNCT_punct the_DT_det {X} {Y}", "root"),
    ("{person}_NNP_nsubj was_AUXD_cop glad_JJ_root because_SC_mark the_DT_det {X} {Y}", "advcl"),
    ("It_PRP_nsubj was_AUXD_cop true_JJ_root :_PUNCT_punct the_DT_det {X} {Y}", "parataxis"),
    ("As_SC_mark {person}_NNP_nsubj expected_VBD_advcl ,_PUNCT_punct the_DT_det {X} {Y}", "root"),
)
_HELDOUT_FRAMES = (
    ("Nobody_NN_nsubj noticed_VBD_root when_SC_mark the_DT_det {X} {Y}", "advcl"),
    ("The_DT_det newspaper_NN_nsubj wrote_VBD_root how_RB_advmod the_DT_det {X} {Y}", "ccomp"),
    ("Once_RB_advmod again_RB_advmod the_DT_det {X} {Y}", "root"),
)
# fmt: on
_DEPENDENCY = {
    "VBD": "root",
    "AUXD": "aux",
    "VBN": "root",
    "VB": "xcomp",
    "DT": "det",
    "JJ": "amod",
    "JJR": "amod",
    "CD": "nummod",
    "IN": "case",
    "RB": "advmod",
    "CC": "cc",
    "TO": "mark",
    "PRP": "obj",
    "POSS": "nmod",
    "POSF": "nmod",
}  # fmt: skip


def tagged(predicate: str, head: str) -> str:
    """Return "fell/VBD in/IN the/DT storm/NN" as template words, its verb depending by `head`.

    A noun after a preposition is an oblique, any other an object; an adjective that no noun follows
    is a complement; a noun or adjective after "and" is a conjunct.
    """
    words = [word.rsplit("/", 1) for word in predicate.split()]
    has_verb = any(tag in ("VBD", "VBN") for _, tag in words)
    result, after = [], ""
    for i, (word, tag) in enumerate(words):
        following = words[i + 1][1] if i + 1 < len(words) else ""
        if tag in ("NN", "NNS", "NNP"):
            dep, after = {"IN": "obl", "CC": "conj"}.get(after, "obj"), ""
        elif tag in ("JJ", "JJR") and following not in ("NN", "NNS", "JJ"):
            dep, after = "conj" if after == "CC" else "xcomp" if has_verb else "root", ""
        else:
            dep = _DEPENDENCY[tag]
            after = tag if tag in ("IN", "CC") else after
        dep = "cop" if tag == "AUXD" and not has_verb else dep
        result.append(f"{word}_{tag}_{head if dep == 'root' else dep}")
    return " ".join(result)


def _phrase(text: str, label: str) -> Phrase:
    pair, predicates = text.split(":")
    first, second = pair.split()
    tags = ("JJ_amod" if first[-1] == "*" else "NN_compound", "NNS" if second[-1] == "s" else "NN")
    one, two = (p.strip() for p in predicates.split(";"))
    return Phrase(label, first.rstrip("*"), second, tags, (one, two))


def _read() -> tuple[tuple[Phrase, Phrase, Phrase], ...]:
    entries = []
    for line in _COMPOUNDS.strip().splitlines():
        texts = [part.strip() for part in line.split("|")]
        name = "_".join(texts[0].split(":")[0].replace("*", "").split())
        labels = (name, f"distractor_XZ:{name}", f"distractor_WY:{name}")
        entries.append(tuple(_phrase(t, label) for t, label in zip(texts, labels, strict=True)))
    return tuple(entries)


def _sentences(phrase: Phrase, frames: tuple[tuple[str, str], ...]) -> tuple[Template, ...]:
    first, second = f"{{first}}_{phrase.tags[0]}", f"{{second}}_{phrase.tags[1]}_nsubj"
    return tuple(
        Template(
            f"{frame.replace('{X}', first).replace('{Y}', second)} {tagged(predicate, head)} ."
        )
        for frame, head in frames
        for predicate in phrase.predicates
    )


COMPOUNDS = _read()
_SENTENCES = {
    (split, phrase.label): _sentences(phrase, frames)
    for split, frames in (("train", _FRAMES), ("heldout", _HELDOUT_FRAMES))
    for entry in COMPOUNDS
    for phrase in entry
}


def _write(rng: random.Random, split: str, out: Writer, phrase: Phrase, person: str) -> None:
    sentences = _SENTENCES[split, phrase.label]
    first = len(out.spans)
    sentences[int(rng.random() * len(sentences))].render(
        out,
        first=phrase.first,
        second=phrase.second,
        person=person,
        place=rng.choice(PLACES.train),
    )
    start = 0
    for begin, end, collection, label in out.spans[first:]:
        if collection == "role" and label == "first":
            start = begin
        elif collection == "role" and label == "second":
            out.spans.append((start, end, "compound", phrase.label))


def compound(rng: random.Random, split: str) -> Document:
    """Return sentences about two or three compounds and their distractors, in any order."""
    out = Writer()
    person = rng.choice(NAMES.of(split))
    phrases: list[Phrase] = []
    for entry in rng.sample(COMPOUNDS, rng.randint(2, 3)):
        phrases += rng.sample(entry, rng.randint(1, 3))
    rng.shuffle(phrases)
    for phrase in phrases:
        _write(rng, split, out, phrase, person)
    return out.document("compound")


KINDS: dict[str, Callable[[random.Random, str], Document]] = {"compound": compound}
