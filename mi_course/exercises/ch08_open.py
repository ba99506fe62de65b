"""Chapter 08's open question, with its rubric.

The same words stand in the hidden rubric cell of `solutions/08_acdc.py`; a test compares.
"""

from mi_course.exercises.open_question import Criterion, OpenQuestion

THE_CIRCUIT = OpenQuestion(
    id="08.A",
    title="The circuit that was found",
    rubric=(
        Criterion(
            "other thresholds, with the number of edges and the loss at each: one tau is a choice, "
            "not a finding.",
            1,
        ),
        Criterion(
            "another metric or another corruption, and which edges appear or go: the circuit "
            "answers what the corrupted prompts differ in.",
            1,
        ),
        Criterion(
            "other prompts: an interval, a bootstrap, or the Jaccard index of two runs.",
            1,
        ),
        Criterion(
            "names at least one way in which ACDC misses edges (an OR, a head that works against "
            "the answer, an effect below tau) and a test that would show it here.",
            1,
        ),
        Criterion(
            "faithfulness against size, with a level to compare with, such as as many random edges "
            "or those of another method.",
            1,
        ),
        Criterion(
            '"the circuit" is a word too many: a small circuit that suffices need not be what the '
            "model uses, and 98 % of the loss can hide failures on single prompts.",
            1,
        ),
    ),
)
