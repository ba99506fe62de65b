"""Every channel of every layer of both networks of the shapes, as one picture for each network.

`make figures` writes them; most of its minutes go into these. Colours are those of the world, and
each channel is drawn once, in the middle of its picture.
"""

from pathlib import Path

import plotly.graph_objects as go
import torch

from mi_course.methods.feature_viz import (
    Fourier,
    Recipe,
    as_images,
    fitted_colours,
    neuron,
    render_channels,
)
from mi_course.models.vision import SHAPES, load_vision
from mi_course.plots.pictures import add_picture, without_axes
from mi_course.plots.style import frame
from mi_course.results import Pictures
from mi_course.worlds.shapes import scenes

FOLDER = Path(__file__).parent
COLUMNS, CELL = 16, 60  # pictures in a row, and pixels for each


def sheet(name: str, layers: dict[str, Pictures]) -> go.Figure:
    """Return the pictures of all layers, the first layer at the top.

    Args:
        name: of the network.
        layers: pictures by layer.
    """
    figure = go.Figure()
    down = 0.0
    for layer, pictures in layers.items():
        figure.add_annotation(
            x=0, y=-down, text=layer, showarrow=False, xanchor="left", yanchor="top"
        )
        down += 0.5
        for i, image in enumerate(pictures.images):
            row, column = divmod(i, COLUMNS)
            add_picture(figure, image, at=(column, -down - row), size=(0.94, 0.94))
        down += -(-len(pictures) // COLUMNS) + 0.2
    # Without a trace plotly draws no axes, and without axes no pictures.
    figure.add_scatter(x=[0], y=[0], mode="markers", marker={"opacity": 0}, showlegend=False)
    figure.update_xaxes(range=[0, COLUMNS], **without_axes())
    figure.update_yaxes(range=[-down, 0], scaleanchor="x", **without_axes())
    n = sum(map(len, layers.values()))
    return frame(
        figure,
        title=f"What excites each of the {n} channels of {name}",
        summary=" ".join(pictures.summary() for pictures in layers.values()),
        width=CELL * COLUMNS + 40,
        height=int(CELL * down) + 20,
    ).update_layout(margin={"l": 20, "r": 20, "b": 10})


def write_sheets() -> list[str]:
    """Write a sheet for each network; return the names of the files."""
    torch.set_num_threads(1)
    written = []
    world = as_images(scenes(512, seed=0))
    recipe = Recipe(parametrisation=Fourier(fitted_colours(world)))
    for name in SHAPES:
        model = load_vision(name)
        layers = {
            layer: render_channels(model, layer, recipe=recipe, goal=neuron)
            for layer in model.layers
        }
        file = f"channels_{name}.jpg"  # a quarter of a PNG
        sheet(name, layers).write_image(FOLDER / file)
        written.append(file)
    return written
