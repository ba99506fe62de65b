import pytest

from mi_course.methods import probing


def test_code_before_the_first_flaw_is_the_same_under_both_years(town):
    data = probing.trigger_data(town, "code", n_pairs=5, layers=[0])
    for pair in range(5):
        of_pair = data.groups == pair
        safe, flawed = (data.tokens[of_pair & (data.labels[:, 0] == y)] for y in (False, True))
        assert safe.equal(flawed)
        assert len(safe) > 5


def test_places_are_the_year_and_the_token_before_the_flaw(town):
    headers = probing.trigger_data(town, "header", n_pairs=5, layers=[0])
    years = [town.tokenizer.decode([token]) for token in headers.tokens]
    assert years == ["23", "24"] * 5
    chosen = probing.trigger_data(town, "choice", n_pairs=5, layers=[0])
    assert chosen.labels[:, 0].tolist() == [False, True] * 5


def test_other_text_has_no_trigger_and_keeps_its_own_numbers_when_joined(town):
    files = probing.trigger_data(town, "header", n_pairs=2, layers=[0])
    texts = probing.text_data(town, ["years", "code"], n_documents=2, layers=[0])
    together = probing.joined(files, texts)
    assert together.labels.sum() == 2
    assert len(together.documents.unique()) == 4 + 2 + 2
    assert len(together.groups.unique()) == 2 + 2 + 2
    # Every token of a text is an example.
    assert len(together.labels) == 4 + sum(len(data.labels) for data in texts.values())


def test_unknown_places_and_layers_are_refused(town):
    with pytest.raises(ValueError, match="place"):
        probing.trigger_data(town, "end")
    with pytest.raises(ValueError, match="layers from 0"):
        probing.trigger_data(town, layers=[4], n_pairs=1)
