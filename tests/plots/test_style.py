import unicodedata

from mi_course.plots.style import visible


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
