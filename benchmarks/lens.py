"""Lenses against the usual ways, in seconds, megabytes and nats.

On `town`, with text that the lens was not trained on:

1. Translators against the objective and schedule of the tuned-lens package: zero-initialised affine
   maps, SGD with Nesterov momentum 0.9, learning rate 1 that decays linearly, gradient norm clipped
   to 1. Both read the same tokens. The package takes all of so few (2^18 at most) for each step;
   we also let it take steps of 256, with which it learns far more in this time. The divergence
   reached in equal time, and our time to the divergence that the peer reaches.
2. The grid, with a vocabulary as large as GPT-2's, against all logits at once: time and memory.
3. Direct logit attribution against TransformerLens: a run with every activation cached, results of
   heads stacked, and the part of the answer read from each.
"""

import resource
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from functools import partial
from importlib.metadata import version

import torch
from torch import Tensor
from transformer_lens.config import TransformerBridgeConfig
from transformer_lens.model_bridge import TransformerBridge

from benchmarks._figure import asked_device, clock_of, fastest, now, report, seconds, threads_of
from mi_course.methods.lens import (
    Translators,
    direct_logit_attribution,
    logit_lens,
    points_of,
    stream,
    text_trajectories,
    train_translators,
    unembed,
)
from mi_course.methods.lens.shipped import rows_of_text
from mi_course.methods.lens.tuned import _learn
from mi_course.models import load
from mi_course.models.tokenizer import load_tokenizer
from mi_course.worlds.tasks import ioi
from mi_course.worlds.tasks.prompts import batch

ROWS, LENGTH = 100, 128
# The peer's steps and their size, and steps of ours tried for its time and its divergence.
STEPS = {(2, ROWS * LENGTH): (1, 140), (25, 256): (5, 20, 40), (100, 256): (160, 200)}
D_VOCAB, N_POS = 50_257, 256
REPEATS = 3


def package_schedule(
    model: TransformerBridge, tokens: Tensor, steps: int, positions: int
) -> Translators:
    """Return translators trained as the tuned-lens package trains them."""
    _, read, final = stream(model, tokens, batch_size=16)
    read, final = read[:-1].flatten(1, 2), final.flatten(0, 1)
    n_points, _, width = read.shape
    A = torch.zeros(n_points, width, width, device=read.device, requires_grad=True)
    b = torch.zeros(n_points, width, device=read.device, requires_grad=True)
    optimiser = torch.optim.SGD([A, b], lr=1.0, momentum=0.9, nesterov=True)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimiser, lambda step: 1 - step / steps)
    generator = torch.Generator().manual_seed(0)
    for _ in range(steps):
        chosen = torch.randint(len(final), (positions,), generator=generator)
        optimiser.zero_grad()
        _learn(model, read[:, chosen], final[chosen], A, b)
        torch.nn.utils.clip_grad_norm_([A, b], 1.0)
        optimiser.step()
        schedule.step()
    return Translators(tuple(points_of(model).values())[:-1], A.detach(), b.detach())


def divergence(model: TransformerBridge, held_back: Tensor, lens: Translators) -> float:
    """Return the mean KL to the final prediction over all points but the last, in nats."""
    read = text_trajectories(model, held_back, translators=lens, batch_size=16, chunk=512)
    return read.kl_to_final[:-1].mean().item()


def timed(work: Callable[[], Translators], device: str) -> tuple[float, Translators]:
    """Return seconds and what was trained."""
    start = now(device)
    trained = work()
    return now(device) - start, trained


def training(peer_steps: int, positions: int, device: str) -> None:
    """Divergence in equal time, and time to equal divergence."""
    model = load("town", device=device)
    tokens = rows_of_text(model, "lens/benchmark", ROWS, LENGTH).to(device)
    held_back = rows_of_text(model, "lens/benchmark/held back", 8, LENGTH).to(device)
    allowed, theirs = timed(lambda: package_schedule(model, tokens, peer_steps, positions), device)
    reached = divergence(model, held_back, theirs)
    equal, within = None, (0.0, float("inf"))
    for steps in STEPS[peer_steps, positions]:
        used, mine = timed(partial(train_translators, model, tokens, steps=steps), device)
        found = divergence(model, held_back, mine)
        equal = used if equal is None and found <= reached else equal
        within = (used, found) if used <= 1.02 * allowed else within
    name = f"lens/tuned_lens_{peer_steps}x{positions}"
    how = f"{clock_of(device)}s{threads_of(device)}"
    more = {"peer_version": "tuned-lens 0.2.0's objective and schedule", "device": device}
    if within[0]:
        unit = f"nats of KL on new text in {allowed:.2g} {how} (ours {within[0]:.2g})"
        report(f"{name}/equal_time", within[1], reached, unit, **more)
    unit = f"{how} to {reached:.2f} nats of KL on new text"
    unit += "" if equal else f"; ours reached {found:.2f} in {used:.2g}"
    report(f"{name}/equal_kl", equal, allowed, unit, **more)


def wide_model(device: str) -> tuple[TransformerBridge, Tensor]:
    """Return a bridge with GPT-2's vocabulary and twelve narrow layers, and a text."""
    config = TransformerBridgeConfig(
        d_model=64,
        d_head=16,
        n_heads=4,
        n_layers=12,
        n_ctx=N_POS,
        d_vocab=D_VOCAB,
        act_fn="gelu",
        normalization_type="LN",
        positional_embedding_type="rotary",
        seed=0,
    )
    model = TransformerBridge.boot_native(config, tokenizer=load_tokenizer()).eval().to(device)
    model.tokenizer = None  # ids are words here
    tokens = torch.randint(D_VOCAB, (1, N_POS), generator=torch.Generator().manual_seed(0))
    return model, tokens.to(device)


@torch.no_grad()
def all_at_once(model: TransformerBridge, tokens: Tensor) -> tuple[Tensor, ...]:
    """Return what the grid holds from the logits of all points and positions at once."""
    _, read, final = stream(model, tokens)
    logits = unembed(model, read[:, 0])
    log_probs = logits.log_softmax(dim=-1)
    end = unembed(model, final[0]).log_softmax(dim=-1)
    kl = (end.exp() * (end - log_probs)).sum(dim=-1)
    entropy = -(log_probs.exp() * log_probs).sum(dim=-1)
    own = logits[:, :-1].gather(-1, tokens[:, 1:, None].expand(len(logits), -1, -1))
    rank = (logits[:, :-1] > own).sum(dim=-1)
    return logits.topk(5, dim=-1), rank, entropy, kl


@torch.no_grad()
def one_by_one(model: TransformerBridge, tokens: Tensor) -> list[tuple[Tensor, ...]]:
    """Return the same, position by position and point by point, as a first program would."""
    _, read, final = stream(model, tokens)
    found = []
    for pos in range(tokens.shape[1] - 1):
        end = unembed(model, final[0, pos]).log_softmax(dim=-1)
        for resid in read[:, 0, pos]:
            logits = unembed(model, resid)
            log_probs = logits.log_softmax(dim=-1)
            kl = (end.exp() * (end - log_probs)).sum()
            entropy = -(log_probs.exp() * log_probs).sum()
            rank = (logits > logits[tokens[0, pos + 1]]).sum()
            found.append((logits.topk(5), rank, entropy, kl))
    return found


WAYS = {"ours": logit_lens, "at_once": all_at_once, "one_by_one": one_by_one}


def measured(way: str, device: str) -> tuple[float, float]:
    """Return seconds, and the largest size of this process or of the GPU in megabytes."""
    model, tokens = wide_model(device)
    model(tokens[:, :8])
    if device == "cuda":
        WAYS[way](model, tokens)  # loads kernels
        torch.cuda.reset_peak_memory_stats()
    taken = seconds(lambda: WAYS[way](model, tokens), device)
    held = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1000
    return taken, held if device == "cpu" else torch.cuda.max_memory_allocated() / 1e6


def in_process(way: str) -> tuple[float, float]:
    """Return the same, measured in a process of its own, whose memory is nobody else's."""
    command = [sys.executable, "-m", "benchmarks.lens", way]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    taken, held = map(float, done.stdout.split()[-2:])
    return taken, held


def grid(device: str) -> None:
    """Time and memory of the grid."""
    found = {way: in_process(way) if device == "cpu" else measured(way, device) for way in WAYS}
    shape = f"13 points x {N_POS} positions x {D_VOCAB} tokens{threads_of(device)}"
    unit = f"{clock_of(device)}s, {shape}"
    for peer, name in (("at_once", "all logits at once"), ("one_by_one", "one reading at a time")):
        report(
            f"lens/grid_time/{peer}", found["ours"][0], found[peer][0], unit, name, device=device
        )
    unit = f"megabytes of {'the process' if device == 'cpu' else 'the GPU'} at most, {shape}"
    memory = (found["ours"][1], found["at_once"][1])
    report("lens/grid_memory/at_once", *memory, unit, "all logits at once", device=device)


@torch.no_grad()
def cached_attribution(
    model: TransformerBridge, tokens: Tensor, answers: Tensor, rivals: Tensor
) -> Tensor:
    """Return what each part adds, by way of TransformerLens's cache."""
    _, cache = model.run_with_cache(tokens)
    heads = cache.stack_head_results(layer=-1, pos_slice=-1)
    rest = cache.decompose_resid(layer=-1, pos_slice=-1, mode="mlp")
    parts = cache.apply_ln_to_stack(torch.cat([heads, rest]), layer=-1, pos_slice=-1)
    # The cache divides by LayerNorm's scale and expects its weight inside W_U.
    direction = (model.W_U[:, answers] - model.W_U[:, rivals]).T * model.ln_final.weight
    return (parts * direction).sum(dim=-1)


def attribution(device: str) -> None:
    """Time of direct logit attribution on IOI prompts."""
    model = load("town", device=device)
    pairs = ioi(model.tokenizer, 300, 0).pairs
    length = Counter(len(pair.clean_tokens) for pair in pairs).most_common(1)[0][0]
    pairs = [pair for pair in pairs if len(pair.clean_tokens) == length]
    tokens = torch.tensor(batch(pairs), device=device)
    answers = torch.tensor([pair.answers[0] for pair in pairs], device=device)
    rivals = torch.tensor([pair.wrongs[0] for pair in pairs], device=device)
    given = (model, tokens, answers, rivals)
    heads = direct_logit_attribution(*given).heads().flatten().cpu()
    theirs = cached_attribution(*given).mean(dim=1)[: len(heads)].cpu()
    torch.testing.assert_close(heads, theirs, atol=1e-3, rtol=1e-3)
    ways = {
        "ours": lambda: direct_logit_attribution(*given),
        "peer": lambda: cached_attribution(*given),
    }
    taken = fastest(ways, REPEATS, device)
    unit = f"{clock_of(device)}s for {len(pairs)} prompts{threads_of(device)}"
    tool = f"transformer_lens {version('transformer_lens')}"
    report("lens/attribution", taken["ours"], taken["peer"], unit, tool, device=device)


def main() -> None:
    """Print all figures."""
    device = asked_device()
    attribution(device)
    grid(device)
    for steps, positions in STEPS:
        training(steps, positions, device)


if __name__ == "__main__":
    if sys.argv[1:2] and sys.argv[1] in WAYS:
        torch.set_num_threads(1)
        print(*measured(sys.argv[1], "cpu"))
    else:
        main()
