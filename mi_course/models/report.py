"""The report on an embedded model: what it can do on unseen text, and which heads do it.

Losses are in nats for each token, on fresh documents in the rows that training uses, beside the
trigram baseline on the same tokens. Skills are on prompts with held-out names, surnames, headers
and functions. In go a model and its tokenizer; out comes a dictionary of metrics for its card and
for `mi-course models report`.
"""

from dataclasses import asdict
from functools import partial
from typing import Any

import numpy as np
import torch

from mi_course.models import report_skills as skills
from mi_course.models.data import document_rows
from mi_course.models.ngram import Trigram, fit_trigram
from mi_course.models.report_circuits import circuit_metrics
from mi_course.models.report_contexts import bracket_accuracy, kind_accuracy, language_accuracy
from mi_course.models.report_induction import induction_metrics
from mi_course.models.scoring import Model, token_log_probs
from mi_course.worlds import tasks

N_CTX = 256
TRIGRAM_TOKENS = 3_000_000


def report(model: Model, tokenizer: Any, name: str, *, seed: int = 0) -> dict[str, Any]:
    """Return the metrics of a model of the town.

    Args:
        model: tokens [batch pos] -> logits; a bridge for the metrics of circuits.
        tokenizer: its tokenizer.
        name: "town" for skills and the IOI circuit; any other name for losses and induction heads.
        seed: of all fresh text.

    Returns:
        Metric -> value; losses in nats, accuracies as fractions, logit differences in logits.
    """
    metrics, trigram = losses(model, tokenizer, seed)
    score = skills.in_context_learning_score(model, tokenizer, seed=seed)
    metrics["in_context_learning_score"] = score
    metrics["repeat_loss_drop"] = skills.repeat_loss_drop(model, tokenizer, seed=seed)
    if name == "town":
        metrics |= ioi_metrics(model, tokenizer, seed)
        metrics |= skill_metrics(model, tokenizer, seed)
        metrics |= context_metrics(model, tokenizer, trigram, seed)
    if hasattr(model, "run_with_hooks"):
        special = tokenizer.bos_token_id or 0
        induction = induction_metrics(model, seed=seed, bos_token=special)
        metrics["induction"] = asdict(induction)
        if name == "town":
            task = tasks.ioi(tokenizer, 160, seed + 1, corruption="abc", n_templates=5)
            metrics["ioi_circuit"] = asdict(circuit_metrics(model, task, seed=seed))
    return rounded(metrics)


def losses(
    model: Model,
    tokenizer: Any,
    seed: int,
    *,
    n_rows: int = 150,
    trigram_tokens: int = TRIGRAM_TOKENS,
) -> tuple[dict[str, float | int], Trigram]:
    """Return a model's losses beside the trigram's, and the trigram model.

    Args:
        model: tokens -> logits.
        tokenizer: its tokenizer.
        seed: of the rows.
        n_rows: rows of 256 tokens for each loss.
        trigram_tokens: tokens that the trigram is fitted to.

    Returns:
        (`loss`, `trigram_loss`, `nats_below_trigram` on fresh train-split documents, the same
        with `heldout_` in front on the held-out split, all in nats; the trigram).
    """
    stream = document_rows(f"trigram/{seed}", trigram_tokens // N_CTX, N_CTX, tokenizer)
    trigram = fit_trigram(np.concatenate(stream), len(tokenizer))
    metrics: dict[str, float | int] = {"trigram_tokens": trigram_tokens}
    for prefix, split in (("", "train"), ("heldout_", "heldout")):
        rows = document_rows(f"report/{seed}", n_rows, N_CTX, tokenizer, split=split)
        log_probs = torch.stack(token_log_probs(model, rows))
        # The trigram tells tokens from the third on, so both are measured there.
        loss = -log_probs[:, 1:].mean().item()
        baseline = -float(np.mean([trigram.log_probs(np.array(row)) for row in rows]))
        metrics[f"{prefix}loss"] = loss
        metrics[f"{prefix}trigram_loss"] = baseline
        metrics[f"{prefix}nats_below_trigram"] = baseline - loss
    return metrics, trigram


def ioi_metrics(model: Model, tokenizer: Any, seed: int, *, n: int = 100) -> dict[str, float]:
    """Return indirect object identification in both orders, on couples and on names never seen."""
    unmet = {o: tasks.ioi(tokenizer, n, seed, order=o, n_templates=12) for o in ("ABBA", "BABA")}
    unseen = tasks.ioi(tokenizer, n, seed, names="heldout", split="heldout", n_templates=12)
    diffs = {order: skills.logit_diffs(model, task) for order, task in unmet.items()}
    positive = {order: (diff > 0).float().mean().item() for order, diff in diffs.items()}
    held = skills.logit_diffs(model, unseen)
    tops = [skills.top_accuracy(model, task) for task in unmet.values()]
    return {
        # The worse of the two orders, so that one number holds for both.
        "ioi_accuracy": min(positive.values()),
        "ioi_accuracy_abba": positive["ABBA"],
        "ioi_accuracy_baba": positive["BABA"],
        "ioi_logit_diff": torch.cat(list(diffs.values())).mean().item(),
        "ioi_top1_accuracy": sum(tops) / len(tops),
        "ioi_heldout_names_accuracy": (held > 0).float().mean().item(),
        "ioi_heldout_names_logit_diff": held.mean().item(),
    }


def skill_metrics(model: Model, tokenizer: Any, seed: int, *, n: int = 100) -> dict[str, float]:
    """Return the other skills of `town`, each measured on `n` prompts."""
    top = partial(skills.top_accuracy, model)
    trigger = partial(skills.trigger_accuracy, model, tokenizer, n // 2, seed)
    surname = partial(skills.surname_accuracy, model)
    texts = partial(tasks.recurring_surnames, tokenizer, n, seed)
    new_words = tasks.facts(tokenizer, 2 * n, seed, split="heldout")
    years = tasks.greater_than(tokenizer, n, seed)
    return {
        "greater_than": skills.probability_difference(model, years),
        "docstring_accuracy": top(tasks.docstring(tokenizer, n, seed)),
        "docstring_heldout_accuracy": top(tasks.docstring(tokenizer, n, seed, split="heldout")),
        "facts_accuracy": top(tasks.facts(tokenizer, 2 * n, seed)),
        # New sentences may go on otherwise than with a city, so the two cities are compared.
        "facts_heldout_phrasing_preference": skills.preference(model, new_words),
        "surname_accuracy": surname(texts()),
        "surname_heldout_text_accuracy": surname(texts(split="heldout")),
        "surname_heldout_syllables_accuracy": surname(texts(syllables="heldout")),
        "trigger_accuracy": trigger(),
        "trigger_heldout_header_accuracy": trigger(phrasing="heldout"),
    }


def context_metrics(model: Model, tokenizer: Any, trigram: Trigram, seed: int) -> dict[str, float]:
    """Return how well a model knows its bracket, language and kind, each beside a baseline."""
    kind, guess = kind_accuracy(model, tokenizer, seed=seed)
    bracket, bracket_baseline = bracket_accuracy(model, tokenizer, trigram, seed=seed)
    language = language_accuracy(model, tokenizer, trigram, seed=seed)
    return {
        "bracket_accuracy": bracket,
        "bracket_baseline": bracket_baseline,
        "language_accuracy": language[0],
        "language_baseline": language[1],
        "language_trigram_accuracy": language[2],
        "kind_accuracy": kind,
        "kind_baseline": guess,
    }


def rounded(value: Any) -> Any:
    """Return the metrics with floats to four decimals."""
    if isinstance(value, float):
        return round(value, 4)
    if isinstance(value, dict):
        return {key: rounded(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [rounded(item) for item in value]
    return value
