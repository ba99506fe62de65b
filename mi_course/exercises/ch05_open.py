"""Chapter 05's open question, with its rubric.

The same words stand in the hidden rubric cell of `solutions/05_sparse_autoencoders.py`; a test
compares.
"""

from mi_course.exercises.open_question import Criterion, OpenQuestion

THE_BIAS_FEATURE = OpenQuestion(
    id="05.A",
    title="A feature called fairness",
    rubric=(
        Criterion(
            "doubts the name: the strongest examples are the tail of a distribution; asks for "
            "examples over the whole range, and for how often the concept occurs without the "
            "feature (recall) and the feature without the concept (precision).",
            1,
        ),
        Criterion(
            "names a rival: splitting or absorption, so that other features hold the rest of the "
            "concept; looks at other widths, or at features that are active where this one is "
            "silent although it should not be.",
            1,
        ),
        Criterion(
            "a baseline beside the feature: a linear probe or a mean difference from labelled "
            "examples, and random directions of the same length.",
            1,
        ),
        Criterion(
            "separates what the reconstruction misses: how much of the behaviour remains when the "
            "feature is ablated, and how much lies in the error that no feature holds.",
            1,
        ),
        Criterion(
            "measures what steering costs elsewhere: loss or KL on ordinary text at the same "
            "strength, and other behaviours that move with it.",
            1,
        ),
        Criterion(
            "for each measurement a result that would change the mind, with a number or a "
            "comparison, and says whether another seed has the feature at all.",
            1,
        ),
    ),
)
