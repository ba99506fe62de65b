"""A training run: weights, optimiser, and what is known of every latent, between two batches.

All of it can be written to one file and read back, and then the run goes on to the same numbers as
if it had never stopped. In goes a batch; the weights change in place.
"""

import json
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path

import torch
from einops import einsum
from jaxtyping import Float
from safetensors import SafetensorError, safe_open
from torch import Tensor

from mi_course.methods.sae.atomic import write_tensors
from mi_course.methods.sae.config import TOPK_FAMILY, SAEConfig
from mi_course.methods.sae.dense import Buffers, dense_step
from mi_course.methods.sae.dictionary import SAE, check_width
from mi_course.methods.sae.resampling import resample
from mi_course.methods.sae.rules import BatchTopK, JumpReLU, rule_of
from mi_course.methods.sae.steps import Seen, Weights, add_auxiliary, nested_step, sparse_step

__all__ = ["Run"]

# Pre-activations held at once on a CPU: about its cache, but enough rows for a fast matrix product.
CHUNK_BYTES, CHUNK_ROWS = 1 << 24, 1024
MOMENTS = ("exp_avg", "exp_avg_sq")
THRESHOLD = "log_threshold"


class Run:
    """The state of a training run.

    Attributes:
        config: what it was started with.
        weights: as they are now.
        grads: gradients of the last step, before Adam.
        scale: what activations are divided by.
        step: batches learned from so far.
        silent: steps since each latent was active.
        points: of the curves: step, loss, L0, FVU, fraction dead.
        seen: what the last step saw.
    """

    def __init__(self, config: SAEConfig, weights: Weights, scale: float | int) -> None:
        self.config, self.weights, self.scale = config, weights, scale
        self.rule = rule_of(config, weights.log_threshold)
        held = (weights.W_enc, weights.b_enc, weights.W_dec, weights.b_dec)
        self.grads = Weights(*map(torch.zeros_like, held))
        self.step = 0
        self.share = 1.0  # of latents that are active: dense until it is small
        self.silent = torch.zeros_like(weights.b_enc)
        self.points: list[list[float]] = []
        self.seen: Seen | None = None
        self.learned = _learned(weights)
        self.optimiser = torch.optim.Adam(
            [
                {"params": [value], "times": config.threshold_lr if name == THRESHOLD else 1}
                for name, value in self.learned.items()
            ],
            lr=config.lr,
            betas=config.betas,
            fused=True,
        )
        self._buffers: Buffers | None = None

    @torch.no_grad()
    def learn(self, x: Float[Tensor, "batch d_in"]) -> None:
        """Take one step.

        Raises:
            ValueError: a batch of another width, or with a value that is not finite; the weights
                stay as they were.
        """
        check_width(x, self.weights.W_dec.shape[1])
        # Whoever trains under automatic mixed precision gets the same numbers.
        xc = x.to(self.weights.b_dec).div(self.scale).sub_(self.weights.b_dec)
        seen = self._auxiliary(self._gradients(xc), xc)
        if not seen.loss.isfinite():
            raise ValueError(
                f"expected finite activations, got NaN or infinity in batch {self.step}, try to "
                "look at the model's weights and at the hook"
            )
        self._descend()
        self.silent = torch.where(seen.active, 0, self.silent + 1)
        self.seen = seen
        self.step += 1
        if self.config.architecture not in TOPK_FAMILY:
            self.share = seen.n_active.item() / (len(x) * len(self.weights.b_enc))
        if self.step in self.config.resampling_steps:
            self._resample(xc)

    @property
    def dead(self) -> Tensor:
        """Return which latents have been silent for long."""
        return self.silent >= self.config.dead_after

    def _gradients(self, xc: Float[Tensor, "batch d_in"]) -> Seen:
        config, weights, grads = self.config, self.weights, self.grads
        penalty = config.penalty_at(self.step)
        buffers = self._scratch(xc)
        if config.architecture not in TOPK_FAMILY and self.share > config.sparse_below:
            return dense_step(weights, grads, self.rule, xc, penalty, buffers)

        def chunks() -> Iterator[Float[Tensor, "row d_sae"]]:
            for rows in xc.split(buffers.rows):
                pre = buffers("pre", len(rows))
                yield torch.mm(rows, weights.W_enc.T, out=pre).add_(weights.b_enc)

        codes = self.rule.select(chunks)
        if config.architecture == "matryoshka":
            return nested_step(weights, grads, codes, self.rule, xc, config.widths)
        return sparse_step(weights, grads, codes, self.rule, xc, penalty)

    def _scratch(self, xc: Float[Tensor, "batch d_in"]) -> Buffers:
        d_sae = len(self.weights.b_enc)
        fit = CHUNK_BYTES // (xc.element_size() * d_sae) if xc.device.type == "cpu" else len(xc)
        rows = min(len(xc), max(CHUNK_ROWS, fit))
        if self._buffers is None or self._buffers.rows < rows:
            self._buffers = Buffers(self.weights, rows)
        return self._buffers

    def _auxiliary(self, seen: Seen, xc: Float[Tensor, "batch d_in"]) -> Seen:
        config, dead = self.config, self.dead
        k = xc.shape[1] // 2 if config.aux_k is None else config.aux_k
        if config.architecture not in TOPK_FAMILY or not k or not dead.any():
            return seen
        return add_auxiliary(self.weights, self.grads, xc, seen, dead, k, config.aux_weight)

    def _descend(self) -> None:
        """Take one step of Adam, decoder rows staying at length 1."""
        W_dec, grads = self.weights.W_dec, self.grads
        if self.weights.tied:
            grads.W_dec += grads.W_enc
        if isinstance(self.rule, JumpReLU):
            grads.log_threshold = self.rule.grad
        along = einsum(grads.W_dec, W_dec, "d_sae d_in, d_sae d_in -> d_sae")
        grads.W_dec.addcmul_(W_dec, along[:, None], value=-1)
        for name, value in self.learned.items():
            value.grad = getattr(grads, name)
        if self.config.clip is not None:
            # One clip for all parameters together, of gradients d_in times as large.
            longest = self.config.clip / W_dec.shape[1]
            torch.nn.utils.clip_grad_norm_(self.learned.values(), longest)
        for group in self.optimiser.param_groups:
            group["lr"] = group["times"] * self.config.lr_at(self.step)
        self.optimiser.step()
        W_dec.div_(torch.linalg.vector_norm(W_dec, dim=1, keepdim=True))

    def _resample(self, xc: Float[Tensor, "batch d_in"]) -> None:
        generator = torch.Generator().manual_seed(self.config.seed * 1_000_003 + self.step)
        moments = [
            self.optimiser.state[value][moment]
            for name, value in self.learned.items()
            for moment in MOMENTS
            if name != "b_dec"
        ]
        dead = self.dead
        resample(self.weights, dead, xc, self.seen.error, moments, generator)
        self.silent[dead] = 0

    def record(self, x: Float[Tensor, "batch d_in"]) -> dict[str, str]:
        """Note a point of the curves for the batch just learned; returns it as text."""
        values = x.to(self.weights.b_dec) / self.scale
        variance = (values - values.mean(0)).square().sum()
        if not variance > 0:  # one activation has no mean of its own
            variance = (values - self.weights.b_dec).square().sum().clamp(min=1e-30)
        loss, l0 = self.seen.loss.item(), self.seen.n_active.item() / len(x)
        fvu = (self.seen.error.square().sum() / variance).item()
        dead = self.dead.float().mean().item()
        self.points.append([self.step, loss, l0, fvu, dead])
        return {"L0": f"{l0:.1f}", "FVU": f"{fvu:.3f}", "dead": f"{dead:.1%}"}

    def sae(self, hook: str = "") -> SAE:
        """Return the autoencoder as it is now."""
        weights, config = self.weights, self.config
        threshold = None
        if isinstance(self.rule, JumpReLU):
            threshold = weights.log_threshold.exp()
        elif isinstance(self.rule, BatchTopK):
            threshold = weights.b_enc.new_tensor(self.rule.threshold)
        return SAE(
            weights.W_enc.T.clone(),
            weights.b_enc.clone(),
            weights.W_dec.clone(),
            weights.b_dec.clone(),
            config.architecture,
            k=config.k if config.architecture in TOPK_FAMILY else None,
            threshold=threshold,
            prefixes=config.widths if config.architecture == "matryoshka" else None,
            scale=self.scale,
            hook=hook,
        )

    def save(self, path: Path) -> None:
        """Write the state to a file, whole or not at all.

        Raises:
            OSError: the disk is full; an older state in the file stays as it was.
        """
        tensors = {name: value for name, value in vars(self.weights).items() if value is not None}
        if self.weights.tied:
            del tensors["W_enc"]
        for name, value in self.learned.items():
            for moment in MOMENTS:
                tensors[f"{moment}.{name}"] = self.optimiser.state[value][moment]
        tensors["silent"] = self.silent
        told = {"scale": self.scale, "step": self.step, "share": self.share, "points": self.points}
        if isinstance(self.rule, BatchTopK):
            rule = self.rule
            told["rule"] = {name: getattr(rule, name) for name in ("last", "threshold", "weight")}
        metadata = {"config": _words(self.config), "state": json.dumps(told)}
        write_tensors(path, tensors, metadata)

    @classmethod
    def load(cls, path: Path, config: SAEConfig, device: torch.device | str = "cpu") -> "Run":
        """Return the run that was written to a file.

        Raises:
            ValueError: the file is damaged, or holds a run with another configuration.
        """
        try:
            with safe_open(path, "pt", device=str(device)) as file:
                words = file.metadata()
                tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
            told = json.loads(words["state"])
        except (SafetensorError, TypeError, KeyError) as error:
            raise ValueError(f"expected a checkpoint in {path}, got {error!r}") from error
        if words["config"] != _words(config):
            raise ValueError(
                f"expected {path} to hold a run with {_words(config)}, got one with "
                f"{words['config']}, try another file"
            )
        return cls._restored(config, tensors, told)

    @classmethod
    def _restored(cls, config: SAEConfig, tensors: dict[str, Tensor], told: dict) -> "Run":
        W_dec = tensors["W_dec"]
        weights = Weights(
            tensors.get("W_enc", W_dec),
            tensors["b_enc"],
            W_dec,
            tensors["b_dec"],
            tensors.get("log_threshold"),
        )
        run = cls(config, weights, told["scale"])
        run.step, run.share, run.points = told["step"], told["share"], told["points"]
        run.silent = tensors["silent"]
        for name, value in told.get("rule", {}).items():
            setattr(run.rule, name, value)
        for name, value in run.learned.items():
            moments = {moment: tensors[f"{moment}.{name}"] for moment in MOMENTS}
            run.optimiser.state[value] = {"step": value.new_tensor(run.step), **moments}
        return run


def _learned(weights: Weights) -> dict[str, Tensor]:
    """Return what Adam changes: everything, but for a tied encoder and its fixed centre."""
    fixed = {"W_enc", "b_dec"} if weights.tied else set()
    return {
        name: value
        for name, value in vars(weights).items()
        if value is not None and name not in fixed
    }


def _words(config: SAEConfig) -> str:
    return json.dumps(asdict(config))
