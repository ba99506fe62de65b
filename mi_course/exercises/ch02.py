"""Chapter 02, the logit lens: the seven exercises in the order of the chapter.

Each is the plain version of something in `mi_course.methods.lens`; a test holds the two to the same
numbers.
Sources: [nostalgebraist20] interpreting GPT: the logit lens; [Belrose23] Eliciting Latent
Predictions from Transformers with the Tuned Lens; [Ghandeharioun24] Patchscopes.
"""

from mi_course.exercises.ch02_attribution import DIRECT_LOGIT_ATTRIBUTION
from mi_course.exercises.ch02_distances import ANSWER_RANK, KL_TO_FINAL
from mi_course.exercises.ch02_open import WHERE_IT_DECIDES
from mi_course.exercises.ch02_patchscope import PATCHSCOPE
from mi_course.exercises.ch02_readings import LOGIT_LENS
from mi_course.exercises.ch02_training import TRAIN_TRANSLATOR
from mi_course.exercises.ch02_translators import TUNED_LENS_LOSS

EXERCISES = (
    LOGIT_LENS,
    ANSWER_RANK,
    KL_TO_FINAL,
    DIRECT_LOGIT_ATTRIBUTION,
    TUNED_LENS_LOSS,
    TRAIN_TRANSLATOR,
    PATCHSCOPE,
)
OPEN_QUESTIONS = (WHERE_IT_DECIDES,)
