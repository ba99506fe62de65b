"""Features of a token that its spelling tells: capitals, digits, punctuation, where it stands.

The grammar labels what spelling cannot tell (a contraction from a possessive, a bracket's
inside); this module adds what needs only the text and the tokens' character offsets. In go a text
and offsets; out comes a boolean for each token and feature.

Source: Gurnee et al. (2023), "Finding Neurons in a Haystack", table 2 (text features).
"""

import re
from collections.abc import Sequence
from functools import lru_cache

import numpy as np
from jaxtyping import Bool

Offsets = Sequence[tuple[int, int]]

SPELLING = (
    "sentence_start",
    "all_caps_word",
    "capitalised",
    "number",
    "punctuation",
    "line_break",
    "leading_space",
)
_SENTENCE_START, _SPACE = SPELLING.index("sentence_start"), SPELLING.index("leading_space")
_SENTENCE = re.compile(r"""(?:\A|[.!?]["')\]]*\s)\s*["'(\[¿¡]*(?=\w)""")


def solid(text: str, offsets: Offsets) -> list[tuple[int, int]]:
    """Return the offsets without leading spaces; a token of nothing but spaces keeps its own."""
    result = []
    for start, end in offsets:
        if end - start > 1 and text[start] == " ":
            bare = end - len(text[start:end].lstrip(" "))
            start = bare if bare < end else start
        result.append((start, end))
    return result


@lru_cache(maxsize=65536)
def _of_word(token: str) -> tuple[bool, ...]:
    word = token.strip()
    told = {
        "all_caps_word": len(word) > 1 and word.isalpha() and word.isupper(),
        "capitalised": word[:1].isupper(),
        "number": word.isdigit(),
        "punctuation": bool(word) and not any(c.isalnum() or c == "_" for c in word),
        "line_break": "\n" in token,
    }
    return tuple(told.get(name, False) for name in SPELLING)


def spelling_features(text: str, offsets: Offsets) -> Bool[np.ndarray, "pos n_features"]:
    """Return which features of `SPELLING` each token has.

    Args:
        text: the document's text.
        offsets: (start, end) of each token, as a fast tokenizer's offset mapping gives them.

    Returns:
        One row for each token. A sentence starts at the text's first word, and at a word after
        ".", "!" or "?" and a space or line break.
    """
    bare = solid(text, offsets)
    rows = np.array([_of_word(text[start:end]) for start, end in bare], dtype=bool)
    rows = rows.reshape(len(bare), len(SPELLING))
    rows[:, _SPACE] = [text[start - 1 : start] == " " and end > start for start, end in bare]
    starts = {match.end() for match in _SENTENCE.finditer(text)}
    rows[:, _SENTENCE_START] = [start in starts for start, _ in bare]
    return rows
