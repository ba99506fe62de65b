"""What an open question asks and what a marker looks for.

No check can judge half a page of text; a person does, with a rubric whose criteria and points are
data, so that the marking sheet, the teacher's notebook and the gradebook say the same.
"""

import re
from dataclasses import dataclass


@dataclass(frozen=True)
class Criterion:
    """One thing that a good answer does, and the points for it."""

    text: str
    points: int


@dataclass(frozen=True)
class OpenQuestion:
    """A question that is answered in words.

    Args:
        id: chapter and a capital letter, such as "06.A".
        title: heading.
        rubric: what earns points.
    """

    id: str
    title: str
    rubric: tuple[Criterion, ...]

    def __post_init__(self) -> None:
        if not re.fullmatch(r"\d\d\.[A-Z]", self.id):
            raise ValueError(f"expected an id such as '06.A', got {self.id!r}")
        points = [criterion.points for criterion in self.rubric]
        if not points or min(points) < 1:
            raise ValueError(
                f"open question {self.id}: expected criteria of at least 1 point, got {points}"
            )

    @property
    def chapter(self) -> str:
        """Two digits of the chapter, such as "06"."""
        return self.id.split(".")[0]

    @property
    def points(self) -> int:
        """Points for an answer that meets every criterion."""
        return sum(criterion.points for criterion in self.rubric)
