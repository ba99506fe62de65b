"""Training steps of sparse autoencoders against SAELens, dictionary_learning and sparsify.

Every contender starts from the same weights and takes whole training steps (loss, gradients, Adam,
decoder norm, counts of silent latents) on the same batches, one after the other in the same process
and on one thread. L1 and JumpReLU are timed twice: as they start, with half of the latents active,
and with about 30 active, where they are for most of training. Then a small autoencoder is trained
with each, and what matters is the FVU that it reaches on new activations.

The peers live in `.venv-sae` (`make .venv-sae/.ready`); without it only a plain loop, autograd with
fused Adam, is compared.
"""

import logging
import subprocess
import sys
import warnings
from collections.abc import Callable
from functools import partial
from importlib.metadata import version
from pathlib import Path

import torch
from torch import Tensor
from torch.nn.functional import embedding_bag, normalize

from benchmarks._figure import asked_device, clock_of, not_run, report, seconds, threads_of
from mi_course.methods.sae.config import SAEConfig
from mi_course.methods.sae.planted import planted_dictionary, planted_stream
from mi_course.methods.sae.run import Run
from mi_course.methods.sae.sparse import Codes
from mi_course.methods.sae.steps import Weights

ROOT = Path(__file__).parents[1]
PYTHON = ROOT / ".venv-sae" / "bin" / "python"
D_IN, BATCH, K = 512, 4096, 32
WIDTHS = {4096: 3, 16_384: 1}  # latents: timed steps
GPU_STEPS, FRESH = 10, 4  # timed steps on a GPU; different batches among them
WITHIN = 1.5  # how far from the floor, at most
SMALL = {"d_in": 64, "d_sae": 512, "batch": 512, "k": 8, "steps": 1000}
L1, L0, BANDWIDTH, THRESHOLD = 2e-2, 1e-2, 0.5, 0.5
LR, DECAY = 1e-3, 0.3  # of the small one; the last part of the steps falls to nothing
Step = Callable[[Tensor], object]
Made = tuple[Step, Callable, torch.optim.Optimizer | None]


# --- what every contender starts from


def batches(d_in: int, batch: int, k: int, device: str) -> Callable[[int], Tensor]:
    """Return planted activations by number, with variance 1 about the mean."""
    stream = planted_stream(planted_dictionary(8 * d_in, d_in), k, batch_size=batch, noise=0.01)
    first = stream.batch(0)[0]
    scale = (first - first.mean(0)).square().mean().sqrt()
    return lambda number: (stream.batch(number)[0] / scale).to(device)


def started(d_sae: int, x: Tensor, l0: float | None, jump: bool) -> Weights:
    """Return weights with about `l0` latents active on x; half of them when None."""
    generator = torch.Generator().manual_seed(0)
    W_dec = normalize(torch.randn(d_sae, x.shape[1], generator=generator), dim=1).to(x)
    b_enc, threshold = x.new_zeros(d_sae), x.new_full((d_sae,), THRESHOLD)
    if l0 is not None:
        pre = (x[:256] @ W_dec.T).flatten()
        bound = pre.kthvalue(pre.numel() - int(l0 * 256)).values
        b_enc, threshold = (b_enc, threshold * 0 + bound) if jump else (b_enc - bound, threshold)
    return Weights(W_dec.clone(), b_enc, W_dec, x.new_zeros(x.shape[1]), threshold.log())


def copied(weights: Weights, jump: bool) -> Weights:
    """Return weights of one's own."""
    made = Weights(*(value.clone() for value in vars(weights).values()))
    made.log_threshold = made.log_threshold if jump else None
    return made


# --- contenders: each returns a step, codes with reconstruction for new activations, and its Adam
# (None where the learning rate falls by itself)


def ours(kind: str, weights: Weights, k: int, lr: float, steps: int) -> Made:
    """Our run."""
    config = SAEConfig(
        kind,
        len(weights.b_enc),
        k=k,
        l1=L1,
        l0=L0,
        bandwidth=BANDWIDTH,
        lr=lr,
        clip=1.0,
        steps=steps,
        warm_up=0,
        decay=DECAY,
        sparsity_warm_up=0,
        resample_every=0,
        dead_after=10**6,
    )
    run = Run(config, copied(weights, kind == "jumprelu"), 1.0)

    def codes(x: Tensor) -> tuple[Tensor, Tensor]:
        sae = run.sae()
        # All contenders choose the largest codes of this batch, none by what it learned before.
        batchwise = kind == "batchtopk"
        acts = run.rule.select(lambda: iter([sae.pre(x)])).dense() if batchwise else sae.encode(x)
        return acts, sae.decode(acts)

    return run.learn, codes, None


def plain(kind: str, weights: Weights, k: int, lr: float, steps: int) -> Made:
    """Autograd, dense, with fused Adam: what one would write first."""
    held = vars(copied(weights, False)).items()
    leaves = {name: torch.nn.Parameter(value) for name, value in held if value is not None}
    adam = torch.optim.Adam(list(leaves.values()), lr=lr, fused=True)

    def codes(x: Tensor) -> tuple[Tensor, Tensor]:
        acts = (x - leaves["b_dec"]) @ leaves["W_enc"].T + leaves["b_enc"]
        if kind == "topk":
            kept = acts.topk(k, dim=1, sorted=False)
            acts = torch.zeros_like(acts).scatter(1, kept.indices, kept.values.relu())
        elif kind == "batchtopk":
            kept = acts.flatten().topk(k * len(x), sorted=False)
            flat = torch.zeros_like(acts).flatten()
            acts = flat.scatter(0, kept.indices, kept.values.relu()).view_as(acts)
        else:
            acts = acts.relu()
        return acts, acts @ leaves["W_dec"] + leaves["b_dec"]

    def step(x: Tensor) -> None:
        acts, recon = codes(x)
        loss = (recon - x).square().mean()
        loss = loss + (L1 * acts.sum(1).mean() if kind == "l1" else 0)
        adam.zero_grad()
        loss.backward()
        adam.step()
        with torch.no_grad():
            W_dec = leaves["W_dec"]
            W_dec.div_(W_dec.norm(dim=1, keepdim=True))

    return step, torch.no_grad()(codes), adam


def sae_lens(kind: str, weights: Weights, k: int, lr: float, steps: int, **changes: bool) -> Made:
    """SAELens's own trainer, one step at a time; its errors are sums over d_in, ours means."""
    import sae_lens as package
    from sae_lens.config import SAETrainerConfig
    from sae_lens.training.sae_trainer import SAETrainer

    (d_sae, d_in), device = weights.W_dec.shape, str(weights.W_dec.device)
    names = {"l1": "Standard", "topk": "TopK", "batchtopk": "BatchTopK", "jumprelu": "JumpReLU"}
    settings = {
        "l1": {"l1_coefficient": L1 * d_in},
        "topk": {"k": k},
        "batchtopk": {"k": k},
        "jumprelu": {"l0_coefficient": L0 * d_in, "jumprelu_bandwidth": BANDWIDTH},
    }
    config = getattr(package, f"{names[kind]}TrainingSAEConfig")
    sae = getattr(package, f"{names[kind]}TrainingSAE")(
        config(d_in=d_in, d_sae=d_sae, device=device, **settings[kind], **changes)
    )
    sae.W_enc.data, sae.W_dec.data = weights.W_enc.T.clone().contiguous(), weights.W_dec.clone()
    sae.b_enc.data, sae.b_dec.data = weights.b_enc.clone(), weights.b_dec.clone()
    if kind == "jumprelu":
        sae.threshold.data = weights.log_threshold.exp()
    trainer = SAETrainer(
        SAETrainerConfig(
            total_training_samples=10**9,
            train_batch_size_samples=BATCH,
            lr=lr,
            lr_end=lr,
            device=device,
        ),
        sae,
        iter(()),
        None,
    )

    def codes(x: Tensor) -> tuple[Tensor, Tensor]:
        acts = sae.encode(x)
        return (acts.to_dense() if acts.is_sparse else acts), sae.decode(acts)

    return trainer.step, torch.no_grad()(codes), trainer.optimizer


def dictionary_learning(kind: str, weights: Weights, k: int, lr: float, steps: int) -> Made:
    """The trainers of dictionary_learning, one update at a time."""
    from dictionary_learning.trainers import (
        BatchTopKTrainer,
        JumpReluTrainer,
        StandardTrainer,
        TopKTrainer,
    )

    d_sae, d_in = weights.W_dec.shape
    shared = {"steps": 10**6, "activation_dim": d_in, "dict_size": d_sae, "layer": 0}
    shared |= {"lm_name": "", "lr": lr, "warmup_steps": 1, "device": str(weights.W_dec.device)}
    kinds = {
        "l1": (StandardTrainer, {"l1_penalty": L1 * d_in, "sparsity_warmup_steps": None}),
        "topk": (TopKTrainer, {"k": k}),
        "batchtopk": (BatchTopKTrainer, {"k": k}),
        "jumprelu": (JumpReluTrainer, {"bandwidth": BANDWIDTH, "sparsity_warmup_steps": None}),
    }
    trainer = kinds[kind][0](**shared, **kinds[kind][1])
    ae, number = trainer.ae, iter(range(1, 10**6))
    if kind == "jumprelu":
        ae.W_enc.data, ae.W_dec.data = weights.W_enc.T.clone(), weights.W_dec.clone()
        ae.threshold.data = weights.log_threshold.exp()
        ae.b_enc.data = weights.b_enc.clone()
    else:
        ae.encoder.weight.data, ae.encoder.bias.data = weights.W_enc.clone(), weights.b_enc.clone()
        ae.decoder.weight.data = weights.W_dec.T.clone()

    def codes(x: Tensor) -> tuple[Tensor, Tensor]:
        acts = ae.encode(x, use_threshold=False) if kind.endswith("topk") else ae.encode(x)
        return acts, ae.decode(acts)

    step = lambda x: trainer.update(next(number), x)  # noqa: E731
    return step, torch.no_grad()(codes), trainer.optimizer


def sparsify(kind: str, weights: Weights, k: int, lr: float, steps: int) -> Made:
    """Return a coder of sparsify with the steps of its trainer, and fused Adam."""
    from sparsify import SparseCoder, SparseCoderConfig

    d_sae, d_in = weights.W_dec.shape
    coder = SparseCoder(d_in, SparseCoderConfig(num_latents=d_sae, k=k), weights.W_dec.device)
    coder.encoder.weight.data, coder.W_dec.data = weights.W_enc.clone(), weights.W_dec.clone()
    adam = torch.optim.Adam(coder.parameters(), lr=lr, fused=True)

    def step(x: Tensor) -> None:
        coder.set_decoder_norm_to_unit_norm()
        out = coder(x)
        out.fvu.backward()
        coder.remove_gradient_parallel_to_decoder_directions()
        adam.step()
        adam.zero_grad()

    def codes(x: Tensor) -> tuple[Tensor, Tensor]:
        out = coder(x)
        return out.latent_acts, out.sae_out

    return step, torch.no_grad()(codes), adam


def contenders(kind: str, peers: bool) -> dict[str, Callable]:
    """Return what is compared, by name."""
    found = {"ours": ours, "plain": plain}
    if kind == "jumprelu":
        del found["plain"]  # autograd alone gives thresholds no gradient
    if not peers:
        return found
    found |= {"sae_lens": sae_lens, "dictionary_learning": dictionary_learning}
    if kind == "topk":
        found["sae_lens_sparse"] = lambda *args: sae_lens(
            *args, use_sparse_activations=True, rescale_acts_by_decoder_norm=False
        )
        found["sparsify"] = sparsify
    return found


NAMES = {
    "plain": lambda: f"autograd and fused Adam, torch {torch.__version__}",
    "sae_lens": lambda: f"sae-lens {version('sae-lens')}",
    "sae_lens_sparse": lambda: f"sae-lens {version('sae-lens')}, sparse activations, no rescaling",
    "dictionary_learning": lambda: f"dictionary-learning {version('dictionary-learning')}",
    "sparsify": lambda: f"eai-sparsify {version('eai-sparsify')}",
}


# --- what is measured


def speed(kind: str, d_sae: int, l0: float | None, peers: bool, device: str) -> None:
    """Activations per second, all contenders in turn."""
    draw, jump = batches(D_IN, BATCH, K, device), kind == "jumprelu"
    weights = started(d_sae, draw(0), l0, jump)
    made = contenders(kind, peers)
    if peers and d_sae > min(WIDTHS):
        made.pop("plain", None)  # it takes too long to learn little
    steps = {name: make(kind, weights, K, 1e-9, 10**6)[0] for name, make in made.items()}
    if kind == "topk" and device == "cpu":
        steps["floor"] = floor(weights)
    taken = {name: [] for name in steps}
    for number in range(1 + (WIDTHS[d_sae] if device == "cpu" else GPU_STEPS)):
        x = draw(number % FRESH)
        for name, step in steps.items():
            taken[name].append(seconds(partial(step, x), device))
    # The first step makes room.
    rates = {name: BATCH / min(times[1:]) for name, times in taken.items()}
    told(f"{kind}_{D_IN}_{d_sae}" + ("" if l0 is None else f"_l0_{l0}"), rates, device)


def target(kind: str, l0: float | None) -> float:
    """Return how many times the fastest peer's rate was asked for."""
    return {"topk": 2.0, "batchtopk": 3.0}.get(kind, 1.0 if l0 is None else 3.0)


def told(title: str, rates: dict[str, float], device: str) -> None:
    """Report our rate beside each other one's, and beside the fastest peer's."""
    unit = f"activations per {clock_of(device)}, batch {BATCH}{threads_of(device)}"
    mine = rates.pop("ours")
    more = {"device": device, "more_is_better": True}
    if "floor" in rates:
        name = "the matrix product, topk and four sparse passes by themselves"
        told_target = 1 / WITHIN if "16384" not in title else None
        report(
            f"sae/{title}/floor", mine, rates.pop("floor"), unit, name, target=told_target, **more
        )
    for name, rate in rates.items():
        report(f"sae/{title}/{name}", mine, rate, unit, NAMES[name](), **more)
    if fastest := max((name for name in rates if name != "plain"), key=rates.get, default=None):
        kind, *_, last = title.split("_")
        asked = target(kind, float(last) if "_l0_" in title else None)
        told_peer = f"fastest: {NAMES[fastest]()}"
        report(f"sae/{title}", mine, rates[fastest], unit, told_peer, target=asked, **more)


def floor(weights: Weights) -> Step:
    """Return the work that no exact TopK step of stock torch goes without."""
    pre = weights.W_dec.new_empty(BATCH, len(weights.W_dec))

    def step(x: Tensor) -> None:
        torch.mm(x, weights.W_dec.T, out=pre)
        values, cols = pre.topk(K, dim=1, sorted=False)
        codes = Codes(
            torch.arange(0, cols.numel() + 1, K), cols.flatten(), values.flatten(), pre.shape[1]
        )
        recon = codes.decode(weights.W_dec)
        slopes = codes.dots(recon, weights.W_dec)
        order, starts = codes._by_column
        rows = codes.rows[order]
        for each, held in ((codes.values, recon), (slopes, x)):
            embedding_bag(
                rows,
                held,
                starts,
                per_sample_weights=each[order],
                mode="sum",
                include_last_offset=True,
            )

    return step


def reached(kind: str, peers: bool) -> None:
    """FVU on new activations after the same steps on the same batches."""
    draw = batches(SMALL["d_in"], SMALL["batch"], 4, "cpu")
    weights = started(SMALL["d_sae"], draw(0), None, kind == "jumprelu")
    new, found = draw(10**6), {}
    for name, make in contenders(kind, peers).items():
        if name == "dictionary_learning" and kind == "jumprelu":
            continue  # it aims at an L0 in place of weighing it
        step, codes, adam = make(kind, weights, SMALL["k"], LR, SMALL["steps"])
        for number in range(SMALL["steps"]):
            left = (SMALL["steps"] - number) / (DECAY * SMALL["steps"])
            for group in adam.param_groups if adam else ():
                group["lr"] = LR * min(1, left)
            step(draw(1 + number))
        acts, recon = codes(new)
        fvu = ((recon - new).square().sum() / (new - new.mean(0)).square().sum()).item()
        found[name] = fvu, (acts > 0).sum().item() / len(new)
    fvu, l0 = found.pop("ours")
    title = f"{kind}_{SMALL['d_in']}_{SMALL['d_sae']}/fvu"
    for name, (theirs, their_l0) in found.items():
        unit = f"FVU on new activations after {SMALL['steps']} steps of {SMALL['batch']}, at L0 "
        unit += f"{l0:.1f} and {their_l0:.1f}"
        report(f"sae/{title}/{name}", fvu, theirs, unit, NAMES[name]())


def measure(peers: bool, device: str) -> None:
    """Print all figures; run by the peers' Python where there is one."""
    warnings.filterwarnings("ignore")
    logging.disable(logging.WARNING)
    torch.set_num_threads(1)
    for d_sae in WIDTHS:
        for kind in ("topk", "batchtopk"):
            speed(kind, d_sae, None, peers, device)
        for kind in ("l1", "jumprelu"):
            for l0 in (None, 30):
                speed(kind, d_sae, l0, peers, device)
    if device == "cpu":  # what is reached is the same on a GPU
        for kind in ("topk", "batchtopk", "l1", "jumprelu"):
            reached(kind, peers)


def main() -> None:
    """Print all figures."""
    device = asked_device()
    peers = PYTHON.exists()
    if not peers:
        not_run("SAELens, dictionary_learning and sparsify, `make .venv-sae/.ready` installs them")
    python = PYTHON if peers else sys.executable
    command = [python, "-m", "benchmarks.sae", "peers" if peers else "alone", device]
    subprocess.run(command, check=True, cwd=ROOT)


if __name__ == "__main__":
    asked = sys.argv[1:]
    measure(asked[0] == "peers", asked[1]) if asked[:1] in (["peers"], ["alone"]) else main()
