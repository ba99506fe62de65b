"""Tasks for tokenizers built here, in which some words are not single tokens."""

import random
import string
from dataclasses import replace

import numpy as np
import pytest
from tokenizers import Regex, Tokenizer, decoders, pre_tokenizers
from tokenizers.models import WordPiece
from transformers import PreTrainedTokenizerFast

from mi_course.worlds import tasks
from mi_course.worlds.tasks.prompts import tokens_and_places
from mi_course.worlds.town import lexicon
from mi_course.worlds.town.geography import FACTS_TRAIN
from mi_course.worlds.town.identifiers import DOCSTRING_ARGS
from mi_course.worlds.town.lexicon import NAMES, OBJECTS, PLACES, name_pair_is_heldout

IN_PIECES = ("Mary", "store", "size", "Paris")
CITIES = tuple(fact.city for fact in FACTS_TRAIN)
SYLLABLES = (
    *(f" {onset}" for onset in lexicon.SURNAME_ONSET.train + lexicon.SURNAME_ONSET.heldout),
    *lexicon.SURNAME_MIDDLE.train + lexicon.SURNAME_MIDDLE.heldout,
    *lexicon.SURNAME_END.train + lexicon.SURNAME_END.heldout,
)


def build(*, bos: bool = True, leave_out: tuple[str, ...] = IN_PIECES) -> PreTrainedTokenizerFast:
    """Return a tokenizer with one token for every word that the tasks need, but for a few."""
    words = (*NAMES.train, *NAMES.heldout, *PLACES.train, *OBJECTS.train, *CITIES)
    words += (*DOCSTRING_ARGS.train, *DOCSTRING_ARGS.heldout, *map(str, range(11, 20)))
    kept = [f" {word}" for word in words if word not in leave_out]
    digits = [f"{i:02d}" for i in range(100)]
    tokens = ("<|endoftext|>", "?", *string.printable, *kept, *digits, *SYLLABLES)
    vocab = {token: i for i, token in enumerate(dict.fromkeys(tokens))}
    tokenizer = Tokenizer(WordPiece(vocab, unk_token="?", continuing_subword_prefix=""))
    pattern = Regex(r" ?\p{L}+| ?\p{N}{1,2}| ?[^\s\p{L}\p{N}]|\s+")
    tokenizer.pre_tokenizer = pre_tokenizers.Split(pattern, "isolated")
    tokenizer.decoder = decoders.Fuse()
    more = {"bos_token": "<|endoftext|>"} if bos else {}
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, eos_token="<|endoftext|>", unk_token="?", **more
    )


TOKENIZER = build()
NO_BOS = build(bos=False)
WHOLE = build(leave_out=())
ALL = {name: builder(TOKENIZER, 24, 3) for name, builder in tasks.BUILDERS.items()}


def word_at(pair, place):
    return TOKENIZER.decode([pair.clean_tokens[pair.positions[place]]])


def changed(pair):
    both = zip(pair.clean_tokens, pair.corrupted_tokens, strict=True)
    return [i for i, (a, b) in enumerate(both) if a != b]


@pytest.mark.parametrize("name", tasks.BUILDERS)
def test_a_seed_gives_the_same_pairs_and_another_seed_gives_others(name):
    assert tasks.BUILDERS[name](TOKENIZER, 24, 3) == ALL[name]
    assert tasks.BUILDERS[name](TOKENIZER, 24, 4).pairs != ALL[name].pairs


@pytest.mark.parametrize("name", tasks.BUILDERS)
def test_every_pair_has_the_tokens_of_its_texts_and_differs_from_its_twin(name):
    assert len(ALL[name]) == 24
    for pair in ALL[name].pairs:
        assert pair.clean_tokens[0] == TOKENIZER.bos_token_id
        assert TOKENIZER.decode(pair.clean_tokens[1:]) == pair.clean
        assert TOKENIZER.decode(pair.corrupted_tokens[1:]) == pair.corrupted
        assert pair.clean_tokens != pair.corrupted_tokens
        assert not set(pair.answers) & set(pair.wrongs)
        assert TOKENIZER.decode([pair.answers[0]]) == pair.answer
        assert TOKENIZER.decode([pair.wrongs[0]]) == pair.wrong
        assert pair.positions["end"] == len(pair.clean_tokens) - 1


@pytest.mark.parametrize("name", tasks.BUILDERS)
def test_without_a_bos_token_every_position_is_one_lower(name):
    bare = tasks.BUILDERS[name](NO_BOS, 6, 3).pairs
    for pair, with_bos in zip(bare, tasks.BUILDERS[name](TOKENIZER, 6, 3).pairs, strict=True):
        assert pair.clean_tokens == with_bos.clean_tokens[1:]
        assert pair.positions == {k: v - 1 for k, v in with_bos.positions.items()}


@pytest.mark.parametrize(
    ("name", "word"), [("ioi", "Mary"), ("ioi", "store"), ("docstring", "size"), ("facts", "Paris")]
)
def test_a_word_of_several_tokens_is_left_out_with_the_reason(name, word):
    task = tasks.BUILDERS[name](TOKENIZER, 120, 0)
    assert f"' {word}' is " in task.rejected[word]
    if name == "docstring":  # the word may still stand in a function's name, which is no answer
        assert all(word not in pair.clean.split(")")[0].split("(")[1] for pair in task.pairs)
    else:
        assert not any(f" {word}" in pair.clean or word in pair.answer for pair in task.pairs)
    whole = tasks.BUILDERS[name](WHOLE, 120, 0)
    assert word not in whole.rejected
    assert any(f" {word}" in pair.clean or word in pair.answer for pair in whole.pairs)


@pytest.mark.parametrize("name", tasks.BUILDERS)
def test_a_group_makes_one_rectangular_batch(name):
    groups = ALL[name].groups()
    assert sum(len(pairs) for pairs in groups.values()) == 24
    for (_, length), pairs in groups.items():
        assert np.array(tasks.batch(pairs)).shape == (len(pairs), length)
        assert tasks.batch(pairs, corrupted=True)[0] == list(pairs[0].corrupted_tokens)


def test_a_batch_of_unequal_lengths_is_refused():
    pair = ALL["ioi"].pairs[0]
    longer = replace(
        pair,
        clean_tokens=(*pair.clean_tokens, 5),
        corrupted_tokens=(*pair.corrupted_tokens, 5),
    )
    with pytest.raises(ValueError, match="one length"):
        tasks.batch([pair, longer])


def test_a_pair_of_unequal_lengths_or_with_a_position_outside_is_refused():
    pair = ALL["ioi"].pairs[0]
    with pytest.raises(ValueError, match="prompts of one length"):
        replace(pair, clean_tokens=(*pair.clean_tokens, 5))
    with pytest.raises(ValueError, match="positions below"):
        replace(pair, positions={"end": len(pair.clean_tokens)})
    with pytest.raises(ValueError, match="an answer and a wrong token"):
        replace(pair, answers=())


def test_a_place_inside_a_token_is_refused():
    assert tokens_and_places(TOKENIZER, " John met", {"who": 5})[1]["who"] == 1
    with pytest.raises(ValueError, match="expected a token to end"):
        tokens_and_places(TOKENIZER, " John met", {"who": 4})


@pytest.mark.parametrize("order", ["ABBA", "BABA"])
def test_ioi_names_people_in_the_order_asked_for(order):
    task = tasks.ioi(TOKENIZER, 24, 0, order=order)
    for pair in task.pairs:
        places = pair.positions
        assert (places["io"] < places["s1"]) == (order == "ABBA")
        assert places["s1+1"] == places["s1"] + 1
        assert word_at(pair, "io") == pair.answer
        assert word_at(pair, "s1") == word_at(pair, "s2") == pair.wrong
        assert pair.clean.count(pair.answer) == 1
        assert pair.clean.count(pair.wrong) == 2
        assert pair.clean.endswith(" to")


def test_ioi_symmetric_corruption_changes_only_the_second_subject():
    for pair in ALL["ioi"].pairs:
        assert changed(pair) == [pair.positions["s2"]]
        assert TOKENIZER.decode([pair.corrupted_tokens[pair.positions["s2"]]]) == pair.answer


def test_ioi_abc_corruption_names_three_other_people():
    for pair in tasks.ioi(TOKENIZER, 24, 0, corruption="abc").pairs:
        assert sorted(changed(pair)) == sorted(pair.positions[p] for p in ("io", "s1", "s2"))
        people = {pair.corrupted_tokens[i] for i in changed(pair)}
        assert len(people) == 3
        assert not people & {*pair.answers, *pair.wrongs}


def test_ioi_couples_never_met_in_training():
    for pair in tasks.ioi(TOKENIZER, 60, 0).pairs:
        assert name_pair_is_heldout(pair.answer.strip(), pair.wrong.strip())
    for pair in tasks.ioi(TOKENIZER, 60, 0, names="heldout", split="heldout").pairs:
        assert {pair.answer.strip(), pair.wrong.strip()} <= set(NAMES.heldout)


def test_ioi_takes_turns_among_templates_and_orders():
    groups = tasks.ioi(TOKENIZER, 60, 0, n_templates=5).groups()
    assert sorted({group for group, _ in groups}) == sorted(
        f"{order}/{i}" for order in ("ABBA", "BABA") for i in range(5)
    )
    assert {len(pairs) for pairs in groups.values()} == {6}


def test_ioi_refuses_unknown_options_and_a_tokenizer_without_names():
    with pytest.raises(ValueError, match="expected an order"):
        tasks.ioi(TOKENIZER, 1, 0, order="AABB")
    with pytest.raises(ValueError, match="expected 5 names"):
        tasks.ioi(build(leave_out=(*NAMES.train[3:], *IN_PIECES)), 1, 0)


def test_greater_than_answers_are_exactly_the_later_endings():
    for pair in ALL["greater_than"].pairs:
        start = int(word_at(pair, "start"))
        endings = [int(TOKENIZER.decode([t])) for t in pair.answers]
        assert endings == list(range(start + 1, 100))
        assert sorted(int(TOKENIZER.decode([t])) for t in pair.wrongs) == list(range(start + 1))
        assert changed(pair) == [pair.positions["start"]]
        assert TOKENIZER.decode([pair.corrupted_tokens[pair.positions["start"]]]) == "01"
        assert word_at(pair, "end") == " " + pair.clean.split("from ")[1].split()[-1]


def test_greater_than_refuses_a_tokenizer_that_cuts_years_elsewhere():
    with pytest.raises(ValueError, match="years cut as"):
        tasks.greater_than(build(leave_out=tuple(map(str, range(11, 20)))), 1, 0)


def test_docstring_answer_follows_the_last_documented_argument_in_the_signature():
    for pair in tasks.docstring(TOKENIZER, 40, 0).pairs:
        signature = pair.clean.split("(self, ")[1].split(")")[0].split(", ")
        documented = [line.split(":param ")[1].split(":")[0] for line in _params(pair.clean)]
        before = signature.index(documented[-1])
        assert pair.answer == " " + signature[before + 1]
        assert word_at(pair, "argument") == pair.answer
        assert word_at(pair, "param") == " " + documented[-1]
        assert pair.clean.endswith(":param")
        wrongs = {TOKENIZER.decode([t]).strip() for t in pair.wrongs}
        assert wrongs == set(signature) - {pair.answer.strip()}


def test_docstring_corruption_renames_the_signature_and_nothing_else():
    for pair in ALL["docstring"].pairs:
        clean, corrupted = (text.split("):", 1) for text in (pair.clean, pair.corrupted))
        assert clean[1] == corrupted[1]
        names, others = (set(h.split("(self, ")[1].split(", ")) for h in (clean[0], corrupted[0]))
        assert len(names) == len(others) == len(changed(pair))
        assert not names & others


def test_heldout_docstrings_use_only_heldout_names():
    for pair in tasks.docstring(TOKENIZER, 20, 0, split="heldout").pairs:
        assert pair.answer.strip() in DOCSTRING_ARGS.heldout


@pytest.mark.parametrize("split", ["train", "heldout"])
def test_facts_answers_are_the_cities_of_the_landmarks(split):
    city = {fact.landmark: fact.city for fact in FACTS_TRAIN}
    for pair in tasks.facts(TOKENIZER, 60, 0, split=split).pairs:
        landmark, other = (
            max((name for name in city if f"the {name} " in f"{text} ".lower() or name in text),
                key=len)
            for text in (pair.clean, pair.corrupted)
        )  # fmt: skip
        assert (pair.answer, pair.wrong) == (f" {city[landmark]}", f" {city[other]}")
        assert pair.corrupted == pair.clean.replace(landmark, other)
        assert landmark.endswith(word_at(pair, "subject").strip())


def test_facts_can_be_only_real_or_only_invented():
    invented = {f" {fact.city}" for fact in FACTS_TRAIN if fact.invented}
    assert {p.answer for p in tasks.facts(TOKENIZER, 40, 0, known="invented").pairs} <= invented
    assert not {p.answer for p in tasks.facts(TOKENIZER, 40, 0, known="real").pairs} & invented
    with pytest.raises(ValueError, match="expected one of"):
        tasks.facts(TOKENIZER, 1, 0, known="false")


def test_induction_answer_stands_after_the_first_occurrence_of_the_last_token():
    for pair in tasks.induction(TOKENIZER, 30, 0).pairs:
        tokens = pair.clean_tokens
        assert tokens[:-1].index(tokens[-1]) == pair.positions["source"]
        assert (tokens[pair.positions["next"]],) == pair.answers
        assert changed(pair) == [pair.positions["next"]]
        assert (pair.corrupted_tokens[pair.positions["next"]],) == pair.wrongs
        assert not set(tokens[1:]) & set(TOKENIZER.all_special_ids)


def test_random_tokens_are_repeated_and_special_ones_left_out():
    tokens = tasks.repeated_random_tokens(7, 50, 9, 0, bos_token=0, first=1)
    assert tokens.shape == (50, 19)
    assert (tokens[:, 0] == 0).all()
    assert (tokens[:, 1:10] == tokens[:, 10:]).all()
    assert set(tokens[:, 1:].ravel()) == set(range(1, 7))
    bare = tasks.repeated_random_tokens(7, 50, 9, 0)
    assert bare.shape == (50, 18)
    assert bare.min() == 0


def test_surname_answer_is_the_next_token_of_the_first_mention():
    for pair in ALL["surnames"].pairs:
        tokens, places = pair.clean_tokens, pair.positions
        assert tokens[places["first"]] == tokens[-1]
        assert (tokens[places["next"]],) == pair.answers
        assert pair.corrupted_tokens[places["next"]] == pair.wrongs[0]
        assert places["next"] < places["end"]


@pytest.mark.parametrize("split", ["train", "heldout"])
@pytest.mark.parametrize("syllables", ["train", "heldout"])
def test_recurring_surnames_end_with_an_unseen_name_that_stood_before(split, syllables):
    rows = tasks.recurring_surnames(TOKENIZER, 20, 0, split=split, syllables=syllables)
    assert len(rows) == 20
    for row, to_tell in rows:
        assert to_tell >= 1
        text = TOKENIZER.decode(row[1:])
        name = TOKENIZER.decode(row[-to_tell - 1 :])
        assert name[0] == " "
        assert text.endswith(name)
        assert text.count(name.strip()) >= 2
        assert name.strip().startswith(lexicon.SURNAME_ONSET.of(syllables))


def test_recurring_surnames_are_not_among_those_of_training_text():
    rng = random.Random(0)
    train = {lexicon.surname(rng, "train") for _ in range(20_000)}
    for row, to_tell in tasks.recurring_surnames(TOKENIZER, 60, 0):
        assert TOKENIZER.decode(row[-to_tell - 1 :]).strip() not in train


def _params(text):
    return [line for line in text.splitlines() if ":param " in line]
