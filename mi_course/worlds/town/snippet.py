"""Pieces of code whose tokens are labelled when the piece is read, not when it is written.

A `Snippet` is source text with slots such as `$func` or `$arg_1`. It is split into code tokens once
(keyword, identifier, number, string, comment, operator, bracket); rendering only shifts the spans.
In go source text and a language; out comes labelled code appended to a `Writer`.
"""

import re
from collections.abc import Iterator, Mapping
from typing import NamedTuple

from mi_course.worlds.town.document import Writer

KEYWORDS: dict[str, frozenset[str]] = {
    language: frozenset(words.split())
    for language, words in {
        "python": "def return if else for in while import from class None True False and or not"
        " raise with as is",
        "javascript": "function return if else for of let const while new null true false",
        "java": "public static int boolean void return if else for while new class true false",
        "go": "func return if else for range int bool package import true false",
        "rust": "fn return if else for in let mut while i32 bool pub true false",
        "c": "int void char return if else for while static const",
    }.items()
}

_SLOT = re.compile(r"\$([a-z]+(?:_\d)?)")
_LEXER = re.compile(
    r"""(?P<slot>\$[a-z]+(?:_\d)?)
    |(?P<comment>(?://|\#)[^\n]*)
    |(?P<string>"{3}|"[^"\n]*"|'[^'\n]*')
    |(?P<number>0o\d+|\d+)
    |(?P<word>[A-Za-z_][A-Za-z0-9_]*)
    |(?P<space>\s+)
    |(?P<bracket>[()\[\]{}])
    |(?P<operator>[^\w\s()\[\]{}"'\#$]+)""",
    re.VERBOSE,
)


class _Piece(NamedTuple):
    text: str
    spans: tuple[tuple[int, int, str, str], ...]  # relative to the start of the piece
    slot: str  # "" for literal text
    label: str  # code_token of the slot


class Snippet:
    """Code with slots, split into labelled tokens at first use and rendered many times.

    Each token gets a span in `code_token`; each slot also one in `role`, labelled with the slot's
    name; each `return` has the role `keyword_return`. A slot named `num...` is a number.

    Args:
        source: code with slots written `$name` or `$name_1`.
        language: a key of `KEYWORDS`.
        only: a label for every token, such as "string" inside a docstring.
        labels: `code_token` of slots that are no identifiers, by slot.
    """

    def __init__(
        self,
        source: str,
        language: str = "python",
        *,
        only: str = "",
        labels: Mapping[str, str] | None = None,
    ) -> None:
        if language not in KEYWORDS:
            raise ValueError(f"expected a language of {sorted(KEYWORDS)}, got {language!r}")
        self.source, self.language, self.only = source, language, only
        self.labels = dict(labels or {})
        self._pieces: tuple[_Piece, ...] | None = None

    @property
    def pieces(self) -> tuple[_Piece, ...]:
        """The literal runs and slots, compiled at first use."""
        if self._pieces is None:
            self._pieces = tuple(_join(self._tokens()))
        return self._pieces

    def render(self, out: Writer, fills: Mapping[str, str] | None = None) -> None:
        """Append the code to `out`, each slot filled by name."""
        base, spans, parts = out.length, out.spans, out.parts
        for text, labels, slot, label in self._pieces or self.pieces:
            if slot:
                text = fills[slot]
                end = base + len(text)
                spans.append((base, end, "code_token", label))
                spans.append((base, end, "role", slot))
                if label == "number":
                    spans.append((base, end, "text_feature", "digits"))
            else:
                for start, end, collection, name in labels:
                    spans.append((base + start, base + end, collection, name))
                end = base + len(text)
            parts.append(text)
            base = end
        out.length = base

    def _tokens(self) -> Iterator[tuple[str, str, str]]:
        """Yield (text, slot, code_token) for every token; spaces have the code_token ""."""
        for match in _LEXER.finditer(self.source):
            kind, text = match.lastgroup or "", match.group()
            if kind == "word":
                kind = "keyword" if text in KEYWORDS[self.language] else "identifier"
            if kind in ("comment", "string"):
                yield from _quoted(text, self.only or kind)
            elif kind == "slot":
                usual = "number" if text.startswith("$num") else "identifier"
                yield "", text[1:], self.only or self.labels.get(text[1:], usual)
            else:
                yield text, "", "" if kind == "space" else self.only or kind


def _quoted(text: str, kind: str) -> Iterator[tuple[str, str, str]]:
    for position, part in enumerate(_SLOT.split(text)):
        if part:
            yield ("", part, kind) if position % 2 else (part, "", kind)


def _join(tokens: Iterator[tuple[str, str, str]]) -> Iterator[_Piece]:
    """Yield pieces, neighbouring literal tokens run together."""
    text, spans = "", []
    for part, slot, label in tokens:
        if slot:
            if text:
                yield _Piece(text, tuple(spans), "", "")
            yield _Piece("", (), slot, label)
            text, spans = "", []
            continue
        start, end = len(text), len(text) + len(part)
        text += part
        if label:
            spans.append((start, end, "code_token", label))
        if label == "keyword" and part == "return":
            spans.append((start, end, "role", "keyword_return"))
        if label == "number":
            spans.append((start, end, "text_feature", "digits"))
    if text:
        yield _Piece(text, tuple(spans), "", "")
