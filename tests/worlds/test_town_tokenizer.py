"""The tokenizer of the town keeps names and answers whole, spells surnames, and loses nothing."""

import itertools
import random
from pathlib import Path

import pytest
from transformers import PreTrainedTokenizerFast

from mi_course.models.tokenizer import load_tokenizer
from mi_course.worlds.town import lexicon, python
from mi_course.worlds.town.corpus import KINDS, SPLITS, stream
from mi_course.worlds.town.tokenizer import END_OF_TEXT, kept, save_tokenizer, train_tokenizer

EQUAL = dict.fromkeys(KINDS, 1.0)


def pieces(text: str) -> list[str]:
    return [load_tokenizer().decode([i]) for i in load_tokenizer()(text)["input_ids"]]


def test_names_answers_and_arguments_are_one_token_behind_a_space() -> None:
    for word in lexicon.TOKENS_TO_KEEP + python.TOKENS_TO_KEEP:
        assert pieces(f" {word}") == [f" {word}"]


def test_digits_come_in_pairs_and_years_in_two_tokens() -> None:
    for number in range(100):
        assert pieces(f"{number:02d}") == [f"{number:02d}"]
        assert pieces(f" {number:02d}") == [f" {number:02d}"]
    assert pieces(" from 1732 to 17") == [" from", " 17", "32", " to", " 17"]


def test_a_line_break_and_its_indent_are_one_token() -> None:
    assert pieces("x\n    return y\n\n    z") == ["x", "\n    ", "return", " y", "\n\n    ", "z"]


def test_marks_stand_alone_and_contractions_are_cut_before_the_apostrophe() -> None:
    assert pieces(" (load, size):") == [" (", "load", ",", " size", ")", ":"]
    assert pieces(" don't Mary's") == [" don", "'t", " Mary", "'s"]


def test_the_end_of_text_is_number_zero_and_serves_as_all_special_tokens() -> None:
    tokenizer = load_tokenizer()
    assert len(tokenizer) == 3072
    assert tokenizer.convert_tokens_to_ids(END_OF_TEXT) == 0
    assert tokenizer.bos_token_id == tokenizer.eos_token_id == tokenizer.pad_token_id == 0
    assert tokenizer(END_OF_TEXT)["input_ids"] == [0]


@pytest.mark.parametrize("split", SPLITS)
def test_text_comes_back_as_it_was_and_fits_the_context(split: str) -> None:
    tokenizer = load_tokenizer()
    for document in itertools.islice(stream(2, split=split, weights=EQUAL), 300):
        tokens = tokenizer(document.text)["input_ids"]
        assert tokenizer.decode(tokens) == document.text
        assert len(tokens) <= 255, document.text


def test_other_scripts_and_unknown_words_are_spelled_in_bytes() -> None:
    text = "Ωmega 東京 naïve\t\x00 🙂"
    assert load_tokenizer().decode(load_tokenizer()(text)["input_ids"]) == text


@pytest.mark.parametrize("split", SPLITS)
def test_surnames_take_several_tokens(split: str) -> None:
    rng = random.Random(0)
    lengths = [len(pieces(" " + lexicon.surname(rng, split))) for _ in range(300)]
    assert min(lengths) >= 2
    assert sum(length >= 3 for length in lengths) > 270


def test_training_is_reproducible_and_refuses_a_size_without_room(tmp_path: Path) -> None:
    first = train_tokenizer(2048, characters=60_000)
    assert first.to_str() == train_tokenizer(2048, characters=60_000).to_str()
    assert first.get_vocab_size() == 2048
    assert all(len(first.encode(text).ids) == 1 for text in kept())
    save_tokenizer(first, tmp_path)
    assert PreTrainedTokenizerFast.from_pretrained(tmp_path).get_vocab() == first.get_vocab()
    with pytest.raises(ValueError, match=r"expected room for .* got 900"):
        train_tokenizer(900)
