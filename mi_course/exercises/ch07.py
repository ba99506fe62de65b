"""Chapter 07, IOI patching: the seven exercises in the order of the chapter.

Each is the plain version of something in `mi_course.methods.patching`; a test holds the two to the
same numbers.
Sources: [Wang22] Interpretability in the Wild; [Zhang23] Towards Best Practices of Activation
Patching; [Nanda23] Attribution Patching.
"""

from mi_course.exercises.ch07_attribution import ATTRIBUTION_PATCH
from mi_course.exercises.ch07_circuits import FAITHFULNESS
from mi_course.exercises.ch07_heads import PATCH_HEADS
from mi_course.exercises.ch07_open import NO_HEAD_MATTERS
from mi_course.exercises.ch07_paths import PATH_PATCH
from mi_course.exercises.ch07_residual import PATCH_RESIDUAL
from mi_course.exercises.ch07_scores import LOGIT_DIFF, PATCHING_EFFECT

EXERCISES = (
    LOGIT_DIFF,
    PATCHING_EFFECT,
    PATCH_RESIDUAL,
    PATCH_HEADS,
    ATTRIBUTION_PATCH,
    PATH_PATCH,
    FAITHFULNESS,
)
OPEN_QUESTIONS = (NO_HEAD_MATTERS,)
