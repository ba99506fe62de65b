"""Lenses against the usual ways, in CPU seconds, megabytes and nats.

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

import json
import platform
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable
from functools import partial
from importlib.metadata import version

import torch
from torch import Tensor
from transformer_lens.config import TransformerBridgeConfig
from transformer_lens.model_bridge import TransformerBridge

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


def report(name: str, ours: float, peer: float, unit: str, peer_version: str) -> None:
    """Print one line; less is better for both."""
    line = {
        "benchmark": f"lens/{name}",
        "ours": round(ours, 4),
        "peer": round(peer, 4),
        "ratio": round(peer / ours, 2) if ours else None,
        "unit": unit,
        "peer_version": peer_version,
        "machine": f"{platform.machine()} {platform.system()} Python {platform.python_version()}",
    }
    print(json.dumps(line), flush=True)


def seconds(work: Callable[[], object], repeats: int = REPEATS) -> float:
    """Return the smallest CPU time of a few runs."""
    times = []
    for _ in range(repeats):
        start = time.process_time()
        work()
        times.append(time.process_time() - start)
    return min(times)


def package_schedule(
    model: TransformerBridge, tokens: Tensor, steps: int, positions: int
) -> Translators:
    """Return translators trained as the tuned-lens package trains them."""
    _, read, final = stream(model, tokens, batch_size=16)
    read, final = read[:-1].flatten(1, 2), final.flatten(0, 1)
    n_points, _, width = read.shape
    A = torch.zeros(n_points, width, width, requires_grad=True)
    b = torch.zeros(n_points, width, requires_grad=True)
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


def timed(work: Callable[[], Translators]) -> tuple[float, Translators]:
    """Return CPU seconds and what was trained."""
    start = time.process_time()
    trained = work()
    return time.process_time() - start, trained


def training(peer_steps: int, positions: int) -> None:
    """Divergence in equal time, and time to equal divergence."""
    model = load("town", device="cpu")
    tokens = rows_of_text(model, "lens/benchmark", ROWS, LENGTH)
    held_back = rows_of_text(model, "lens/benchmark/held back", 8, LENGTH)
    name = "tuned-lens 0.2.0's objective and schedule, written again"
    allowed, theirs = timed(lambda: package_schedule(model, tokens, peer_steps, positions))
    reached = divergence(model, held_back, theirs)
    equal, within = None, (0.0, float("inf"))
    for steps in STEPS[peer_steps, positions]:
        used, mine = timed(partial(train_translators, model, tokens, steps=steps))
        found = divergence(model, held_back, mine)
        equal = used if equal is None and found <= reached else equal
        within = (used, found) if used <= 1.02 * allowed else within
    unit = f"nats of KL on new text in {allowed:.1f} CPU seconds, one thread (ours {within[0]:.1f})"
    report(f"tuned_lens_{peer_steps}x{positions}/equal_time", within[1], reached, unit, name)
    unit = f"CPU seconds to {reached:.2f} nats of KL on new text, one thread"
    report(
        f"tuned_lens_{peer_steps}x{positions}/equal_kl", equal or float("inf"), allowed, unit, name
    )


def wide_model() -> tuple[TransformerBridge, Tensor]:
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
    model = TransformerBridge.boot_native(config, tokenizer=load_tokenizer()).eval()
    model.tokenizer = None  # ids are words here
    return model, torch.randint(D_VOCAB, (1, N_POS), generator=torch.Generator().manual_seed(0))


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


def measured(way: str) -> None:
    """Print CPU seconds and the largest size of this process in megabytes."""
    import resource

    torch.set_num_threads(1)
    model, tokens = wide_model()
    model(tokens[:, :8])
    taken = seconds(lambda: WAYS[way](model, tokens), repeats=1)
    print(taken, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1000)


def grid() -> None:
    """Time and memory of the grid."""
    found = {}
    for way in WAYS:
        command = [sys.executable, __file__, way]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        found[way] = [float(word) for word in done.stdout.split()[-2:]]
    shape = f"13 points x {N_POS} positions x {D_VOCAB} tokens"
    unit = f"CPU seconds, one thread, {shape}"
    for peer, name in (("at_once", "all logits at once"), ("one_by_one", "one reading at a time")):
        report(f"grid_time/{peer}", found["ours"][0], found[peer][0], unit, name)
    unit = f"megabytes of the whole process at most, {shape}"
    report("grid_memory/at_once", found["ours"][1], found["at_once"][1], unit, "all logits at once")


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


def attribution() -> None:
    """Time of direct logit attribution on IOI prompts."""
    model = load("town", device="cpu")
    pairs = ioi(model.tokenizer, 300, 0).pairs
    length = Counter(len(pair.clean_tokens) for pair in pairs).most_common(1)[0][0]
    pairs = [pair for pair in pairs if len(pair.clean_tokens) == length]
    tokens = torch.tensor(batch(pairs))
    answers = torch.tensor([pair.answers[0] for pair in pairs])
    rivals = torch.tensor([pair.wrongs[0] for pair in pairs])
    given = (model, tokens, answers, rivals)
    heads = direct_logit_attribution(*given).heads().flatten()
    theirs = cached_attribution(*given).mean(dim=1)[: len(heads)]
    torch.testing.assert_close(heads, theirs, atol=1e-3, rtol=1e-3)
    ours = seconds(lambda: direct_logit_attribution(*given))
    peer = seconds(lambda: cached_attribution(*given))
    unit = f"CPU seconds for {len(pairs)} prompts, one thread"
    report("attribution", ours, peer, unit, f"transformer_lens {version('transformer_lens')}")


def main() -> None:
    """Print all figures."""
    torch.set_num_threads(1)
    attribution()
    grid()
    for steps, positions in STEPS:
        training(steps, positions)


if __name__ == "__main__":
    measured(sys.argv[1]) if sys.argv[1:] else main()
