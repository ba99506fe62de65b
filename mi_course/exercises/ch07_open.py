"""Chapter 07's open question, with its rubric.

The same words stand in the hidden rubric cell of `solutions/07_ioi_patching.py`; a test compares.
"""

from mi_course.exercises.open_question import Criterion, OpenQuestion

NO_HEAD_MATTERS = OpenQuestion(
    id="07.A",
    title="No head matters",
    rubric=(
        Criterion(
            "heads that do the same hide each other: silence pairs and sets, or all but a few, not "
            "only one at a time.",
            1,
        ),
        Criterion(
            "the metric: a logit difference is blind to what raises both tokens alike; look at the "
            "probability, or at the logits against other tokens, as well.",
            1,
        ),
        Criterion(
            "the corruption or the mean: what was exchanged or averaged away, and what stayed the "
            "same in both runs and so could not be found.",
            1,
        ),
        Criterion(
            "self-repair: compare the direct effect of the other heads before and after the "
            "ablation, so that backups and a changed LayerNorm scale can be told from redundancy.",
            1,
        ),
        Criterion(
            "MLPs and single positions are parts too, and were not ablated.",
            1,
        ),
        Criterion(
            "for at least two of these a result that would change the mind, with a number or a "
            "comparison.",
            1,
        ),
    ),
)
