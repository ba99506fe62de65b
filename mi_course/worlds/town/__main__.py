"""Print documents of `town` with their labels: `python -m mi_course.worlds.town --kind ioi`.

Each document is shown with the words of one collection in colour (or in brackets where the
terminal has none), and below it every other collection that it has labels in.
"""

import argparse
import itertools
from collections.abc import Iterator

from mi_course.worlds.town.corpus import KINDS, SPLITS, stream
from mi_course.worlds.town.document import Document, Span
from mi_course.worlds.town.labels import expand

try:
    from rich.console import Console
    from rich.text import Text
except ImportError:
    Console = None

COLOURS = ("cyan", "yellow", "green", "magenta", "red", "blue", "bright_cyan", "bright_yellow")
SHOWN = 6  # examples of one label


def visible_spans(document: Document, collection: str) -> list[Span]:
    """Return spans of a collection that do not overlap, the shortest where several do."""
    chosen: list[Span] = []
    for span in sorted(document.find(collection), key=lambda s: s.end - s.start):
        if all(span.end <= other.start or span.start >= other.end for other in chosen):
            chosen.append(span)
    return sorted(chosen)


def plain(document: Document, collection: str) -> str:
    """Return the text with each label in brackets behind what it labels."""
    parts, at = [], 0
    for span in visible_spans(document, collection):
        parts.append(document.text[at : span.end] + f"[{span.label}]")
        at = span.end
    return "".join(parts) + document.text[at:]


def summary(document: Document) -> Iterator[tuple[str, str]]:
    """Return each collection of the document, and its labels with what they label."""
    by_collection: dict[str, dict[str, list[str]]] = {}
    for start, end, collection, label in document.spans:
        found = by_collection.setdefault(collection, {}).setdefault(label, [])
        words = document.text[start:end]
        found.append(words if end - start <= 40 else "(all)")
    for collection, labels in by_collection.items():
        told = []
        for label, words in labels.items():
            different = list(dict.fromkeys(words))
            more = " ..." if len(different) > SHOWN else ""
            told.append(f"{label}: {' | '.join(different[:SHOWN])}{more}")
        yield collection, "; ".join(told)


def _print_rich(title: str, document: Document, collection: str) -> None:
    spans = visible_spans(document, collection)
    labels = list(dict.fromkeys(span.label for span in spans))
    colour = {label: COLOURS[i % len(COLOURS)] for i, label in enumerate(labels)}
    text = Text(document.text)
    for span in spans:
        text.stylize(f"bold {colour[span.label]}", span.start, span.end)
    console = Console()
    console.rule(title, align="left")
    console.print(text)
    console.print(Text(f"\n{collection}: ", "dim"), end="")
    console.print(*(Text(label, f"bold {colour[label]}") for label in labels))
    for name, told in summary(document):
        if name != collection:
            console.print(Text(f"{name:18}", "dim"), Text(told), overflow="fold")
    console.print()


def _print_plain(title: str, document: Document, collection: str) -> None:
    print(f"--- {title} (in brackets: {collection})")
    print(plain(document, collection))
    for name, told in summary(document):
        if name != collection:
            print(f"  {name:18} {told}")
    print()


def main(argv: list[str] | None = None) -> None:
    """Print the documents that the command line asks for."""
    parser = argparse.ArgumentParser(prog="python -m mi_course.worlds.town", description=__doc__)
    parser.add_argument("--sample", type=int, default=3, help="how many documents")
    parser.add_argument("--kind", choices=sorted(KINDS), help="any kind when it is left out")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--split", choices=SPLITS, default="train")
    parser.add_argument("--collection", default="role", help="what to show in the text")
    parser.add_argument("--plain", action="store_true", help="no colours")
    asked = parser.parse_args(argv)
    documents = stream(asked.seed, split=asked.split, kinds=[asked.kind] if asked.kind else None)
    for number, document in enumerate(itertools.islice(documents, asked.sample)):
        title = f"{document.kind} {asked.split} seed {asked.seed} number {number}"
        show = _print_plain if asked.plain or Console is None else _print_rich
        show(title, expand(document), asked.collection)


if __name__ == "__main__":
    main()
