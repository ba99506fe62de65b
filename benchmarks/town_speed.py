"""The speed of the world `town` in MB a second of one core, in CPU time as machines are busy.

Two lines: text with its character spans, as training reads it, and the same with every token's
number in ten label collections, as probing reads it (encoding the text is not counted).
"""

import itertools
import json
import platform
import time
from collections.abc import Callable

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


def best(work: Callable[[], object]) -> float:
    """Return the CPU seconds of the fastest of some repeats."""
    seconds = []
    for _ in range(REPEATS):
        start = time.process_time()
        work()
        seconds.append(time.process_time() - start)
    return min(seconds)


def report(name: str, megabytes: float, seconds: float) -> None:
    """Print one figure as a JSON line; the ratio is against the rate that the course requires."""
    rate = megabytes / seconds
    line = {
        "benchmark": f"worlds/{name}",
        "ours": round(rate, 3),
        "peer": REQUIRED,
        "ratio": round(rate / REQUIRED, 3),
        "unit": "MB of text per CPU second, one core",
        "peer_version": "required rate",
        "machine": f"{platform.machine()} {platform.system()} Python {platform.python_version()}",
    }
    print(json.dumps(line))


def main() -> None:
    """Measure both rates."""
    list(itertools.islice(stream(1), 500))  # templates are read at first use
    made = best(lambda: list(itertools.islice(stream(0), DOCUMENTS)))
    documents = list(itertools.islice(stream(0), DOCUMENTS))
    megabytes = sum(len(document.text.encode()) for document in documents) / 1e6
    report("town_labelled_mb_per_s", megabytes, made)
    texts = [document.text for document in documents]
    encoded = load_tokenizer()(texts, return_offsets_mapping=True, add_special_tokens=False)
    labelled = best(lambda: label_matrix(documents, encoded["offset_mapping"], COLLECTIONS))
    report("town_token_labels_mb_per_s", megabytes, made + labelled)


if __name__ == "__main__":
    main()
