"""Pictures of a run as uint8 arrays: reconstructions, filters and the code.

uint8 because W&B and PNG writers alike then show what is meant: a float picture handed to W&B turns black.
"""

from __future__ import annotations

import io
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from aelab.evaluation.images.ink import DARK, LIGHT, inked, on_paper, pixels_of
from aelab.machines.atomic_files import write_whole
from aelab.models import Autoencoder

EXAMPLES = 12
VALUES = 2**22  # of examples that go through a model at a time
TILES = 64
DRAWN = "codes"  # beside the pictures while a run trains: codes of every shown epoch
DARK_FOLDER = "dark"  # beside the pictures: those that look otherwise on dark paper


def is_image(shape: tuple[int, ...]) -> bool:
    """Whether an example of this shape can be shown: [1 or 3, height, width]."""
    return len(shape) == 3 and shape[0] in (1, 3)


def in_chunks(function: Callable[[Tensor], Tensor], x: Tensor) -> Tensor:
    """``function`` of examples ``[N, D]``, of large ones some at a time."""
    return torch.cat([function(some) for some in x.split(max(16, VALUES // x.shape[1]))])


def tiles(images: np.ndarray, columns: int, gap: int = 1) -> np.ndarray:
    """Images ``[N, H, W, C]`` in rows of ``columns``, separated by lines of mid-grey: ``[H', W', C]`` uint8."""
    count, height, width, channels = images.shape
    rows = math.ceil(count / columns)
    sheet = np.full((rows * (height + gap) + gap, columns * (width + gap) + gap, channels), 128, np.uint8)
    for index, image in enumerate(images):
        top = (index // columns) * (height + gap) + gap
        left = (index % columns) * (width + gap) + gap
        sheet[top : top + height, left : left + width] = image
    return sheet


def to_pixels(x: Tensor, shape: tuple[int, ...]) -> np.ndarray:
    """Values ``[N, D]`` in [0, 1] (clipped) as pixels ``[N, H, W, C]`` uint8."""
    images = x.detach().float().cpu().clamp(0, 1).mul(255).round().to(torch.uint8)
    return images.reshape(-1, *shape).permute(0, 2, 3, 1).numpy()


@torch.no_grad()
def reconstructions(model: Autoencoder, x: Tensor, shape: tuple[int, ...]) -> np.ndarray:
    """Two rows: inputs, rows as the model takes them, above their reconstructions."""
    return pairs(model.apart(x).x, model.reconstruct(x), shape)


def pairs(x: Tensor, reconstructed: Tensor, shape: tuple[int, ...]) -> np.ndarray:
    """Two rows: inputs ``[N, D]`` above their reconstructions."""
    return tiles(to_pixels(torch.cat([x, reconstructed]), shape), columns=len(x))


def filters(model: Autoencoder) -> np.ndarray | None:
    """First-layer weights as tiles, each scaled to its own largest magnitude around mid-grey; None without."""
    found = model.network.filters()
    if found is None:
        return None
    weights = found[:TILES].float().cpu()
    if not is_image(tuple(weights.shape[1:])):
        return None
    scale = weights.abs().amax(dim=(1, 2, 3), keepdim=True).clamp_min(1e-12)
    pixels = to_pixels((weights / scale / 2 + 0.5).flatten(1), tuple(weights.shape[1:]))
    return tiles(pixels, columns=math.ceil(math.sqrt(len(pixels))))


@torch.no_grad()
def code_figure(model: Autoencoder, x: Tensor, labels: np.ndarray | None) -> np.ndarray:
    """Codes of examples ``[N, D]``: a scatter of the code (its two first principal axes beyond two values),
    coloured by label, or a histogram of a code of one value. ``[H, W, 4]`` uint8, on no paper."""
    with inked():
        return _code_figure(in_chunks(model.encode, x).double().cpu(), labels)


def _code_figure(code: Tensor, labels: np.ndarray | None) -> np.ndarray:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(4.6, 4), dpi=110)
    axes = figure.add_axes((0.15, 0.13, 0.68, 0.84))  # a layout that is sought takes as long as the picture
    if code.shape[1] == 1:
        axes.hist(code[:, 0].numpy(), bins=40, color="#4477aa")
        axes.set(xlabel="code 1", ylabel="test examples")
    else:
        plane = code
        names = ("code 1", "code 2")
        if code.shape[1] > 2:
            centred = code - code.mean(0)
            plane = centred @ torch.linalg.eigh(centred.mT @ centred).eigenvectors[:, [-1, -2]]
            names = ("principal axis 1 of the code", "principal axis 2 of the code")
        colours: Any = {} if labels is None else {"c": np.unique(labels, return_inverse=True)[1], "cmap": "tab10"}
        points: Any = axes.scatter(plane[:, 0].numpy(), plane[:, 1].numpy(), s=6, alpha=0.7, linewidths=0, **colours)
        axes.set(xlabel=names[0], ylabel=names[1])
        if labels is not None and len(np.unique(labels)) <= 10:
            handles = points.legend_elements(num=None)[0]
            axes.legend(
                handles, [str(v) for v in np.unique(labels)], loc="upper left", bbox_to_anchor=(1, 1), frameon=False
            )
    axes.spines[["top", "right"]].set_visible(False)
    return pixels_of(figure)


def save_png(path: Path, pixels: np.ndarray, enlarge: int = 1) -> None:
    """Write pixels ``[H, W, C]`` uint8, each ``enlarge`` times as large.

    What is drawn on no paper (``[H, W, 4]``, evaluation/images/ink.py) is written as it looks on white, and in the
    folder ``dark`` beside it as it looks on dark paper.
    """
    if pixels.shape[-1] == 4:
        _write_png(path.parent / DARK_FOLDER / path.name, on_paper(pixels, DARK), enlarge)
        pixels = on_paper(pixels, LIGHT)
    _write_png(path, pixels, enlarge)


def _write_png(path: Path, pixels: np.ndarray, enlarge: int) -> None:
    content = io.BytesIO()
    image = Image.fromarray(pixels[..., 0] if pixels.shape[-1] == 1 else pixels)
    image.resize((image.width * enlarge, image.height * enlarge), Image.Resampling.NEAREST).save(content, "PNG")
    write_whole(path, content.getvalue())


def epoch_pictures(directory: Path) -> Path:
    """Where the pictures of every shown epoch are kept for W&B, ``<name>-<epoch>.png``."""
    return directory / "pictures" / "epochs"
