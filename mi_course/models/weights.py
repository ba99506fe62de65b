"""Weight files of the embedded models: safetensors beside a card that holds their SHA-256.

Final weights are float16; checkpoints are int8 with one float16 scale for each row, a quarter of
the size of float32 and off by at most 1/254 of a row's largest weight.
"""

import hashlib
import json
from pathlib import Path

import torch
from safetensors.torch import load, save_file
from torch import Tensor

ROOT = Path(__file__).parent / "weights"
State = dict[str, Tensor]


def directory(name: str) -> Path:
    """Return the folder of an embedded model: its card, its weights, its checkpoints."""
    return ROOT / name


def sha256(path: Path) -> str:
    """Return the SHA-256 of a file in hexadecimal."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def to_int8(state: State) -> State:
    """Return matrices as int8 with a `.scale` for each row, and vectors as float16."""
    small: State = {}
    for name, value in state.items():
        if value.ndim < 2:
            small[name] = value.half()
            continue
        scale = value.abs().amax(dim=1, keepdim=True) / 127
        scale = scale.half().float().clamp_min(2**-24)  # the smallest positive float16
        small[name] = (value / scale).round().clamp(-127, 127).to(torch.int8)
        small[f"{name}.scale"] = scale.half()
    return small


def from_int8(small: State) -> State:
    """Return the float32 state that `to_int8` made small."""
    return {
        name: value.float() * small[f"{name}.scale"].float()
        if f"{name}.scale" in small
        else value.float()
        for name, value in small.items()
        if not name.endswith(".scale")
    }


def write(state: State, path: Path) -> str:
    """Write tensors to a safetensors file by way of a temporary one; returns its SHA-256."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_suffix(".partial")
    save_file({name: value.contiguous() for name, value in state.items()}, partial)
    partial.replace(path)
    return sha256(path)


def read(name: str, file: str, digest: str) -> State:
    """Return the float32 tensors of one weight file of a model, after checking its hash.

    Raises:
        ValueError: if the file is missing or is not the one that the card describes.
    """
    path = directory(name) / file
    mend = f"try `git checkout -- mi_course/models/weights/{name}` or `mi-course train {name}`"
    if not path.exists():
        raise ValueError(f"expected the weights of {name!r} in {file}, got no such file; {mend}")
    data = path.read_bytes()
    found = hashlib.sha256(data).hexdigest()
    if found != digest:
        raise ValueError(
            f"expected {file} of {name!r} to have SHA-256 {digest[:12]}..., got {found[:12]}...: "
            f"the file is damaged or does not belong to its card; {mend}"
        )
    return from_int8(load(data))


def read_card(name: str) -> dict:
    """Return a model's card: recipe, data, hardware, metrics, files with their SHA-256.

    Raises:
        ValueError: no such card.
    """
    path = directory(name) / "card.json"
    if not path.exists():
        raise ValueError(f"expected a card for {name!r}, got none; try `mi-course train {name}`")
    return json.loads(path.read_text())
