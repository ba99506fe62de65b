import pytest

from mi_course.exercises.slips import MAX_KIND, kind_of


@pytest.mark.parametrize(
    ("message", "kind"),
    [
        ("off by the constant factor 0.6931: nats and bits mixed up?",
         "off by a constant factor: nats and bits mixed up?"),
        ("off by the constant factor -2 and the sign is wrong\ngot 4, expected -2",
         "off by a constant factor and the sign is wrong"),
        ("off by the constant factor 2.828: scaled by the square root of 8?",
         "off by a constant factor: scaled by a square root?"),
        ("every entry is -3.2e-05: the values do not depend on the place",
         "the values do not depend on the place"),
        ("off by the same amount, -1.2e+03, everywhere", "off by the same amount everywhere"),
        ("item 2: at key 'abc': 3 of 20 values are wrong", "some values are wrong"),
        ("expected shape [batch 3, d 4], got [3, 5, 4]: one axis too many (place 1, size 5), "
         "was it to be reduced?", "one axis too many"),
        ("expected shape [batch 3, d 4], got [3, 1, 4]: an axis of size 1 is left over at place 1, "
         "try index or squeeze", "an axis of size … is left over"),
        ("expected decimals, got whole numbers (int64), try `.float()`",
         "expected decimals, got whole numbers"),
        ("5 of 60 entries are not finite, the first is NaN at [batch 2]: 0/0?", "not finite"),
        ("got infinity: a division by 0 or log of 0?", "not finite"),
        ("expected 3 items, got 4", "another number of items"),
        ("expected other keys: missing ['a'], not expected ['b']", "other keys"),
        ("expected a tensor of shape [3, 4], got None: is `return` missing?",
         "expected a tensor, got None: is `return` missing?"),
        ("not every order is as likely: id 3 starts 60 of 400 rows",
         "not every order is as likely: id … starts … of … rows"),
        ("softmax over `a` in place of `b`", "softmax over `a` in place of `b`"),
        ("L1H4 in place of L0H2", "L1H4 in place of L0H2"),
        ("the text 'my own words' is not \"right\"", "the text … is not …"),
        ("", ""),
    ],
)  # fmt: skip
def test_a_slip_is_named_without_what_is_one_students_own(message, kind):
    assert kind_of(message) == kind


def test_a_slip_is_a_few_words():
    assert len(kind_of("word " * 100)) == MAX_KIND
