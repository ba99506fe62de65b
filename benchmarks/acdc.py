"""ACDC against one forward pass for every edge, on a model of GPT-2 small's size, in seconds.

GPT-2's architecture with random weights, larger than it is initialised with so that edges matter;
8 prompts of 16 random tokens, corrupted ones others; divergence at the last token; query, key and
value inputs apart, 32,491 edges. The sequential way runs the whole model once for every edge. Its
time per edge is measured in the same process on a sample of edges and extrapolated to all of them;
it is our own plain program, some times faster than hooked libraries. The sweep is exact: decisions
nearest to the threshold and a random sample are replayed in double precision. The last lines are
the whole sweep, the memory that the process held, and both beside what was asked for.
"""

import resource
from functools import partial

import torch
from transformer_lens.model_bridge import TransformerBridge
from transformers import GPT2Config, GPT2LMHeadModel

from benchmarks._figure import asked_device, clock_of, now, report, seconds, threads_of
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
TARGET, SWEEP_SECONDS, SWEEP_GIGABYTES = 100.0, 600.0, 6.0
SEQUENTIAL = "one forward pass for each edge, extrapolated from a sample"


def gpt2_small(device: str) -> TransformerBridge:
    """Return a bridge of GPT-2 small's size whose random weights are stronger than at birth."""
    torch.manual_seed(0)
    network = GPT2LMHeadModel(GPT2Config())
    with torch.no_grad():
        for name, parameter in network.named_parameters():
            if parameter.ndim == 2 and "wte" not in name:
                parameter.mul_(STRENGTH)
    tokenizer = load_tokenizer()  # asked for and not used: ids are words here
    return TransformerBridge.boot_transformers(
        "gpt2", hf_model=network.to(device), tokenizer=tokenizer, device=device
    ).eval()


def prompts(d_vocab: int, device: str) -> CircuitTask:
    """Return random prompts, scored at the last token."""
    generator = torch.Generator().manual_seed(0)
    drawn = torch.randint(d_vocab, (2, PROMPTS, LENGTH), generator=generator)
    clean, corrupted = drawn.to(device)
    mask = torch.zeros(PROMPTS, LENGTH, dtype=torch.bool, device=device)
    mask[:, -1] = True
    return CircuitTask(clean, corrupted, mask, name="random tokens")


def seconds_for_an_edge(runs: EdgeRuns, device: str) -> float:
    """Return the time of the sequential way for one edge, mean over a sample."""
    edges = runs.graph.edges
    generator = torch.Generator().manual_seed(0)
    chosen = torch.randint(len(edges), (SAMPLE,), generator=generator).tolist()
    ways = [partial(circuit_loss, runs, None, edges[:i] + edges[i + 1 :]) for i in chosen]
    ways[0]()  # warms up
    return sum(seconds(way, device) for way in ways) / SAMPLE


def search(runs: EdgeRuns, tau: float, guess: Circuit | None, device: str) -> tuple[Circuit, float]:
    """Return the circuit at one threshold, and the seconds it took."""
    start = now(device)
    going = Search(runs, tau, guess=guess)
    for node in going.pending:
        going.visit(node)
    return going.circuit(), now(device) - start


def told(circuit: Circuit, runs: EdgeRuns, device: str) -> str:
    """Return what a search did, and the floor: one loss for each edge that does anything."""
    floor = circuit.tested * runs.loss.multiply_adds
    return (
        f"{clock_of(device)}s for {len(runs.graph.edges)} edges{threads_of(device)}; "
        f"{len(circuit.kept)} kept; "
        f"{circuit.evaluated} circuits in {circuit.calls} batches for {circuit.tested} decisions; "
        f"{circuit.multiply_adds / 1e12:.2f}e12 multiply-adds, of which unembedding each decision "
        f"once would take {floor / 1e12:.2f}e12; {circuit.replayed} near ties"
    )


def whole(total: float, sequential: float, n_edges: int, device: str) -> None:
    """Print the figures of the sweep: against the sequential way, and what was asked for."""
    held = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / GIGABYTE
    if device == "cuda":
        held = torch.cuda.max_memory_allocated() / 1e9
    unit = f"{clock_of(device)}s for {len(TAUS)} thresholds on {n_edges} edges, rounding measured"
    report(
        "acdc/gpt2s_sweep",
        total,
        len(TAUS) * sequential,
        unit + threads_of(device),
        SEQUENTIAL,
        device=device,
        target=TARGET,
    )
    asked = {"peer_version": "what was asked for", "device": device, "target": 1}
    report("acdc/gpt2s_sweep_time", total, SWEEP_SECONDS, unit, **asked)
    report("acdc/gpt2s_sweep_memory", held, SWEEP_GIGABYTES, "GB at the highest", **asked)


@torch.no_grad()
def main() -> None:
    """Print the figures."""
    device = asked_device()
    model = gpt2_small(device)
    runs = edge_runs(model, prompts(model.cfg.d_vocab, device))
    n_edges = len(runs.graph.edges)
    sequential = seconds_for_an_edge(runs, device) * n_edges
    total = seconds(lambda: runs.rounding, device)  # part of the first search
    guess, found = None, []
    for tau in TAUS:
        guess, used = search(runs, tau, guess, device)
        found.append(guess)
        total += used
        name, unit = f"acdc/gpt2s_tau_{tau:g}", told(guess, runs, device)
        report(name, used, sequential, unit, SEQUENTIAL, device=device, target=TARGET)
    whole(total, sequential, n_edges, device)
    replay = verify(runs, None, found[1], n=REPLAYED)
    if replay.wrong:
        raise SystemExit(f"expected the sequential decisions, got others at {replay.wrong}")


if __name__ == "__main__":
    main()
