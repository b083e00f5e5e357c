"""Figures drawn once for white paper and for dark: their ink is of one colour that nothing else has, on no paper."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

import numpy as np

INK = (40, 0, 20)
INK_NAME = "#280014"  # the same for matplotlib
_NEAR = 3  # what blending rounds


class Paper(NamedTuple):
    """Colours of what is written on, and of what is written."""

    paper: tuple[int, int, int]
    ink: tuple[int, int, int]


LIGHT = Paper((255, 255, 255), (27, 31, 36))
DARK = Paper((21, 24, 29), (232, 234, 237))


@contextmanager
def inked() -> Iterator[None]:
    """Matplotlib writes with ``INK``, on nothing, within."""
    import matplotlib

    names = ("text.color", "axes.edgecolor", "axes.labelcolor", "xtick.color", "ytick.color", "axes.titlecolor",
             "legend.labelcolor")  # fmt: skip
    style: dict[Any, Any] = dict.fromkeys(names, INK_NAME)
    with matplotlib.rc_context(
        style | {"figure.facecolor": "none", "axes.facecolor": "none", "legend.facecolor": "none"}
    ):
        yield


def pixels_of(figure: Any) -> np.ndarray:
    """A matplotlib figure that was made ``inked``: ``[height, width, 4]`` uint8, for ``on_paper``."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    return np.asarray(canvas.buffer_rgba()).copy()


def on_paper(pixels: np.ndarray, paper: Paper) -> np.ndarray:
    """Pixels ``[H, W, 4]`` uint8 with ``INK`` in the paper's own, on the paper: ``[H, W, 3]`` uint8."""
    colours = pixels[..., :3].astype(np.float64)
    written = (abs(colours - INK) <= _NEAR).all(-1)
    colours[written] = paper.ink
    opacity = pixels[..., 3:] / 255
    blended: np.ndarray = (opacity * colours + (1 - opacity) * np.array(paper.paper)).round().astype(np.uint8)
    return blended
