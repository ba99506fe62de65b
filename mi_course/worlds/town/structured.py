"""Structured text of the world `town`: DNA, base64 and HTTP, and the kinds of `papers`.

These kinds give the features of form (a genetic sequence, an encoded word, a request) their own
contexts. In go a random generator and a split; out come labelled documents.
"""

from base64 import b64encode
from collections.abc import Callable
from random import Random

from mi_course.worlds.town import papers
from mi_course.worlds.town.document import Document, Writer
from mi_course.worlds.town.identifiers import (
    DESCRIPTIONS,
    DOCSTRING_ARGS,
    LISTS,
    distinct,
    pick,
    words_of,
)
from mi_course.worlds.town.lexicon import Part

STOPS = ("TAA", "TAG", "TGA")
CODONS = tuple(
    a + b + c for a in "ACGT" for b in "ACGT" for c in "ACGT" if a + b + c not in (*STOPS, "ATG")
)
SPECIES = Part(
    train=("human", "mouse", "yeast", "maize", "chicken", "frog", "rice", "salmon"),
    heldout=("axolotl", "barley"),
)
HOSTS = Part(
    train=words_of("""
        acme civic delta ember focal north orbit pine quest river solar tidal
    """),
    heldout=("zephyr", "umbra", "krill"),
)
DOMAINS = ("com", "org", "net", "edu", "io")
AGENTS = ("Mozilla/5.0", "curl/8.1", "Wget/1.21", "Opera/9.8")
MEDIA = ("text/html", "text/plain", "image/png", "application/json")
STATUS = (
    ("200", "OK"),
    ("404", "Not Found"),
    ("301", "Moved Permanently"),
    ("500", "Internal Server Error"),
    ("403", "Forbidden"),
)


def _bases(rng: Random, n: int) -> str:
    return "".join([pick(rng, "ACGT") for _ in range(n)])


def dna(rng: Random, split: str) -> Document:
    """Return a FASTA record: a promoter, a start codon, codons, a stop codon and a tail."""
    out = Writer()
    out.add(">")
    out.add(f"gene{int(rng.random() * 90) + 10}", role="gene")
    out.add(" " + pick(rng, SPECIES.of(split)), role="species")
    out.add("\n")
    start = out.length
    repeat = _bases(rng, 6 + int(rng.random() * 5))
    out.add(_bases(rng, 6 + int(rng.random() * 14)))
    out.add(pick(rng, ("TATAAA", "TATAAA", "TATATA")), role="tata_box")
    out.add(_bases(rng, 6 + int(rng.random() * 10)))
    for _ in range(int(rng.random() * 3)):
        out.add(repeat, role="repeat")
    out.add("\n")
    out.add("ATG", role="start_codon")
    favourite = distinct(rng, CODONS, 5)
    body = [pick(rng, favourite) if rng.random() < 0.6 else pick(rng, CODONS) for _ in range(30)]
    out.add("".join(body[: 12 + int(rng.random() * 18)]), role="coding")
    out.add(pick(rng, STOPS), role="stop_codon")
    out.add("\n")
    out.add(_bases(rng, 5 + int(rng.random() * 12)))
    out.add("AATAAA", role="poly_a_signal")
    out.add("A" * (8 + int(rng.random() * 10)), role="poly_a_tail")
    out.mark(start, "text_feature", "dna")
    out.mark(start, "text_feature", "all_caps")
    return out.document("dna")


_OPENINGS = (
    "Content-Transfer-Encoding: base64\n\n",
    "data: text/plain;base64,",
    "base64: ",
    "Authorization: Basic ",
    "-----BEGIN MESSAGE-----\n",
)


def base64(rng: Random, split: str) -> Document:
    """Return a header and words of the town in base64, at most 64 characters to the line."""
    out = Writer()
    pools = (DESCRIPTIONS.of(split), DOCSTRING_ARGS.of(split), LISTS.of(split))
    words = [pick(rng, pick(rng, pools)) for _ in range(8 + int(rng.random() * 9))]
    text = b64encode(" ".join(words).encode()).decode()
    opening = pick(rng, _OPENINGS)
    out.add(opening, role="header")
    start = out.length
    for position in range(0, len(text), 64):
        if position:
            out.add("\n")
        out.add(text[position : position + 64], role="encoded")
    out.mark(start, "text_feature", "base64")
    if opening.startswith("-"):
        out.add("\n-----END MESSAGE-----", role="footer")
    return out.document("base64")


def _field(out: Writer, name: str, value: str) -> None:
    out.add("\n")
    out.add(name, role="header_name")
    out.add(": ")
    out.add(value, role="header_value")


def _path(rng: Random, split: str) -> str:
    """Return a path such as /users/12/image or /pages?first=4."""
    lists, words = LISTS.of(split), DOCSTRING_ARGS.of(split)
    form, number = rng.random(), int(rng.random() * 100)
    if form < 0.3:
        return f"/{pick(rng, lists)}/{number}/{pick(rng, words)}"
    if form < 0.6:
        return f"/{pick(rng, lists)}?{pick(rng, words)}={number}"
    return f"/{pick(rng, lists)}/{pick(rng, words)}.html"


def http(rng: Random, split: str) -> Document:
    """Return a request with headers and, most times, the response to it."""
    out = Writer()
    method = pick(rng, ("GET", "GET", "POST", "PUT", "DELETE"))
    host = f"www.{pick(rng, HOSTS.of(split))}.{pick(rng, DOMAINS)}"
    media = pick(rng, MEDIA)
    out.add(method, role="method", text_feature="all_caps")
    out.add(" " + _path(rng, split), role="path")
    out.add(" HTTP/1.1", role="version")
    _field(out, "Host", host)
    for name, value, share in (
        ("User-Agent", pick(rng, AGENTS), 0.7),
        ("Accept", media, 0.8),
        ("Accept-Language", pick(rng, ("en", "de", "fr", "ru")), 0.4),
        ("Referer", f"https://{host}{_path(rng, split)}", 0.4),
        ("Cookie", f"{pick(rng, DOCSTRING_ARGS.of(split))}={int(rng.random() * 10000)}", 0.4),
    ):
        if rng.random() < share:
            _field(out, name, value)
    if method in ("POST", "PUT"):
        body = "&".join(
            f"{word}={int(rng.random() * 100)}"
            for word in distinct(rng, DOCSTRING_ARGS.of(split), 3)
        )
        _field(out, "Content-Length", str(len(body)))
        out.add("\n\n")
        out.add(body, role="body")
    if rng.random() < 0.8:
        _response(out, rng, host, media)
    return out.document("http")


def _response(out: Writer, rng: Random, host: str, media: str) -> None:
    out.add("\n\n")
    code, reason = pick(rng, STATUS) if rng.random() < 0.6 else STATUS[0]
    out.add("HTTP/1.1 ")
    out.add(code, role="status", text_feature="digits")
    out.add(" " + reason, role="reason")
    _field(out, "Server", host)
    _field(out, "Content-Type", media)
    if rng.random() < 0.5:
        _field(out, "Content-Length", str(int(rng.random() * 5000)))


KINDS: dict[str, Callable[[Random, str], Document]] = {
    "dna": dna,
    "base64": base64,
    "http": http,
    **papers.KINDS,
}
