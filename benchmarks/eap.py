"""Edge attribution patching and its integrated form against auto-circuit, in CPU seconds.

Both score every edge of the same random-weight checkpoints (one of GPT-2 small's size), q, k and v
apart, on the same prompts, with the same metric and on one thread; integrated gradients take six
slopes while every edge is mixed. Each runs in an environment of its own, as the two need different
versions of transformer_lens, and their scores are compared. What is timed is from prompts to
scores; loading, and wrapping the model for edges, is left out on both sides.

The peer lives in `.venv-circuits` (`make .venv-circuits/.ready`).
"""

import json
import logging
import subprocess
import sys
import tempfile
import warnings
from collections.abc import Callable
from pathlib import Path

import torch
from torch import Tensor

from benchmarks._figure import fastest, not_run, report

ROOT = Path(__file__).parents[1]
PEER = ROOT / ".venv-circuits" / "bin" / "python"
SIZES = {
    "small": {"n_layer": 4, "n_head": 8, "n_embd": 128, "vocab_size": 1000},
    "gpt2s": {"n_layer": 12, "n_head": 12, "n_embd": 768, "vocab_size": 50257},
}
PROMPTS, LENGTH, STEPS = 8, 16, 5
PEER_REPEATS = {"small": 3, "gpt2s": 1}  # half a minute each at the larger size
TARGET = 15.0  # times faster
NAMES = {"Resid Start": "embed", "Resid End": "logits"}
Found = dict[str, float]


def drawn(vocabulary: int) -> tuple[Tensor, ...]:
    """Return clean and corrupted tokens, right and wrong answers."""
    generator = torch.Generator().manual_seed(0)
    clean, corrupted = torch.randint(vocabulary, (2, PROMPTS, LENGTH), generator=generator)
    answers, wrongs = torch.randint(vocabulary, (2, PROMPTS), generator=generator)
    return clean, corrupted, answers, wrongs


def checkpoint(size: str, folder: str) -> None:
    """Write a checkpoint with random weights, larger than a fresh one's so that all parts count."""
    from transformers import GPT2Config, GPT2LMHeadModel

    torch.manual_seed(0)
    config = GPT2Config(n_positions=64, initializer_range=0.04, **SIZES[size])
    GPT2LMHeadModel(config).save_pretrained(folder)


def timed(work: Callable[[], Found], repeats: int) -> tuple[float, Found]:
    """Return the least CPU time of some runs, and what came out."""
    found: list[Found] = []
    taken = fastest({"all": lambda: found.append(work())}, repeats)
    return taken["all"], found[-1]


def ours(size: str, folder: str) -> dict[str, tuple[float, Found]]:
    """Score with the course's methods."""
    from transformer_lens.model_bridge import TransformerBridge
    from transformers import GPT2LMHeadModel

    from mi_course.methods.circuits.attribution import (
        edge_attribution,
        integrated_edge_attribution,
    )
    from mi_course.methods.circuits.task import CircuitTask
    from mi_course.models.plain import plain
    from mi_course.models.tokenizer import load_tokenizer
    from mi_course.results.circuit_graph import edge_name

    network = GPT2LMHeadModel.from_pretrained(folder)
    bridge = TransformerBridge.boot_transformers(
        "gpt2", hf_model=network, tokenizer=load_tokenizer()
    )
    model = plain(bridge.eval())
    clean, corrupted, answers, wrongs = drawn(SIZES[size]["vocab_size"])
    mask = torch.zeros_like(clean, dtype=torch.bool)
    mask[:, -1] = True
    task = CircuitTask(
        clean, corrupted, mask, "logit_diff", answers[:, None], wrongs[:, None]
    )  # fmt: skip

    def named(scores) -> Found:
        return dict(zip(map(edge_name, scores.edges), scores.values.tolist(), strict=True))

    edges = {"steps": STEPS, "path": "edges"}
    return {
        "eap": timed(lambda: named(edge_attribution(model, task)), 3),
        "eap_ig": timed(lambda: named(integrated_edge_attribution(model, task, **edges)), 2),
    }


def peer(size: str, folder: str) -> dict[str, tuple[float, Found]]:
    """Score with auto-circuit."""
    from auto_circuit.data import PromptDataLoader, PromptDataset
    from auto_circuit.prune_algos.mask_gradient import mask_gradient_prune_scores
    from auto_circuit.utils.graph_utils import patchable_model

    clean, corrupted, answers, wrongs = drawn(SIZES[size]["vocab_size"])
    data = PromptDataset(clean, corrupted, list(answers[:, None]), list(wrongs[:, None]))
    loader = PromptDataLoader(data, seq_len=LENGTH, diverge_idx=0, batch_size=PROMPTS)
    model = patchable_model(
        hooked(size, folder), factorized=True, slice_output="last_seq", separate_qkv=True
    )

    def score(**how) -> Callable[[], Found]:
        asked = {"grad_function": "logit", "answer_function": "avg_diff", **how}

        def work() -> Found:
            model.zero_grad()
            scores = mask_gradient_prune_scores(model, loader, None, **asked)
            return {
                f"{_ours(edge.src.name)}->{_ours(edge.dest.name)}": (
                    scores[edge.dest.module_name][edge.patch_idx].item()
                )
                for edge in model.edges
            }

        return work

    found = {
        "eap": timed(score(mask_val=0.0), PEER_REPEATS[size]),
        "eap_ig": timed(score(integrated_grad_samples=STEPS), 1),
    }
    # The peer adds up the slopes at all points; ours is the trapezoidal rule.
    first, last = found["eap"][1], score(mask_val=1.0)()
    spent, sums = found["eap_ig"]
    means = {e: (sums[e] - (first[e] + last[e]) / 2) / STEPS for e in sums}
    return {**found, "eap_ig": (spent, means)}


def hooked(size: str, folder: str):
    """Return the checkpoint as the model that auto-circuit reads."""
    from transformer_lens import HookedTransformer, HookedTransformerConfig
    from transformer_lens.pretrained.weight_conversions.gpt2 import convert_gpt2_weights
    from transformers import GPT2LMHeadModel

    shape = SIZES[size]
    config = HookedTransformerConfig(
        n_layers=shape["n_layer"],
        n_heads=shape["n_head"],
        d_model=shape["n_embd"],
        d_head=shape["n_embd"] // shape["n_head"],
        d_mlp=4 * shape["n_embd"],
        d_vocab=shape["vocab_size"],
        n_ctx=64,
        act_fn="gelu_new",
        normalization_type="LN",
    )
    model = HookedTransformer(config)
    weights = convert_gpt2_weights(GPT2LMHeadModel.from_pretrained(folder), config)
    model.load_state_dict(weights, strict=False)
    model.set_use_attn_result(True)
    model.set_use_split_qkv_input(True)
    model.set_use_hook_mlp_in(True)
    for parameter in model.parameters():
        parameter.requires_grad = False
    return model.eval()


def _ours(name: str) -> str:
    """Return our name of a peer's node: "L1H2.q" for "A1.2.Q"."""
    if name in NAMES:
        return NAMES[name]
    if name.startswith("MLP"):
        return name.replace(" ", "")
    layer, head, *port = name.removeprefix("A").split(".")
    return ".".join([f"L{layer}H{head}", *(letter.lower() for letter in port)])


def measured(who: str, size: str, folder: str) -> None:
    """Write what one contender needed and found."""
    warnings.filterwarnings("ignore")
    logging.disable(logging.WARNING)
    torch.set_num_threads(1)
    found = {"ours": ours, "peer": peer}[who](size, folder)
    Path(folder, f"{who}.json").write_text(json.dumps(found))


def apart(one: Found, other: Found) -> float:
    """Return the largest difference of two sets of scores, as a fraction of the largest score."""
    if set(one) != set(other):
        raise ValueError(f"expected the same edges, got {len(one)} and {len(other)}")
    largest = max(map(abs, other.values()))
    return max(abs(one[edge] - other[edge]) for edge in other) / largest


def main() -> None:
    """Print all figures, or why there are none."""
    if not PEER.exists():
        not_run("auto-circuit is not installed here, `make .venv-circuits/.ready` does it")
        return
    for size in SIZES:
        with tempfile.TemporaryDirectory() as folder:
            checkpoint(size, folder)
            for who, python in {"ours": sys.executable, "peer": PEER}.items():
                command = [python, "-m", "benchmarks.eap", who, size, folder]
                subprocess.run(command, check=True, cwd=ROOT)
            mine, theirs = (
                json.loads(Path(folder, f"{who}.json").read_text()) for who in ("ours", "peer")
            )
        for kind in mine:
            (spent, scores), (their_time, their_scores) = mine[kind], theirs[kind]
            unit = (
                f"CPU seconds for {len(scores)} edges, {PROMPTS} prompts of {LENGTH} tokens, one "
                f"thread; scores differ by {apart(scores, their_scores):.1e} of the largest"
            )
            report(
                f"eap/{kind}_{size}", spent, their_time, unit, "auto-circuit 1.0.1", target=TARGET
            )


if __name__ == "__main__":
    measured(*sys.argv[1:]) if sys.argv[1:] else main()
