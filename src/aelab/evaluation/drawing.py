"""Figures and sheets of examples as pixels."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np


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
