"""Chapter 05, sparse autoencoders: the ten exercises in the order of the chapter.

Each is the plain version of something in `mi_course.methods.sae`, which does the same for many
features or models at once; a test holds the two to the same numbers.
Sources: [Cunningham23] Sparse Autoencoders Find Highly Interpretable Features; [Bricken23] Towards
Monosemanticity; [Gao24] Scaling and evaluating sparse autoencoders; [Templeton24] Scaling
Monosemanticity.
"""

from mi_course.exercises.ch05_ablation import ABLATE_FEATURE
from mi_course.exercises.ch05_decoder import NORMALISE_DECODER
from mi_course.exercises.ch05_examples import TOP_EXAMPLES
from mi_course.exercises.ch05_forward import SAE_FORWARD
from mi_course.exercises.ch05_loss import SAE_LOSS
from mi_course.exercises.ch05_matching import MMCS
from mi_course.exercises.ch05_open import THE_BIAS_FEATURE
from mi_course.exercises.ch05_scores import L0_AND_FVU
from mi_course.exercises.ch05_splice import LOSS_RECOVERED
from mi_course.exercises.ch05_steering import STEER
from mi_course.exercises.ch05_topk import TOP_K

EXERCISES = (
    SAE_FORWARD,
    SAE_LOSS,
    NORMALISE_DECODER,
    MMCS,
    TOP_K,
    L0_AND_FVU,
    LOSS_RECOVERED,
    TOP_EXAMPLES,
    ABLATE_FEATURE,
    STEER,
)
OPEN_QUESTIONS = (THE_BIAS_FEATURE,)
