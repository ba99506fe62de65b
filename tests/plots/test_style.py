import unicodedata

from mi_course.plots.style import MAX_WRITTEN, in_cells, visible


def test_blanks_of_a_token_can_be_seen_and_markup_cannot_act():
    assert visible(" a\n\tb") == "·a↵⇥b"
    assert visible("<b>") == "&lt;b&gt;"
    assert visible("été—“x”") == "été—“x”"


def test_no_control_character_reaches_a_picture():
    every = "".join(map(chr, [*range(0x20), 0x7F]))
    shown = visible(every)
    assert len(shown) == len(every)
    assert not any(unicodedata.category(character) == "Cc" for character in shown)
    assert visible("\x00\r") == "␀␍"


def test_numbers_in_cells_have_no_sign_when_they_round_to_zero_and_holes_stay_empty():
    written = in_cells([[-0.001, -0.25], [None, float("nan")]], size=9)
    assert written["text"] == [["0.00", "-0.25"], ["", ""]]
    assert written["textfont"] == {"size": 9}


def test_more_cells_than_can_be_read_are_not_written_into():
    assert in_cells([[0.0] * MAX_WRITTEN])
    assert in_cells([[0.0]] * (MAX_WRITTEN + 1)) == {}
