"""From an answer to its mark: `check` in the notebook, the build of notebooks, the grade."""

from mi_course.grading.check import check

__all__ = ["check"]
