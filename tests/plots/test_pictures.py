import base64
import struct
import zlib

import numpy as np
import plotly.graph_objects as go
import pytest
import torch

from mi_course.plots.pictures import add_sheet, png


def read(uri):
    """A PNG with a palette, by its specification: width, height, pixels."""
    data = base64.b64decode(uri.removeprefix("data:image/png;base64,"))
    assert data[:8] == b"\x89PNG\r\n\x1a\n"
    chunks, at = {}, 8
    while at < len(data):
        size, kind = struct.unpack(">I4s", data[at : at + 8])
        body = data[at + 8 : at + 8 + size]
        (checksum,) = struct.unpack(">I", data[at + 8 + size : at + 12 + size])
        assert checksum == zlib.crc32(kind + body)
        chunks[kind] = body
        at += 12 + size
    width, height = struct.unpack(">II", chunks[b"IHDR"][:8])
    palette = np.frombuffer(chunks[b"PLTE"], np.uint8).reshape(-1, 3)
    rows = np.frombuffer(zlib.decompress(chunks[b"IDAT"]), np.uint8).reshape(height, width + 1)
    assert (rows[:, 0] == 0).all()
    return palette[rows[:, 1:]], palette


def test_few_colours_are_kept_exactly():
    picture = torch.zeros(3, 2, 3)
    picture[0, 0, 1] = 1.0
    picture[:, 1, 2] = torch.tensor([0.2, 0.4, 0.6])
    pixels, palette = read(png(picture))
    assert pixels[0, 1].tolist() == [255, 0, 0]
    assert pixels[1, 2].tolist() == [51, 102, 153]
    assert pixels[0, 0].tolist() == [0, 0, 0]
    assert len(palette) == 3


def test_a_plain_picture_has_one_colour():
    pixels, palette = read(png(torch.full((3, 4, 4), 0.5)))
    assert palette.tolist() == [[128, 128, 128]]
    assert pixels.shape == (4, 4, 3)


def test_many_colours_become_64_that_are_close():
    ramp = torch.linspace(0, 1, 64)
    picture = torch.stack(
        [ramp.expand(64, 64), ramp[:, None].expand(64, 64), 0.5 * ramp.expand(64, 64)]
    )
    pixels, palette = read(png(picture))
    assert len(palette) == 64
    error = (pixels / 255.0 - picture.permute(1, 2, 0).numpy()) ** 2
    # An 8x8 grid of boxes, each 1/8 wide: a uniform error of 1/8 / sqrt(12) = 0.036 at most.
    assert error.mean() ** 0.5 < 0.036
    assert len(png(picture)) < 4000


def test_values_beyond_the_range_are_cut():
    pixels, _ = read(png(torch.tensor([-1.0, 2.0]).expand(3, 1, 2)))
    assert pixels[0].tolist() == [[0, 0, 0], [255, 255, 255]]


def test_a_sheet_stands_in_rows_from_the_top_left():
    figure = go.Figure()
    pictures = [torch.full((3, 4, 4), i / 5) for i in range(5)]
    assert add_sheet(figure, pictures, list("abcde"), columns=3) == 2
    at = [(image.x, image.y) for image in figure.layout.images]
    assert [x for x, _ in at[:3]] == pytest.approx([0, 1.06, 2.12])
    assert at[3] == (0, -1.22)
    assert [image.source for image in figure.layout.images] == [png(each) for each in pictures]
    assert list(figure.data[0].text) == list("abcde")
    assert figure.data[0].x[4] == pytest.approx(1.56)
