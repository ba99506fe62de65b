"""Gradients written out by hand against autograd, for every architecture and both kinds of step."""

import pytest
import torch
from torch.nn.functional import normalize

from mi_course.methods.sae.config import SAEConfig
from mi_course.methods.sae.run import Run
from mi_course.methods.sae.steps import Weights

BATCH, D_IN, D_SAE = 40, 12, 24
# Single precision of both ways, as a share of the largest entry.
CLOSE = 1e-6
CONFIGS = {
    "tied_l1": {"l1": 3e-3},
    "l1": {"l1": 3e-3},
    "topk": {"k": 4},
    "batchtopk": {"k": 4},
    "matryoshka": {"k": 4, "prefixes": (3, 10, 24)},
    "jumprelu": {"l0": 2e-3, "bandwidth": 0.6, "first_threshold": 0.5},
    "jumprelu to a target": {"l0": 0.3, "target_l0": 5, "bandwidth": 0.6, "first_threshold": 0.5},
}


def config(name, **changes):
    settings = {"sparsity_warm_up": 0, "warm_up": 0, "lr": 1e-9, "steps": 10} | CONFIGS[name]
    return SAEConfig(name.split()[0], D_SAE, **settings | changes)


def run_of(settings, dtype=torch.float32):
    """Return a run with random weights whose biases and centre are not zero."""
    generator = torch.Generator().manual_seed(1)

    def noise(*shape):
        return torch.randn(*shape, generator=generator).to(dtype)

    W_dec = normalize(noise(D_SAE, D_IN), dim=1)
    tied = settings.architecture == "tied_l1"
    W_enc = W_dec if tied else W_dec + 0.3 * noise(D_SAE, D_IN)
    weights = Weights(W_enc, 0.2 * noise(D_SAE), W_dec, 0.5 * noise(D_IN))
    if settings.architecture == "jumprelu":
        weights.log_threshold = 0.2 * noise(D_SAE) + torch.tensor(0.5).log()
    return Run(settings, weights, scale=1.0)


class Jump(torch.autograd.Function):
    """pre where pre > theta, with the gradient by theta of [Rajamanoharan24], equation 11."""

    @staticmethod
    def forward(ctx, pre, theta, width):
        ctx.save_for_backward(pre, theta)
        ctx.width = width
        return pre * (pre > theta)

    @staticmethod
    def backward(ctx, grad):
        pre, theta = ctx.saved_tensors
        window = ((pre - theta).abs() < ctx.width / 2).to(grad)
        return grad * (pre > theta), (-theta / ctx.width * window * grad).sum(0), None


class Step(torch.autograd.Function):
    """1 where pre > theta, with the gradient by theta of equation 12."""

    @staticmethod
    def forward(ctx, pre, theta, width):
        ctx.save_for_backward(pre, theta)
        ctx.width = width
        return (pre > theta).to(pre)

    @staticmethod
    def backward(ctx, grad):
        pre, theta = ctx.saved_tensors
        window = ((pre - theta).abs() < ctx.width / 2).to(grad)
        return None, (-window / ctx.width * grad).sum(0), None


def codes_and_penalty(settings, pre, log_threshold):
    """Return codes and penalty, as the papers define them."""
    kind = settings.architecture
    if kind in {"l1", "tied_l1"}:
        acts = pre.relu()
        return acts, settings.l1 * acts.sum(1).mean()
    if kind == "topk":
        kept = pre.topk(settings.k, dim=1)
        return torch.zeros_like(pre).scatter(1, kept.indices, kept.values.relu()), 0.0
    if kind in {"batchtopk", "matryoshka"}:
        flat = pre.flatten()
        kept = flat.topk(settings.k * len(pre))
        return torch.zeros_like(flat).scatter(0, kept.indices, kept.values.relu()).view_as(pre), 0.0
    theta = log_threshold.exp()
    l0 = Step.apply(pre, theta, settings.bandwidth).sum(1).mean()
    penalty = settings.l0 * l0
    if settings.target_l0 is not None:
        penalty = settings.l0 * (l0 / settings.target_l0 - 1) ** 2
    return Jump.apply(pre, theta, settings.bandwidth), penalty


def autograd(run, x, dead=None):
    """Return the loss and its gradients by a graph, prefix by prefix, with nothing left out."""
    settings = run.config
    leaves = {k: v.clone().requires_grad_() for k, v in vars(run.weights).items() if v is not None}
    if run.weights.tied:
        leaves["W_enc"] = leaves["W_dec"]
    xc = x - leaves["b_dec"]
    pre = xc @ leaves["W_enc"].T + leaves["b_enc"]
    acts, penalty = codes_and_penalty(settings, pre, leaves.get("log_threshold"))
    losses = []
    for width in settings.widths:
        error = acts[:, :width] @ leaves["W_dec"][:width] - xc
        losses.append(error.square().mean())
    loss = sum(losses) / len(losses) + penalty
    if dead is not None:
        few = pre[:, dead].topk(settings.aux_k, dim=1)
        codes = torch.zeros_like(pre[:, dead]).scatter(1, few.indices, few.values.relu())
        wrong = codes @ leaves["W_dec"][dead] + error.detach()
        loss = loss + settings.aux_weight * wrong.square().mean()
    loss.backward()
    return loss.detach(), {name: leaf.grad for name, leaf in leaves.items()}


def activations(dtype=torch.float32):
    generator = torch.Generator().manual_seed(5)
    return torch.randn(BATCH, D_IN, generator=generator).to(dtype)


def by_hand(run, x, dead=None):
    xc = x - run.weights.b_dec
    if dead is not None:
        run.silent[dead] = run.config.dead_after
    seen, grads = run._auxiliary(run._gradients(xc), xc), run.grads
    found = {name: value for name, value in vars(grads).items() if value is not None}
    if run.weights.tied:
        found["W_dec"] = found["W_enc"] = grads.W_dec + grads.W_enc
        del found["b_dec"]
    if run.weights.log_threshold is not None:
        found["log_threshold"] = run.rule.grad
    return seen, found


def agree(found, expected):
    for name, value in found.items():
        size = expected[name].abs().max()
        assert size > 0, name
        assert (value - expected[name]).abs().max() <= CLOSE * max(1, size) + CLOSE * size, name


@pytest.mark.parametrize("name", CONFIGS)
@pytest.mark.parametrize("share", [1.0, 0.0], ids=["dense", "sparse"])
def test_gradients_are_those_of_autograd(name, share):
    run, x = run_of(config(name)), activations()
    run.share = share
    seen, found = by_hand(run, x)
    loss, expected = autograd(run, x)
    assert set(found) >= {"W_dec", "W_enc", "b_enc"}
    agree(found, expected)
    torch.testing.assert_close(seen.loss, loss, rtol=1e-5, atol=0)


@pytest.mark.parametrize("name", CONFIGS)
def test_in_double_precision_gradients_agree_to_twelve_digits(name):
    x = activations(torch.float64)
    for share in (1.0, 0.0):
        run = run_of(config(name), torch.float64)
        run.share = share
        _, found = by_hand(run, x)
        _, expected = autograd(run, x)
        for key, value in found.items():
            torch.testing.assert_close(value, expected[key], rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("name", ["topk", "batchtopk", "matryoshka"])
@pytest.mark.parametrize("aux_k", [2, 5])
def test_the_auxiliary_loss_has_the_gradients_of_autograd(name, aux_k):
    run = run_of(config(name, aux_k=aux_k, aux_weight=0.3))
    dead = torch.tensor([1, 4, 8, 17, 20])
    x = activations()
    seen, found = by_hand(run, x, dead)
    loss, expected = autograd(run, x, dead)
    agree(found, expected)
    torch.testing.assert_close(seen.loss, loss, rtol=1e-5, atol=0)


@pytest.mark.parametrize("name", CONFIGS)
def test_rows_taken_in_chunks_change_nothing(name, monkeypatch):
    whole, parts = run_of(config(name), torch.float64), run_of(config(name), torch.float64)
    x = activations(torch.float64)
    monkeypatch.setattr(parts, "_scratch", lambda xc: whole._scratch(xc[:7]))
    expected, found = by_hand(whole, x)[1], by_hand(parts, x)[1]
    for key, value in found.items():
        torch.testing.assert_close(value, expected[key], rtol=1e-9, atol=1e-12)


def test_a_silent_latent_gets_no_gradient():
    run = run_of(config("topk"))
    run.weights.b_enc[3] = -100
    _, found = by_hand(run, activations())
    assert all(found[name][3].abs().max() == 0 for name in ("W_enc", "W_dec", "b_enc"))
    assert found["W_dec"].abs().max() > 0


def test_a_step_keeps_decoder_rows_at_length_one_and_moves_them():
    run = run_of(config("topk", lr=0.01))
    before = run.weights.W_dec.clone()
    for _ in range(3):
        run.learn(activations())
    torch.testing.assert_close(run.weights.W_dec.norm(dim=1), torch.ones(D_SAE))
    assert (run.weights.W_dec - before).abs().max() > 1e-3


def test_what_reaches_adam_does_not_point_along_the_decoder():
    run = run_of(config("l1"))
    before = run.weights.W_dec.clone()
    run.learn(activations())
    along = (run.weights.W_dec.grad * before).sum(1)
    assert along.abs().max() < 1e-7 < run.weights.W_dec.grad.norm(dim=1).max()


@pytest.mark.parametrize("clip", [1e-3, 1e3])
def test_long_gradients_are_shortened_together_and_short_ones_left(clip):
    plain, clipped = run_of(config("topk")), run_of(config("topk", clip=clip))
    for run in (plain, clipped):
        run.learn(activations())
    pairs = [
        (getattr(clipped.weights, name).grad, getattr(plain.weights, name).grad)
        for name in ("W_enc", "b_enc", "W_dec", "b_dec")
    ]
    length = sum(grad.square().sum() for _, grad in pairs).sqrt() * D_IN
    share = min(1.0, clip / length.item())
    assert (share < 1) == (clip < 1)
    for found, expected in pairs:
        torch.testing.assert_close(found, share * expected, atol=1e-9, rtol=1e-4)
