"""Sweeps of patches against `transformer_lens.patching`, in seconds and megabytes.

The same bridge, the same prompts, the same metric, and the same numbers: the largest difference
between both grids is printed first. Every measurement has a process of its own.

- gpt2s: GPT-2 small's size with random weights, 8 prompts of 16 tokens; each pair differs in all
  its tokens, so that no position can be left out.
- town: its IOI task, 8 prompts of one template; each pair differs in one name, and what stands
  before it is the same in both runs.

Ours includes reading the weights out of the bridge, both runs, and the intervals over prompts; the
peer's includes the cache of the clean run.
"""

import resource
import subprocess
import sys
import tempfile
from importlib.metadata import version
from pathlib import Path

import torch
from torch import Tensor
from transformer_lens import patching
from transformer_lens.model_bridge import TransformerBridge

from benchmarks._figure import asked_device, clock_of, now, report, threads_of
from mi_course.methods.patching import patch_by_position, patch_heads
from mi_course.models import load
from mi_course.models.tokenizer import load_tokenizer
from mi_course.worlds.tasks import PromptPair, ioi
from mi_course.worlds.tasks.prompts import batch

N_PROMPTS, N_POS = 8, 16
REPEATS = {"gpt2s": 1, "town": 3}
CLOSE = 1e-4
TARGET = 4.0  # times faster


def gpt2s(device: str) -> tuple[TransformerBridge, tuple[PromptPair, ...]]:
    """Return a bridge of GPT-2 small's size with random weights, and random prompts."""
    from transformers import GPT2Config, GPT2LMHeadModel

    torch.manual_seed(0)
    network = GPT2LMHeadModel(GPT2Config())
    bridge = TransformerBridge.boot_transformers(
        "gpt2", hf_model=network.to(device), tokenizer=load_tokenizer(), device=device
    ).eval()
    bridge.tokenizer = None  # ids are words here
    generator = torch.Generator().manual_seed(0)
    drawn = torch.randint(50_257, (2, N_PROMPTS, N_POS), generator=generator).tolist()
    right = torch.randint(50_257, (N_PROMPTS, 2), generator=generator).tolist()
    ends = {"end": N_POS - 1}
    pairs = tuple(
        PromptPair("", "", "", "", ends, tuple(clean), tuple(corrupted), (a,), (b,))
        for clean, corrupted, (a, b) in zip(*drawn, right, strict=True)
    )
    return bridge, pairs


def town(device: str) -> tuple[TransformerBridge, tuple[PromptPair, ...]]:
    """Return `town` and IOI pairs of its most frequent template."""
    bridge = load("town", device=device)
    groups = ioi(bridge.tokenizer, 120, 0).groups()
    return bridge, max(groups.values(), key=len)[:N_PROMPTS]


MODELS = {"gpt2s": gpt2s, "town": town}


def ours(sweep: str, model: TransformerBridge, pairs: tuple[PromptPair, ...]) -> Tensor:
    """Return normalised effects by our sweep."""
    return {"resid_pre": patch_by_position, "heads": patch_heads}[sweep](model, pairs).values


@torch.no_grad()
def peer(sweep: str, model: TransformerBridge, pairs: tuple[PromptPair, ...]) -> Tensor:
    """Return normalised effects by TransformerLens."""
    device = model.W_E.device
    clean, corrupted = (
        torch.tensor(batch(pairs, corrupted=side), device=device) for side in (False, True)
    )
    rows = torch.arange(len(pairs), device=device)
    right, wrong = torch.tensor([(p.answers[0], p.wrongs[0]) for p in pairs], device=device).T

    def difference(logits: Tensor) -> Tensor:
        return (logits[rows, -1, right] - logits[rows, -1, wrong]).mean()

    clean_logits, cache = model.run_with_cache(clean)
    high, low = difference(clean_logits), difference(model(corrupted))
    run = {
        "resid_pre": patching.get_act_patch_resid_pre,
        "heads": patching.get_act_patch_attn_head_out_all_pos,
    }[sweep]
    return run(model, corrupted, cache, lambda logits: (difference(logits) - low) / (high - low))


WAYS = {"ours": ours, "peer": peer}


def measured(way: str, sweep: str, name: str, device: str) -> tuple[float, float, Tensor]:
    """Return seconds, the largest size in megabytes, and effects."""
    model, pairs = MODELS[name](device)
    with torch.no_grad():
        model(torch.tensor(batch(pairs), device=device)[:1])
    if device == "cuda":
        WAYS[way](sweep, model, pairs)  # loads kernels
        torch.cuda.reset_peak_memory_stats()
    times = []
    for _ in range(REPEATS[name]):
        start = now(device)
        found = WAYS[way](sweep, model, pairs)
        times.append(now(device) - start)
    held = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1000
    held = held if device == "cpu" else torch.cuda.max_memory_allocated() / 1e6
    return min(times), held, found.cpu()


def in_process(way: str, sweep: str, name: str, folder: str) -> tuple[float, float, Tensor]:
    """Return the same, measured in a process of its own, whose memory is nobody else's."""
    file = str(Path(folder, f"{way}.pt"))
    command = [sys.executable, "-m", "benchmarks.patching", way, sweep, name, file]
    subprocess.run(command, check=True)
    return torch.load(file)


def saved(way: str, sweep: str, name: str, file: str) -> None:
    """Write what is measured in this process to a file."""
    torch.set_num_threads(1)
    torch.save(measured(way, sweep, name, "cpu"), file)


def compare(sweep: str, name: str, device: str) -> None:
    """Print time and memory of one sweep, and how far both grids are apart."""
    if device == "cpu":
        with tempfile.TemporaryDirectory() as folder:
            mine, theirs = (in_process(way, sweep, name, folder) for way in WAYS)
    else:
        mine, theirs = (measured(way, sweep, name, device) for way in WAYS)
    apart = (mine[2] - theirs[2]).abs().max().item()
    print(f"{sweep} on {name}: grids of {tuple(mine[2].shape)} differ by {apart:.1e} at most")
    if not apart <= CLOSE:
        raise SystemExit(f"expected the same effects within {CLOSE}, got {apart:.1e}")
    places = f"{mine[2].numel()} places in {N_PROMPTS} prompts{threads_of(device)}"
    unit = f"{clock_of(device)}s, {places}"
    more = {"peer_version": f"transformer_lens {version('transformer_lens')}", "device": device}
    figure = f"patching/{sweep}_{name}"
    report(figure, mine[0], theirs[0], unit, target=TARGET, **more)
    unit = f"megabytes of {'the process' if device == 'cpu' else 'the GPU'}, {places}"
    report(f"{figure}_memory", mine[1], theirs[1], unit, **more)


def main() -> None:
    """Print all figures."""
    device = asked_device()
    for name in MODELS:
        for sweep in ("resid_pre", "heads"):
            compare(sweep, name, device)


if __name__ == "__main__":
    saved(*sys.argv[1:]) if len(sys.argv) == 5 else main()
