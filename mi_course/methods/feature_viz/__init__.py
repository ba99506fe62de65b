"""Feature visualization: what does a channel of an image network look for?

Pictures that excite it most, found by gradient ascent; the images of a world that do; how it
answers to edges, curves and grain; from which channels before it is built, and whether another
network has it too. In a world whose parts are known, each of these can be held to the truth.

    picture = argmax_x objective(activations(x))

Sources: [Olah17] Feature Visualization; [Olah20] Zoom In. In go `VisionModel`s and images from 0 to
1, [batch 3 height width]; out come the results of `mi_course.results`.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submod_attrs={
        "atlas": ["activation_atlas"],
        "colours": ["Colours", "fitted_colours", "natural_colours", "plain_colours"],
        "dataset_examples": ["peaks", "top_examples"],
        "expanded_weights": ["expanded_kernels"],
        "objectives": [
            "Objective",
            "channel",
            "direction",
            "diversity",
            "layer_energy",
            "neuron",
        ],
        "occlusion": ["occlusion_map"],
        "parametrisations": ["Fourier", "PhaseOnly", "Pixels", "phase_only"],
        "part_causes": ["as_images", "mean_peaks", "recall_without"],
        "part_labels": ["part_scores", "parts_under_peaks", "two_parts"],
        "reading": ["Reading"],
        "render": ["Recipe", "render_channels", "render_diverse", "render_objective"],
        "robustness": ["STILL", "Robustness"],
        "tuning": ["curvature_tuning", "high_low_tuning", "orientation_tuning", "tuning_curve"],
        "universality": ["channel_matches", "correlations", "sampled_activations"],
    },
)
