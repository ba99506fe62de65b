"""Superposition: more features than dimensions, in models small enough to see all of it.

Features that are rarely active can share dimensions, because they seldom disturb each other. Toy
models show when they do (phase diagrams), in which shapes (digons, triangles, pentagons), what it
costs (interference, adversarial examples) and that one can compute in it (absolute values).

    out = ReLU(x W W^T + b)

Sources: [Elhage22] Toy Models of Superposition; [Gurnee23] Finding Neurons in a Haystack,
appendix C. In go sizes and densities, out come `ToyModel`s and the results of `mi_course.results`.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submod_attrs={
        "absolute_value": ["neuron_stacks", "sample_signed", "train_absolute_value"],
        "adversarial": ["adversarial_curve", "adversarial_examples"],
        "circle": ["circle_codes", "circle_decode", "circle_embedding", "circle_gain"],
        "dimensionality": [
            "count_polysemantic",
            "dimensions_per_feature",
            "feature_dimensionality",
            "feature_norms",
            "interference",
            "plateaus",
        ],
        "disturbances": ["binary_against_continuous", "interference_kinds"],
        "dynamics": ["learning_dynamics", "slow_training"],
        "expectation": ["expected_loss", "optimised"],
        "features": ["PAIRINGS", "sample_features"],
        "geometry": ["SHAPES", "geometry"],
        "pairs": ["pair_cosines", "paired_features"],
        "phases": [
            "SOLUTIONS",
            "Solution",
            "analytic_boundary",
            "analytic_phases",
            "antipodal_length",
            "phase_diagram",
            "phases_of",
            "solution_loss",
        ],
        "training": ["toy_loss", "train_toy_models"],
    },
)
