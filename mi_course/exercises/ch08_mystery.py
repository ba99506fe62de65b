"""Exercise 08.8, the investigation: each student's own model, and the edges found in it.

The answer is data: a name and the edges of the model that this name was given. It is judged by
precision and recall against the circuit that the model was drawn with. The grader also compares the
name with the one under which the notebook was handed in (`Exercise.owner`), so edges of a friend's
model earn nothing.

What this cannot prevent: the course is open, so whoever looks for it finds the function that makes
a name's model, and with it the truth. No package that a student can read keeps such a secret. What
helps is to ask how the circuit was found, which the open question does, and to read the report on
answers that resemble each other. The worked solution is about the model of "example", so it earns
its points where it is handed in under that name.
"""

from functools import lru_cache

from mi_course.exercises.core import Case, Exercise, Wrong
from mi_course.results.circuit_graph import edge_name, parse_edge

EXAMPLE = "example"
Answer = dict[str, str]
FOUND, ENOUGH = "half of the circuit", 0.5
COMPLETE, CLEAN, NEARLY_ALL = "nothing is missing", "nothing is too much", 0.9
EXIST = "the edges exist"


@lru_cache(maxsize=256)
def _truth(student: str) -> frozenset[str]:
    """The true edges of a student's model where removed edges carry the corrupted prompt."""
    from mi_course.models.compiled.answer_key import truth_of  # torch only where it is judged

    return frozenset(map(edge_name, truth_of(student).edges["corrupted"]))


@lru_cache(maxsize=1)
def _all_edges() -> frozenset[str]:
    """All edges that a mystery model has; the models differ, their graphs do not."""
    from mi_course.models.compiled.random_circuits import mystery_model

    return frozenset(map(edge_name, mystery_model(EXAMPLE).graph.edges))


def mystery_circuit() -> Answer:
    """Return the student's name, and the edges of that student's circuit."""
    return {"student": EXAMPLE, "edges": " ".join(sorted(_truth(EXAMPLE)))}


def _with_commas() -> Answer:
    """Another student's answer, in another order and with commas between the edges."""
    return {"student": "Ada", "edges": ", ".join(sorted(_truth("Ada"), reverse=True))}


def _everything() -> Answer:
    return {"student": EXAMPLE, "edges": " ".join(sorted(_all_edges()))}


def _too_few() -> Answer:
    return {"student": EXAMPLE, "edges": " ".join(sorted(_truth(EXAMPLE))[::4])}


def _some_missing() -> Answer:
    return {"student": EXAMPLE, "edges": " ".join(sorted(_truth(EXAMPLE))[3:])}


def _some_too_much() -> Answer:
    others = sorted(_all_edges() - _truth(EXAMPLE))
    return {"student": EXAMPLE, "edges": " ".join([*sorted(_truth(EXAMPLE)), *others[:4]])}


def _of_a_friend() -> Answer:
    return {"student": "Ada", "edges": " ".join(sorted(_truth(EXAMPLE)))}


def _nodes() -> Answer:
    nodes = {end for name in _truth(EXAMPLE) for end in parse_edge(name)}
    return {"student": EXAMPLE, "edges": " ".join(sorted(nodes))}


def _no_name() -> Answer:
    return {"student": " ", "edges": " ".join(sorted(_truth(EXAMPLE)))}


def _judge(case: Case, got: Answer, _expected: Answer) -> str | None:
    """Which of the four demands is not met; no number, lest the check become the search."""
    student, named = got["student"].strip(), set(got["edges"].replace(",", " ").split())
    if not student:
        return "your name is missing: the one under which you hand in"
    if unknown := sorted(named - _all_edges()):
        return f"{unknown[0][:30]!r} is no edge of the model, expected names such as {_sample()}"
    if case.name == EXIST:
        return None
    truth = _truth(student)
    right = len(named & truth)
    precision, recall = right / max(len(named), 1), right / len(truth)
    if case.name == FOUND:
        f1 = 2 * precision * recall / max(precision + recall, 1e-9)
        return None if f1 >= ENOUGH else _far_off(precision, recall)
    if case.name == COMPLETE and (recall < NEARLY_ALL or precision < ENOUGH):
        return "edges that the model needs are missing, more than a tenth of them"
    if case.name == CLEAN and (precision < NEARLY_ALL or recall < ENOUGH):
        return "edges that do nothing are among those named, more than a tenth"
    return None


def _far_off(precision: float, recall: float) -> str:
    if precision < 0.3 and recall < 0.3:
        return "this is another model's circuit, or a guess: is the name the one that you gave?"
    if recall < precision:
        return "most of the circuit is missing"
    return "most of the edges named do nothing"


def _sample() -> str:
    return '"embed->L0H1.v"'


def _cases(_seed: int) -> list[Case]:
    return [
        Case(EXIST, (), "hand"),
        Case(FOUND, (), "random"),
        Case(COMPLETE, (), "property"),
        Case(CLEAN, (), "truth"),
    ]


def owner(answer: Answer) -> str:
    """Return whose model an answer is about."""
    return answer["student"].strip()


MYSTERY_CIRCUIT = Exercise(
    id="08.8",
    function="mystery_circuit",
    title="A model that nobody has explained",
    points=10,
    stars=3,
    minutes=45,
    reference=mystery_circuit,
    cases=_cases,
    alternatives=(_with_commas,),
    wrong=(
        Wrong("every edge", _everything, "most of the edges named do nothing"),
        Wrong("a quarter of the edges", _too_few, "most of the circuit is missing"),
        Wrong("three edges missing", _some_missing, "edges that the model needs are missing"),
        Wrong("four edges too many", _some_too_much, "edges that do nothing are among those named"),
        Wrong("a friend's edges", _of_a_friend, "another model's circuit"),
        Wrong("nodes in place of edges", _nodes, "is no edge of the model"),
        Wrong("no name", _no_name, "your name is missing"),
    ),
    hints=(
        "Use any method of this chapter, and more than one: a sweep of thresholds, scores, "
        "faithfulness against size. Removed edges carry the corrupted prompt.",
        "How many edges does a sweep keep at many thresholds? A number that stays the same over a "
        "wide range of thresholds is worth a closer look.",
        'Paste what you found as text: `" ".join(circuit.names)`, edges such as "L0H1->L1H2.k".',
    ),
    judge=_judge,
    groups={"hand": 1, "random": 3, "property": 3, "truth": 3},
    owner=owner,
)
