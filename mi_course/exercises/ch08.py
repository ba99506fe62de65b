"""Chapter 08, automatic circuit discovery: the eight exercises in the order of the chapter.

Seven are the plain version of something in `mi_course.methods.circuits`; a test holds the two to
the same numbers. The last is an investigation whose answer is data.
Sources: [Conmy23] Towards Automated Circuit Discovery; [Syed23] Attribution Patching Outperforms
Automated Circuit Discovery; [Hanna24] Have Faith in Faithfulness.
"""

from mi_course.exercises.ch08_acdc import ACDC
from mi_course.exercises.ch08_attribution import EDGE_ATTRIBUTION
from mi_course.exercises.ch08_effect import EDGE_EFFECT
from mi_course.exercises.ch08_graph import PARENTS
from mi_course.exercises.ch08_mystery import MYSTERY_CIRCUIT
from mi_course.exercises.ch08_open import THE_CIRCUIT
from mi_course.exercises.ch08_order import REVERSE_TOPOLOGICAL_ORDER
from mi_course.exercises.ch08_scores import PRECISION_RECALL, ROC_AUC

EXERCISES = (
    PARENTS,
    REVERSE_TOPOLOGICAL_ORDER,
    EDGE_EFFECT,
    ACDC,
    PRECISION_RECALL,
    EDGE_ATTRIBUTION,
    ROC_AUC,
    MYSTERY_CIRCUIT,
)
OPEN_QUESTIONS = (THE_CIRCUIT,)
