"""One figure of a benchmark: what is measured, how it is told, and on which machine.

A figure is one line of JSON: `benchmark` (its name), `ours`, `peer`, `ratio` (above 1 where we are
better), `unit`, `peer_version` and `machine`; with a `target` it also says which ratio was asked
for. On the CPU time is that of this process, so that other work on the machine does not count; on a
GPU it is wall time between two moments at which the GPU has nothing left to do, and the name ends
in "/gpu".
"""

import argparse
import json
import os
import platform
import resource
import time
from collections.abc import Callable
from functools import cache
from pathlib import Path

import torch

KEYS = ("benchmark", "ours", "peer", "ratio", "unit", "peer_version", "machine")
ON_GPU = "/gpu"


def asked_device(words: list[str] | None = None) -> str:
    """Return the device of a benchmark's command line.

    Raises:
        SystemExit: a GPU was asked for and there is none.
    """
    parser = argparse.ArgumentParser()
    parser.add_argument("--device", default="cpu", choices=("cpu", "cuda"))
    device = parser.parse_args(words).device
    if device == "cuda" and not torch.cuda.is_available():
        raise SystemExit("expected a GPU for --device cuda, got none, try --device cpu")
    torch.set_num_threads(1)
    return device


def now(device: str = "cpu", *, wall: bool = False) -> float:
    """Return the CPU seconds of this process so far; on a GPU the clock once its work is done."""
    if device != "cpu":
        torch.cuda.synchronize()
    return time.perf_counter() if wall or device != "cpu" else time.process_time()


def seconds(work: Callable[[], object], device: str = "cpu", *, wall: bool = False) -> float:
    """Return what one run takes."""
    begun = now(device, wall=wall)
    work()
    return now(device, wall=wall) - begun


def fastest(
    ways: dict[str, Callable[[], object]], turns: int, device: str = "cpu", *, wall: bool = False
) -> dict[str, float]:
    """Return each way's least seconds over a few turns; others' work then meets each alike.

    With `wall` a CPU is timed by the clock, too: for work on several threads. On a GPU there is a
    first turn, in which kernels are loaded, that does not count.
    """
    for work in ways.values() if device != "cpu" else ():
        work()
    taken: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(turns):
        for name, work in ways.items():
            taken[name].append(seconds(work, device, wall=wall))
    return {name: min(times) for name, times in taken.items()}


def cpu_of_children() -> float:
    """Return the CPU seconds of all processes below this one that have ended."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def clock_of(device: str) -> str:
    """Return in which seconds a device is measured, as units say it."""
    return "CPU second" if device == "cpu" else "second"


def threads_of(device: str) -> str:
    """Return what a unit says of the device at its end."""
    return ", one thread" if device == "cpu" else ""


@cache
def machine(device: str = "cpu") -> str:
    """Return the processor, its number of cores, and the versions that count."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    card = f"{torch.cuda.get_device_name()}, " if device == "cuda" else ""
    python = f"Python {platform.python_version()}, torch {torch.__version__}"
    return f"{card}{_processor()}, {cores} cores, {platform.system()}, {python}"


def _processor() -> str:
    listed = Path("/proc/cpuinfo")
    lines = listed.read_text().splitlines() if listed.exists() else []
    names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()


def report(
    name: str,
    ours: float | None,
    peer: float,
    unit: str,
    peer_version: str,
    *,
    device: str = "cpu",
    more_is_better: bool = False,
    target: float | None = None,
    **more: float,
) -> None:
    """Print one figure.

    Args:
        name: script and figure, "sae/topk_512_4096".
        ours: None where we did not get there; the unit says how far.
        peer: the same of the peer.
        unit: of both, with all that one needs to know to read them.
        peer_version: who the peer is.
        device: where it was measured.
        more_is_better: of both numbers; times and memory are better when small.
        target: the ratio that was asked for, if any.
        **more: further numbers for machines.
    """
    ratio = None
    if ours:
        ratio = round(ours / peer if more_is_better else peer / ours, 2)
    figure = {
        "benchmark": name + (ON_GPU if device == "cuda" else ""),
        "ours": _rounded(ours),
        "peer": _rounded(peer),
        "ratio": ratio,
        "unit": unit,
        "peer_version": peer_version,
        "machine": machine(device),
    }
    figure |= {"target": target} if target else {}
    print(json.dumps(figure | {key: _rounded(value) for key, value in more.items()}), flush=True)


def _rounded(value: float | None) -> float | None:
    """Return four significant digits, and all those before the point."""
    return None if value is None else round(value) if value >= 1000 else float(f"{value:.4g}")


def not_run(why: str) -> None:
    """Say that figures are missing, and how to get them; the table repeats it."""
    print(f"not run: {why}", flush=True)
