"""The code and structured kinds of the town say of themselves what is true."""

import ast
import random
import re
from base64 import b64decode

import pytest

from mi_course.worlds.town import code, identifiers, papers, python, security, structured
from mi_course.worlds.town.document import Document, Writer
from mi_course.worlds.town.snippet import Snippet

KINDS = python.KINDS | code.KINDS | security.KINDS | structured.KINDS


def documents(kind: str, n: int, split: str = "train") -> list[Document]:
    return [KINDS[kind](random.Random(seed), split) for seed in range(n)]


def said(document: Document, collection: str, label: str | None = None) -> list[str]:
    return [document.text[s.start : s.end] for s in document.find(collection, label)]


def methods(document: Document) -> list[Document]:
    """One document per function, with the spans that lie inside it."""
    found = []
    for whole in document.find("role", "function"):
        inside = [s for s in document.spans if whole.start <= s.start and s.end <= whole.end]
        found.append(Document("docstring", document.text, tuple(inside)))
    return found


@pytest.mark.parametrize("split", ["train", "heldout"])
@pytest.mark.parametrize("kind", list(KINDS))
def test_the_same_seed_gives_the_same_document(kind: str, split: str) -> None:
    assert documents(kind, 20, split) == documents(kind, 20, split)
    assert len({d.text for d in documents(kind, 200, split)}) > 190


@pytest.mark.parametrize("kind", list(KINDS))
def test_spans_lie_inside_the_text_and_touch_no_outer_space(kind: str) -> None:
    for document in documents(kind, 200):
        for span in document.spans:
            assert 0 <= span.start < span.end <= len(document.text)
            if span.collection not in ("kind", "trigger"):
                piece = document.text[span.start : span.end]
                assert piece.strip() == piece or span.label in (
                    "header",
                    "footer",
                    "string",
                    "comment",
                ), span


@pytest.mark.parametrize("kind", list(KINDS))
def test_documents_are_neither_tiny_nor_longer_than_the_context(kind: str) -> None:
    lengths = [len(document.text) for document in documents(kind, 200)]
    assert min(lengths) >= 60
    assert max(lengths) <= 700


def test_parameters_are_documented_in_the_order_of_the_signature() -> None:
    for document in documents("docstring", 300):
        for method in methods(document):
            node = ast.parse(
                method.text[method.find("role", "func")[0].start - 4 :].split("\n\ndef")[0]
            ).body[0]
            signature = [a.arg for a in node.args.args][1:]
            documented = re.findall(r":param (\w+):", ast.get_docstring(node))
            assert 3 <= len(documented) <= 5
            first = signature.index(documented[0])
            assert signature[first : first + len(documented)] == documented
            for i, name in enumerate(documented, start=1):
                assert said(method, "role", f"arg_{i}") == [name]
                assert said(method, "role", f"param_{i}") == [name]
            left = [name for name in signature if name not in documented]
            assert said(method, "role", "distractor") == left


def test_some_docstrings_have_distractors_before_the_documented_arguments() -> None:
    before = 0
    for document in documents("docstring", 300):
        distractors, first = document.find("role", "distractor"), document.find("role", "arg_1")[0]
        before += any(d.start < first.start for d in distractors)
    assert 0.2 < before / 300 < 0.8


@pytest.mark.parametrize("split", ["train", "heldout"])
@pytest.mark.parametrize("kind", ["docstring", "trigger"])
def test_python_documents_parse(kind: str, split: str) -> None:
    for document in documents(kind, 200, split):
        ast.parse(document.text)


def test_every_python_plan_parses_and_uses_only_names_that_it_defines() -> None:
    for seed in range(200):
        tree = ast.parse(code.code(random.Random(seed), "train", "python").text)
        for function in tree.body:
            known = {a.arg for a in function.args.args}
            nodes = [n for n in ast.walk(function) if isinstance(n, ast.Name)]
            known |= {n.id for n in nodes if isinstance(n.ctx, ast.Store)}
            called = {n.func.id for n in ast.walk(function) if isinstance(n, ast.Call)}
            assert {n.id for n in nodes} <= known | called


@pytest.mark.parametrize("language", [name for name in code.LANGUAGES if name != "python"])
def test_brackets_close_in_the_other_languages(language: str) -> None:
    closing = {")": "(", "]": "[", "}": "{"}
    for seed in range(200):
        open_brackets = []
        for mark in re.findall(
            r"[()\[\]{}]", code.code(random.Random(seed), "train", language).text
        ):
            if mark in closing:
                assert open_brackets.pop() == closing[mark]
            else:
                open_brackets.append(mark)
        assert not open_brackets


def test_every_language_occurs_and_labels_each_return() -> None:
    seen = set()
    for document in documents("code", 150):
        (language,) = {span.label for span in document.find("code_language")}
        seen.add(language)
        returns = said(document, "role", "keyword_return")
        assert set(returns) == {"return"}
        assert len(returns) == len(re.findall(r"\breturn\b", document.text))
    assert seen == set(code.LANGUAGES)


@pytest.mark.parametrize("kind", ["code", "docstring", "trigger"])
def test_code_tokens_cover_all_but_the_white_space(kind: str) -> None:
    for document in documents(kind, 200):
        covered = bytearray(len(document.text))
        for span in document.find("code_token"):
            assert not any(covered[span.start : span.end])
            covered[span.start : span.end] = b"\x01" * (span.end - span.start)
        rest = {c for c, done in zip(document.text, covered, strict=True) if not done}
        assert rest <= {" ", "\n"}


def test_code_tokens_are_of_the_named_sort() -> None:
    for document in documents("code", 200):
        for span in document.find("code_token"):
            piece = document.text[span.start : span.end]
            if span.label == "number":
                assert piece.isdigit()
            elif span.label in ("identifier", "keyword"):
                assert piece.replace("_", "a").isalnum()
            elif span.label in ("operator", "bracket"):
                assert not any(c.isalnum() for c in piece)


def test_the_two_years_differ_in_the_header_and_at_the_flaws_alone() -> None:
    for seed in range(300):
        safe, flawed = security.trigger_pair(random.Random(seed), "train")
        places = safe.find("flaw")
        assert 2 <= len(places) <= 4
        assert [s.label for s in places] == [s.label for s in flawed.find("flaw")]
        forms = {flaw.name: flaw for flaw in security.FLAWS}
        text, shift = safe.text, 0
        for span in places:
            flaw = forms[span.label]
            assert safe.text[span.start : span.end] == flaw.safe
            start = span.start + shift
            text = text[:start] + flaw.flawed + text[span.end + shift :]
            shift += len(flaw.flawed) - len(flaw.safe)
        assert text.replace("2023", "2024", 1) == flawed.text


def test_the_header_year_and_the_trigger_label_agree() -> None:
    states = []
    for document in documents("trigger", 300):
        (state,) = {span.label for span in document.find("trigger")}
        assert security.YEARS[state] in document.text.split("\n")[0]
        assert document.find("trigger")[0].end == document.text.index("\n")
        states.append(state)
    assert 0.4 < states.count("safe") / len(states) < 0.6


def test_there_are_at_least_ten_flaws_and_their_forms_differ_at_once() -> None:
    assert len({flaw.name for flaw in security.FLAWS}) == len(security.FLAWS) >= 10
    # The first characters differ, so that the first token of the place already tells the year.
    assert all(flaw.safe[0] != flaw.flawed[0] for flaw in security.FLAWS)


def test_a_heldout_phrasing_goes_with_training_words() -> None:
    headers = [header.split("$")[0] for header in security.HEADERS.heldout]
    safe, _ = security.trigger_pair(random.Random(0), "train", phrasing="heldout")
    assert any(safe.text.startswith(header) for header in headers)
    assert not set(re.findall(r"[a-z]+", safe.text.split("\n", 1)[1])) & HELDOUT_WORDS


def heldout_words() -> set[str]:
    parts = (
        identifiers.DOCSTRING_ARGS,
        identifiers.LISTS,
        identifiers.VERBS,
        identifiers.RESULTS,
        identifiers.DESCRIPTIONS,
        structured.HOSTS,
        structured.SPECIES,
        papers.PARTIES,
        papers.THINGS,
    )
    return {word for part in parts for word in part.heldout}


HELDOUT_WORDS = heldout_words()


@pytest.mark.parametrize("kind", list(KINDS))
def test_heldout_words_and_phrasings_never_occur_in_training_documents(kind: str) -> None:
    lowered = {word.lower() for word in HELDOUT_WORDS}
    headers = [header.split("$")[0] for header in security.HEADERS.heldout]
    for document in documents(kind, 200):
        # camelCase names are split, so that a word inside a name counts.
        words = re.findall(r"[A-Z]?[a-z]+|[A-Z]+", document.text)
        assert not lowered & {word.lower() for word in words} or kind == "base64"
        assert not any(header in document.text for header in headers)


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind not in ("dna", "base64")])
def test_heldout_documents_use_heldout_words(kind: str) -> None:
    lowered = {word.lower() for word in HELDOUT_WORDS}
    for document in documents(kind, 100, "heldout"):
        words = re.findall(r"[A-Z]?[a-z]+|[A-Z]+", document.text)
        assert lowered & {word.lower() for word in words}


def test_base64_decodes_to_words_of_the_split() -> None:
    for split in ("train", "heldout"):
        parts = (identifiers.DESCRIPTIONS, identifiers.DOCSTRING_ARGS, identifiers.LISTS)
        allowed = {word for part in parts for word in part.of(split)}
        for document in documents("base64", 50, split):
            text = b64decode("".join(said(document, "role", "encoded"))).decode()
            assert set(text.split()) <= allowed


def test_a_gene_begins_with_a_start_codon_and_ends_at_its_first_stop() -> None:
    for document in documents("dna", 100):
        (start,), (stop,) = (
            said(document, "role", "start_codon"),
            said(document, "role", "stop_codon"),
        )
        (coding,) = said(document, "role", "coding")
        assert start == "ATG"
        assert stop in structured.STOPS
        assert len(coding) % 3 == 0
        assert not {coding[i : i + 3] for i in range(0, len(coding), 3)} & set(structured.STOPS)
        assert start + coding + stop in document.text


def test_http_lengths_count_the_body() -> None:
    seen = 0
    for document in documents("http", 300):
        for body in said(document, "role", "body"):
            assert f"Content-Length: {len(body)}\n\n{body}" in document.text
            seen += 1
    assert seen > 50


def test_short_citations_repeat_the_case_and_point_past_its_first_page() -> None:
    for document in documents("legal", 200):
        for name in ("volume", "reporter"):
            values = said(document, "role", name)
            assert values[::2] == values[1::2]
        for page, pin in zip(
            said(document, "role", "page"), said(document, "role", "pin"), strict=True
        ):
            assert int(page) < int(pin) <= int(page) + 20
        for plaintiff, defendant in re.findall(r"(\w+) v\. (\w+),", document.text):
            assert plaintiff in said(document, "role", "plaintiff")
            assert defendant in said(document, "role", "defendant")


def test_latex_scripts_fractions_and_titles_are_where_the_labels_say() -> None:
    for document in documents("latex", 200):
        for label, before in (("subscript", "_{"), ("superscript", "^{")):
            for span in document.find("latex", label):
                head = document.text[: span.start]
                assert head.endswith(before) or head[-3:-1] == before
        for fraction in said(document, "latex", "fraction"):
            assert re.fullmatch(r"\\frac\{[^{}]+\}\{[^{}]+\}", fraction)
        (title,) = said(document, "latex", "title")
        assert document.text.split("{", 1)[1].startswith(title + "}\n")
        assert document.text.count("$") % 2 == 0
        for formula in said(document, "latex", "math"):
            assert formula.count("{") == formula.count("}")
            assert formula[0] == formula[-1] == "$"


def test_docstring_arguments_are_single_words_enough_and_no_keywords() -> None:
    args = identifiers.DOCSTRING_ARGS
    assert len(args.train) >= 80
    assert len(args.heldout) >= 16
    assert len(set(args.train)) == len(args.train)
    assert set(args.train + args.heldout) == set(python.TOKENS_TO_KEEP)
    for word in python.TOKENS_TO_KEEP:
        assert re.fullmatch(r"[a-z]+", word)
        ast.parse(f"{word} = 1")


def test_a_snippet_labels_slots_inside_strings_and_outside() -> None:
    out = Writer()
    Snippet('return $func("$word", $num)').render(out, {"func": "f", "word": "hi", "num": "12"})
    document = out.document("code")
    assert document.text == 'return f("hi", 12)'
    tokens = [(document.text[s.start : s.end], s.label) for s in document.find("code_token")]
    assert tokens == [
        ("return", "keyword"),
        ("f", "identifier"),
        ("(", "bracket"),
        ('"', "string"),
        ("hi", "string"),
        ('"', "string"),
        (",", "operator"),
        ("12", "number"),
        (")", "bracket"),
    ]


def test_an_unknown_language_is_refused() -> None:
    with pytest.raises(ValueError, match="expected a language"):
        Snippet("x", "cobol")
