"""Sparse autoencoders on disk: one safetensors file with a card beside it.

All that loading needs is in the header of the weights; the card tells people the same and more.
Tied weights are written once. In goes an autoencoder and a folder; out comes the same again, in
single precision.
"""

import json
from collections.abc import Mapping
from json import JSONDecodeError
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open

from mi_course.methods.sae.atomic import write_bytes, write_tensors
from mi_course.methods.sae.dictionary import SAE

__all__ = ["load_sae", "save_sae"]

WEIGHTS, CARD = "sae.safetensors", "card.json"
RULE = ("architecture", "k", "prefixes", "scale", "hook")


def save_sae(
    sae: SAE, folder: Path | str, card: Mapping[str, Any] | None = None, *, half: bool = False
) -> Path:
    """Write an autoencoder's weights and card; returns the folder.

    Args:
        sae: what is saved.
        folder: made where there is none; an old autoencoder in it is replaced.
        card: what else is known, such as recipe and metrics; anything that JSON can hold.
        half: whether to write float16, half the size.

    Raises:
        OSError: the disk is full; an older autoencoder in the folder stays as it was.
    """
    folder = Path(folder)
    names = ["b_enc", "W_dec", "b_dec"]
    names += [] if sae.architecture == "tied_l1" else ["W_enc"]
    names += [] if sae.threshold is None else ["threshold"]
    tensors = {name: getattr(sae, name).half() if half else getattr(sae, name) for name in names}
    rule = {name: getattr(sae, name) for name in RULE}
    write_tensors(folder / WEIGHTS, tensors, {"sae": json.dumps(rule)})
    told = rule | {
        "d_in": sae.d_in,
        "d_sae": sae.d_sae,
        "dtype": "float16" if half else str(sae.W_dec.dtype).removeprefix("torch."),
        **(card or {}),
    }
    text = json.dumps(told, indent=1, ensure_ascii=False) + "\n"
    write_bytes(folder / CARD, text.encode())
    return folder


def load_sae(folder: Path | str) -> SAE:
    """Return the autoencoder that `save_sae` wrote, in single precision on the CPU.

    Raises:
        ValueError: there is none in the folder, or the file is damaged or holds something else.
    """
    path = Path(folder) / WEIGHTS
    if not path.is_file():
        raise ValueError(f"expected {WEIGHTS} in {folder}, got no such file, try save_sae first")
    try:
        with safe_open(path, "pt") as file:
            rule = json.loads(file.metadata()["sae"])
            tensors = {name: file.get_tensor(name).float() for name in file.keys()}  # noqa: SIM118
    except (SafetensorError, TypeError, KeyError, JSONDecodeError) as error:
        raise ValueError(
            f"expected a sparse autoencoder in {path}, got {error!r}, try to save it again"
        ) from error
    tensors.setdefault("W_enc", tensors["W_dec"].T)
    prefixes = tuple(rule["prefixes"]) if rule["prefixes"] else None
    return SAE(**tensors, **rule | {"prefixes": prefixes})
