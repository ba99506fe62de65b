"""Short programs in six languages that share keywords such as `return`.

A program is a plan of statements (declare, loop, test, return); each language says how it writes
every statement, so that the same programs appear in all of them. In go a random generator and a
split; out come documents labelled with `code_language`, `code_token` and the role `keyword_return`.
"""

from collections.abc import Callable
from random import Random

from mi_course.worlds.town.document import Document, Writer
from mi_course.worlds.town.identifiers import (
    DOCSTRING_ARGS,
    LISTS,
    RESULTS,
    distinct,
    function_name,
    pick,
)
from mi_course.worlds.town.snippet import Snippet

# Statements that a plan may hold; a statement with a depth of n is indented n times.
PLANS: tuple[tuple[tuple[int, str], ...], ...] = tuple(
    tuple((word.count(">"), word.lstrip(">")) for word in plan.split())
    for plan in (
        "declare each >update return",
        "declare each >if >>update return",
        "declare range >update return",
        "if >give return_num",
        "if >give give",
        "declare if >update return",
        "declare if >update else >set return",
        "declare each >if >>set print return",
        "declare while >update >print return",
        "each >if >>give return_num",
        "declare range >if >>give return",
        "declare update return",
        "declare while >if >>give >update return",
        "call give",
        "call if >give return_call",
        "declare each >print >update return",
    )
)

EXPRESSIONS = ("$arg $op $other", "$arg $op $num", "$arg", "$var $op $arg", "$var $op $num", "$var")
VALUES = ("$arg", "$other", "$num", "$arg $op $num", "$item", "$item", "$item $op $num", "$item")
TESTS = ("$arg $cmp $num", "$arg $cmp $other", "$other $cmp $num")

_BRACES = {
    "if": "if ($test) {",
    "else": "} else {",
    "while": "while ($arg $cmp $num) {",
    "update": "$var $aug $value;",
    "set": "$var = $value;",
    "give": "return $expr;",
    "return": "return $var;",
    "return_num": "return $num;",
    "return_call": "return $helper($arg, $num);",
    "range": "for (int i = 0; i < $arg; i++) {",
    "declare": "int $var = $num;",
    "call": "int $var = $helper($other);",
    "end": "}",
}
FORMS: dict[str, dict[str, str]] = {
    "python": {
        "open": "def $func($list, $arg, $other):",
        "declare": "$var = $num",
        "call": "$var = $helper($other)",
        "each": "for $item in $list:",
        "range": "for i in range($arg):",
        "while": "while $arg $cmp $num:",
        "if": "if $test:",
        "else": "else:",
        "update": "$var $aug $value",
        "set": "$var = $value",
        "print": "print($var)",
        "give": "return $expr",
        "return": "return $var",
        "return_num": "return $num",
        "return_call": "return $helper($arg, $num)",
    },
    "javascript": _BRACES
    | {
        "open": "function $func($list, $arg, $other) {",
        "declare": "let $var = $num;",
        "call": "const $var = $helper($other);",
        "each": "for (const $item of $list) {",
        "range": "for (let i = 0; i < $arg; i++) {",
        "print": "console.log($var);",
    },
    "java": _BRACES
    | {
        "open": "public static int $func(int[] $list, int $arg, int $other) {",
        "each": "for (int $item : $list) {",
        "print": "System.out.println($var);",
    },
    "go": {form: text.rstrip(";") for form, text in _BRACES.items()}
    | {
        "open": "func $func($list []int, $arg int, $other int) int {",
        "declare": "$var := $num",
        "call": "$var := $helper($other)",
        "each": "for _, $item := range $list {",
        "range": "for i := 0; i < $arg; i++ {",
        "while": "for $arg $cmp $num {",
        "if": "if $test {",
        "print": "fmt.Println($var)",
    },
    "rust": _BRACES
    | {
        "open": "fn $func($list: &[i32], $arg: i32, $other: i32) -> i32 {",
        "declare": "let mut $var = $num;",
        "call": "let $var = $helper($other);",
        "each": "for $item in $list {",
        "range": "for i in 0..$arg {",
        "while": "while $arg $cmp $num {",
        "if": "if $test {",
        "print": 'println!("{}", $var);',
    },
    "c": _BRACES
    | {
        "open": "int $func(int *$list, int $arg, int $other) {",
        "each": "for (int $item = 0; $item < $num; $item++) {",
        "print": 'printf("%d", $var);',
    },
}
LANGUAGES = tuple(FORMS)
INDENTS = {"python": 4, "javascript": 2, "java": 4, "go": 4, "rust": 4, "c": 4}
_OPERATORS = dict.fromkeys(("op", "aug", "cmp"), "operator")
_MAKES = {"declare": "$var", "call": "$var", "each": "$item"}
_CHOICES = {"$expr": EXPRESSIONS, "$value": VALUES, "$test": TESTS}


def _variants(language: str, source: str) -> tuple[Snippet, ...]:
    """Return a statement once for every expression that it may hold."""
    for hole, choices in _CHOICES.items():
        if hole in source:
            return tuple(
                Snippet(source.replace(hole, choice), language, labels=_OPERATORS)
                for choice in choices
            )
    return (Snippet(source, language, labels=_OPERATORS),)


STATEMENTS: dict[str, dict[str, tuple[Snippet, ...]]] = {
    language: {form: _variants(language, source) for form, source in forms.items()}
    for language, forms in FORMS.items()
}


def _lines(plan: tuple[tuple[int, str], ...], language: str) -> tuple[tuple[int, str], ...]:
    """Return the (depth, statement) lines of a plan, with the closing braces of the language."""
    lines: list[tuple[int, str]] = [(0, "open")]
    depth = 1
    for extra, form in (*plan, (-1, "")):
        target = extra + 1
        while language != "python" and depth > target:
            depth -= 1
            if not (form == "else" and depth == target):
                lines.append((depth, "end"))
        depth = target
        if form:
            lines.append((target, form))
    return tuple(lines)


PROGRAMS = {language: tuple(_lines(plan, language) for plan in PLANS) for language in LANGUAGES}


def _fills(rng: Random, split: str, language: str) -> dict[str, str]:
    """Return the names of one function; the item of a list is the list's name without its s."""
    arg, other, spare = distinct(rng, DOCSTRING_ARGS.of(split), 3)
    var = pick(rng, RESULTS.of(split))
    items = pick(rng, LISTS.of(split))
    camel = language in ("javascript", "java", "go")
    return {
        "func": function_name(rng, split, camel=camel),
        "helper": function_name(rng, split, camel=camel),
        "list": items,
        "item": items[:-1],
        "arg": arg if arg not in (var, items[:-1]) else spare,
        "other": other if other not in (var, items[:-1]) else spare,
        "var": var,
    }


def _allowed(variants: tuple[Snippet, ...], known: set[str]) -> int:
    """Return how many of the variants, which end in those of local names, use only known names."""
    n = len(variants)
    for name in ("$item", "$var"):
        while n > 1 and name not in known and name in variants[n - 1].source:
            n -= 1
    return n


def write_function(out: Writer, rng: Random, split: str, language: str) -> None:
    """Append one labelled function in `language`."""
    fills = _fills(rng, split, language)
    statements, indent = STATEMENTS[language], INDENTS[language]
    known: set[str] = set()
    for depth, form in pick(rng, PROGRAMS[language]):
        if form != "open":
            margin = "\n" + " " * (indent * depth)
            out.parts.append(margin)
            out.length += len(margin)
        if form in _MAKES:
            known.add(_MAKES[form])
        fills["num"] = str(int(rng.random() * 100)) if rng.random() < 0.5 else pick(rng, "0123")
        fills["op"] = pick(rng, "+-*+")
        fills["aug"] = pick(rng, ("+=", "-=", "*=", "+="))
        fills["cmp"] = pick(rng, (">", "<", "==", ">=", "!="))
        variants = statements[form]
        n = _allowed(variants, known) if len(variants) > 1 else 1
        variants[int(rng.random() * n)].render(out, fills)


def code(rng: Random, split: str, language: str | None = None) -> Document:
    """Return one to three functions of one language, drawn unless it is given."""
    language = language or pick(rng, LANGUAGES)
    out = Writer()
    limit = 130 + int(rng.random() * 160)
    while out.length < limit:
        if out.length:
            out.add("\n\n")
        write_function(out, rng, split, language)
    out.mark(0, "code_language", language)
    return out.document("code")


KINDS: dict[str, Callable[[Random, str], Document]] = {"code": code}
