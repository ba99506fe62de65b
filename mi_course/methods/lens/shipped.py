"""The tuned lens that comes with the course, trained again from nothing.

`mi-course train lenses` reads documents of the town from a stream of its own,
trains one translator for each point, measures them on further documents, and writes the weights
with their card. In go the recipe below, out come a safetensors file and `card.json`.
"""

import json
import platform
import time
from importlib.metadata import version
from pathlib import Path

import torch
from jaxtyping import Int
from torch import Tensor
from transformer_lens.model_bridge import TransformerBridge

from mi_course.methods.lens.grid import text_trajectories
from mi_course.methods.lens.tuned import Translators, load_translators, train_translators
from mi_course.models import load, weights
from mi_course.models.data import document_rows

__all__ = ["RECIPE", "rows_of_text", "train_shipped"]

FOLDER = "lenses"
RECIPE = {
    "model": "town",
    "rows": 400,
    "length": 256,
    "steps": 3000,
    "positions": 128,
    "lr": 0.5,
    "ridge": 1e-2,
    "seed": 0,
}
MEASURED_ROWS = 40


def rows_of_text(
    model: TransformerBridge, seed: str, n_rows: int, length: int, *, split: str = "train"
) -> Int[Tensor, "batch pos"]:
    """Return documents of the town packed into rows, as the model was trained to read them.

    Args:
        model: a bridge with the town's tokenizer.
        seed: of the stream of documents.
        n_rows: how many rows.
        length: tokens in each.
        split: "train" or "heldout".
    """
    return torch.tensor(document_rows(seed, n_rows, length, model.tokenizer, split=split))


def train_shipped(*, device: str = "cpu") -> Path:
    """Train the town's tuned lens, write weights and card; returns the folder.

    Args:
        device: "cpu" or "cuda".
    """
    plan = RECIPE
    model = load(plan["model"], device=device)
    begun = time.perf_counter()
    tokens = rows_of_text(model, "lens/train", plan["rows"], plan["length"])
    settings = {key: plan[key] for key in ("steps", "positions", "lr", "ridge", "seed")}
    trained = train_translators(model, tokens, **settings)
    seconds = time.perf_counter() - begun
    folder = weights.directory(FOLDER)
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{plan['model']}.safetensors"
    trained.save(path)
    card = {
        "name": FOLDER,
        "recipe": plan,
        "data": "mi_course.worlds.town, split 'train', documents packed into rows",
        "training_seconds": round(seconds),
        "hardware": f"{device}, {torch.get_num_threads()} thread(s), {platform.machine()}",
        "versions": {name: version(name) for name in ("torch", "transformer_lens")},
        "weights": "float16; x + x A + b for the embedding and every layer's end but the last",
        "metrics": {},
        "files": {path.name: weights.sha256(path)},
    }
    _write(folder, card)
    # What is measured is what was written, in half precision.
    _write(folder, card | {"metrics": _metrics(model, load_translators(plan["model"]))})
    return folder


def _metrics(model: TransformerBridge, translators: Translators) -> dict[str, list[float]]:
    """Mean KL to the final prediction at each point, in nats, on documents not trained on."""
    found = {}
    for text, split in (("new documents", "train"), ("held-out wording", "heldout")):
        tokens = rows_of_text(model, "lens/measure", MEASURED_ROWS, RECIPE["length"], split=split)
        for lens in (None, translators):
            read = text_trajectories(model, tokens, translators=lens, batch_size=8, chunk=512)
            means = read.kl_to_final.mean(dim=1).tolist()
            found[f"KL of the {read.lens}, {text}"] = [round(mean, 4) for mean in means]
    return found


def _write(folder: Path, card: dict) -> None:
    partial = folder / "card.partial"
    partial.write_text(json.dumps(card, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    partial.replace(folder / "card.json")
