"""Descriptions become weights that do what they say, in any basis, and wrong ones are refused."""

from dataclasses import replace

import pytest
import torch

from mi_course.models.compiled.dataflow import true_edges
from mi_course.models.compiled.model import Prompts
from mi_course.models.compiled.neurons import steps, table, table_of_two
from mi_course.models.compiled.program import Head, Move, Neurons, Program, Score
from mi_course.models.compiled.rasp import reverse
from mi_course.models.compiled.weights import compile_program


def made_by(neurons, inputs):
    """Return what neurons add to "out" for inputs by variable."""
    pre = sum(inputs[name] @ weights for name, weights in neurons.reads.items()) + neurons.bias
    return pre.relu() @ neurons.writes["out"]


def one_head(**changes):
    """Return a program whose only head copies the token of position 0, uniformly attended to."""
    settings = {
        "sizes": {"token": 3, "out": 3},
        "tokens": {"token": torch.eye(3)},
        "positions": {},
        "heads": (Head(0, 1, (), (Move("token", "out", torch.eye(3)),)),),
        "outputs": {"out": torch.eye(3)},
        "n_layers": 1,
        "n_heads": 2,
        "n_ctx": 4,
        "varying": frozenset({"token"}),
    }
    return Program(**settings | changes)


def test_a_table_adds_the_row_of_the_entry_that_is_on():
    values = torch.tensor([[1.0, -2.0], [0.0, 0.0], [5.0, 3.0]])
    neurons = table(0, "a", "out", values)
    assert torch.equal(made_by(neurons, {"a": torch.eye(3)}), values)
    assert len(neurons.bias) == 2  # the row of zeros costs none


def test_a_table_of_two_needs_both():
    values = torch.arange(12.0).reshape(2, 3, 2)
    neurons = table_of_two(0, ("a", "b"), "out", values)
    for i in range(2):
        both = made_by(neurons, {"a": torch.eye(2)[[i] * 3], "b": torch.eye(3)})
        assert torch.equal(both, values[i])
    alone = made_by(neurons, {"a": torch.eye(2), "b": torch.zeros(2, 3)})
    assert torch.equal(alone, torch.zeros(2, 2))


def test_steps_give_the_value_of_the_nearest_input_and_nothing_at_zero():
    inputs, values = torch.tensor([0.2, 0.25, 0.5]), torch.tensor([[1.0], [7.0], [-3.0]])
    neurons = steps(0, "x", "out", inputs, values)
    # Each input may be off by a quarter of the distance to its neighbour.
    near = torch.tensor([0.0, 0.2 - 0.04, 0.2 + 0.012, 0.25 - 0.012, 0.25 + 0.06, 0.45, 0.9])
    told = made_by(neurons, {"x": near[:, None]})[:, 0]
    assert torch.allclose(told, torch.tensor([0, 1.0, 1, 7, 7, -3, -3]), atol=1e-4)
    with pytest.raises(ValueError, match="expected increasing positive inputs"):
        steps(0, "x", "out", torch.tensor([0.5, 0.2]), values[:2])


def test_a_head_without_scores_takes_the_mean_of_what_it_sees():
    logits = compile_program(one_head(), "mean")(torch.tensor([[0, 0, 1, 2]]))
    expected = torch.tensor([[1, 0, 0], [1, 0, 0], [2 / 3, 1 / 3, 0], [0.5, 0.25, 0.25]])
    assert torch.allclose(logits[0], expected)
    both_ways = compile_program(one_head(causal=False), "mean")(torch.tensor([[0, 0, 1, 2]]))
    assert torch.allclose(both_ways[0], expected[-1].expand(4, 3))


def test_scores_are_the_matrix_that_was_given_and_their_sum():
    scores = (
        Score("token", "token", torch.randn(3, 3, generator=torch.Generator().manual_seed(0))),
        Score(None, "token", torch.tensor([[0.0, 1.0, 2.0]])),
    )
    program = one_head(heads=(replace(one_head().heads[0], scores=scores),), causal=False)
    tokens = torch.tensor([[0, 1, 2, 1]])
    _, cache = compile_program(program, "scores").run_with_cache(tokens)
    by_hand = scores[0].matrix[tokens[0]][:, tokens[0]] + scores[1].matrix[0, tokens[0]]
    pattern = cache["blocks.0.attn.hook_pattern"][0, 1]
    assert torch.allclose(pattern, by_hand.softmax(-1), atol=1e-6)


def test_another_basis_hides_every_zero_and_changes_no_answer():
    model = reverse()
    hidden = compile_program(model.program, "hidden", seed=3)
    tokens = model.prompts(50).clean
    assert (hidden(tokens) - model.bridge(tokens)).abs().max() < 1e-3  # scores of 128, rounded
    for weights in (hidden.W_E, hidden.W_V[0], hidden.W_O[2], hidden.W_Q[2]):
        assert (weights == 0).sum() == (~weights.any(dim=-1)).sum() * weights.shape[-1]
    assert torch.equal(hidden.W_E, compile_program(model.program, "again", seed=3).W_E)
    assert not torch.equal(hidden.W_E, compile_program(model.program, "other", seed=4).W_E)


def test_compiling_draws_nothing_from_the_global_generator():
    torch.manual_seed(0)
    expected = torch.randn(3)
    torch.manual_seed(0)
    compile_program(one_head(), "quiet", seed=1)
    assert torch.equal(torch.randn(3), expected)


def test_what_nobody_reads_is_no_part_of_the_circuit_and_constants_only_count_under_zero():
    bias = Neurons(0, {}, torch.ones(1), {"out": torch.tensor([[0.0, 1.0, 0.0]])})
    decoy = Head(0, 0, (), (Move("token", "waste", torch.eye(3)),))
    program = one_head(
        sizes={"token": 3, "out": 3, "waste": 3},
        heads=(*one_head().heads, decoy),
        neurons=(bias,),
    )
    edges = true_edges(program)
    copied = {("tokens", "L0H1.v"), ("L0H1", "logits")}
    assert edges["corrupted"] == copied
    assert edges["zero"] == copied | {("MLP0", "logits")}


def test_a_pattern_that_varies_makes_a_fixed_value_vary():
    head = Head(
        0,
        1,
        (Score("token", "place", torch.ones(3, 4)),),
        (Move("place", "out", torch.ones(4, 3)),),
    )
    sizes = {"token": 3, "out": 3, "place": 4}
    program = one_head(sizes=sizes, positions={"place": torch.eye(4)}, heads=(head,))
    assert true_edges(program)["corrupted"] == {("tokens", "L0H1.q"), ("L0H1", "logits")}
    fixed = replace(program, varying=frozenset())
    assert true_edges(fixed)["corrupted"] == frozenset()


def test_heads_of_one_layer_do_not_read_each_other_but_the_mlp_reads_them():
    again = Head(0, 0, (), (Move("out", "out", torch.eye(3)),))
    mlp = table(0, "out", "more", torch.eye(3))
    program = one_head(
        sizes={"token": 3, "out": 3, "more": 3},
        heads=(*one_head().heads, again),
        neurons=(mlp,),
        outputs={"out": torch.eye(3), "more": torch.eye(3)},
    )
    edges = true_edges(program)["corrupted"]
    assert ("L0H1", "L0H0.v") not in edges
    assert ("L0H1", "MLP0") in edges and ("MLP0", "logits") in edges
    assert ("L0H0", "logits") not in edges  # what it copies is not there yet


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"outputs": {"nothing": torch.eye(3)}}, r"expected a variable of \['token', 'out'\]"),
        (
            {"tokens": {"token": torch.ones(3, 2)}},
            r"expected a matrix \(3, 3\) at variable 'token'",
        ),
        ({"positions": {"out": torch.ones(3, 3)}}, r"expected a matrix \(4, 3\)"),
        ({"n_heads": 1}, r"different places of 1 x 1, got \[\(0, 1\)\]"),
        ({"heads": one_head().heads * 2}, "expected heads at different places"),
        ({"neurons": (table(1, "token", "out", torch.eye(3)),)}, "neurons in layers below 1"),
        (
            {"heads": (Head(0, 0, (), (Move("token", "out", torch.ones(2, 3)),)),)},
            r"expected a matrix \(3, 3\) at variable 'out', got \(2, 3\), try its transpose",
        ),
    ],
)
def test_a_description_that_does_not_fit_is_refused(changes, message):
    with pytest.raises(ValueError, match=message):
        one_head(**changes)


def test_prompts_without_a_scored_position_are_refused():
    tokens = torch.zeros(2, 3, dtype=torch.long)
    mask = torch.tensor([[True, False, False], [False, False, False]])
    with pytest.raises(ValueError, match="a scored position in each row"):
        Prompts(tokens, tokens, mask, tokens, tokens)
