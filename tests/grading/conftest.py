"""The made-up chapter 99, and a small class that handed it in."""

import pytest

from mi_course.exercises import registry
from tests.exercises import demo
from tests.grading import small_class


@pytest.fixture(scope="module")
def chapter_99():
    """The exercises of chapter 99 can be found as those of any other."""
    demo.install()
    yield
    registry.unregister(demo.CHAPTER)


@pytest.fixture(scope="module")
def room(tmp_path_factory):
    """A folder with the handed-out chapter and the submissions of the small class."""
    return small_class.write(tmp_path_factory.mktemp("class"))
