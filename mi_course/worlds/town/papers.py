"""Legal citations and LaTeX: prose of the world `town` with notation in it.

A case is cited in full once and in short afterwards, so that its parties, volume and page recur;
a formula has subscripts, superscripts and fractions whose characters are labelled. In go a random
generator and a split; out come labelled documents.
"""

from collections.abc import Callable
from random import Random

from mi_course.worlds.town.document import Document, Template, Writer
from mi_course.worlds.town.identifiers import DESCRIPTIONS, distinct, pick, words_of
from mi_course.worlds.town.lexicon import Part

PARTIES = Part(
    train=words_of("""
        Marlow Finch Barlow Hendry Ashby Corwin Dutton Farrow Gibbs Hadley Kemp Lowell Mercer
        Nolan Orwin Pryor Quincy Rowan Sutton Thorpe Upton Vance Wexler Yates Abbott Brock
        Cotter Dolan Everett Forbes Garner Holt Ingram Jarvis Keller Lomax
    """),
    heldout=words_of("""
        Zimmer Oakham Tolland Wyeth Ruskin Inchbald Peverell
    """),
)
REPORTERS = ("U.S.", "F.2d", "F.3d", "S. Ct.")
_CITED = "{plaintiff}_NNP_{dep} v._X_flat {defendant}_NNP_flat , {volume}_CD_nummod"
_CITED += " {reporter}_NNP_flat {page}_CD_nummod ( {year}_CD_nummod )"
_SHORT = "{plaintiff}_NNP_{dep} , {volume}_CD_nummod {reporter}_NNP_flat at_IN_case {pin}_CD_nummod"


def _cite(source: str, cited: str) -> Template:
    """Return the template with the citation in place of `@dep`."""
    words = []
    for word in source.split():
        words.append(cited.replace("{dep}", word[1:]) if word[0] == "@" else word)
    return Template(" ".join(words))


FULL = tuple(
    _cite(source, _CITED)
    for source in (
        "The_DT_det court_NN_nsubj relied_VBD_root on_IN_case @obl .",
        "In_IN_case @obl , the_DT_det court_NN_nsubj held_VBD_root that_SC_mark the_DT_det"
        " {first}_NN_compound {second}_NN_nsubj was_AUXD_cop lawful_JJ_ccomp .",
        "The_DT_det rule_NN_nsubj comes_VBZ_root from_IN_case @obl .",
        "See_VB_root @obj .",
        "This_DT_det case_NN_nsubj differs_VBZ_root from_IN_case @obl .",
        "We_PRP_nsubj follow_VBP_root @obj .",
        "Counsel_NN_nsubj cited_VBD_root @obj for_IN_case the_DT_det {first}_NN_obl .",
    )
)
SHORT = tuple(
    _cite(source, _SHORT)
    for source in (
        "See_VB_root @obj .",
        "The_DT_det judge_NN_nsubj quoted_VBD_root @obj .",
        "That_PRP_nsubj is_AUXZ_cop the_DT_det holding_NN_root of_IN_case @nmod .",
        "The_DT_det dissent_NN_nsubj rejected_VBD_root @obj .",
    )
)
BETWEEN = tuple(
    Template(source)
    for source in (
        "{plaintiff}_NNP_nsubj had_VBD_root a_DT_det claim_NN_obj"
        " against_IN_case {defendant}_NNP_nmod .",
        "{defendant}_NNP_nsubj appealed_VBD_root ,"
        " and_CC_cc {plaintiff}_NNP_nsubj answered_VBD_conj .",
        "The_DT_det claim_NN_nsubj of_IN_case {plaintiff}_NNP_nmod concerned_VBD_root"
        " the_DT_det {first}_NN_compound {second}_NN_obj .",
        "The_DT_det burden_NN_nsubj was_AUXD_cop on_IN_case {defendant}_NNP_root .",
        "The_DT_det appeal_NN_nsubj of_IN_case {defendant}_NNP_nmod"
        " was_AUXD_aux dismissed_VBN_root .",
    )
)


def legal(rng: Random, split: str) -> Document:
    """Return sentences around one case that is cited in full and then in short, or around two."""
    out = Writer()
    for _ in range(1 if rng.random() < 0.5 else 2):
        plaintiff, defendant = distinct(rng, PARTIES.of(split), 2)
        first, second = distinct(rng, DESCRIPTIONS.of(split), 2)
        page = 1 + int(rng.random() * 900)
        fills = {
            "plaintiff": plaintiff,
            "defendant": defendant,
            "volume": str(1 + int(rng.random() * 600)),
            "reporter": pick(rng, REPORTERS),
            "page": str(page),
            "pin": str(page + 1 + int(rng.random() * 20)),
            "year": str(1890 + int(rng.random() * 130)),
            "first": first,
            "second": second,
        }
        start = len(out.spans)
        pick(rng, FULL).render(out, **fills)
        pick(rng, BETWEEN).render(out, **fills)
        pick(rng, SHORT).render(out, **fills)
        _digits(out, start)
    return out.document("legal")


def _digits(out: Writer, first: int) -> None:
    """Label the numbers among the spans written since `first`."""
    for start, end, collection, label in out.spans[first:]:
        if collection == "role" and label in ("volume", "page", "pin", "year"):
            out.spans.append((start, end, "text_feature", "digits"))


SYMBOLS = tuple("abcdkmnpqrstuxyz")
GREEK = tuple("\\" + name for name in words_of("alpha beta gamma delta lambda mu sigma theta"))
THINGS = Part(
    train=words_of("""
        group ring field space map sum function sequence matrix graph measure proof norm
    """),
    heldout=("sheaf", "manifold", "functor"),
)
QUALITIES = (
    "finite",
    "linear",
    "compact",
    "smooth",
    "open",
    "closed",
    "bounded",
    "regular",
    "simple",
)
ENVIRONMENTS = ("theorem", "lemma", "proof", "remark", "definition")
MATH = "@"
SENTENCES = tuple(
    tuple(part if part == MATH else Template(part) for part in source.split("|"))
    for source in (
        "Let_VB_root|@|be_VB_cop a_DT_det {quality}_JJ_amod {thing}_NN_xcomp .",
        "We_PRP_nsubj have_VBP_root|@|for_IN_case every_DT_det {thing}_NN_obl .",
        "If_SC_mark|@|, then_RB_advmod|@|.",
        "Then_RB_advmod|@|holds_VBZ_root , since_SC_mark|@|.",
        "By_IN_case the_DT_det {quality}_JJ_amod {thing}_NN_obl , we_PRP_nsubj obtain_VBP_root|@|.",
        "The_DT_det {thing}_NN_nsubj|@|is_AUXZ_cop {quality}_JJ_root .",
        "It_PRP_nsubj follows_VBZ_root that_SC_mark|@|.",
    )
)
TITLES = tuple(
    Template(source)
    for source in (
        "The_DT_det {quality}_JJ_amod {thing}_NN_root",
        "{thing}_NN_compound and_CC_cc {other}_NN_conj",
        "A_DT_det {thing}_NN_root of_IN_case {quality}_JJ_amod {other}_NN_nmod",
    )
)


def latex(rng: Random, split: str) -> Document:
    """Return a section with a title and an environment of sentences that hold formulas."""
    out = Writer()
    symbols = distinct(rng, SYMBOLS, 4)
    thing, other = distinct(rng, THINGS.of(split), 2)
    fills = {"thing": thing, "other": other, "quality": pick(rng, QUALITIES)}
    out.add(pick(rng, (r"\section", r"\section", r"\subsection", r"\title")), latex="command")
    out.add("{", latex="brace")
    start = out.length
    _title(out, pick(rng, TITLES), fills)
    out.mark(start, "latex", "title")
    out.add("}", latex="brace")
    out.add("\n")
    name = pick(rng, ENVIRONMENTS)
    _environment(out, r"\begin", name)
    out.add("\n")
    for sentence in distinct(rng, SENTENCES, 2 + int(rng.random() * 2)):
        fills["quality"] = pick(rng, QUALITIES)
        for part in sentence:
            if part is MATH:
                out.add(" ")
                _formula(out, rng, symbols)
            else:
                part.render(out, **fills)
    out.add("\n")
    _environment(out, r"\end", name)
    return out.document("latex")


def _title(out: Writer, template: Template, fills: dict[str, str]) -> None:
    """Write a title whose first word touches the brace before it and begins with a capital."""
    inner = Writer()
    template.render(inner, **fills)
    base, text = out.length, "".join(inner.parts)
    out.add(text[0].upper() + text[1:])
    out.spans.extend([(base + a, base + b, c, d) for a, b, c, d in inner.spans])


def _environment(out: Writer, command: str, name: str) -> None:
    out.add(command, latex="command")
    out.add("{", latex="brace")
    out.add(name, latex="environment")
    out.add("}", latex="brace")


def _formula(out: Writer, rng: Random, symbols: list[str]) -> None:
    """Write `$term = term op term$`."""
    start = out.length
    out.add("$", latex="dollar")
    _term(out, rng, symbols)
    if rng.random() < 0.8:
        out.add(pick(rng, (" =", " =", r" \leq", r" \geq", " <")), latex="relation")
        out.add(" ")
        _term(out, rng, symbols)
        if rng.random() < 0.4:
            out.add(pick(rng, (" +", " -", r" \cdot")), latex="operator")
            out.add(" ")
            _term(out, rng, symbols)
    out.add("$", latex="dollar")
    out.mark(start, "latex", "math")


def _symbol(rng: Random, symbols: list[str]) -> str:
    return pick(rng, symbols) if rng.random() < 0.8 else pick(rng, GREEK)


def _term(out: Writer, rng: Random, symbols: list[str]) -> None:
    """Write a symbol with or without indices, or a fraction of two."""
    if rng.random() < 0.25:
        start = out.length
        out.add(r"\frac", latex="command")
        for part in ("numerator", "denominator"):
            out.add("{", latex="brace")
            out.add(_symbol(rng, symbols), latex=part)
            out.add("}", latex="brace")
        out.mark(start, "latex", "fraction")
        return
    out.add(_symbol(rng, symbols), latex="symbol")
    for mark, label in (("_", "subscript"), ("^", "superscript")):
        if rng.random() < 0.45:
            out.add(mark + "{", latex="script_open")
            index = pick(rng, ("1", "2", "0", "3")) if rng.random() < 0.5 else pick(rng, symbols)
            out.add(index, latex=label)
            if rng.random() < 0.2:
                out.add("+1", latex=label)
            out.add("}", latex="brace")


KINDS: dict[str, Callable[[Random, str], Document]] = {"legal": legal, "latex": latex}
