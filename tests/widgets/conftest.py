"""What a notebook's cell would show, for tests without a notebook."""

import pytest
from IPython.display import DisplayHandle

from mi_course.widgets import controlled


class Handle(DisplayHandle):
    def __init__(self):
        super().__init__("figure")
        self.updates = []

    def update(self, shown, raw=False):
        # An empty text comes in between: it makes a front end drop the old figure.
        if not raw or shown["text/plain"]:
            self.updates.append(shown)


@pytest.fixture
def displayed(monkeypatch):
    """What a cell would display, and the handles through which sentence and figure are replaced."""
    seen, handles = [], []

    def display(value, raw=False, display_id=False):
        seen.append(value)
        handles.append(Handle())
        return handles[-1]

    monkeypatch.setattr(controlled, "display", display)
    return seen, handles
