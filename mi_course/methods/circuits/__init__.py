"""Circuits found by machine: the few edges of a model's graph that a task needs.

Every head and MLP reads what earlier ones wrote, so a transformer is a graph; an edge is removed by
letting it carry what it carries on a corrupted prompt. ACDC removes, from the logits backwards,
each edge whose loss rises by less than a threshold:

    remove e   if   loss(kept - e) - loss(kept) < tau

`acdc` does so exactly, some thousand times faster than one forward pass for each edge, which is
`sequential_acdc`. Its rivals score all edges at once from gradients. Sources: [Conmy23] Towards
Automated Circuit Discovery; [Syed23] Attribution Patching Outperforms ACDC; [Hanna24] Have Faith in
Faithfulness. In go a bridge and a `CircuitTask`; out come `Circuit`s and edge scores.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submod_attrs={
        "acdc": ["acdc"],
        "attribution": [
            "attribution_by_prompt",
            "edge_attribution",
            "integrated_edge_attribution",
        ],
        "faithfulness": ["faithfulness_by_size"],
        "graph": ["CircuitGraph", "Edge", "edge_name", "graph_of", "owner", "parse_edge"],
        "importance": ["edge_importance", "head_importance"],
        "runs": ["EdgeRuns", "circuit_loss", "edge_runs"],
        "scoring": [
            "edit_distance",
            "jaccard",
            "precision_recall",
            "roc",
            "roc_auc",
            "roc_of_circuits",
        ],
        "sequential": ["sequential_acdc"],
        "stability": ["bootstrap", "mean_jaccard"],
        "subnetwork": ["subnetwork_probing"],
        "sweep": ["acdc_sweep"],
        "task": ["CircuitTask", "circuit_task", "prompts_task", "text_task"],
        "verify": ["Verification", "verify"],
    },
)
