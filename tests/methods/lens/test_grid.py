import math

import pytest
import torch
import torch.nn.functional as F

from mi_course.methods.induction import repeated_tokens
from mi_course.methods.lens import (
    Translators,
    answer_trajectories,
    logit_lens,
    stream,
    text_trajectories,
    unembed,
)
from mi_course.methods.lens.reading import hooks_of

SHOWN = ("logits", "probs", "target_rank", "entropy", "kl_to_final")


def zero_lens(model):
    names = ("blocks.0.hook_resid_pre", "blocks.0.hook_resid_post")
    width = model.cfg.d_model
    return Translators(names, torch.zeros(2, width, width), torch.zeros(2, width))


def test_the_planted_circuit_knows_nothing_before_its_second_layer(planted):
    tokens = repeated_tokens(1, 10, 50, bos=0)
    grid = logit_lens(planted, tokens)
    # Nothing is written where W_U reads: all 50 tokens are alike.
    torch.testing.assert_close(grid.entropy[:2], torch.full((2, 21), math.log(50)))
    assert (grid.target_rank[:2, :-1] == 0).all()
    second = slice(11, 20)
    assert grid.correct[-1, second].all()
    assert (grid.logits[-1, second, 0] > 19).all()
    assert [words[0] for words in grid.words[-1][second]] == list(grid.targets[second])


def test_the_last_point_is_the_model(reader, tokens):
    grid = logit_lens(reader, tokens[:1], k=3)
    best = reader(tokens[:1])[0].topk(3, dim=-1)
    torch.testing.assert_close(grid.logits[-1], best.values, atol=1e-4, rtol=1e-4)
    # Read from the same numbers, so not even rounding is left.
    assert (grid.kl_to_final[-1] < 1e-6).all()
    assert (grid.kl_to_final[:-1].mean(dim=1) > 0.01).all()


def test_ranks_are_places_in_the_sorted_logits(reader, tokens):
    grid = logit_lens(reader, tokens[:1])
    _, read, _ = stream(reader, tokens[:1])
    for point, logits in enumerate(unembed(reader, read[:, 0])):
        for pos in range(8):
            order = logits[pos].argsort(descending=True).tolist()
            assert grid.target_rank[point, pos] == order.index(tokens[0, pos + 1])
    assert (grid.target_rank[:, -1] == -1).all()
    assert grid.targets[-1] == ""


def test_divergence_and_entropy_agree_with_torch(reader, tokens):
    grid = logit_lens(reader, tokens[:1])
    _, read, final = stream(reader, tokens[:1])
    end = unembed(reader, final[0]).log_softmax(dim=-1)
    for point, logits in enumerate(unembed(reader, read[:, 0])):
        log_probs = logits.log_softmax(dim=-1)
        kl = F.kl_div(log_probs, end, log_target=True, reduction="none").sum(dim=-1)
        # KL is not symmetric: the model's own prediction is the one that is averaged over.
        torch.testing.assert_close(grid.kl_to_final[point], kl, atol=1e-5, rtol=1e-4)
        entropy = torch.distributions.Categorical(logits=logits).entropy()
        torch.testing.assert_close(grid.entropy[point], entropy, atol=1e-5, rtol=1e-4)
        best = log_probs.exp().max(dim=-1).values
        torch.testing.assert_close(grid.probs[point, :, 0], best, atol=1e-6, rtol=1e-4)


def test_entropy_lies_between_none_and_that_of_all_tokens_alike(reader, tokens):
    for hook in hooks_of(reader):
        if hook == "mlp_out" and reader.cfg.attn_only:
            continue
        grid = logit_lens(reader, tokens[:1], hook=hook)
        assert (grid.entropy >= 0).all()
        assert (grid.entropy <= math.log(50) + 1e-5).all()
        assert (grid.kl_to_final >= 0).all()
        assert grid.hook == hook


@pytest.mark.parametrize("chunk", [1, 4, 9, 1000])
def test_chunks_change_nothing(reader, tokens, chunk):
    whole, parts = logit_lens(reader, tokens[:1]), logit_lens(reader, tokens[:1], chunk=chunk)
    assert whole.words == parts.words
    for name in SHOWN:
        torch.testing.assert_close(getattr(whole, name), getattr(parts, name), atol=1e-4, rtol=1e-4)


def test_a_target_that_is_unknown_has_no_rank(gpt2, tokens):
    targets = torch.full_like(tokens[:1], -1)
    targets[0, 2] = 4
    grid = logit_lens(gpt2, tokens[:1], targets=targets)
    assert (grid.target_rank >= 0).nonzero()[:, 1].unique().tolist() == [2]
    assert grid.targets == ("", "", "w4", *[""] * 6)
    assert "1 positions with a known answer" in grid.summary()


def test_words_are_decoded_tokens_or_ids_where_nothing_decodes(gpt2, rotary, tokens):
    assert logit_lens(gpt2, tokens[:1]).tokens == tuple(f"w{i}" for i in tokens[0].tolist())
    assert logit_lens(rotary, tokens[:1]).tokens == tuple(map(str, tokens[0].tolist()))


def test_a_lens_of_zeros_is_the_logit_lens_under_another_name(rotary, tokens):
    plain = logit_lens(rotary, tokens[:1])
    tuned = logit_lens(rotary, tokens[:1], translators=zero_lens(rotary))
    torch.testing.assert_close(plain.logits, tuned.logits)
    assert (plain.lens, tuned.lens) == ("logit lens", "tuned lens")


def test_one_position_of_many_prompts_agrees_with_the_grid_of_each(reader, tokens):
    answers, positions = torch.tensor([3, 9, 27]), torch.tensor([8, 0, -3])
    found = answer_trajectories(reader, tokens, answers, positions=positions, batch_size=2, chunk=2)
    for row in range(3):
        targets = torch.full_like(tokens[:1], -1)
        targets[0, positions[row]] = answers[row]
        grid = logit_lens(reader, tokens[row : row + 1], targets=targets)
        assert torch.equal(found.rank[:, row], grid.target_rank[:, positions[row]])
        kl = grid.kl_to_final[:, positions[row]]
        torch.testing.assert_close(found.kl_to_final[:, row], kl, atol=1e-4, rtol=1e-4)
    log_probs = reader(tokens)[torch.arange(3), positions].log_softmax(dim=-1)
    own = log_probs[torch.arange(3), answers]
    torch.testing.assert_close(found.log_prob[-1], own, atol=1e-4, rtol=1e-4)


def test_without_positions_the_last_one_answers(rotary, tokens):
    answers = torch.tensor([1, 2, 3])
    last = answer_trajectories(rotary, tokens, answers, positions=torch.full((3,), 8))
    assert torch.equal(answer_trajectories(rotary, tokens, answers).rank, last.rank)


def test_whole_texts_are_their_grids_in_one_row_without_what_is_skipped(reader, tokens):
    texts = tokens.clone()
    texts[1, 6:] = 0
    found = text_trajectories(reader, texts, skip=0, batch_size=2, chunk=5)
    grids = [logit_lens(reader, text[None]) for text in texts]
    expected = torch.cat(
        [grid.target_rank[:, :n] for grid, n in zip(grids, (8, 5, 8), strict=True)], dim=1
    )
    assert torch.equal(found.rank, expected)


def test_activations_that_are_not_numbers_are_refused(fresh_rotary, tokens):
    with torch.no_grad():
        fresh_rotary.W_U.fill_(torch.nan)
    with pytest.raises(ValueError, match="finite"):
        logit_lens(fresh_rotary, tokens[:1])


def test_what_is_no_text_with_targets_is_refused(rotary, tokens):
    one = tokens[:1]
    for wrong, match in (
        (lambda: logit_lens(rotary, tokens), "expected one text, got 3, try text_trajectories"),
        (lambda: logit_lens(rotary, one[:, :0]), "empty text"),
        (lambda: logit_lens(rotary, one, chunk=0), "chunk from 1"),
        (lambda: logit_lens(rotary, one, k=51), "k from 1 to 50, got 64 and 51"),
        (lambda: logit_lens(rotary, one, targets=one[:, :3]), r"each token \(1, 9\), got \(1, 3\)"),
        (lambda: logit_lens(rotary, one, targets=one + 50), "token ids below 50"),
        (lambda: answer_trajectories(rotary, tokens, tokens[:2, 0]), r"each prompt \(3\), got 2"),
        (
            lambda: answer_trajectories(rotary, tokens, tokens[:, 0] + 50),
            "ids of the answers from 0",
        ),
        (lambda: text_trajectories(rotary, tokens[:, :1]), "two tokens or more"),
        (lambda: text_trajectories(rotary, tokens * 0, skip=0), "try another `skip`"),
    ):
        with pytest.raises(ValueError, match=match):
            wrong()
