"""Browse probes: choose a collection of labels, a layer and k, see what k neurons can tell.

The model reads each collection once, when it is first chosen; moving the slider only fits probes.
In go a bridge and names of collections; out comes something to display, as in `induction`.
"""

from collections.abc import Sequence
from functools import lru_cache

import ipywidgets
import plotly.graph_objects as go
from transformer_lens.model_bridge import TransformerBridge

from mi_course.methods.probing import collect, k_sparse_probes
from mi_course.methods.probing.by_feature import FeatureProbes
from mi_course.methods.probing.ten_collections import AGGREGATION, judged_features
from mi_course.plots import plot_feature_scores
from mi_course.results import ProbeData
from mi_course.results.neurons import neuron_name
from mi_course.widgets.controlled import ControlledFigure

__all__ = ["ProbeBrowser"]

MAX_K = 8
COLLECTIONS = ("natural_language", "code_language", "text_feature", "part_of_speech", "latex")


class ProbeBrowser(ControlledFigure):
    """A collection, a layer and k to choose, and each feature's score below.

    Args:
        model: any bridge with MLPs and a fast tokenizer.
        collections: which ones can be chosen; the first is shown first.
        layer: shown first.
        k: neurons of a probe, shown first.
        n_documents: how many documents the model reads for a collection.

    Raises:
        ValueError: no such layer, k not from 1 to 8, or no collection.
    """

    def __init__(
        self,
        model: TransformerBridge,
        collections: Sequence[str] = COLLECTIONS,
        *,
        layer: int = 0,
        k: int = 1,
        n_documents: int = 150,
    ) -> None:
        n_layers = model.cfg.n_layers
        if not (0 <= layer < n_layers and 1 <= k <= MAX_K):
            raise ValueError(
                f"expected layer 0-{n_layers - 1} and k 1-{MAX_K}, got layer {layer} and k {k}"
            )
        if not collections:
            raise ValueError("expected names of collections, got none, try 'natural_language'")
        self._model, self._n_documents = model, n_documents
        self._data = lru_cache(maxsize=4)(self._collected)
        self._probes = lru_cache(maxsize=64)(self._fitted)
        self.collection = ipywidgets.Dropdown(
            options=list(collections), value=collections[0], description="collection"
        )
        self.layer = ipywidgets.Dropdown(
            options=list(range(n_layers)), value=layer, description="layer"
        )
        self.k = ipywidgets.IntSlider(value=k, min=1, max=MAX_K, description="k")
        super().__init__([self.collection, self.layer, self.k])

    def _draw(self) -> go.Figure:
        chosen = self.collection.value, self.layer.value, self.k.value
        found = self._probes(*chosen)
        best = int(found.scores.f1.argmax())
        neurons = [neuron_name((chosen[1], n)) for n in found.probes[best].neurons.tolist()]
        self.told.value = f"{found.scores.features[best]}: {', '.join(neurons)}"
        kind = "neuron" if chosen[2] == 1 else "neurons"
        title = (
            f"{chosen[0]}, layer {chosen[1]}, {chosen[2]} {kind}: mean F1 "
            f"{found.scores.f1.mean():.2f}"
        )
        return plot_feature_scores(found.scores, title=title)

    def _collected(self, collection: str) -> ProbeData:
        data = collect(
            self._model,
            collection,
            hook="mlp_post",
            aggregation=AGGREGATION.get(collection, "token"),
            n_documents=self._n_documents,
            per_label=100,
        )
        return judged_features(data)

    def _fitted(self, collection: str, layer: int, k: int) -> FeatureProbes:
        return k_sparse_probes(self._data(collection), layer, k)
