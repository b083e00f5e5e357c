"""Figures as pixels."""

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
