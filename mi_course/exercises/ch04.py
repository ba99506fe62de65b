"""Chapter 04, superposition: the eight exercises in the order of the chapter.

Each is the plain version of something in `mi_course.methods.superposition`, or what it rests on; a
test holds the two to the same numbers.
Sources: [Elhage22] Toy Models of Superposition; [Gurnee23] Finding Neurons in a Haystack,
appendix C.
"""

from mi_course.exercises.ch04_absolute import ABSOLUTE_VALUE_MODEL
from mi_course.exercises.ch04_circle import CIRCLE_EMBEDDING
from mi_course.exercises.ch04_dimensionality import FEATURE_DIMENSIONALITY
from mi_course.exercises.ch04_forward import TOY_FORWARD
from mi_course.exercises.ch04_interference import INTERFERENCE
from mi_course.exercises.ch04_loss import TOY_LOSS
from mi_course.exercises.ch04_neurons import COUNT_POLYSEMANTIC
from mi_course.exercises.ch04_open import THE_THOUSAND_NEURONS
from mi_course.exercises.ch04_samples import SAMPLE_FEATURES

EXERCISES = (
    SAMPLE_FEATURES,
    TOY_FORWARD,
    TOY_LOSS,
    FEATURE_DIMENSIONALITY,
    INTERFERENCE,
    CIRCLE_EMBEDDING,
    ABSOLUTE_VALUE_MODEL,
    COUNT_POLYSEMANTIC,
)
OPEN_QUESTIONS = (THE_THOUSAND_NEURONS,)
