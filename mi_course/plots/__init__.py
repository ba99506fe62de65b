"""One plot for each result; `show` puts a sentence beside it that tells what is seen.

A plot reads a result and computes nothing. Signed values are red to blue around zero,
probabilities white to blue from 0 to 1, ground truth is black and dashed, layer 0 is at the bottom.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submod_attrs={
        "sae_training": ["plot_training_curves"],
        "attention": ["plot_attention", "plot_attention_from"],
        "attribution": ["plot_attribution", "plot_largest_parts"],
        "circuit_curves": [
            "plot_edge_stability",
            "plot_faithfulness_by_size",
            "plot_roc",
        ],
        "circuits": ["plot_circuit", "plot_edges", "to_dot"],
        "channels": ["plot_channel_matches", "plot_kernels", "plot_tuning"],
        "circuitsvis_view": ["attention_view", "token_view"],
        "feature_viz": [
            "plot_atlas",
            "plot_channel",
            "plot_occlusion",
            "plot_picture_losses",
            "plot_pictures",
        ],
        "heads": ["plot_effect_against_score", "plot_head_pairs", "plot_head_scores"],
        "interventions": [
            "plot_choice_effects",
            "plot_steering_effects",
            "plot_trigger_alarms",
        ],
        "ioi": ["plot_circuit_test", "plot_head_classes", "plot_minimality"],
        "lens": ["plot_kl_by_layer", "plot_trajectories"],
        "lens_grid": ["plot_lens_grid"],
        "losses": ["plot_loss_by_position", "plot_phase_change"],
        "neurons": [
            "plot_activation_histogram",
            "plot_best_neurons",
            "plot_context_ablation",
            "plot_fingerprint",
            "plot_logit_effect",
        ],
        "patching": [
            "plot_ablations",
            "plot_patch_grid",
            "plot_patch_intervals",
            "plot_patch_scatter",
        ],
        "patching_beside": ["plot_patch_comparison", "plot_patched_prompt"],
        "probing": [
            "plot_feature_scores",
            "plot_layers_by_training",
            "plot_probe_scores",
            "plot_selectivity",
            "plot_sparse_collections",
            "plot_sparse_table",
        ],
        "residual": ["plot_part_effects", "plot_residual_norms"],
        "sae": [
            "plot_frontier",
            "plot_interpretability",
            "plot_label_scores",
            "plot_sae_scores",
            "plot_splice_losses",
        ],
        "sae_matching": [
            "plot_absorption",
            "plot_matching",
            "plot_splitting",
            "plot_stability",
        ],
        "sae_tables": ["plot_dictionary_table", "plot_moment_correlations"],
        "sae_circuits": ["plot_feature_tree", "plot_patching_curves"],
        "sae_features": ["plot_feature_page"],
        "sae_interventions": [
            "plot_ablation_size",
            "plot_latent_ablation",
            "plot_latent_steering",
        ],
        "showing": ["show", "summary", "tell"],
        "superposition": [
            "plot_dimensionality",
            "plot_directions",
            "plot_feature_lengths",
            "plot_gram",
        ],
        "superposition_computing": [
            "plot_circle_codes",
            "plot_computed_features",
            "plot_neuron_stacks",
        ],
        "superposition_costs": [
            "plot_adversarial_curve",
            "plot_binary_comparison",
            "plot_interference_kinds",
        ],
        "superposition_pairs": ["plot_paired_features"],
        "superposition_phases": ["plot_phase_diagram"],
        "superposition_training": ["plot_learning_dynamics"],
        "tokens": ["plot_token_matrix"],
    },
)
