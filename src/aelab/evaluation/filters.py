"""What the first layer looks for: its filters as pictures, and how far they are edges."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np

from aelab.errors import UserError
from aelab.evaluation.baselines.linear import PCACoder
from aelab.evaluation.protocol import Coder, Examples, Score

TINY = 1e-30


class Filters:
    """The inputs of length 1 that excite the units of the first layer most, ``w / |w|`` (Ng 2011, CS294A, sec. 3).

    - ``spread``: share of the pixels that a filter covers, ``(sum w^2)^2 / sum w^4`` over their number, mean over
      units: 1 / pixels for a single one, 1 for all alike, a third for noise.
    - ``orientation``: how much of a filter's power in the Fourier plane lies along one direction,
      ``|sum P exp(2 i angle)| / sum P``, mean over units: 1 for a grating, near 0 for a blob.

    An edge or a line has a small spread and a large orientation. Units without weights count in neither. The directions
    of PCA of the same code size stand beside. The picture has the units of the largest norm, each scaled to its own
    largest weight.
    """

    needs = ("numbers", "filters")

    def __init__(self, shown: int = 100) -> None:
        if shown < 1:
            raise UserError(f"evaluation.filters.shown={shown}: must be at least 1")
        self.shown = shown

    def measure(self, coder: Coder, data: Examples) -> list[Score]:
        found = filters_of(coder, data)
        return [Score("spread", float(spread(found).mean())), Score("orientation", float(orientation(found).mean()))]

    def baselines(self, data: Examples, code_size: int) -> Mapping[str, list[Score]]:
        return {"pca": self.measure(PCACoder(data.train.x, code_size), data)}

    def pictures(self, coder: Coder, data: Examples) -> Mapping[str, np.ndarray]:
        found = filters_of(coder, data)
        largest = np.argsort(-np.square(found).sum((1, 2, 3)), kind="stable")
        return {"first_layer": sheet(found[largest[: self.shown]])}


def filters_of(coder: Coder, data: Examples) -> np.ndarray:
    """Weights ``[units, 1 or 3, height, width]`` of the first layer, without units that have none.

    Raises UserError where the coder has no filters, or they are no pictures.
    """
    own = getattr(coder, "filters", None)
    found = coder.directions.reshape(-1, *data.shape) if isinstance(coder, PCACoder) else own and own()
    if found is None:
        raise UserError("filters: draws the first layer of a network, and this one has none that can be drawn")
    if found.ndim != 4 or found.shape[1] not in (1, 3):
        raise UserError(
            f"data={data.name}: filters are drawn as pictures, and examples here have shape {list(data.shape)}"
        )
    if not np.isfinite(found).all():
        raise UserError("the first layer's weights are NaN or infinite; train the run again with a lower optimizer.lr")
    found = found[np.abs(found).max((1, 2, 3)) > 0]
    if not len(found):
        raise UserError("all weights of the first layer are 0; there is nothing to draw")
    return np.asarray(found, np.float64)


def spread(found: np.ndarray) -> np.ndarray:
    """Of filters ``[units, C, H, W]``, ``[units]``."""
    power = np.square(found).sum(1).reshape(len(found), -1)
    return power.sum(1) ** 2 / np.maximum(np.square(power).sum(1), TINY) / power.shape[1]


def orientation(found: np.ndarray) -> np.ndarray:
    """Of filters ``[units, C, H, W]``, ``[units]``; their mean is left out."""
    height, width = found.shape[2:]
    power = np.square(np.abs(np.fft.fft2(found))).sum(1)
    down, across = np.meshgrid(np.fft.fftfreq(height), np.fft.fftfreq(width), indexing="ij")
    proper = (np.hypot(down, across) > 0) & (np.abs(down) < 0.5) & (np.abs(across) < 0.5)  # 1/2 has no sign
    turn = np.exp(2j * np.arctan2(down, across))
    total = (power * proper).sum((1, 2))
    return np.asarray(np.abs((power * proper * turn).sum((1, 2))) / np.maximum(total, TINY))


def sheet(found: np.ndarray) -> np.ndarray:
    """uint8 ``[height, width, 3]``: filters in rows about square, 0 mid-grey, each enlarged to some 56 pixels."""
    scaled = found / np.abs(found).max((1, 2, 3), keepdims=True) / 2 + 0.5
    pixels = (scaled * 255).round().astype(np.uint8).transpose(0, 2, 3, 1)
    pixels = np.broadcast_to(pixels, (*pixels.shape[:3], 3))
    grow = max(1, 56 // pixels.shape[2])
    pixels = pixels.repeat(grow, 1).repeat(grow, 2)
    pixels = np.pad(pixels, ((0, 0), (0, 4), (0, 4), (0, 0)), constant_values=255)
    columns = math.ceil(math.sqrt(len(pixels)))
    missing = -len(pixels) % columns
    pixels = np.concatenate([pixels, np.full((missing, *pixels.shape[1:]), 255, np.uint8)])
    return np.concatenate([np.concatenate(list(row), 1) for row in pixels.reshape(-1, columns, *pixels.shape[1:])])
