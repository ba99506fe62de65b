"""Patching: put an activation of one run into another, and see what the model then says.

A clean prompt has an answer, its corrupted twin has another one. Denoising runs the corrupted
prompt with one clean activation: does it bring the answer back? Noising runs the clean prompt with
one corrupted activation: does it break the answer? With the logit difference LD = logit(answer) -
logit(wrong), means over prompts,

    effect = (LD(patched) - LD(corrupted)) / (LD(clean) - LD(corrupted))

is 0 at the corrupted run and 1 at the clean one. Every method runs many places in one batch, starts
at the layer and the position that it changes, and equals the loop over places.

Sources: [Wang22] for IOI and path patching, [Zhang23] for metrics and corruptions, [Nanda23] for
attribution patching, [Meng22] for noise. In go a bridge and a `Task` (or pairs of it); out come the
results of `mi_course.results.patching`.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submod_attrs={
        "ablation": ["ablate", "node_names"],
        "attribution": [
            "attribution_by_position",
            "attribution_heads",
            "attribution_neurons",
            "compare_with_truth",
        ],
        "circuit_tests": [
            "completeness",
            "faithfulness",
            "greedy_set",
            "minimality",
            "random_sets",
            "score_of",
        ],
        "corruption": ["gaussian_corruption"],
        "head_classes": ["Criteria", "classify_heads", "copiers"],
        "head_evidence": ["head_evidence"],
        "intervals": ["bootstrap_means"],
        "metrics": ["METRICS", "PatchMetric", "Predictions", "metric_values"],
        "one_place": ["Place", "patched_logits", "patched_prompt"],
        "paths": ["path_patch"],
        "prompts": ["PatchPrompts", "patch_prompts", "written_pair"],
        "published": ["GPT2_CLASSES", "GPT2_FIGURES", "gpt2_evidence"],
        "sites": [
            "patch_by_position",
            "patch_heads",
            "patch_heads_by_position",
            "patch_neurons",
        ],
    },
)
