"""The same pictures in several states, a row each: clean, spoilt, restored."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

import numpy as np

from aelab.evaluation.images.ink import inked, pixels_of
from aelab.evaluation.images.sheets import to_pixels
from aelab.evaluation.measures.fidelity import psnr

SHOWN = 128  # pixels of a side, of pictures that are larger the middle


def image_rows(rows: Mapping[str, Sequence[np.ndarray]], unrated: Collection[str] = ()) -> np.ndarray:
    """Pictures ``[C, H, W]`` in named rows, the first of them clean: uint8 ``[height, width, 4]``, on no paper.

    Below every other picture, but those of the rows ``unrated``, stands its PSNR in dB, of the whole of it.
    """
    from matplotlib.figure import Figure

    clean = next(iter(rows.values()))
    size = 1.15 if len(clean) > 5 else 1.5  # inches
    with inked():
        figure = Figure(figsize=(1.1 + size * len(clean), (size + 0.2) * len(rows)), dpi=110, layout="constrained")
        grid: Any = figure.subplots(len(rows), len(clean), squeeze=False)
        for line, (name, pictures) in zip(grid, rows.items(), strict=True):
            for axes, picture, original in zip(line, pictures, clean, strict=True):
                axes.imshow(_rgb(picture), interpolation="nearest")
                axes.set(xticks=[], yticks=[])
                axes.spines[:].set_visible(False)
                if pictures is not clean and name not in unrated:
                    axes.set_xlabel(f"{psnr(original, picture):.1f} dB", fontsize=8, labelpad=2)
            line[0].set_ylabel(name, rotation=0, ha="right", va="center", fontsize=9)
        return pixels_of(figure)


def _rgb(picture: np.ndarray) -> np.ndarray:
    height, width = picture.shape[1:]
    top = max(0, height - SHOWN) // 2
    left = max(0, width - SHOWN) // 2
    middle = picture[:, top : top + SHOWN, left : left + SHOWN]
    pixels = to_pixels(middle.reshape(-1), middle.shape)
    return np.repeat(pixels, 3, axis=2) if pixels.shape[2] == 1 else pixels
