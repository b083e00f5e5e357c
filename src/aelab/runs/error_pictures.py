"""The best, median and worst reconstructions of test examples, and where they are wrong, on one scale."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from aelab.evaluation.images.ink import inked, pixels_of
from aelab.models import Autoencoder
from aelab.runs.pictures import in_chunks, to_pixels

EACH = 4  # examples of a kind
GAP = 1


@torch.no_grad()
def error_sheet(model: Autoencoder, x: Tensor, shape: tuple[int, ...]) -> np.ndarray:
    """Of examples ``x``, rows as the model takes them, those of lowest, middle and highest error by the model's own:
    the example, what becomes of it and the distance of each pixel, the mean over channels, on one scale: ``[H, W, 4]``
    uint8, on no paper."""
    output = in_chunks(lambda some: model.predict(some, some), x)
    x = model.apart(x).x
    order = model.error(output, x).argsort().cpu()
    each = min(EACH, max(1, len(x) // 3))
    middle = max(0, (len(x) - each) // 2)
    chosen = torch.cat([order[:each], order[middle : middle + each], order[-each:]]).to(x.device)
    rebuilt = model.error.reconstruction(output[chosen])
    away = (rebuilt - x[chosen]).abs().unflatten(-1, shape).mean(-3).float().cpu().numpy()
    rows = [to_pixels(part, shape) for part in (x[chosen], rebuilt)]
    rows = [np.repeat(part, 3, -1) if part.shape[-1] == 1 else part for part in rows]
    with inked():
        return _drawn(rows, away, each)


def _drawn(rows: list[np.ndarray], away: np.ndarray, each: int) -> np.ndarray:
    from matplotlib import colormaps
    from matplotlib.cm import ScalarMappable
    from matplotlib.colors import Normalize
    from matplotlib.figure import Figure

    most = float(away.max()) or 1.0
    maps = (colormaps["magma"](away / most)[..., :3] * 255).round().astype(np.uint8)
    _, height, width, _ = maps.shape
    sheet = np.zeros((3 * (height + GAP), 3 * (each * (width + GAP) + width // 4), 4), np.uint8)
    opaque = np.full((height, width), 255, np.uint8)
    centres = []
    for line, pictures in enumerate((*rows, maps)):
        for place, picture in enumerate(pictures):
            left = place * (width + GAP) + place // each * (width // 4)
            top = line * (height + GAP)
            sheet[top : top + height, left : left + width] = np.dstack([picture, opaque])
            centres.append(left + width / 2)
    tall, wide = sheet.shape[:2]
    figure = Figure(figsize=(9.5, 9.5 * 0.78 * tall / wide + 0.35), dpi=110)
    axes = figure.add_axes((0.11, 0.02, 0.78, 1 - 0.33 / figure.get_figheight()))
    axes.imshow(sheet, interpolation="nearest", aspect="auto")
    axes.spines[:].set_visible(False)
    groups = [float(np.mean(centres[group * each : (group + 1) * each])) for group in range(3)]
    axes.set_xticks(groups, ["smallest error", "median", "largest error"])
    axes.set_yticks([(line + 0.5) * (height + GAP) for line in range(3)], ["example", "rebuilt", "|difference|"])
    axes.tick_params(length=0, top=True, labeltop=True, bottom=False, labelbottom=False, labelsize=9)
    figure.colorbar(ScalarMappable(Normalize(0, most), "magma"), cax=figure.add_axes((0.91, 0.06, 0.012, 0.75)))
    return pixels_of(figure)
