import pytest
import torch

from mi_course.methods.sae.config import SAEConfig
from mi_course.methods.sae.dictionary import top_k
from mi_course.methods.sae.rules import (
    BatchTopK,
    JumpReLU,
    Relu,
    TopK,
    _largest,
    l0_penalty,
    rule_of,
)
from mi_course.methods.sae.steps import in_blocks

ROWS, D_SAE, K = 40, 25, 3


def config(architecture, **changes):
    return SAEConfig(architecture, D_SAE, **{"k": K, **changes})


def pre_of(seed=0, shift=0.0):
    return torch.randn(ROWS, D_SAE, generator=torch.Generator().manual_seed(seed)) + shift


def in_chunks(pre):
    return lambda: iter(pre.split(11))


def largest_of_the_batch(pre, n):
    flat = pre.flatten()
    kept = flat.topk(n)
    return torch.zeros_like(flat).scatter(0, kept.indices, kept.values.relu()).view_as(pre)


def test_top_k_selects_as_the_dictionary_does():
    pre = pre_of()
    codes = TopK(config("topk")).select(in_chunks(pre))
    assert torch.equal(codes.dense(), top_k(pre, K))


@pytest.mark.parametrize("width", [8 * 2 * K, 8 * 20, 8 * 20 + 1, 8 * K])
def test_the_largest_are_found_among_groups_with_the_largest_maxima(width):
    pre = torch.randn(ROWS, width, generator=torch.Generator().manual_seed(3))
    pre[0], pre[1, :5], pre[2] = 1.0, 4.0, -pre[2].abs()  # ties, and nothing positive
    values, cols = _largest(pre, K)
    assert torch.equal(pre.gather(1, cols), values)
    assert torch.equal(values.sort(dim=1).values, pre.topk(K, dim=1).values.flip(1))
    assert all(len(set(row)) == K for row in cols.tolist())


# Thresholds of later batches lie far above, near and far below the first.
@pytest.mark.parametrize("shifts", [(0, 0.1, 3), (0, -0.2, -3), (0, 0, 0)])
def test_batch_top_k_is_the_sort_of_the_whole_batch_whatever_the_last_threshold(shifts):
    rule = BatchTopK(config("batchtopk"))
    for seed, shift in enumerate(shifts):
        pre = pre_of(seed, shift)
        codes = rule.select(in_chunks(pre))
        assert torch.equal(codes.dense(), largest_of_the_batch(pre, K * ROWS))
        assert rule.last == codes.values.min()


def test_batch_top_k_takes_what_is_positive_when_that_is_too_little():
    pre = pre_of(shift=-2.0)
    assert 0 < (pre > 0).sum() < K * ROWS
    rule = BatchTopK(config("batchtopk"))
    assert torch.equal(rule.select(in_chunks(pre)).dense(), pre.relu())
    silent = rule.select(in_chunks(pre - 100))
    assert len(silent.values) == 0


def test_the_inference_threshold_is_the_mean_of_batch_thresholds():
    rule, thresholds = BatchTopK(config("batchtopk")), []
    for seed in range(5):
        rule.select(in_chunks(pre_of(seed)))
        thresholds.append(rule.last)
    weights = torch.tensor([0.99**i for i in range(4, -1, -1)])
    expected = (weights * torch.tensor(thresholds)).sum() / weights.sum()
    assert rule.threshold == pytest.approx(expected.item(), rel=1e-5)


def test_relu_selects_what_is_positive():
    pre = pre_of()
    codes = Relu(config("l1")).select(in_chunks(pre))
    assert torch.equal(codes.dense(), pre.relu())


def test_jump_relu_keeps_the_window_below_the_threshold_with_codes_of_zero():
    pre, theta = pre_of(), torch.linspace(0.2, 1.0, D_SAE)
    rule = JumpReLU(config("jumprelu", bandwidth=0.3), theta.log())
    codes = rule.select(in_chunks(pre))
    torch.testing.assert_close(codes.dense(), pre * (pre > theta))
    assert len(codes.values) == (pre > theta - 0.15).sum()
    assert (codes.values == 0).sum() == ((pre > theta - 0.15) & (pre <= theta)).sum() > 0


def test_the_penalty_on_l0_is_linear_or_the_square_of_the_miss():
    l0 = torch.tensor(30.0)
    added, price = l0_penalty(config("jumprelu", l0=0.1), l0, 0.5)
    assert (added.item(), price.item()) == pytest.approx((1.5, 0.05))
    added, price = l0_penalty(config("jumprelu", l0=0.1, target_l0=20), l0, 1.0)
    assert (added.item(), price.item()) == pytest.approx((0.1 * 0.25, 2 * 0.1 * 0.5 / 20))


def test_blocks_are_consecutive_columns_with_rows_of_their_own():
    pre = pre_of()
    codes = in_blocks(Relu(config("l1")).select(in_chunks(pre)), (4, 10, D_SAE))
    split = codes.dense().view(ROWS, 3, D_SAE)
    edges = [0, 4, 10, D_SAE]
    for block in range(3):
        expected = torch.zeros(ROWS, D_SAE)
        here = slice(edges[block], edges[block + 1])
        expected[:, here] = pre.relu()[:, here]
        assert torch.equal(split[:, block], expected)


def test_every_architecture_has_its_rule():
    kinds = {"topk": TopK, "batchtopk": BatchTopK, "matryoshka": BatchTopK, "l1": Relu}
    for architecture, kind in (kinds | {"tied_l1": Relu, "jumprelu": JumpReLU}).items():
        assert type(rule_of(config(architecture), torch.zeros(D_SAE))) is kind
