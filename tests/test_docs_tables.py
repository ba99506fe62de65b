"""Tables that are measured row by row."""

from docs.tables import keep, line


def test_rows_of_the_same_settings_are_kept_in_order(tmp_path):
    given = {"settings": {"seed": 0}, "order": ("a", "b", "c")}
    keep(tmp_path / "data.json", "tasks", {"c": {0.5: 1}}, **given)
    found = keep(tmp_path / "data.json", "tasks", {"a": {0.5: 2}}, **given)
    assert found == {"settings": {"seed": 0}, "tasks": {"a": {"0.5": 2}, "c": {"0.5": 1}}}
    assert list(found["tasks"]) == ["a", "c"]
    again = keep(tmp_path / "data.json", "tasks", {"a": {}}, **given)
    assert again["tasks"] == {"a": {}, "c": {"0.5": 1}}


def test_rows_of_other_settings_are_forgotten(tmp_path):
    keep(tmp_path / "data.json", "tasks", {"a": {}}, settings={"seed": 0}, order="ab")
    found = keep(tmp_path / "data.json", "tasks", {"b": {}}, settings={"seed": 1}, order="ab")
    assert found == {"settings": {"seed": 1}, "tasks": {"b": {}}}


def test_a_line_holds_its_cells():
    assert line("a", 1, "---") == "| a | 1 | --- |"
