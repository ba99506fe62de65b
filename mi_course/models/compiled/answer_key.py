"""What the judge of the mystery models knows; no chapter imports it.

In goes a student's name; out comes the truth of the model that `mystery_model` gives that student.
"""

from mi_course.models.compiled.model import Truth
from mi_course.models.compiled.random_circuits import random_circuit, student_seed

__all__ = ["truth_of"]


def truth_of(student: str) -> Truth:
    """Return the true circuit of a student's mystery model, in the words of its graph."""
    return random_circuit(student_seed(student)).truth
