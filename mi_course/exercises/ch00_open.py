"""Chapter 00's open question, with its rubric.

The same words stand in the hidden rubric cell of `solutions/00_start_here.py`; a test compares.
"""

from mi_course.exercises.open_question import Criterion, OpenQuestion

WHERE_THE_RULE_SITS = OpenQuestion(
    id="00.A",
    title="Where does the rule sit?",
    rubric=(
        Criterion(
            "says that ablation shows what the rest of the network relies on on these texts, not "
            "where a rule sits; a mean over all tokens says little about the few names among them.",
            1,
        ),
        Criterion(
            "gives another explanation of the same bar, for instance that later layers receive an "
            "input unlike any in training.",
            1,
        ),
        Criterion(
            "names an experiment whose result would differ between the two, with its control: the "
            "loss on names alone against the loss on other tokens, the mean in place of zero, or "
            "one head at a time.",
            1,
        ),
        Criterion("says beforehand which result would change their mind.", 1),
    ),
)
