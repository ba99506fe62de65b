"""Which submissions agree more than chance, the stub and the solution explain.

Every answer becomes fingerprints (`fingerprints.py`). What the handed-out stub or the teacher's own
answers hold is taken away, and so is what half of the class wrote; a fingerprint that `k` of `n`
students have left weighs ln(n / k). An exercise gives a pair the weight that they share, times the
square of its fraction of the smaller answer: parts that agree by chance count little, whole
answers that agree count fully. Pairs are listed whose sum lies far above what students of this
class usually reach with their nearest neighbour.
In go answers, out come pairs for a person to look at; nothing here changes a mark.
"""

import statistics
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from mi_course.grading.similarity.fingerprints import fingerprints

MANY = 0.5  # of the class, or 4 students where that is more: then it is an idiom, no trace
LEAST = 3  # fingerprints that half of the answers must keep for an exercise to tell anything
FAR = 6.0  # robust standard deviations; of 106 made-up honest classes three listed one pair
FLOOR = 30.0  # what any listed pair must reach: about ten fingerprints that only these two have

Answers = Mapping[str, Mapping[str, str]]  # student -> exercise -> code
Left = dict[str, dict[int, int]]  # student -> fingerprint -> line


@dataclass(frozen=True)
class Agreement:
    """What two students' answers to one exercise share.

    Args:
        exercise: id.
        score: what it adds to the pair's score.
        share: weight of what both have, as a fraction of the smaller answer's, from 0 to 1.
        lines: for each of the two, the lines where a shared fingerprint begins.
    """

    exercise: str
    score: float
    share: float
    lines: tuple[frozenset[int], frozenset[int]]


@dataclass(frozen=True)
class Pair:
    """Two students whose answers agree, with the exercises that say so, the strongest first."""

    students: tuple[str, str]
    score: float
    agreements: tuple[Agreement, ...]


@dataclass(frozen=True)
class Similarity:
    """The pairs that stand out of one class.

    Args:
        pairs: those at or above the threshold, the highest score first.
        threshold: score that a pair must reach to be listed.
        usual: the median over students of the score with their nearest neighbour.
        students: how many handed in an answer that could be compared.
        compared: exercises that count.
        uninformative: exercises that everybody answers alike, which do not count.
        unreadable: how many answers were no Python and were not compared.
    """

    pairs: tuple[Pair, ...]
    threshold: float
    usual: float
    students: int
    compared: tuple[str, ...]
    uninformative: tuple[str, ...]
    unreadable: int


def compare_class(answers: Answers, known: Mapping[str, Iterable[str]]) -> Similarity:
    """The pairs of students whose answers agree beyond what is known.

    Args:
        answers: student -> exercise -> code of the answer.
        known: exercise -> stub, solution and other texts that explain an agreement.

    Returns:
        Pairs above a threshold that the class itself sets.
    """
    exercises = sorted({exercise for own in answers.values() for exercise in own})
    students, unreadable = sorted(answers), 0
    told, untold = {}, []
    scores = np.zeros((len(students), len(students)))
    for exercise in exercises:
        texts = {who: own[exercise] for who, own in answers.items() if exercise in own}
        left = _unexplained(texts, known.get(exercise, ()))
        unreadable += len(texts) - len(left)
        if not left or statistics.median(map(len, left.values())) < LEAST:
            untold.append(exercise)
            continue
        weights = _weights(left)
        scores += _scores([left.get(who, {}) for who in students], weights)
        told[exercise] = (left, weights)
    compared = sorted({who for left, _ in told.values() for who in left})
    usual, threshold = _threshold(scores[[who in set(compared) for who in students]])
    found = [
        Pair((students[i], students[j]), float(scores[i, j]), ())
        for i, j in np.argwhere(np.triu(scores >= threshold, k=1))
    ]
    pairs = [Pair(each.students, each.score, _agreements(each, told)) for each in found]
    pairs.sort(key=lambda pair: (-pair.score, pair.students))
    kept, dropped = tuple(told), tuple(untold)
    return Similarity(tuple(pairs), threshold, usual, len(compared), kept, dropped, unreadable)


def _unexplained(texts: Mapping[str, str], known: Iterable[str]) -> Left:
    """Each answer's fingerprints without those of known texts, where it is Python at all."""
    explained = {each for text in known for each in fingerprints(text) or ()}
    read = {who: fingerprints(text) for who, text in texts.items()}
    return {
        who: {each: line for each, line in found.items() if each not in explained}
        for who, found in read.items()
        if found is not None
    }


def _weights(left: Left) -> dict[int, float]:
    """Fingerprint -> weight, zero for what many wrote."""
    counts = Counter(each for found in left.values() for each in found)
    many = max(4, MANY * len(left))
    return {
        each: float(np.log(len(left) / count)) if count <= many else 0.0
        for each, count in counts.items()
    }


def _scores(
    found: list[dict[int, int]], weights: Mapping[int, float]
) -> Float[np.ndarray, "student other_student"]:
    """What one exercise says about every pair, as one product of matrices."""
    counts = Counter(each for own in found for each in own if weights[each])
    places = {each: n for n, each in enumerate(e for e, count in counts.items() if count > 1)}
    has = np.zeros((len(found), len(places)), dtype=np.float32)
    for row, own in enumerate(found):
        has[row, [places[each] for each in own if each in places]] = 1
    weight = np.array([weights[each] for each in places], dtype=np.float32)
    shared = ((has * weight) @ has.T).astype(np.float64)
    total = np.array([sum(weights[each] for each in own) for own in found])
    least = np.minimum(total[:, None], total[None, :])
    scores = shared * np.divide(shared, least, out=np.zeros_like(shared), where=least > 0) ** 2
    np.fill_diagonal(scores, 0.0)
    return scores


def _threshold(scores: Float[np.ndarray, "student other_student"]) -> tuple[float, float]:
    """The usual score with one's nearest neighbour, and how high a pair must be to be listed.

    Median and median deviation: a few pairs that copied do not move them.
    """
    if not scores.size:
        return 0.0, FLOOR
    nearest = scores.max(axis=1)
    usual = float(np.median(nearest))
    spread = 1.4826 * float(np.median(np.abs(nearest - usual)))
    return usual, max(FLOOR, usual + FAR * spread)


def _agreements(
    pair: Pair, told: Mapping[str, tuple[Left, dict[int, float]]]
) -> tuple[Agreement, ...]:
    found = []
    for exercise, (left, weights) in told.items():
        both = tuple(left.get(who, {}) for who in pair.students)
        shared = {each for each in both[0] if each in both[1] and weights[each]}
        if shared:
            weight = sum(weights[each] for each in shared)
            share = weight / min(sum(weights[each] for each in own) for own in both)
            ours, theirs = (frozenset(own[each] for each in shared) for own in both)
            found.append(Agreement(exercise, weight * share**2, share, (ours, theirs)))
    return tuple(sorted(found, key=lambda each: -each.score))
