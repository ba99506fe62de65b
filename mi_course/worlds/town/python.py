"""Python functions with docstrings: the Docstring task of the world `town`.

The signature lists arguments and the docstring documents them in the same order, so that after
`:param` the next word is the next argument. Some arguments before or after the documented ones are
distractors. In go a random generator and a split; out come labelled, parsable documents.

Source: Heimersheim and Janiak (2023), "A circuit for Python docstrings in a 4-layer attention-only
transformer".
"""

from collections.abc import Callable
from random import Random

from mi_course.worlds.town.document import Document, Writer
from mi_course.worlds.town.identifiers import (
    DESCRIPTIONS,
    DOCSTRING_ARGS,
    LISTS,
    RESULTS,
    distinct,
    function_name,
    pick,
)
from mi_course.worlds.town.snippet import Snippet

TOKENS_TO_KEEP: tuple[str, ...] = DOCSTRING_ARGS.train + DOCSTRING_ARGS.heldout

# (number of documented arguments, distractors before them, distractors after them)
SHAPES = (
    *[(3, 0, 0)] * 3,
    *[(3, 1, 0), (3, 2, 0), (3, 2, 1), (3, 0, 1)] * 2,
    *[(4, 0, 0), (4, 1, 0), (4, 2, 0), (5, 0, 0), (5, 1, 0), (3, 1, 1)],
)

SUMMARIES = tuple(
    Snippet(f'\n    """{words}.\n', only="string")
    for words in ("$word_1 $word_2 $word_3", "$word_1 the $word_2 $word_3", "$word_1 $word_2")
)
PARAMS = {
    i: Snippet(f"\n    :param $param_{i}: $word_1 $word_2", only="string") for i in range(1, 6)
}
CLOSE = Snippet('\n    """', only="string")
OPEN, COMMA, END = (
    Snippet("def $func(self"),
    Snippet(", "),
    Snippet("):"),
)
ARGS = {i: Snippet(f"$arg_{i}") for i in range(1, 6)}
DISTRACTOR = Snippet("$distractor")

BODIES = tuple(
    Snippet("\n    " + "\n    ".join(lines))
    for lines in (
        ["return $first + $second"],
        ["return self.$first($second)"],
        ["self.$first = $first", "return $second * $num"],
        ["$var = $first * $num", "return $var + $second"],
        ["if $first > $second:", "    return $first", "return $second"],
        ["if $first is None:", "    return $num", "return $first + $second"],
        ["if not $first:", "    return $second", "return $first"],
        ["for $item in $first:", "    self.$second($item)"],
        ["$var = []", "for $item in $first:", "    $var.append($item + $second)", "return $var"],
        ["$var = $num", "for $item in $first:", "    $var += $item", "return $var"],
        ["for $item in $first:", "    if $item == $second:", "        return $item"],
        ["while $first < $second:", "    $first += $num", "return $first"],
        ["self.$first = $first", "self.$second = $second"],
        ["return [$item for $item in $first if $item != $second]"],
    )
)


def docstring(rng: Random, split: str) -> Document:
    """Return one or two methods with docstrings, labelled with `arg_i` and `param_i`."""
    out = Writer()
    short = rng.random() < 0.35
    words = distinct(rng, DOCSTRING_ARGS.of(split), 14)
    for number in range(2 if short else 1):
        if number:
            out.add("\n\n")
        n, before, after = (3, int(rng.random() * 2), 0) if short else pick(rng, SHAPES)
        taken, words = words[: n + before + after], words[n + before + after :]
        _function(out, rng, split, taken=taken, before=before, n=n)
    out.mark(0, "code_language", "python")
    return out.document("docstring")


def _function(
    out: Writer, rng: Random, split: str, *, taken: list[str], before: int, n: int
) -> None:
    """Write one function whose documented arguments are `taken[before : before + n]`."""
    start = out.length
    OPEN.render(out, {"func": function_name(rng, split)})
    for position, name in enumerate(taken):
        COMMA.render(out)
        index = position - before + 1
        if 1 <= index <= n:
            ARGS[index].render(out, {f"arg_{index}": name})
        else:
            DISTRACTOR.render(out, {"distractor": name})
    END.render(out)
    described = DESCRIPTIONS.of(split)
    opening = {f"word_{i + 1}": word for i, word in enumerate(distinct(rng, described, 3))}
    opening["word_1"] = opening["word_1"].capitalize()
    pick(rng, SUMMARIES).render(out, opening)
    for index in range(1, n + 1):
        name = taken[before + index - 1]
        fills = {
            f"param_{index}": name,
            "word_1": pick(rng, described),
            "word_2": pick(rng, described),
        }
        PARAMS[index].render(out, fills)
    CLOSE.render(out)
    if rng.random() < 0.75:
        _body(out, rng, split, taken[before : before + n])
    out.mark(start, "role", "function")


def _body(out: Writer, rng: Random, split: str, names: list[str]) -> None:
    """Write a few lines that use two of the arguments."""
    first = int(rng.random() * len(names))
    second = (first + 1 + int(rng.random() * (len(names) - 1))) % len(names)
    fills = {
        "first": names[first],
        "second": names[second],
        "num": str(int(rng.random() * 20)),
        "var": pick(rng, RESULTS.of(split)),
        "item": "x" if rng.random() < 0.5 else pick(rng, LISTS.of(split))[:-1],
    }
    pick(rng, BODIES).render(out, fills)


KINDS: dict[str, Callable[[Random, str], Document]] = {"docstring": docstring}
