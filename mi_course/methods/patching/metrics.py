"""What a patched run is judged by: logit difference, probability, or distance from the clean run.

    logit_diff    ln sum exp logit(answers) - ln sum exp logit(wrongs), 0 corrupted and 1 clean
    probability   sum of p(answers)
    kl            KL(clean run || patched run), nats

With one answer and one wrong token the first is the usual logit(answer) - logit(wrong); with sets
it is the log odds between them. Source: [Zhang23], section 2. In go the ends of residual streams;
out comes one number for each run.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property

import torch
from jaxtyping import Float, Int
from torch import Tensor
from transformer_lens.model_bridge import TransformerBridge

from mi_course.methods.lens.reading import unembed
from mi_course.methods.patching.prompts import PatchPrompts
from mi_course.metrics import kl_of_log_probs
from mi_course.models.plain import PlainTransformer

__all__ = ["METRICS", "PatchMetric", "Predictions", "Readout", "chosen_metric", "metric_values"]

LEAST_GAP = 1e-5


class Readout:
    """From the end of a residual stream to logits, all of them or only those that are asked for.

    Args:
        model: a bridge, or its plain twin.
        prompts: whose answers and wrong tokens will be asked for.
    """

    def __init__(self, model: TransformerBridge | PlainTransformer, prompts: PatchPrompts) -> None:
        self._model = model
        ids = torch.cat([prompts.answers, prompts.wrongs], dim=1)
        if ids.max() >= (d_vocab := model.W_U.shape[1]):
            raise ValueError(f"expected answers below {d_vocab}, got {ids.max().item()}")
        self.columns, self._at = ids.clamp_min(0).unique(return_inverse=True)
        self._absent = ids < 0

    def logits(self, resid: Float[Tensor, "row d_model"]) -> Float[Tensor, "row d_vocab"]:
        """Return all logits."""
        if isinstance(self._model, PlainTransformer):
            return self._model.logits(resid[:, None])[:, 0]
        return unembed(self._model, resid)

    def of_answers(
        self, resid: Float[Tensor, "row d_model"], prompt: Int[Tensor, " row"]
    ) -> Float[Tensor, "row token"]:
        """Return the logits of the prompt's answers and wrong tokens, -inf where it has fewer."""
        if isinstance(self._model, PlainTransformer):
            some = self._few.logits(resid[:, None])[:, 0]
        else:
            some = self.logits(resid)[:, self.columns]
        return some.gather(1, self._at[prompt]).masked_fill(self._absent[prompt], -torch.inf)

    @cached_property
    def _few(self) -> PlainTransformer:
        W_U, b_U = self._model.W_U[:, self.columns], self._model.b_U[self.columns]
        return replace(self._model, W_U=W_U, b_U=b_U)


@dataclass(frozen=True, eq=False)
class Predictions:
    """What some runs say at the end of their prompts; logits are made when they are asked for.

    Attributes:
        resid: the end of the residual stream of each run.
        prompt: which prompt each run is of.
        prompts: all prompts.
        readout: to logits.
        clean_resid: the clean run of every prompt.
    """

    resid: Float[Tensor, "row d_model"]
    prompt: Int[Tensor, " row"]
    prompts: PatchPrompts
    readout: Readout
    clean_resid: Float[Tensor, "prompt d_model"]

    @property
    def logits(self) -> Float[Tensor, "row d_vocab"]:
        """All logits."""
        return self.readout.logits(self.resid)

    @property
    def answers(self) -> Int[Tensor, "row answer"]:
        """Ids of the right tokens of each run's prompt; -1 where there are fewer."""
        return self.prompts.answers[self.prompt]

    @property
    def clean_log_probs(self) -> Float[Tensor, "row d_vocab"]:
        """Log probabilities of the clean run of the same prompt."""
        some, at = self.prompt.unique(return_inverse=True)
        return self.readout.logits(self.clean_resid[some]).log_softmax(-1)[at]

    def answer_logits(self) -> tuple[Float[Tensor, "row answer"], Float[Tensor, "row wrong"]]:
        """Return the logits of right and of wrong tokens, -inf where a prompt has fewer."""
        both = self.readout.of_answers(self.resid, self.prompt)
        n_answers = self.prompts.answers.shape[1]
        return both[:, :n_answers], both[:, n_answers:]


@dataclass(frozen=True)
class PatchMetric:
    """A metric by name.

    Attributes:
        name: such as "logit_diff".
        unit: of its raw values.
        score: from predictions to one number for each run.
        normalised: whether effects are told as a fraction of the way from corrupted to clean.
    """

    name: str
    unit: str
    score: Callable[[Predictions], Float[Tensor, " row"]]
    normalised: bool = False


def _logit_diff(said: Predictions) -> Float[Tensor, " row"]:
    right, wrong = said.answer_logits()
    return right.logsumexp(-1) - wrong.logsumexp(-1)


def _probability(said: Predictions) -> Float[Tensor, " row"]:
    probs = said.logits.softmax(-1)
    chosen = probs.gather(1, said.answers.clamp_min(0))
    return chosen.masked_fill(said.answers < 0, 0).sum(-1)


def _kl(said: Predictions) -> Float[Tensor, " row"]:
    return kl_of_log_probs(said.clean_log_probs, said.logits.log_softmax(-1))


METRICS = {
    "logit_diff": PatchMetric("logit_diff", "logits", _logit_diff, normalised=True),
    "raw_logit_diff": PatchMetric("raw_logit_diff", "logits", _logit_diff),
    "probability": PatchMetric("probability", "probability", _probability),
    "kl": PatchMetric("kl", "nats", _kl),
}


def chosen_metric(metric: str | PatchMetric) -> PatchMetric:
    """Return a metric by its name; one of your own as it is.

    Raises:
        ValueError: an unknown name.
    """
    if isinstance(metric, PatchMetric):
        return metric
    if metric not in METRICS:
        raise ValueError(f"expected a metric among {', '.join(METRICS)}, got {metric!r}")
    return METRICS[metric]


def metric_values(metric: PatchMetric, said: Predictions) -> Float[Tensor, " row"]:
    """Return the metric of each run.

    Raises:
        ValueError: NaN or infinite values.
    """
    values = metric.score(said)
    if not values.isfinite().all():
        raise ValueError(
            f"expected finite values of {metric.name}, got NaN or infinity, try prompts whose "
            "tokens the model knows, and weights that are finite"
        )
    return values


def telling(
    metric: PatchMetric, clean: Float[Tensor, " prompt"], corrupted: Float[Tensor, " prompt"]
) -> None:
    """Raise ValueError where the metric's mean is the same in both runs."""
    gap = (clean.mean() - corrupted.mean()).abs().item()
    if gap <= LEAST_GAP * max(1.0, clean.abs().max().item()):
        raise ValueError(
            f"expected {metric.name} to differ between clean and corrupted runs, got "
            f"{clean.mean():.4g} and {corrupted.mean():.4g}, try another metric or corruption"
        )
