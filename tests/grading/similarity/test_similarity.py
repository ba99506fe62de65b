import math
import random
import time

import pytest

from mi_course.grading.similarity.fingerprints import GRAM, WINDOW, fingerprints
from mi_course.grading.similarity.similarity import FLOOR, compare_class
from tests.grading import synthetic_class

PLAIN = """
def induction_score(pattern, period):
    total = 0.0
    for position in range(period, pattern.shape[-1]):
        target = position - period + 1
        total = total + pattern[..., position, target]
    return total / (pattern.shape[-1] - period)
"""
DISGUISED = '''
def induction_score(attn: "Tensor", p: int) -> "Tensor":
    """My own idea."""

    acc = 0.0  # start
    for i in range(p,
                   attn.shape[-1]):
        j = (i - p + 1)
        acc = acc + attn[..., i, j]

    return (acc / (attn.shape[-1] - p))
'''


@pytest.fixture(scope="module")
def known():
    return synthetic_class.known()


def with_copy(n_students, copied, seed=0):
    """A class in which student002 took the first `copied` answers of student001."""
    room, rng = synthetic_class.classroom(n_students, seed), random.Random(seed)
    for exercise in list(room["student001"])[:copied]:
        room["student002"][exercise] = synthetic_class.disguised(room["student001"][exercise], rng)
    return room


def names(found):
    return [pair.students for pair in found.pairs]


def test_names_comments_annotations_and_layout_leave_no_trace():
    assert DISGUISED != PLAIN
    assert set(fingerprints(DISGUISED)) == set(fingerprints(PLAIN))


@pytest.mark.parametrize(
    "other",
    [
        PLAIN.replace("- period + 1", "- period"),
        PLAIN.replace("total / ", "total * "),
        PLAIN.replace("pattern.shape", "pattern.size"),
    ],
)
def test_another_operation_leaves_another_trace(other):
    assert other != PLAIN
    assert set(fingerprints(other)) != set(fingerprints(PLAIN))


def test_reordered_statements_keep_most_fingerprints():
    lines = ["a = x.mean(-1).softmax(-1).cumsum(0)", "b = x.amax(1)[..., 1:].log().sum(0)"]
    lines += ["c = x.flip(0).diff(dim=0).abs().sqrt().max()", "d = x.T.unbind(0)[3].exp().norm(2)"]
    one, other = set(fingerprints("\n".join(lines))), set(fingerprints("\n".join(lines[::-1])))
    assert one != other
    assert len(one & other) >= 0.6 * len(one)


def test_a_shared_run_of_symbols_always_shares_a_fingerprint():
    shared = "q = torch.stack([k[i] for i in range(4)]).sum()"
    assert GRAM + WINDOW - 1 <= 20  # symbols of `shared` in the tree
    for number in range(50):
        rng = random.Random(number)
        one, other = (
            "\n".join([f"a{rng.randrange(9)} = {rng.random()}", shared, f"z = {rng.random()}"])
            for _ in range(2)
        )
        assert set(fingerprints(one)) & set(fingerprints(other))


def test_axis_names_in_strings_may_be_renamed():
    one, other = (f"y = reduce(x, '{s}', 'mean').sum()" for s in ("b p d -> b d", "n t c -> n c"))
    third = one.replace("-> b d", "-> b p")
    assert set(fingerprints(one)) == set(fingerprints(other))
    assert set(fingerprints(one)) != set(fingerprints(third))


def test_fingerprints_tell_the_line_where_they_begin():
    assert max(fingerprints(PLAIN).values()) == 7  # the return statement
    assert set(fingerprints(PLAIN).values()) <= set(range(2, 8))


@pytest.mark.parametrize(
    "text", ["def f(:", "(" * 40_000, "-" * 40_000 + "1", "1+" * 20_000 + "1", "\0", "x" * 60_000]
)
def test_what_is_no_python_has_no_fingerprints(text):
    assert fingerprints(text) is None


def test_magics_are_passed_over():
    assert fingerprints("%matplotlib inline\n!ls\n" + PLAIN).keys() == fingerprints(PLAIN).keys()


@pytest.mark.parametrize("n_students", [30, 100])
def test_a_planted_copy_stands_out_and_nobody_else(known, n_students):
    found = compare_class(with_copy(n_students, copied=6), known)
    assert names(found) == [("student001", "student002")]
    assert found.pairs[0].score > found.threshold > found.usual > 0


def test_what_was_copied_leads_the_list_of_exercises(known):
    found = compare_class(with_copy(60, copied=6), known)
    (pair,) = found.pairs
    copied = {f"99.{n}" for n in range(1, 7)}
    assert {each.exercise for each in pair.agreements[:4]} <= copied
    assert all(each.share > 0.5 for each in pair.agreements if each.exercise in copied)
    assert pair.score == pytest.approx(sum(each.score for each in pair.agreements), rel=1e-5)


def test_honest_classes_raise_few_alarms(known):
    alarms = [
        names(compare_class(synthetic_class.classroom(size, seed), known))
        for size in (12, 40)
        for seed in range(6)
    ]
    assert sum(map(len, alarms)) <= 1  # of 5,000 pairs in 12 classes


def test_three_hundred_students_take_seconds(known):
    room = with_copy(300, copied=8)
    fingerprints.cache_clear()
    start = time.process_time()
    found = compare_class(room, known)
    seconds = time.process_time() - start
    assert ("student001", "student002") in names(found)
    assert len(found.pairs) <= 2
    assert seconds < 12  # of work, which other processes hardly change; 2 to 4 are needed


def test_answers_like_the_solution_are_explained():
    solution = synthetic_class.solution(1)
    rng = random.Random(0)
    room = {f"s{n}": {"99.1": synthetic_class.renamed(solution, rng)} for n in range(20)}
    found = compare_class(room, {"99.1": [solution]})
    assert (found.pairs, found.uninformative, found.compared) == ((), ("99.1",), ())
    unexplained = compare_class(dict(list(room.items())[:2]) | others(18), {"99.1": []})
    assert names(unexplained) == [("s0", "s1")]


def others(count):
    """Students whose answers to 99.1 have nothing in common."""
    letters = "abcdefgh"
    made = {}
    for n in range(count):
        rng = random.Random(n)
        calls = ".".join(f"m{rng.randrange(10**6)}({rng.choice(letters)})" for _ in range(12))
        made[f"t{n}"] = {"99.1": f"def f1(x, w, k):\n    return x.{calls}"}
    return made


def test_an_exercise_that_all_answer_alike_has_no_weight():
    short = {"99.9": "def g(x):\n    return x.mean(1)"}
    room = {who: own | short for who, own in synthetic_class.classroom(20).items()}
    room["student003"] = room["student003"] | {"99.9": "def g(x):\n    return x.sum(1) / len(x[0])"}
    room["student004"] = room["student004"] | {"99.9": room["student003"]["99.9"]}
    found = compare_class(room, synthetic_class.known() | {"99.9": [short["99.9"]]})
    assert found.uninformative == ("99.9",)
    assert len(found.compared) == synthetic_class.N_EXERCISES


def test_what_many_wrote_weighs_nothing_and_what_few_wrote_weighs_more():
    odd = f"def f1(x, w, k):\n    y = x.{'.'.join(f'odd{n}(k)' for n in range(30))}\n    return y"
    by_count = {}
    for count in (2, 4, 20):
        room = {f"s{n}": {"99.1": odd} for n in range(count)} | others(30 - count)
        pairs = {pair.students: pair.score for pair in compare_class(room, {}).pairs}
        by_count[count] = pairs.get(("s0", "s1"), 0.0)
    each = len(fingerprints(odd))
    assert by_count[2] == pytest.approx(math.log(30 / 2) * each, rel=0.05)  # all share "def"
    assert by_count[4] == pytest.approx(math.log(30 / 4) * each, rel=0.05)
    assert by_count[20] == 0.0 < FLOOR < by_count[4]


def test_answers_that_are_no_python_are_counted_and_left_out(known):
    room = with_copy(30, copied=8)
    room["student005"] = {"99.1": "def f(:", "99.2": "("}
    found = compare_class(room, known)
    assert (found.unreadable, found.students) == (2, 29)


@pytest.mark.parametrize("room", [{}, {"one": {}}, {"one": {"99.1": PLAIN}}])
def test_a_class_of_nobody_or_one_has_no_pairs(room):
    assert compare_class(room, {}).pairs == ()
