"""Lenses: what would the model say if it stopped here?

A point of the residual stream is read with the model's own last step, as it is (the logit lens),
after an affine translation that was trained for that point (the tuned lens), or by putting it into
another prompt and letting the model speak (Patchscopes, of which both are special cases).

    logit lens   LayerNorm(x) W_U
    tuned lens   LayerNorm(x + x A + b) W_U
    Patchscopes  the model on a target prompt, with f(x) in the place of one activation

Sources: [nostalgebraist20]; [Belrose23]; [Ghandeharioun24]. In go bridges and tokens; out come the
results of `mi_course.results`.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submod_attrs={
        "attribution": ["direct_logit_attribution"],
        "grid": ["answer_trajectories", "logit_lens", "text_trajectories"],
        "patchscope": ["patchscope", "point_name"],
        "reading": ["points_of", "stream", "unembed"],
        "tuned": ["Translators", "load_translators", "train_translators", "tuned_lens_loss"],
    },
)
