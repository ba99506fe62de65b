import pytest

from mi_course.methods import probing


def test_a_choice_is_cut_where_the_continuations_first_differ(town):
    said = town.tokenizer.decode
    one = probing.choice(town, "Anna was born in Rome.", " She slept", " He slept", "female")
    assert said(one.row).endswith("Anna was born in Rome.")
    assert (said([one.yes]), said([one.no])) == (" She", " He")
    assert one.row[0] == town.tokenizer.bos_token_id
    assert one.end() == (len(one.row) - 1,)


def test_a_shared_beginning_of_the_continuations_goes_into_the_prompt(town):
    one = probing.choice(town, "x =", " 0o600)", " 0o777)")
    assert town.tokenizer.decode(one.row).endswith("0o")
    assert probing.choice(town, "a", " b", " b") is None


def test_files_of_one_seed_differ_in_the_year_alone(town):
    safe, flawed = (probing.code_choices(town, state, n=20, seed=3) for state in ("safe", "flawed"))
    for one, other in zip(safe, flawed, strict=True):
        pairs = zip(one.row, other.row, strict=True)
        differ = [i for i, pair in enumerate(pairs) if len({*pair}) > 1]
        assert differ == [one.opening - 1]
        assert differ[0] in one.stated()
        assert (one.yes, one.no) == (other.yes, other.no)
    assert {c.group for c in safe} == {"safe"}


def test_pronouns_are_asked_for_both_genders(town):
    choices = probing.pronoun_choices(town, n=20, seed=1)
    assert {c.group for c in choices} == {"male", "female"}
    said = {(town.tokenizer.decode([c.yes]), town.tokenizer.decode([c.no])) for c in choices}
    assert said <= {(" She", " He"), (" Her", " His"), (" she", " he")}


def test_an_unknown_state_is_refused(town):
    with pytest.raises(ValueError, match="safe"):
        probing.code_choices(town, "2024")
