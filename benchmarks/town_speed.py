"""The speed of the world `town` in MB a second of one core, in CPU time as machines are busy.

Two lines: text with its character spans, as training reads it, and the same with every token's
number in ten label collections, as probing reads it (encoding the text is not counted).
"""

import itertools

from benchmarks._figure import fastest, report
from mi_course.models.tokenizer import load_tokenizer
from mi_course.worlds.town.corpus import stream
from mi_course.worlds.town.labels import label_matrix

DOCUMENTS = 1000
REPEATS = 7  # the fastest counts: other programs only ever slow one down
REQUIRED = 1.0  # MB/s
COLLECTIONS = (
    "part_of_speech",
    "dependency",
    "morphology",
    "code_language",
    "natural_language",
    "subset",
    "compound",
    "latex",
    "kind",
    "trigger",
)


def told(name: str, megabytes: float, taken: float) -> None:
    """Print one figure; the peer is the rate that the course requires."""
    unit = "MB of text per CPU second, one core"
    rate = megabytes / taken
    report(f"worlds/{name}", rate, REQUIRED, unit, "required rate", more_is_better=True, target=1)


def main() -> None:
    """Measure both rates."""
    list(itertools.islice(stream(1), 500))  # templates are read at first use
    documents = list(itertools.islice(stream(0), DOCUMENTS))
    megabytes = sum(len(document.text.encode()) for document in documents) / 1e6
    texts = [document.text for document in documents]
    spans = load_tokenizer()(texts, return_offsets_mapping=True, add_special_tokens=False)
    ways = {
        "made": lambda: list(itertools.islice(stream(0), DOCUMENTS)),
        "labelled": lambda: label_matrix(documents, spans["offset_mapping"], COLLECTIONS),
    }
    taken = fastest(ways, REPEATS)
    told("town_labelled_mb_per_s", megabytes, taken["made"])
    told("town_token_labels_mb_per_s", megabytes, sum(taken.values()))


if __name__ == "__main__":
    main()
