"""Induction heads: find them, read them from the weights, remove them, watch them form.

An induction head completes `... A B ... A` with B: it looks for the token after the last A and
copies it. It needs two heads that compose, one to note at every token what stood before it (a
previous-token head), one to search those notes (the induction head).

    prefix matching  = attention from a token to the tokens that followed its earlier copies
    OV circuit       = W_E W_V W_O W_U       what a head writes, by token it attends to
    QK circuit       = W_E W_Q W_K^T W_E^T   where it looks, by pair of tokens
    K-composition    = |W_OV W_K W_Q^T| / (|W_OV| |W_K W_Q^T|), Frobenius norms

Sources: [Elhage21] A Mathematical Framework for Transformer Circuits; [Olsson22] In-context
Learning and Induction Heads. In go bridges and tokens; out come the results of `mi_course.results`.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submod_attrs={
        "ablation": ["ablation_effects", "ablation_influence"],
        "circuits": [
            "CircuitWeights",
            "circuit_weights",
            "full_ov_circuit",
            "full_qk_circuit",
            "token_matrix",
        ],
        "composition": ["composition_scores", "random_composition"],
        "copying": ["copying_accuracy", "copying_score", "copying_scores"],
        "losses": ["compare_losses", "in_context_learning_score", "loss_by_position"],
        "scores": [
            "attention",
            "attention_patterns",
            "attention_to",
            "duplicate_targets",
            "duplicate_token_scores",
            "head_scores",
            "induction_targets",
            "prefix_matching_scores",
            "previous_token_scores",
            "previous_token_targets",
        ],
        "sequences": ["repeated_tokens"],
        "training": ["phase_change"],
    },
)
