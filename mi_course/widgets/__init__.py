"""Controls over plots: ipywidgets that change a figure, which also stands alone when saved."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submod_attrs={
        "circuits": ["CircuitBrowser"],
        "feature_viz": ["ChannelBrowser"],
        "features": ["FeatureBrowser"],
        "induction": ["HeadBrowser"],
        "lens": ["LensBrowser"],
        "patching": ["PatchBrowser"],
        "probing": ["ProbeBrowser"],
        "superposition": ["GeometryBrowser"],
    },
)
