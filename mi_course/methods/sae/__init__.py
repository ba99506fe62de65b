"""Sparse autoencoders: which directions does a model compute with, when it has more than axes?

An activation is written as a few features out of many; the autoencoder learns the features from
activations alone, and labels, losses and planted truth tell whether they are worth having.

    feature_acts = sparse(x W_enc + b_enc)      recon = feature_acts W_dec + b_dec
    FVU = sum |x - recon|^2 / sum |x - mean x|^2      (unexplained: 0 is perfect)

Sources: [Cunningham23] Sparse Autoencoders Find Highly Interpretable Features; [Bricken23] Towards
Monosemanticity; [Gao24] Scaling and evaluating sparse autoencoders; [Rajamanoharan24] Jumping
Ahead; [Bussmann24] BatchTopK; [Templeton24] Scaling Monosemanticity. In go activations of any
bridge; out come dictionaries and the results of `mi_course.results`.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submod_attrs={
        "absorption": ["feature_absorption", "most_absorbed"],
        "activity": ["LatentActivity", "latent_activity"],
        "autointerp": ["Explainer", "Explanation", "Simulator", "interpretability"],
        "baselines": ["LinearDictionary", "TopCodes", "ica", "neurons", "pca", "random_directions"],
        "causes": ["Examples", "feature_causes", "top_rows"],
        "chat": ["ChatEndpoint", "ChatExplainer", "ChatSimulator"],
        "config": ["SAEConfig"],
        "dictionary": ["ARCHITECTURES", "SAE", "Dictionary"],
        "evaluate": [
            "bootstrap_interval",
            "dictionary_table",
            "evaluate_sae",
            "moment_correlations",
        ],
        "explaining": ["LabelExplainer", "LabelSimulator", "label_explainer"],
        "feature_ablation": ["ablation_effects"],
        "feature_pages": [
            "activation_histogram",
            "feature_page",
            "latent_examples",
            "latent_logits",
            "token_histogram",
        ],
        "feature_trees": ["feature_tree"],
        "files": ["load_sae", "save_sae"],
        "fragments": ["Fragments", "cut_documents", "top_and_random"],
        "ioi_patching": ["feature_patching", "feature_patching_by_pair"],
        "label_scores": ["LEVELS", "label_f1"],
        "labelled": [
            "LabelledActivations",
            "activations_at",
            "labelled_activations",
            "town_labels",
        ],
        "latent_edits": ["ablated", "clamped", "latent_vectors", "projected_out", "pushed"],
        "latent_labels": ["best_labels"],
        "matching": ["matched_features", "mmcs", "stability"],
        "patching_runs": ["SignedDirections"],
        "planted": ["PlantedStream", "planted_dictionary", "planted_stream"],
        "reconstruction": ["reconstruction_scores"],
        "saelens": ["load_saelens"],
        "shipped": ["load_town_sae", "shipped_saes"],
        "splice": ["splice_edit", "splice_losses"],
        "splitting": ["feature_splitting"],
        "steering": ["continuations", "latent_steering", "token_ids"],
        "stream": ["ActivationStream", "ShuffledActivations", "activation_stream"],
        "text_scores": ["mean_codes", "text_label_f1"],
        "training": ["SAETraining", "train_sae"],
    },
)
