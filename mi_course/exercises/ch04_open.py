"""Chapter 04's open question, with its rubric.

The same words stand in the hidden rubric cell of `solutions/04_superposition.py`; a test compares.
"""

from mi_course.exercises.open_question import Criterion, OpenQuestion

THE_THOUSAND_NEURONS = OpenQuestion(
    id="04.A",
    title="A layer without a neuron for it",
    rubric=(
        Criterion(
            "keeps the two claims apart: that no single neuron tells the concept, and that the "
            "layer does not hold it; the first does not imply the second.",
            1,
        ),
        Criterion(
            "an experiment in which several neurons or a direction are read together (a linear or "
            "k-sparse probe, a learned dictionary) on held-out examples, with a control.",
            1,
        ),
        Criterion(
            "a prediction that superposition makes and that its rivals do not: it should be "
            "stronger for rare concepts than for frequent ones, or weaker where concepts occur "
            "together.",
            1,
        ),
        Criterion(
            "a way to tell superposition from a rotated basis: count features against dimensions, "
            "or measure interference, since a rotation has neither too many nor any.",
            1,
        ),
        Criterion(
            "an intervention: what else changes when the neurons, or the direction, are silenced; "
            "interference predicts which other concepts suffer.",
            1,
        ),
        Criterion(
            "says what toy models leave open: features that we planted, independent and of known "
            "number, one layer, a loss that is reconstruction.",
            1,
        ),
    ),
)
