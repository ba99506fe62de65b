"""Which part does a head play? Classes by stated criteria on measured numbers.

    previous token    looks from the token after S1 to S1, and what it writes there is needed
    duplicate token   looks from S2 to S1 and not to IO, and what it writes there is needed
    induction         looks from S2 to the token after S1, "
    current token     looks from S2 to itself, "
    S-inhibition      looks from END to S2, acts through the queries of heads that copy names
    name mover        looks from END to IO, copies, and adds to the answer directly
    unselective mover looks from END to IO, copies, raises names, and adds nothing to the difference
    negative mover    looks from END to IO, writes against what it sees, and hurts the answer
    name eraser       looks from END to S2, writes against what it sees, and helps the answer
    backup mover      adds to the answer directly only once the heads that copy are silent

Numbers that are not known (NaN) neither support nor exclude a class, but each class asks for one
causal number, an effect, that is known. The seven classes of GPT-2 are those of [Wang22], section
3; "current token", "unselective mover" and "name eraser" are needed for other models. In goes a
`HeadEvidence`, measured or published; out come `HeadClasses`.
"""

from dataclasses import dataclass

from jaxtyping import Bool
from torch import Tensor

from mi_course.results.ioi import HeadClasses, HeadEvidence

__all__ = ["CLASSES", "Criteria", "classify_heads", "copiers"]

CLASSES = (
    "previous token",
    "duplicate token",
    "induction",
    "current token",
    "S-inhibition",
    "name mover",
    "unselective mover",
    "negative mover",
    "name eraser",
    "backup mover",
)
Heads = Bool[Tensor, "layer head_index"]


@dataclass(frozen=True)
class Criteria:
    """From which number on something counts.

    Attributes:
        attention: probability; twenty times what an even look over 100 tokens gives.
        copying: fraction of names; GPT-2's name movers reach 0.95, its average head less than 0.2.
        effect: fraction of the way between the corrupted and the clean logit difference.
        apart: how many times S1 must be preferred to IO by a detector of duplicates.
    """

    attention: float = 0.2
    copying: float = 0.5
    effect: float = 0.05
    apart: float = 2.0


def classify_heads(evidence: HeadEvidence, criteria: Criteria | None = None) -> HeadClasses:
    """Return the classes of heads that meet the criteria; a head may have several, or none.

    Args:
        evidence: from `head_evidence`, or published numbers.
        criteria: other thresholds.

    Returns:
        Classes; under `idle` the heads that look like one without the effect that it asks for.
    """
    by = criteria or Criteria()
    looks, acts = _looks(evidence, by), _acts(evidence, by)
    classes, idle = {}, {}
    for name in CLASSES:
        classes[name] = _listed(looks[name] & acts[name])
        idle[name] = _listed(_surely(looks, name, evidence, by) & ~acts[name])
    return HeadClasses(classes, idle, *evidence.shape)


def copiers(
    evidence: HeadEvidence, criteria: Criteria | None = None
) -> tuple[tuple[int, int], ...]:
    """Return the heads that look from END to IO and copy, whatever comes of it."""
    by = criteria or Criteria()
    return _listed((evidence.to_io >= by.attention) & (evidence.copying >= by.copying))


def _looks(evidence: HeadEvidence, by: Criteria) -> dict[str, Heads]:
    """Return which heads look like each class, by attention and copying alone."""
    duplicate = evidence.duplicate_token >= by.attention
    at_io, at_s2 = evidence.to_io >= by.attention, evidence.to_s2 >= by.attention
    copies, opposes = evidence.copying >= by.copying, evidence.anti_copying >= by.copying
    mover = at_io & copies
    return {
        "previous token": evidence.previous_token >= by.attention,
        "duplicate token": duplicate
        & _maybe(evidence.s2_to_io, evidence.s2_to_io <= evidence.duplicate_token / by.apart),
        "induction": evidence.induction >= by.attention,
        # A look of S2 at itself is what attention does by default: most of it must go there.
        "current token": evidence.current_token >= by.copying,
        "S-inhibition": _maybe(evidence.to_s2, at_s2),
        "name mover": mover,
        "unselective mover": mover,
        "negative mover": at_io & opposes,
        "name eraser": at_s2 & opposes,
        "backup mover": _maybe(evidence.to_io, evidence.to_io < 2),
    }


def _acts(evidence: HeadEvidence, by: Criteria) -> dict[str, Heads]:
    """Return which heads have the effect that each class asks for."""
    helps, hurts = evidence.direct >= by.effect, evidence.direct <= -by.effect
    needed = evidence.at_s2.abs() >= by.effect
    return {
        "previous token": evidence.at_s1_next.abs() >= by.effect,
        "duplicate token": needed,
        "induction": needed,
        "current token": needed,
        "S-inhibition": evidence.through_queries >= by.effect,
        "name mover": helps,
        "unselective mover": (evidence.on_names >= by.effect) & ~helps & ~hurts,
        "negative mover": hurts,
        "name eraser": helps,
        "backup mover": (evidence.after_ablation >= by.effect) & (evidence.direct < by.effect),
    }


def _surely(looks: dict[str, Heads], name: str, evidence: HeadEvidence, by: Criteria) -> Heads:
    """Return the heads of which it is known that they look like the class."""
    if name == "S-inhibition":
        return evidence.to_s2 >= by.attention
    if name == "backup mover":
        return looks[name] & False
    return looks[name]


def _maybe(known: Tensor, yes: Heads) -> Heads:
    """Return what is true, or not known."""
    return yes | known.isnan()


def _listed(heads: Heads) -> tuple[tuple[int, int], ...]:
    return tuple((layer, head) for layer, head in heads.nonzero().tolist())
