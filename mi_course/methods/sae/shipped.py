"""The sparse autoencoders that come with the course, trained again from nothing.

`mi-course train saes` reads documents of the town once, keeps what flows through two places of the
middle of the network, trains one dictionary for each place, width and seed, measures it on other
documents, and writes weights and cards. A run that was killed goes on with the dictionary that it
was at. In goes the recipe below; out come `SAE`s.
"""

import json
import platform
import time
from importlib.metadata import version
from pathlib import Path

import torch
from jaxtyping import Float, Int
from torch import Tensor
from tqdm.auto import tqdm
from transformer_lens.model_bridge import TransformerBridge

from mi_course.activations import record
from mi_course.methods.lens.shipped import rows_of_text
from mi_course.methods.sae.atomic import write_bytes
from mi_course.methods.sae.config import SAEConfig
from mi_course.methods.sae.dictionary import SAE
from mi_course.methods.sae.files import load_sae, save_sae
from mi_course.methods.sae.labelled import LabelledActivations, labelled_activations
from mi_course.methods.sae.reconstruction import reconstruction_scores
from mi_course.methods.sae.splice import splice_losses
from mi_course.methods.sae.stream import ShuffledActivations
from mi_course.methods.sae.training import train_sae
from mi_course.models import load, weights
from mi_course.models.training import hardware

__all__ = ["SEEDS", "SITES", "WIDTHS", "load_town_sae", "shipped_saes", "train_shipped_saes"]

FOLDER = "saes"
SITES = {"resid": "blocks.2.hook_resid_post", "mlp": "blocks.2.hook_mlp_out"}
WIDTHS = (384, 768, 1536)
SEEDS = (0, 1)
RECIPE = {
    "model": "town",
    "architecture": "topk",
    "k": 16,
    "rows": 6000,
    "length": 256,
    "batch_size": 1024,
    "steps": 6000,
    "lr": 1.5e-3,
    "decay": 0.3,
}
MEASURED_DOCUMENTS = 300


def shipped_saes() -> tuple[tuple[str, int, int], ...]:
    """Return site, width and seed of every autoencoder that comes with the course."""
    return tuple((site, width, seed) for site in SITES for width in WIDTHS for seed in SEEDS)


def load_town_sae(site: str = "resid", *, width: int = 768, seed: int = 0) -> SAE:
    """Return an autoencoder of the town's model, on the CPU.

    Args:
        site: "resid", the stream after layer 2, or "mlp", what the MLP of layer 2 writes.
        width: number of latents: 384, 768 or 1536.
        seed: 0 or 1.

    Raises:
        ValueError: there is no such autoencoder, or its file is damaged.
    """
    if (site, width, seed) not in shipped_saes():
        raise ValueError(
            f"expected a site of {list(SITES)}, a width of {WIDTHS} and a seed of {SEEDS}, got "
            f"{site!r}, {width} and {seed}"
        )
    return load_sae(_folder(site, width, seed))


def train_shipped_saes(*, device: str = "cpu", runs: Path = Path("runs")) -> Path:
    """Train every autoencoder of the town, write weights and cards; returns the folder.

    Args:
        device: "cpu" or "cuda".
        runs: where the state of an unfinished run is kept.
    """
    model = load(RECIPE["model"], device=device)
    tokens = rows_of_text(model, "saes/train", RECIPE["rows"], RECIPE["length"])
    runs = runs / FOLDER
    runs.mkdir(parents=True, exist_ok=True)
    recorded = _recorded(model, tokens)
    for site, hook in SITES.items():
        data = labelled_activations(
            model, hook, n_documents=MEASURED_DOCUMENTS, collections=["kind"], seed=1
        )
        for width in WIDTHS:
            for seed in SEEDS:
                place = {"site": site, "width": width, "seed": seed}
                _train(model, recorded[hook], data, **place, runs=runs)
    return _write_card()


def _folder(site: str, width: int, seed: int) -> Path:
    return weights.directory(FOLDER) / f"{site}-{width}-{seed}"


def _recorded(
    model: TransformerBridge, tokens: Int[Tensor, "row pos"]
) -> dict[str, Float[Tensor, "token d_in"]]:
    """Return what flows through each place at all tokens but BOS; six autoencoders read each."""
    parts: dict[str, list[Tensor]] = {hook: [] for hook in SITES.values()}
    for rows in tqdm(tokens.split(25), desc="activations", disable=None):
        seen = record(model, rows, list(parts))
        for hook, found in parts.items():
            found.append(seen[hook][rows != 0])
    return {hook: torch.cat(found) for hook, found in parts.items()}


def _train(
    model: TransformerBridge,
    x: Float[Tensor, "token d_in"],
    data: LabelledActivations,
    *,
    site: str,
    width: int,
    seed: int,
    runs: Path,
) -> None:
    """Train, measure and write one autoencoder, unless the same recipe has already made it."""
    folder = _folder(site, width, seed)
    recipe = RECIPE | {"site": site, "d_sae": width, "seed": seed}
    card = folder / "card.json"
    if card.exists() and json.loads(card.read_text()).get("recipe") == recipe:
        return
    settings = {key: RECIPE[key] for key in ("architecture", "k", "steps", "lr", "decay")}
    config = SAEConfig(d_sae=width, seed=seed, **settings)
    stream = ShuffledActivations(x, RECIPE["batch_size"], seed)
    checkpoint = runs / f"{folder.name}.pt"
    begun = time.perf_counter()
    trained = train_sae(stream, config, hook=SITES[site], checkpoint=checkpoint, save_every=1000)
    seconds = time.perf_counter() - begun
    # What is measured is what is written: half precision.
    sae = trained.sae.to(torch.float16).to(torch.float32)
    told = {
        "recipe": recipe,
        "data": "mi_course.worlds.town, split 'train', documents packed into rows",
        "training_seconds": round(seconds),
        "hardware": hardware(str(x.device)),
        "versions": {name: version(name) for name in ("torch", "transformer_lens")},
        "metrics": _metrics(model, sae, data),
    }
    save_sae(sae, folder, told, half=True)


def _metrics(model: TransformerBridge, sae: SAE, data: LabelledActivations) -> dict[str, float]:
    """Return what is left unexplained, and what splicing costs, on documents not trained on."""
    scores = reconstruction_scores(sae, data.x)
    spliced = splice_losses(model, data.texts.tokens, data.texts.counted, data.hook, sae)
    found = {
        "l0": scores.l0,
        "fvu": scores.fvu,
        "never_active": (scores.density == 0).float().mean().item(),
        "loss": spliced.clean,
        "loss_spliced": spliced.spliced,
        "kl_spliced": spliced.kl,
    }
    return {name: round(value, 4) for name, value in found.items()}


def _write_card() -> Path:
    """Write the card of the whole folder, which tells the hash of each file."""
    root = weights.directory(FOLDER)
    files = sorted(root.glob("*/sae.safetensors"))
    card = {
        "name": FOLDER,
        "recipe": RECIPE,
        "weights": "float16; each folder's card says how it was measured",
        "hardware": platform.machine(),
        "metrics": {
            path.parent.name: json.loads((path.parent / "card.json").read_text())["metrics"]
            for path in files
        },
        "files": {f"{path.parent.name}/{path.name}": weights.sha256(path) for path in files},
    }
    write_bytes(root / "card.json", (json.dumps(card, indent=1) + "\n").encode())
    return root
