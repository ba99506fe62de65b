"""Chapter 01, feature visualization: the eight exercises in the order of the chapter.

Each is the plain version of something in `mi_course.methods.feature_viz`; a test holds the two to
the same numbers. They need no trained network: activations and kernels are given.
Sources: [Olah17] Feature Visualization; [Olah20] Zoom In.
"""

from mi_course.exercises.ch01_ascent import GRADIENT_ASCENT_STEP
from mi_course.exercises.ch01_diversity import DIVERSITY_TERM
from mi_course.exercises.ch01_fourier import FOURIER_IMAGE
from mi_course.exercises.ch01_jitter import JITTER
from mi_course.exercises.ch01_kernels import KERNEL_BETWEEN_CHANNELS
from mi_course.exercises.ch01_matching import MATCH_UNITS
from mi_course.exercises.ch01_objective import CHANNEL_OBJECTIVE
from mi_course.exercises.ch01_open import THE_PICTURE
from mi_course.exercises.ch01_tuning import TUNING_CURVE

EXERCISES = (
    CHANNEL_OBJECTIVE,
    GRADIENT_ASCENT_STEP,
    FOURIER_IMAGE,
    JITTER,
    TUNING_CURVE,
    KERNEL_BETWEEN_CHANNELS,
    DIVERSITY_TERM,
    MATCH_UNITS,
)
OPEN_QUESTIONS = (THE_PICTURE,)
