"""Stands in for `mi_course.grading` inside the sandbox, where a check has nothing to say.

The set-up cells of a chapter import `check`; under grading it must exist and tell nothing. The
sandbox's copy of the package has this file as `mi_course/grading/__init__.py`.
"""


def check(*_args: object, **_kwargs: object) -> None:
    """Do nothing: the grade is given outside."""
