"""Autoencoders in the format of SAELens, read from a folder on this machine.

SAELens writes `cfg.json` and `sae_weights.safetensors`. What its options mean is folded into the
weights, so that the same codes and the same reconstruction come out:

    apply_b_dec_to_input = false         b_enc + b_dec W_enc
    rescale_acts_by_decoder_norm         W_enc |W_dec|, b_enc |W_dec|, W_dec / |W_dec|
    expected_average_only_in             scale = 1 / the factor in activation_scaler.json
    finetuning_scaling_factor            W_dec times the factor

Norms that are taken of each activation (layer_norm, constant_norm_rescale) are no such thing and
are refused. In goes a folder; out comes an `SAE`.
"""

import json
from json import JSONDecodeError
from pathlib import Path
from typing import Any

from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

from mi_course.methods.sae.dictionary import SAE

__all__ = ["load_saelens"]

CONFIG, WEIGHTS, SCALER = "cfg.json", "sae_weights.safetensors", "activation_scaler.json"
KNOWN = {"standard": "l1", "topk": "topk", "jumprelu": "jumprelu", "batchtopk": "batchtopk"}


def load_saelens(folder: Path | str) -> SAE:
    """Return an autoencoder that SAELens saved, in single precision on the CPU.

    Args:
        folder: holds `cfg.json` and `sae_weights.safetensors`.

    Raises:
        ValueError: a file is missing or damaged, or the architecture or the normalisation of
            activations has no counterpart here.
    """
    folder = Path(folder)
    config, weights = _read(folder)
    architecture = _architecture(config)
    _fold(config, weights)
    k = config.get("k") or (config.get("activation_fn_kwargs") or {}).get("k")
    threshold = weights.get("topk_threshold", weights.get("threshold"))
    if architecture == "jumprelu" and threshold is not None:
        threshold = threshold.clamp(min=0)  # codes are at least 0 there too
    metadata = config.get("metadata") or {}
    names = ("W_enc", "b_enc", "W_dec", "b_dec")
    return SAE(
        *(weights[name] for name in names),
        architecture,
        k=int(k) if k and architecture in {"topk", "batchtopk"} else None,
        threshold=threshold if architecture in {"jumprelu", "batchtopk"} else None,
        scale=_scale(config, folder),
        hook=metadata.get("hook_name") or config.get("hook_name") or "",
    )


def _read(folder: Path) -> tuple[dict[str, Any], dict[str, Tensor]]:
    try:
        config = json.loads((folder / CONFIG).read_text(encoding="utf-8"))
        weights = load_file(folder / WEIGHTS)
    except FileNotFoundError as error:
        raise ValueError(f"expected {CONFIG} and {WEIGHTS} in {folder}, got {error}") from error
    except (JSONDecodeError, SafetensorError) as error:
        raise ValueError(f"expected readable files in {folder}, got {error!r}") from error
    lacking = [name for name in ("W_enc", "b_enc", "W_dec", "b_dec") if name not in weights]
    if lacking:
        raise ValueError(f"expected W_enc, b_enc, W_dec and b_dec, got a file without {lacking}")
    return config, {name: value.float() for name, value in weights.items()}


def _architecture(config: dict[str, Any]) -> str:
    found = config.get("architecture", "standard")
    activation = config.get("activation_fn_str") or config.get("activation_fn") or "relu"
    if found == "standard" and activation != "relu":
        found = activation
    if found not in KNOWN:
        raise ValueError(
            f"expected an architecture of {list(KNOWN)}, got {found!r}, try one of those"
        )
    return KNOWN[found]


def _fold(config: dict[str, Any], weights: dict[str, Tensor]) -> None:
    """Change weights in place so that options of SAELens are not needed any more."""
    if not config.get("apply_b_dec_to_input", True):
        weights["b_enc"] = weights["b_enc"] + weights["b_dec"] @ weights["W_enc"]
    if config.get("rescale_acts_by_decoder_norm", False):
        norms = weights["W_dec"].norm(dim=1)
        weights["W_enc"], weights["b_enc"] = weights["W_enc"] * norms, weights["b_enc"] * norms
        weights["W_dec"] = weights["W_dec"] / norms[:, None]
    if config.get("finetuning_scaling_factor") and "finetuning_scaling_factor" in weights:
        weights["W_dec"] = weights["W_dec"] * weights["finetuning_scaling_factor"][:, None]


def _scale(config: dict[str, Any], folder: Path) -> float:
    kind = config.get("normalize_activations") or "none"
    if kind == "none":
        return 1.0
    if kind in {True, "expected_average_only_in"} and (folder / SCALER).exists():
        return 1 / json.loads((folder / SCALER).read_text(encoding="utf-8"))["scaling_factor"]
    raise ValueError(
        f"expected activations that are not normalised, or by one known factor, got {kind!r}, try "
        f"to fold it in SAELens before saving, or put its factor into {SCALER}"
    )
