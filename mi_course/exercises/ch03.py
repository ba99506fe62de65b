"""Chapter 03, probing: the nine exercises in the order of the chapter.

Each is the plain version of something in `mi_course.methods.probing`, which does the same for all
layers, features or neurons at once; a test holds the two to the same numbers.
Sources: [Belinkov22] Probing Classifiers; [Hewitt19] Designing and Interpreting Probes with
Control Tasks; [Gurnee23] Finding Neurons in a Haystack.
"""

from mi_course.exercises.ch03_controls import CONTROL_LABELS, SELECTIVITY
from mi_course.exercises.ch03_erasing import ERASE_DIRECTION
from mi_course.exercises.ch03_open import THE_LIE_DETECTOR
from mi_course.exercises.ch03_probes import FIT_PROBE
from mi_course.exercises.ch03_rankings import MEAN_DIFFERENCE_RANKING
from mi_course.exercises.ch03_silencing import ABLATE_NEURON_LOSS
from mi_course.exercises.ch03_sparse import K_SPARSE_PROBE
from mi_course.exercises.ch03_verdicts import PRECISION_RECALL_F1
from mi_course.exercises.ch03_weights import NEURON_LOGIT_EFFECT

EXERCISES = (
    FIT_PROBE,
    CONTROL_LABELS,
    SELECTIVITY,
    MEAN_DIFFERENCE_RANKING,
    K_SPARSE_PROBE,
    PRECISION_RECALL_F1,
    ERASE_DIRECTION,
    ABLATE_NEURON_LOSS,
    NEURON_LOGIT_EFFECT,
)
OPEN_QUESTIONS = (THE_LIE_DETECTOR,)
