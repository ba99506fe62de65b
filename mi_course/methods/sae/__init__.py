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
        "autointerp": ["Explainer", "Explanation", "Simulator", "interpretability"],
        "stream": ["ActivationStream", "ShuffledActivations", "activation_stream"],
        "planted": ["PlantedStream", "planted_dictionary", "planted_stream"],
        "saelens": ["load_saelens"],
        "files": ["load_sae", "save_sae"],
        "activity": ["LatentActivity", "latent_activity"],
        "baselines": ["LinearDictionary", "TopCodes", "ica", "neurons", "pca", "random_directions"],
        "config": ["SAEConfig"],
        "chat": ["ChatEndpoint", "ChatExplainer", "ChatSimulator"],
        "dictionary": ["ARCHITECTURES", "SAE", "Dictionary"],
        "feature_ablation": ["ablation_effects"],
        "feature_page": [
            "activation_histogram",
            "feature_page",
            "latent_examples",
            "latent_logits",
            "token_histogram",
        ],
        "evaluate": [
            "bootstrap_interval",
            "dictionary_table",
            "evaluate_sae",
            "moment_correlations",
        ],
        "explaining": ["LabelExplainer", "LabelSimulator", "label_explainer"],
        "fragments": ["Fragments", "cut_documents", "top_and_random"],
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
        "reconstruction": ["reconstruction_scores"],
        "splice": ["splice_edit", "splice_losses"],
        "splitting": ["feature_splitting"],
        "steering": ["continuations", "latent_steering", "token_ids"],
        "training": ["SAETraining", "train_sae"],
    },
)
