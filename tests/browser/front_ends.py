"""The front ends, themes and widths that a reader may have, and one notebook for each widget."""

from dataclasses import dataclass
from itertools import product
from pathlib import Path

import nbformat

__all__ = ["SITUATIONS", "VIEWS", "WIDGETS", "Situation", "written"]


@dataclass(frozen=True)
class Situation:
    """Where a notebook is looked at.

    Attributes:
        front_end: "lab" or "notebook".
        theme: "light" or "dark".
        width: of the window, in pixels.
    """

    front_end: str
    theme: str
    width: int

    def __str__(self) -> str:
        return f"{self.front_end}-{self.theme}-{self.width}"


SITUATIONS = [
    Situation(*each) for each in product(("lab", "notebook"), ("light", "dark"), (1280, 800))
]

CHANNELS = """
import torch
from mi_course.methods.feature_viz import Recipe
from mi_course.models.cnn import ShapesCNN
from mi_course.models.vision import shapes_model
from mi_course.widgets import ChannelBrowser
from mi_course.worlds.shapes import CLASSES, scenes

module = ShapesCNN(len(CLASSES), widths=(4, 6, 6, 8, 8), narrow=3)
model = shapes_model(module, "small", *[(0.5, 0.5, 0.5)] * 2)
ChannelBrowser(model, scenes(24, 0), layer="conv3", recipe=Recipe(steps=2))
"""

CIRCUITS = """
import torch
from mi_course.results.circuit_graph import CircuitGraph, parse_edge
from mi_course.results.circuits import Circuit
from mi_course.widgets import CircuitBrowser

graph = CircuitGraph(2, 2)
edges = [parse_edge(e) for e in ("embed->L0H1.q", "L0H1->L1H0.k", "L0H1->MLP1", "L1H0->logits")]
effects = torch.zeros(len(graph.edges), dtype=torch.float64)
for edge, effect in zip(edges, (1.0, 0.4, 0.1, -0.2)):
    effects[graph.number[edge]] = effect
circuits = [
    Circuit(graph, graph.check(edges[:n]), effects, tau, "kl", "corrupted", 0.3, 0.0)
    for tau, n in ((0.5, 1), (0.1, 2), (0.01, 4))
]
CircuitBrowser(circuits, edges)
"""

# The neurons' own axes as a dictionary: nothing has to be trained.
FEATURES = """
from mi_course.methods.sae import labelled_activations, neurons
from mi_course.models import load
from mi_course.widgets import FeatureBrowser

model = load("town")
data = labelled_activations(
    model, "blocks.2.hook_resid_post", n_documents=60, collections=["text_feature", "subset"]
)
FeatureBrowser(model, neurons(data.x), data)
"""

GEOMETRY = """
import torch
from mi_course.methods.superposition import geometry
from mi_course.widgets import GeometryBrowser

W = torch.tensor([[[1.0, 0.0], [-1.0, 0.0]], [[1.0, 0.0], [0.0, 1.0]], [[1.0, 0.0], [0.0, 0.0]]])
GeometryBrowser(geometry(W, torch.tensor([0.1, 0.5, 0.9])))
"""

HEADS = """
from mi_course.models import load
from mi_course.widgets import HeadBrowser

HeadBrowser(load("attn-2l"), "Mr Dursley met Mr Dursley", head=(1, 4))
"""

LENS = """
from mi_course.methods.lens import load_translators
from mi_course.models import load
from mi_course.widgets import LensBrowser

text = "One day, Aaron and Judith had a long talk"
LensBrowser(load("town"), text, load_translators("town"))
"""

PATCHES = """
from mi_course.models import load
from mi_course.widgets import PatchBrowser
from mi_course.worlds.tasks import ioi

model = load("town")
task = ioi(model.tokenizer, 4, 0, n_templates=1, order="ABBA")
PatchBrowser(model, task.pairs, ["io", "s1", "s2", "end"])
"""

PROBES = """
from mi_course.models import load
from mi_course.widgets import ProbeBrowser

collections = ["natural_language", "text_feature"]
ProbeBrowser(load("town"), collections, layer=2, n_documents=60)
"""

# One for each browser of mi_course.widgets: its cell.
WIDGETS = {
    "ChannelBrowser": CHANNELS,
    "CircuitBrowser": CIRCUITS,
    "FeatureBrowser": FEATURES,
    "GeometryBrowser": GEOMETRY,
    "HeadBrowser": HEADS,
    "LensBrowser": LENS,
    "PatchBrowser": PATCHES,
    "ProbeBrowser": PROBES,
}

# What the two kinds of CircuitsVis views show is as it is because we say so.
VIEWS = (
    """
import torch
from mi_course.plots import attention_view, token_view
from mi_course.results import Attention, LatentExample

patterns = torch.rand(4, 5, 5, generator=torch.Generator().manual_seed(0)).tril()
attention = Attention(
    patterns / patterns.sum(-1, keepdim=True),
    ("<s>", " Mr", " Dur", "sley", "</script>"),
    tuple(f"L0H{head}" for head in range(4)),
)
example = LatentExample((" a", "<b>", "c"), torch.tensor([0.0, 2.0, 0.5]), 1, 0)
""",
    "attention_view(attention)",
    "token_view([example])",
)


def written(path: Path, *sources: str) -> Path:
    """Write a notebook of code cells."""
    kernel = {"name": "python3", "display_name": "Python 3", "language": "python"}
    notebook = nbformat.v4.new_notebook(metadata={"kernelspec": kernel})
    notebook.cells = [nbformat.v4.new_code_cell(source) for source in sources]
    nbformat.write(notebook, path)
    return path
