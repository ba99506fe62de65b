"""Chapter 03's open question, with its rubric.

The same words stand in the hidden rubric cell of `solutions/03_probing.py`; a test compares.
"""

from mi_course.exercises.open_question import Criterion, OpenQuestion

THE_LIE_DETECTOR = OpenQuestion(
    id="03.A",
    title="A probe that detects lies",
    rubric=(
        Criterion(
            "names a proxy that the probe could read in its place (topic, length, a word of the "
            "prompt) and a data set in which proxy and property come apart.",
            1,
        ),
        Criterion(
            "holds out whole groups: other topics, speakers or wordings than those it was fitted "
            "on, and not other sentences of the same.",
            1,
        ),
        Criterion(
            "a control: random labels of the same types (selectivity), or a probe on the bare "
            "words or on an untrained model, so that 97 % has something to stand beside.",
            1,
        ),
        Criterion(
            "the base rate: precision or false alarms among many honest answers, not accuracy on "
            "as many lies as truths.",
            1,
        ),
        Criterion(
            "an intervention (erase or add the direction) with a random direction beside it; that "
            "something can be read does not show that it is used.",
            1,
        ),
        Criterion(
            "for each measurement a result that would change the mind, with a number or a "
            'comparison, not "if it were bad".',
            1,
        ),
    ),
)
