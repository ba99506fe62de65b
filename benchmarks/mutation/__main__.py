"""Score the exercises, print a table, list the survivors, write `mutation.json`.

`python -m benchmarks.mutation` scores all; `python -m benchmarks.mutation 06.1 06.2` these alone.
"""

import json
import sys
from pathlib import Path

import torch
from tqdm import tqdm

from benchmarks.mutation.answers import answers
from benchmarks.mutation.score import Score, read_reasons, score

TARGET = 0.95
RESULT = Path(__file__).parents[1] / "mutation.json"


def table(scores: list[Score]) -> str:
    """Return the scores and the survivors as text."""
    lines = ["exercise  mutants  rejected   score  same  crashed"]
    lines += [
        f"{each.exercise:8} {each.mutants:8} {each.killed:9} {each.score:7.1%} "
        f"{len(each.equivalent):5} {each.crashed:8}"
        for each in scores
    ]
    for each in scores:
        for survivor in each.survivors:
            lines.append(f"{each.exercise} passes: {survivor.mutant}  (differs: {survivor.case})")
    return "\n".join(lines)


def main(wanted: list[str]) -> int:
    """Score the exercises with these ids, or all; 1 where one is below the target."""
    torch.set_num_threads(1)
    reasons = read_reasons()
    scores = []
    for exercise, right in answers():
        if not wanted or exercise.id in wanted:
            with tqdm(desc=exercise.id, unit=" mutants", leave=False, disable=None) as bar:
                scores.append(score(exercise, right, reasons, tick=bar.update))
    print(table(scores))
    if not wanted:
        RESULT.write_text(json.dumps([each.as_json() for each in scores], indent=1) + "\n")
    return int(any(each.score < TARGET for each in scores))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
