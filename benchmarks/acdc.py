"""ACDC against one forward pass for every edge, on a model of GPT-2 small's size, in CPU seconds.

GPT-2's architecture with random weights, larger than it is initialised with so that edges matter;
8 prompts of 16 random tokens, corrupted ones others; divergence at the last token; query, key and
value inputs apart, 32,491 edges. The sequential way runs the whole model once for every edge. Its
time per edge is measured in the same process on a sample of edges and extrapolated to all of them;
it is our own plain program, some times faster than hooked libraries. The sweep is exact: decisions
nearest to the threshold and a random sample are replayed in double precision. The last
line says how much memory the process held.
"""

import json
import platform
import resource
import time

import torch
from transformer_lens.model_bridge import TransformerBridge
from transformers import GPT2Config, GPT2LMHeadModel

from mi_course.methods.circuits import EdgeRuns, circuit_loss, edge_runs, verify
from mi_course.methods.circuits.acdc import Search
from mi_course.methods.circuits.task import CircuitTask
from mi_course.models.tokenizer import load_tokenizer
from mi_course.results import Circuit

PROMPTS, LENGTH = 8, 16
STRENGTH = 2.0
TAUS = (3e-3, 1e-3, 3e-4, 1e-4)
SAMPLE, REPLAYED = 5, 4
GIGABYTE = 1e6  # in kilobytes, as the system counts


def gpt2_small() -> TransformerBridge:
    """Return a bridge of GPT-2 small's size whose random weights are stronger than at birth."""
    torch.manual_seed(0)
    network = GPT2LMHeadModel(GPT2Config())
    with torch.no_grad():
        for name, parameter in network.named_parameters():
            if parameter.ndim == 2 and "wte" not in name:
                parameter.mul_(STRENGTH)
    tokenizer = load_tokenizer()  # asked for and not used: ids are words here
    return TransformerBridge.boot_transformers(
        "gpt2", hf_model=network, tokenizer=tokenizer, device="cpu"
    ).eval()


def prompts(d_vocab: int) -> CircuitTask:
    """Return random prompts, scored at the last token."""
    generator = torch.Generator().manual_seed(0)
    clean, corrupted = torch.randint(d_vocab, (2, PROMPTS, LENGTH), generator=generator)
    mask = torch.zeros(PROMPTS, LENGTH, dtype=torch.bool)
    mask[:, -1] = True
    return CircuitTask(clean, corrupted, mask, name="random tokens")


def report(name: str, ours: float, peer: float, unit: str) -> None:
    """Print one line; less is better for both."""
    line = {
        "benchmark": f"acdc/{name}",
        "ours": round(ours, 3),
        "peer": round(peer, 3),
        "ratio": round(peer / ours, 2),
        "unit": unit,
        "peer_version": "one forward pass for each edge, extrapolated from a sample",
        "machine": f"{platform.machine()} {platform.system()} Python {platform.python_version()}",
    }
    print(json.dumps(line), flush=True)


def seconds_for_an_edge(runs: EdgeRuns) -> float:
    """Return the CPU time of the sequential way for one edge, mean over a sample."""
    edges = runs.graph.edges
    generator = torch.Generator().manual_seed(0)
    chosen = torch.randint(len(edges), (SAMPLE,), generator=generator).tolist()
    start = time.process_time()
    for i in chosen:
        circuit_loss(runs, None, edges[:i] + edges[i + 1 :])
    return (time.process_time() - start) / SAMPLE


def search(runs: EdgeRuns, tau: float, guess: Circuit | None) -> tuple[Circuit, float]:
    """Return the circuit at one threshold, and the CPU seconds it took."""
    start = time.process_time()
    going = Search(runs, tau, guess=guess)
    for node in going.pending:
        going.visit(node)
    return going.circuit(), time.process_time() - start


def told(circuit: Circuit, runs: EdgeRuns) -> str:
    """Return what a search did, and the floor: one loss for each edge that does anything."""
    floor = circuit.tested * runs.loss.multiply_adds
    return (
        f"CPU seconds for {len(runs.graph.edges)} edges, one thread; {len(circuit.kept)} kept; "
        f"{circuit.evaluated} circuits in {circuit.calls} batches for {circuit.tested} decisions; "
        f"{circuit.multiply_adds / 1e12:.2f}e12 multiply-adds, of which unembedding each decision "
        f"once would take {floor / 1e12:.2f}e12; {circuit.replayed} near ties"
    )


@torch.no_grad()
def main() -> None:
    """Print the figures."""
    torch.set_num_threads(1)
    model = gpt2_small()
    runs = edge_runs(model, prompts(model.cfg.d_vocab))
    sequential = seconds_for_an_edge(runs) * len(runs.graph.edges)
    start = time.process_time()
    runs.rounding  # noqa: B018 - part of the first search, shown as what it is
    total = time.process_time() - start
    guess, found = None, []
    for tau in TAUS:
        guess, used = search(runs, tau, guess)
        found.append(guess)
        total += used
        report(f"gpt2s_tau_{tau:g}", used, sequential, told(guess, runs))
    held = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / GIGABYTE
    unit = f"CPU seconds for {len(TAUS)} thresholds together, rounding measured; {held:.1f} GB held"
    report("gpt2s_sweep", total, len(TAUS) * sequential, unit)
    replay = verify(runs, None, found[1], n=REPLAYED)
    if replay.wrong:
        raise SystemExit(f"expected the sequential decisions, got others at {replay.wrong}")


if __name__ == "__main__":
    main()
