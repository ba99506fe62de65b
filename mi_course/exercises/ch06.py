"""Chapter 06, induction heads: the eight exercises in the order of the chapter.

Each is the plain version of something in `mi_course.methods.induction`, which does the same for
all heads at once; a test holds the two to the same numbers.
Sources: [Elhage21] A Mathematical Framework for Transformer Circuits; [Olsson22] In-context
Learning and Induction Heads.
"""

from mi_course.exercises.ch06_circuits import COPYING_SCORE, FULL_OV_CIRCUIT
from mi_course.exercises.ch06_composition import COMPOSITION_SCORE
from mi_course.exercises.ch06_edits import ABLATE_HEAD
from mi_course.exercises.ch06_losses import IN_CONTEXT_LEARNING_SCORE
from mi_course.exercises.ch06_open import THE_INDUCTION_HEAD
from mi_course.exercises.ch06_scores import INDUCTION_SCORE, PREVIOUS_TOKEN_SCORE
from mi_course.exercises.ch06_tokens import REPEATED_TOKENS

EXERCISES = (
    REPEATED_TOKENS,
    PREVIOUS_TOKEN_SCORE,
    INDUCTION_SCORE,
    IN_CONTEXT_LEARNING_SCORE,
    FULL_OV_CIRCUIT,
    COPYING_SCORE,
    COMPOSITION_SCORE,
    ABLATE_HEAD,
)
OPEN_QUESTIONS = (THE_INDUCTION_HEAD,)
