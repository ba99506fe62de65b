import pytest
import torch

from mi_course.activations import head_replacements
from mi_course.methods import induction

TEXT = torch.tensor([[7, 1, 2, 1, 1, 3, 2]])


def places(mask):
    return [tuple(place) for place in mask[0].nonzero().tolist()]


def test_targets_of_a_small_text_by_hand():
    assert places(induction.previous_token_targets(TEXT)) == [(q, q - 1) for q in range(1, 7)]
    assert places(induction.duplicate_targets(TEXT)) == [(3, 1), (4, 1), (4, 3), (6, 2)]
    assert places(induction.induction_targets(TEXT)) == [(3, 2), (4, 2), (4, 4), (6, 3)]


def test_no_target_lies_in_the_future():
    tokens = torch.randint(0, 4, (8, 30), generator=torch.Generator().manual_seed(0))
    for targets in (
        induction.previous_token_targets,
        induction.duplicate_targets,
        induction.induction_targets,
    ):
        assert not targets(tokens).triu(diagonal=1).any()


def test_repeated_tokens_have_one_target_a_query_in_the_second_copy():
    length = 6
    mask = induction.induction_targets(induction.repeated_tokens(3, length, 50, bos=0))
    expected = torch.zeros(2 * length + 1, 2 * length + 1, dtype=torch.bool)
    for query in range(length + 1, 2 * length + 1):
        expected[query, query - length + 1] = True
    assert torch.equal(mask, expected.expand_as(mask))


def test_uniform_attention_scores_one_over_the_position():
    uniform = torch.ones(7, 7).tril()
    patterns = (uniform / uniform.sum(-1, keepdim=True)).expand(2, 1, 3, 7, 7)
    score = induction.attention_to(patterns, induction.previous_token_targets(TEXT))
    torch.testing.assert_close(score, torch.full((2, 3), sum(1 / q for q in range(2, 8)) / 6))


def test_several_targets_of_a_query_add_up_and_queries_without_one_do_not_count():
    patterns = torch.zeros(1, 1, 1, 7, 7)
    patterns[..., 4, 2], patterns[..., 4, 4] = 0.25, 0.75
    score = induction.attention_to(patterns, induction.induction_targets(TEXT))
    torch.testing.assert_close(score, torch.tensor([[1 / 3]]))


def slow_prefix_matching(model, tokens):
    """The definition, one head and one query at a time, on the library's own cache."""
    _, cache = model.run_with_cache(tokens)
    table = torch.zeros(model.cfg.n_layers, model.cfg.n_heads)
    for layer in range(model.cfg.n_layers):
        for head in range(model.cfg.n_heads):
            found = []
            for row, pattern in zip(tokens.tolist(), cache["pattern", layer][:, head], strict=True):
                for query, token in enumerate(row):
                    after = [k + 1 for k in range(query) if row[k] == token]
                    if after:
                        found.append(pattern[query, after].sum().item())
            table[layer, head] = sum(found) / len(found)
    return table


def test_prefix_matching_agrees_with_a_slow_loop(model):
    tokens = torch.randint(0, 6, (5, 14), generator=torch.Generator().manual_seed(2))
    fast = induction.prefix_matching_scores(model, tokens, batch_size=2)
    torch.testing.assert_close(fast.values, slow_prefix_matching(model, tokens))


def test_previous_and_duplicate_token_scores_agree_with_the_library(model):
    from transformer_lens.head_detector import detect_head

    tokens = torch.randint(1, 5, (1, 12), generator=torch.Generator().manual_seed(3))
    previous = induction.previous_token_scores(model, tokens).values
    duplicate = induction.duplicate_token_scores(model, tokens).values
    _, cache = model.run_with_cache(tokens)
    n_queries = induction.duplicate_targets(tokens).any(dim=2).sum()
    for layer in range(model.cfg.n_layers):
        for head in range(model.cfg.n_heads):
            pattern = cache["pattern", layer][0, head]
            mean = pattern.diagonal(-1).mean()
            torch.testing.assert_close(previous[layer, head], mean)
            on_copies = pattern[induction.duplicate_targets(tokens)[0]].sum() / n_queries
            torch.testing.assert_close(duplicate[layer, head], on_copies)
    if model.tokenizer is not None:
        text = model.to_string(tokens[0])
        theirs = detect_head(model, text, "previous_token_head", exclude_bos=False)
        ours = induction.previous_token_scores(model, model.to_tokens(text)).values
        # The library divides by all queries, the first one, which has no token before, included.
        n_pos = model.to_tokens(text).shape[1]
        torch.testing.assert_close(theirs, ours * (n_pos - 1) / n_pos, rtol=1e-4, atol=1e-5)


def test_patterns_are_probabilities_and_causal(model):
    tokens = induction.repeated_tokens(3, 5, 50)
    patterns = induction.attention_patterns(model, tokens, batch_size=2)
    assert patterns.shape == (model.cfg.n_layers, 3, model.cfg.n_heads, 10, 10)
    torch.testing.assert_close(patterns.sum(-1), torch.ones(patterns.shape[:-1]))
    assert (patterns.triu(diagonal=1) == 0).all()


def test_planted_heads_are_found(planted):
    tokens = induction.repeated_tokens(4, 15, 50, bos=0)
    assert induction.previous_token_scores(planted, tokens).top()[0][:2] == (0, 1)
    best = induction.prefix_matching_scores(planted, tokens).top(3)
    assert {head[:2] for head in best[:2]} == {(1, 0), (1, 2)}
    assert best[1][2] > 0.99
    assert best[2][2] < 0.1


def test_without_the_previous_token_head_prefixes_are_not_matched(planted):
    tokens = induction.repeated_tokens(4, 15, 50, bos=0)
    without = head_replacements(planted, tokens, [(0, 1)], "mean")
    assert induction.prefix_matching_scores(planted, tokens, edits=without).values.max() < 0.1


def test_attention_in_a_text_carries_its_tokens(gpt2):
    seen = induction.attention(gpt2, "w3 w7 w3", heads=[(2, 1), (0, 0)])
    assert seen.heads == ("L2H1", "L0H0")
    assert [token.strip() for token in seen.tokens] == ["<|endoftext|>", "w3", "w7", "w3"]
    patterns = induction.attention_patterns(gpt2, gpt2.to_tokens("w3 w7 w3"))
    torch.testing.assert_close(seen.patterns[0], patterns[2, 0, 1])
    assert len(induction.attention(gpt2, "w3").heads) == 12


def test_text_without_repeats_is_refused(rotary):
    with pytest.raises(ValueError, match="tokens that repeat"):
        induction.prefix_matching_scores(rotary, torch.arange(10)[None])


def test_scores_of_many_rows_in_half_precision_are_those_of_single(model):
    tokens = torch.randint(50, (64, 12), generator=torch.Generator().manual_seed(0))
    patterns = induction.attention_patterns(model, tokens).bfloat16()
    targets = induction.previous_token_targets(tokens)
    once = induction.attention_to(patterns.float(), targets)
    torch.testing.assert_close(induction.attention_to(patterns, targets), once)


def test_a_head_that_does_not_exist_is_not_shown(model):
    with pytest.raises(ValueError, match="expected layer 0-"):
        induction.attention(model, torch.arange(5), [(-1, 0)])
