"""Training of the embedded language models from nothing, on the CPU or a GPU.

`train("attn-2l")` runs a recipe with a progress bar, goes on after a kill from the last saved
state, keeps the recipe's checkpoints, and writes weights and card.
"""

import platform
import time
from contextlib import nullcontext
from dataclasses import asdict
from pathlib import Path

import torch
import torch.nn.functional as F
from tqdm.auto import tqdm
from transformer_lens.model_bridge.sources.native import NativeModel

from mi_course.models import data, native, weights
from mi_course.models.fast_attention import HeadNorms, speed_up
from mi_course.models.recipes import Recipe, recipe
from mi_course.models.tokenizer import load_tokenizer

SAVE_EVERY = 250


def schedule(recipe: Recipe, step: int) -> float:
    """Return the share of the peak learning rate: linear warm-up, 1, linear decay to 0.01."""
    warm = min(1.0, (step + 1) / recipe.warm_up)
    left = (recipe.steps - step) / (recipe.decay * recipe.steps)
    return warm * max(0.01, min(1.0, left))


def optimizers(module: NativeModel, recipe: Recipe) -> tuple[torch.optim.Optimizer, ...]:
    """Return Muon for the matrices inside the blocks and AdamW for all other parameters.

    Source: Jordan et al. (2024), "Muon: an optimizer for hidden layers".
    """
    named = list(module.named_parameters())
    inside = [p for n, p in named if p.ndim == 2 and n.startswith("layers")]
    groups = [
        {
            "params": [module.tok_embed.weight, module.head.weight],
            "weight_decay": recipe.weight_decay,
        },
        {"params": [p for _, p in named if p.ndim < 2], "weight_decay": 0.0},
    ]
    muon = torch.optim.Muon(
        inside,
        lr=recipe.matrix_rate,
        weight_decay=recipe.weight_decay,
        adjust_lr_fn="match_rms_adamw",
    )
    rest = torch.optim.AdamW(groups, lr=recipe.learning_rate, betas=(0.9, 0.98), fused=True)
    return muon, rest


def hold_back(module: NativeModel, plan: Recipe, *, opening: bool) -> None:
    """Let only embeddings, final LayerNorm and two attention layers learn in the opening.

    All that the rest writes is still zero then, so the model is an attention-only one of two
    layers, in which induction appears soonest; afterwards everything learns.
    """
    first = plan.n_layers // 2 - 1 if plan.n_layers > 1 else 0
    early = tuple(
        f"layers.{layer}.{part}" for layer in (first, first + 1) for part in ("attn", "ln1")
    )
    for name, parameter in module.named_parameters():
        learns = not opening or not name.startswith("layers") or name.startswith(early)
        parameter.requires_grad_(learns)


def loss_of(module: NativeModel, tokens: torch.Tensor) -> torch.Tensor:
    """Return the mean next-token loss of a batch in nats per token; bfloat16 where it is fast."""
    device = tokens.device.type
    half = torch.autocast(device, torch.bfloat16) if device in ("cpu", "cuda") else nullcontext()
    with half:
        logits = module(tokens[:, :-1])
    return F.cross_entropy(logits.flatten(0, 1).float(), tokens[:, 1:].flatten())


class Run:
    """One training run: module, optimiser, position, and where its state is kept."""

    def __init__(self, plan: Recipe, folder: Path, device: str) -> None:
        self.plan, self.folder, self.device = plan, folder, device
        self.tokenizer = load_tokenizer()
        self.module = native.new_module(plan, len(self.tokenizer)).to(device)
        self.norms: HeadNorms = speed_up(self.module, penalise_heads=plan.head_penalty > 0)
        self.optimizers = optimizers(self.module, plan)
        self.step, self.seconds, self.losses = 0, 0.0, []

    @property
    def state_file(self) -> Path:
        """The file that a killed run goes on from."""
        return self.folder / "state.pt"

    def save(self) -> None:
        """Write the state atomically."""
        self.folder.mkdir(parents=True, exist_ok=True)
        state = {
            "recipe": asdict(self.plan),
            "module": self.module.state_dict(),
            "optimizers": [each.state_dict() for each in self.optimizers],
            "step": self.step,
            "seconds": self.seconds,
            "losses": self.losses,
        }
        partial = self.state_file.with_suffix(".partial")
        torch.save(state, partial)
        partial.replace(self.state_file)

    def resume(self) -> None:
        """Go on from the saved state where there is one of the same recipe."""
        if not self.state_file.exists():
            return
        state = torch.load(self.state_file, map_location=self.device, weights_only=True)
        if self._schedule(state["recipe"]) != self._schedule(asdict(self.plan)):
            return
        self.module.load_state_dict(state["module"])
        for each, saved in zip(self.optimizers, state["optimizers"], strict=True):
            each.load_state_dict(saved)
        self.step, self.seconds, self.losses = state["step"], state["seconds"], state["losses"]

    @staticmethod
    def _schedule(recipe: dict) -> dict:
        """Return what decides the weights of a run: all of a recipe but what it keeps."""
        return {key: value for key, value in recipe.items() if key != "checkpoint_steps"}

    def advance(self) -> float:
        """Take one optimiser step; returns the loss in nats per token."""
        tokens = data.batch(self.plan, self.step, self.tokenizer).to(self.device)
        hold_back(self.module, self.plan, opening=self.step < self.plan.opening_steps)
        share = schedule(self.plan, self.step)
        peaks = (self.plan.matrix_rate, self.plan.learning_rate)
        for each, peak in zip(self.optimizers, peaks, strict=True):
            for group in each.param_groups:
                group["lr"] = peak * share
        self.norms.total = 0.0
        loss = loss_of(self.module, tokens)
        penalty = self.plan.head_penalty * (self.step >= self.plan.opening_steps)
        (loss + penalty * self.norms.total).backward()
        torch.nn.utils.clip_grad_norm_(self.module.parameters(), 1.0)
        for each in self.optimizers:
            each.step()
            each.zero_grad()
        self.step += 1
        return loss.item()

    def keep_checkpoint(self) -> None:
        """Write the present weights as a small checkpoint."""
        state = weights.to_int8({k: v.cpu() for k, v in self.module.state_dict().items()})
        weights.write(state, self.folder / "checkpoints" / f"step-{self.step:06d}.safetensors")

    def finish(self) -> None:
        """Take every remaining step, with a progress bar, saving as it goes."""
        wanted = set(self.plan.checkpoint_steps)
        if self.step == 0 and 0 in wanted:
            self.keep_checkpoint()
        bar = tqdm(total=self.plan.steps, initial=self.step, desc=self.plan.name, unit="step")
        while self.step < self.plan.steps:
            start = time.perf_counter()
            self.losses.append(round(self.advance(), 4))
            self.seconds += time.perf_counter() - start
            if self.step in wanted:
                self.keep_checkpoint()
            if self.step % SAVE_EVERY == 0 or self.step == self.plan.steps:
                self.save()
            bar.update()
            bar.set_postfix(loss=f"{sum(self.losses[-50:]) / len(self.losses[-50:]):.3f}")
        bar.close()


def train(
    name: str, *, device: str = "cpu", resume: bool = True, runs: Path = Path("runs")
) -> Path:
    """Train an embedded model from nothing and write its weights, checkpoints and card.

    Args:
        name: a name of `recipes.RECIPES`.
        device: "cpu" or "cuda".
        resume: whether to go on from a state that an earlier, killed run left in `runs`.
        runs: where the state of unfinished runs is kept.

    Returns:
        the folder of the model's weights.
    """
    run = Run(recipe(name), runs / name, device)
    if resume:
        run.resume()
    run.finish()
    return publish(run)


def hardware(device: str) -> str:
    """Return the device that a model was trained on, in words."""
    if device.startswith("cuda"):
        return torch.cuda.get_device_name()
    return f"CPU, {torch.get_num_threads()} thread(s), {platform.machine()}"


def publish(run: Run) -> Path:
    """Move a finished run's weights into the package and write its card with fresh metrics."""
    from mi_course.models.card import write_card

    folder = weights.directory(run.plan.name)
    state = {k: v.cpu().half() for k, v in run.module.state_dict().items()}
    files = {"model.safetensors": weights.write(state, folder / "model.safetensors")}
    for old in (folder / "checkpoints").glob("*.safetensors"):
        old.unlink()
    for step in run.plan.checkpoint_steps:
        file = f"checkpoints/step-{step:06d}.safetensors"
        content = weights.load((run.folder / file).read_bytes())
        files[file] = weights.write(content, folder / file)
    write_card(
        run.plan, files, losses=run.losses, seconds=run.seconds, hardware=hardware(run.device)
    )
    return folder
