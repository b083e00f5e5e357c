"""Pictures of a decomposition with their keys: maps with a scale of colours, tiles with headed columns.

Drawn without matplotlib, which takes longer than many a run; on no paper (evaluation/images/ink.py).
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from aelab.evaluation.images.ink import INK
from aelab.runs.pictures import tiles

MAP = 280  # pixels of a map's width, about
TILE = 56  # of a tile's
_TEXT = 12  # height of letters
_LINE = 20
_BAR = 14  # width of the scale of colours


def heat_map(values: np.ndarray, top: float, title: str, unit: str) -> np.ndarray:
    """Values ``[H, W]`` from black (0, or below) to white (``top``), below a title and beside a scale of colours with
    its unit: ``[H', W', 4]`` uint8. Maps that are compared are given one ``top``."""
    from matplotlib import colormaps

    top = max(top, 1e-12)
    inferno = colormaps["inferno"]
    grow = max(1, MAP // values.shape[1])
    body = np.repeat(np.repeat(_coloured(inferno(np.clip(values / top, 0, 1))), grow, 0), grow, 1)
    height, width = body.shape[:2]
    labels = [f"{share * top:.3g}" for share in (1, 0.5, 0)]
    right = width + 16 + _BAR + 6
    sheet = _sheet(
        height + 2 * _LINE + 10, max(right + max(map(_width, labels)) + 4, _width(title) + 4, _width(unit) + 4)
    )
    above = _LINE + 4
    sheet[above : above + height, :width] = body
    scale = _coloured(inferno(np.linspace(1, 0, height)))[:, None]
    sheet[above : above + height, width + 16 : width + 16 + _BAR] = scale
    drawing = Image.fromarray(sheet)
    pen = ImageDraw.Draw(drawing)
    _write(pen, (2, 0), title)
    for label, share in zip(labels, (0, 0.5, 1), strict=True):
        _write(pen, (right, above + share * (height - 1) - (0.15 + 0.7 * share) * _TEXT), label)
    _write(pen, (2, above + height + 4), unit)
    return np.asarray(drawing)


def headed_tiles(images: np.ndarray, headings: Sequence[str], beside: Sequence[str], title: str) -> np.ndarray:
    """Images ``[N, H, W, C]`` in rows of as many as there are headings, each row with what stands ``beside`` it, below
    a title: ``[H', W', 4]`` uint8."""
    columns = len(headings)
    grow = -(-TILE // images.shape[2])
    body = np.repeat(np.repeat(tiles(images, columns), grow, 0), grow, 1)
    height, width = body.shape[:2]
    step = (images.shape[2] + 1) * grow
    row = (images.shape[1] + 1) * grow
    above = 2 * _LINE + 4
    sheet = _sheet(above + height, max(width + 8 + max(map(_width, beside)) + 4, _width(title) + 4))
    sheet[above:, :width, :3] = body
    sheet[above:, :width, 3] = 255
    drawing = Image.fromarray(sheet)
    pen = ImageDraw.Draw(drawing)
    _write(pen, (2, 0), title)
    for index, heading in enumerate(headings):
        _write(pen, (index * step + (step + grow - _width(heading)) / 2, _LINE), heading)
    for index, text in enumerate(beside):
        _write(pen, (width + 8, above + (index + 0.5) * row - 0.6 * _TEXT), text)
    return np.asarray(drawing)


def _coloured(colours: Any) -> np.ndarray:
    """Matplotlib's colours between 0 and 1 as uint8, opaque."""
    return (np.asarray(colours) * 255).round().astype(np.uint8)


def _sheet(height: int, width: float) -> np.ndarray:
    """Nothing, in the colour of ink, so that the edges of letters are of it, too."""
    sheet = np.zeros((height, int(np.ceil(width)), 4), np.uint8)
    sheet[..., :3] = INK
    return sheet


@lru_cache
def _font() -> Any:
    """Matplotlib's own letters: Pillow's lack the ² of bias²."""
    import matplotlib

    return ImageFont.truetype(f"{matplotlib.get_data_path()}/fonts/ttf/DejaVuSans.ttf", _TEXT)


def _width(text: str) -> float:
    return float(_font().getlength(text))


def _write(pen: Any, place: tuple[float, float], text: str) -> None:
    pen.text(place, text, font=_font(), fill=(*INK, 255))
