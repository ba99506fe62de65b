import pytest
import torch

from mi_course.methods.induction import repeated_tokens


def test_the_second_copy_is_the_first():
    rows = repeated_tokens(7, 12, 40, bos=3)
    assert rows.shape == (7, 25)
    assert (rows[:, 0] == 3).all()
    assert torch.equal(rows[:, 1:13], rows[:, 13:])


def test_without_a_bos_the_copies_start_at_once():
    rows = repeated_tokens(2, 5, 40)
    assert torch.equal(rows[:, :5], rows[:, 5:])


def test_no_token_comes_twice_in_a_copy_and_bos_is_never_drawn():
    rows = repeated_tokens(50, 9, 10, bos=4)
    assert (rows[:, 1:10].sort(dim=1).values == torch.tensor([0, 1, 2, 3, 5, 6, 7, 8, 9])).all()


def test_rows_differ_and_seeds_differ_but_a_seed_repeats():
    rows = repeated_tokens(20, 8, 100, seed=1)
    assert len(rows.unique(dim=0)) == 20
    assert torch.equal(rows, repeated_tokens(20, 8, 100, seed=1))
    assert not torch.equal(rows, repeated_tokens(20, 8, 100, seed=2))


def test_the_global_generator_is_left_alone():
    torch.manual_seed(5)
    expected = torch.rand(1)
    torch.manual_seed(5)
    repeated_tokens(2, 3, 10)
    assert torch.equal(torch.rand(1), expected)


def test_only_given_ids_are_drawn_about_equally_often():
    ids = [5, 11, 17, 23]
    once = repeated_tokens(2000, 1, ids)[:, 0]
    counts = torch.tensor([(once == token).sum() for token in ids])
    # Each count is binomial with standard deviation 19: 100 is five of them.
    assert counts.sum() == 2000
    assert (counts - 500).abs().max() < 100


@pytest.mark.parametrize("arguments", [(0, 3, 9), (3, 0, 9), (3, 9, 9, 1)])
def test_impossible_wishes_are_refused(arguments):
    n, length, vocabulary, *bos = arguments
    with pytest.raises(ValueError, match="expected"):
        repeated_tokens(n, length, vocabulary, bos=bos[0] if bos else None)
