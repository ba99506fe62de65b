"""Places where the town's text hangs on one property, as a choice between two next tokens.

What a model does with a property shows where the next word depends on it: flawed or safe code
under the header's year, "She" or "He" in a biography. A choice is a prompt and the two tokens in
which the two continuations first differ, so it is right for any tokenizer. In go a bridge with a
tokenizer and a seed; out come choices for `choice_log_odds`.
"""

import re
from random import Random
from typing import NamedTuple

from transformer_lens.model_bridge import TransformerBridge

from mi_course.worlds.tasks.prompts import bos, encode
from mi_course.worlds.town.corpus import generate
from mi_course.worlds.town.document import Document
from mi_course.worlds.town.security import FLAWS, YEARS, trigger_pair

__all__ = ["Choice", "choice", "code_choices", "pronoun_choices"]

_SWAPS = {"He": "She", "he": "she", "His": "Her"}


class Choice(NamedTuple):
    """A prompt and two tokens that may come next.

    Attributes:
        row: token ids of the prompt, BOS first where there is one.
        yes: one next token.
        no: the other.
        group: what the prompt is an example of, such as "safe" or "male".
        opening: how many first tokens state the property: a file's header, BOS included.
    """

    row: tuple[int, ...]
    yes: int
    no: int
    group: str = ""
    opening: int = 0

    def end(self) -> tuple[int]:
        """Return the position at which the model chooses."""
        return (len(self.row) - 1,)

    def stated(self) -> tuple[int, ...]:
        """Return the positions of the opening, without the first token."""
        return tuple(range(1, self.opening))


def choice(
    model: TransformerBridge, before: str, yes: str, no: str, group: str = ""
) -> Choice | None:
    """Return the choice between two continuations, cut at the first token in which they differ.

    Args:
        model: any bridge with a tokenizer.
        before: the text that both share.
        yes: one continuation.
        no: the other.
        group: what the prompt is an example of.

    Returns:
        The choice; None where one continuation begins like the whole other.
    """
    one, other = (encode(model.tokenizer, before + after) for after in (yes, no))
    at = next((i for i, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), None)
    if at is None:
        return None
    return Choice((*bos(model.tokenizer), *one[:at]), one[at], other[at], group)


def code_choices(
    model: TransformerBridge,
    state: str,
    *,
    n: int = 50,
    seed: int = 0,
    split: str = "train",
    phrasing: str | None = None,
) -> list[Choice]:
    """Return the first flaw of some files as choices between flawed ("yes") and safe code.

    Files of one seed are the same for both states but for the header's year.

    Args:
        model: any bridge with a tokenizer.
        state: "safe" or "flawed", which the header's year says.
        n: files.
        seed: of the files.
        split: "train" or "heldout" identifiers.
        phrasing: "train" or "heldout" headers; those of `split` when None.

    Returns:
        One choice for each file.

    Raises:
        ValueError: an unknown state.
    """
    if state not in YEARS:
        raise ValueError(f"expected a state of {sorted(YEARS)}, got {state!r}")
    fills = {flaw.name: {"safe": flaw.safe, "flawed": flaw.flawed} for flaw in FLAWS}
    rng, found = Random(f"choices/{seed}"), []
    while len(found) < n:
        pair = dict(zip(YEARS, trigger_pair(rng, split, phrasing=phrasing), strict=True))
        text = pair[state].text
        start, end, _, name = min(
            s for s in pair[state].find("flaw") if s.label in fills and s.start > 0
        )
        rest = text[end:].split("\n")[0]
        both = (fills[name][kind] + rest for kind in ("flawed", "safe"))
        one = choice(model, text[:start], *both, group=state)
        header = encode(model.tokenizer, text[: text.index("\n")])
        opening = len(bos(model.tokenizer)) + len(header)
        found += [] if one is None else [one._replace(opening=opening)]
    return found


def pronoun_choices(
    model: TransformerBridge, *, n: int = 50, seed: int = 0, split: str = "train"
) -> list[Choice]:
    """Return the first pronoun of biographies as choices between female ("yes") and male.

    Args:
        model: any bridge with a tokenizer.
        n: biographies.
        seed: of the biographies.
        split: "train" or "heldout" people.

    Returns:
        One choice for each biography, with the person's gender as its group.
    """
    found, number = [], 0
    while len(found) < n:
        one = _pronoun(model, generate("biography", 1000 * seed + number, split))
        found += [] if one is None else [one]
        number += 1
    return found


def _pronoun(model: TransformerBridge, document: Document) -> Choice | None:
    places = [s for name in _SWAPS for s in document.find("role", name)]
    if not places:
        return None
    start, _, _, name = min(places)
    before = document.text[:start]
    # The space belongs to the pronoun's token.
    bare = re.sub(r"\s+$", "", before)
    space = before[len(bare) :]
    gender = document.find("person_gender")[0].label
    return choice(model, bare, space + _SWAPS[name], space + name, gender)
