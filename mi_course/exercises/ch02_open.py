"""Chapter 02's open question, with its rubric.

The same words stand in the hidden rubric cell of `solutions/02_logit_lens.py`; a test compares.
"""

from mi_course.exercises.open_question import Criterion, OpenQuestion

WHERE_IT_DECIDES = OpenQuestion(
    id="02.A",
    title="The layer at which it decides",
    rubric=(
        Criterion(
            "many prompts and a spread, not one example; other phrasings of the same question.",
            1,
        ),
        Criterion(
            "how good the reading is at layers 10 to 20: KL to the end, or a tuned lens beside it. "
            "A rank of 4,000 may be the lens's fault.",
            1,
        ),
        Criterion(
            "a level to compare with: a constant guess, a wrong city of the same kind, or readings "
            "of prompts whose answer the model does not know.",
            1,
        ),
        Criterion(
            "says that a lens reads a position, and asks what the other positions, such as the "
            "subject's, held before layer 21.",
            1,
        ),
        Criterion(
            "an intervention: put in or take away the stream, or what layer 21 wrote, and see "
            "whether the answer moves. A reading alone decides nothing.",
            1,
        ),
        Criterion(
            "for at least two of these a result that would change the mind, with a number or a "
            "comparison.",
            1,
        ),
    ),
)
