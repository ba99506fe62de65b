"""What is published about GPT-2 small's heads on indirect object identification, as data.

[Wang22] name 26 heads in seven classes. Of their evidence little is printed by head, so the numbers
here are of three kinds, and a `HeadEvidence` of them is NaN where nothing is public:

- attention of single heads, measured on GPT-2 by others, for the five that look most at each place;
- copying scores, of which the text gives levels for a class ("above 95 %", "98 %");
- what figures show as colours: effects, and the attention of previous token and induction heads.
  They are 1 (or -1) where the text names a head as one that stands out in that experiment; for
  effects, of which all heads were tried, 0 where it names it not.

So the data say which experiment singled out which heads, and the criteria must find the classes
from that: two heads that look like name movers are not, and three that look like detectors of
duplicates or inhibitors are none.
"""

import torch
from torch import Tensor

from mi_course.results.ioi import Head, HeadEvidence

__all__ = ["GPT2_CLASSES", "GPT2_FIGURES", "gpt2_evidence"]

N_LAYERS, N_HEADS = 12, 12

# [Wang22], figure 2.
GPT2_CLASSES: dict[str, tuple[Head, ...]] = {
    "previous token": ((2, 2), (4, 11)),
    "duplicate token": ((0, 1), (0, 10), (3, 0)),
    "induction": ((5, 5), (5, 8), (5, 9), (6, 9)),
    "S-inhibition": ((7, 3), (7, 9), (8, 6), (8, 10)),
    "name mover": ((9, 6), (9, 9), (10, 0)),
    "negative mover": ((10, 7), (11, 10)),
    "backup mover": ((9, 0), (9, 7), (10, 1), (10, 2), (10, 6), (10, 10), (11, 2), (11, 9)),
}
# [Wang22], sections 2 to 4: mean logit difference, accuracy, what the circuit keeps of the former.
GPT2_FIGURES = {"logit_diff": 3.56, "accuracy": 0.993, "faithfulness": 0.87}

# Attention of the five heads that look most, means over 100 prompts of the `mib-bench/ioi` data:
# repository ChicagoHAI/MechEvalAgents, a run of November 2025 with TransformerLens.
TO_IO = {(9, 9): 0.7998, (10, 7): 0.7829, (9, 6): 0.7412, (11, 10): 0.6369, (10, 0): 0.3877}
TO_S2 = {(8, 6): 0.7441, (7, 9): 0.5079, (8, 10): 0.3037, (8, 5): 0.2852, (9, 7): 0.2557}
S2_TO_S1 = {(3, 0): 0.7191, (1, 11): 0.6613, (0, 5): 0.6080, (0, 1): 0.5152, (0, 10): 0.2359}
# [Wang22], section 3.1: levels of the classes.
COPYING = dict.fromkeys(GPT2_CLASSES["name mover"], 0.95)
ANTI_COPYING = dict.fromkeys(GPT2_CLASSES["negative mover"], 0.98)


def gpt2_evidence() -> HeadEvidence:
    """Return what is public about GPT-2 small's heads; NaN where nothing is."""
    early = ("duplicate token", "induction")
    return HeadEvidence(
        previous_token=_known(_named("previous token")),
        duplicate_token=_known(S2_TO_S1),
        s2_to_io=_known({}),
        induction=_known(_named("induction")),
        current_token=_known({}),
        to_io=_known(TO_IO),
        to_s2=_known(TO_S2),
        copying=_known(COPYING),
        anti_copying=_known(ANTI_COPYING),
        # Figure 5, value vectors of S-inhibition heads at S2, and from there to the token after S1.
        at_s1_next=_known(_named("previous token"), other=0.0),
        at_s2=_known({h: v for name in early for h, v in _named(name).items()}, other=0.0),
        # Figure 3, paths to the logits; later, the same without the name movers.
        direct=_known(_named("name mover") | _named("negative mover", -1.0), other=0.0),
        after_ablation=_known(_named("backup mover"), other=0.0),
        # Figure 4, paths to the queries of the name movers.
        through_queries=_known(_named("S-inhibition"), other=0.0),
        on_names=_known({}),
        total=_known({}),
    )


def _named(name: str, value: float = 1.0) -> dict[Head, float]:
    return dict.fromkeys(GPT2_CLASSES[name], value)


def _known(values: dict[Head, float], other: float = float("nan")) -> Tensor:
    scores = torch.full((N_LAYERS, N_HEADS), other)
    for head, value in values.items():
        scores[head] = value
    return scores
