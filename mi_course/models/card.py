"""Cards of the embedded models: how each was made and what it was measured to do."""

import json
from dataclasses import asdict
from importlib.metadata import version

from mi_course.models import weights
from mi_course.models.recipes import Recipe

WEIGHTS_NOTE = (
    "final weights float16, checkpoints int8 with a scale for each row; used as trained: "
    "LayerNorm not folded, nothing centred"
)


def write_card(
    plan: Recipe, files: dict[str, str], *, losses: list[float], seconds: float, hardware: str
) -> dict:
    """Write the card of freshly published weights, with metrics measured on them; returns it."""
    card = {
        "name": plan.name,
        "recipe": asdict(plan),
        "data": "mi_course.worlds.town, split 'train', streamed; random tokens repeated",
        "tokens_seen": plan.steps * plan.rows * plan.n_ctx,
        "training_seconds": round(seconds),
        "hardware": hardware,
        "versions": {name: version(name) for name in ("torch", "transformer_lens")},
        "weights": WEIGHTS_NOTE,
        "loss": loss_curve(losses),
        "metrics": {},
        "files": files,
    }
    save(card)
    return update_metrics(plan.name)


def loss_curve(losses: list[float], points: int = 100) -> list[list[int | float]]:
    """Return [step, mean training loss in nats] for at most `points` stretches of training."""
    width = max(1, len(losses) // points)
    stretches = (losses[i : i + width] for i in range(0, len(losses), width))
    return [[(i + 1) * width, round(sum(s) / len(s), 3)] for i, s in enumerate(stretches)]


def update_metrics(name: str) -> dict:
    """Measure the committed weights of a model again and write the metrics on its card."""
    from mi_course.models.report import report
    from mi_course.models.zoo import load

    card = weights.read_card(name)
    model = load(name, device="cpu")
    card["metrics"] = report(model, model.tokenizer, name)
    save(card)
    return card


def save(card: dict) -> None:
    """Write a card beside its weights."""
    path = weights.directory(card["name"]) / "card.json"
    path.write_text(json.dumps(card, indent=1, ensure_ascii=False) + "\n")
