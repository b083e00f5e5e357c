"""Figures and sheets of examples as pixels."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from aelab.evaluation.protocol import Part

GREEN, RED = (46, 160, 67), (214, 48, 49)


def figure_pixels(draw: Callable[[Any], None], width: float = 5, height: float = 4) -> np.ndarray:
    """What ``draw(axes)`` puts on Matplotlib axes of that size in inches, ``[height, width, 3]`` uint8."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), dpi=110, layout="constrained")
    axes = figure.add_subplot()
    draw(axes)
    axes.spines[["top", "right"]].set_visible(False)
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    return np.asarray(canvas.buffer_rgba())[..., :3].copy()


def scatter(axes: Any, points: np.ndarray, labels: np.ndarray | None, name: str) -> None:
    """Points ``[N, 2]`` coloured by label, with a legend for up to ten classes."""
    classes, numbers = (None, None) if labels is None else np.unique(labels, return_inverse=True)
    colours: dict[str, Any] = {"color": "#4477aa"} if numbers is None else {"c": numbers, "cmap": "tab10"}
    drawn = axes.scatter(points[:, 0], points[:, 1], s=7, alpha=0.8, linewidths=0, **colours)
    if classes is not None and len(classes) <= 10:
        handles = drawn.legend_elements(num=None)[0]
        axes.legend(handles, [str(one) for one in classes], loc="upper left", bbox_to_anchor=(1, 1), frameon=False)
    axes.set(title=name, xticks=[], yticks=[])


def lookup_sheet(queries: Part, known: Part, found: np.ndarray, shape: tuple[int, ...], size: int = 56) -> np.ndarray:
    """A row for each query: it, then the examples ``found`` ``[Q, k]`` (rows of ``known``) in a frame, green where
    the label is the query's and red where not. Each picture is enlarged to about ``size`` pixels."""
    assert queries.labels is not None and known.labels is not None
    grow, line = max(1, size // shape[-1]), 3
    height, width = shape[1] * grow + 2 * line, shape[2] * grow + 2 * line
    sheet = np.full((len(found) * height, (found.shape[1] + 1) * width + size // 4, 3), 255, np.uint8)
    for row, (x, label, rows) in enumerate(zip(queries.x, queries.labels, found, strict=True)):
        cells = [(x, (255, 255, 255)), *((known.x[i], GREEN if known.labels[i] == label else RED) for i in rows)]
        for column, (values, colour) in enumerate(cells):
            left, top = column * width + (size // 4 if column else 0), row * height
            sheet[top : top + height, left : left + width] = colour
            pixels = np.repeat(np.repeat(to_pixels(values, shape), grow, 0), grow, 1)
            sheet[top + line : top + height - line, left + line : left + width - line] = pixels
    return sheet


def to_pixels(values: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """One example ``[D]`` with values in [0, 1] (clipped) as ``[height, width, 1 or 3]`` uint8."""
    return (values.reshape(shape).clip(0, 1) * 255).round().astype(np.uint8).transpose(1, 2, 0)
