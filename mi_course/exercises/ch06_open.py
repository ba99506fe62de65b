"""Chapter 06's open question, with its rubric.

The same words stand in the hidden rubric cell of `solutions/06_induction_heads.py`; a test
compares.
"""

from mi_course.exercises.open_question import Criterion, OpenQuestion

THE_INDUCTION_HEAD = OpenQuestion(
    id="06.A",
    title="The induction head of a larger model",
    rubric=(
        Criterion(
            "a score on *random* repeated tokens, with a model-free chance level beside it. A "
            "score on prose may come from grammar.",
            1,
        ),
        Criterion(
            "copying, by eigenvalues or rows of the OV circuit. Looking is not saying.",
            1,
        ),
        Criterion(
            "an ablation with an effect on the *loss on the second copy*, and a control head of "
            "the same layer.",
            1,
        ),
        Criterion(
            'says "an", not "the": other heads must be scored as well, and the group ablated '
            "together, before one head is called responsible.",
            1,
        ),
        Criterion(
            "a mechanism: which earlier head feeds it, by K-composition or by ablating the earlier "
            "head. A head may also match prefixes through positions or through Q-composition.",
            1,
        ),
        Criterion(
            "for each measurement a result that would change the mind, with a number or a "
            'comparison, not "if it were low".',
            1,
        ),
    ),
)
