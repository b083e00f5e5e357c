"""How the code of the same test examples moves while a model trains: a few scatters side by side."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from aelab.evaluation.images.ink import inked, pixels_of
from aelab.machines.atomic_files import write_whole
from aelab.models import Autoencoder
from aelab.runs.pictures import DRAWN, in_chunks

EXAMPLES = 300
SHOWN = 6  # epochs, the first and the last among them


def keep_code(directory: Path, model: Autoencoder, x: Tensor, epoch: int) -> None:
    """Write the codes of examples ``[n, D]`` after an epoch, where ``drawn_history`` finds them, resumed or not."""
    with torch.no_grad():
        code = in_chunks(model.encode, x).float().cpu().numpy()
    folder = _folder(directory)
    folder.mkdir(parents=True, exist_ok=True)
    write_whole(folder / f"{epoch:06d}.f4", code.astype("<f4").tobytes())


def drawn_history(directory: Path, code_size: int, labels: np.ndarray | None) -> np.ndarray | None:
    """The codes that were kept, on the last one's principal axes, ``[H, W, 4]`` uint8 on no paper; the files are gone
    then. None of fewer than two epochs, or of a code of one value."""
    folder = _folder(directory)
    files = sorted(folder.glob("*.f4"))
    epochs = [int(file.stem) + 1 for file in files]
    codes = [np.frombuffer(file.read_bytes(), "<f4").reshape(-1, code_size) for file in files]
    shutil.rmtree(folder, ignore_errors=True)
    if len(codes) < 2 or code_size < 2 or not all(np.isfinite(code).all() for code in codes):
        return None
    chosen = np.unique(np.linspace(0, len(codes) - 1, SHOWN).round().astype(int))
    last = codes[-1] - codes[-1].mean(0)
    axes = np.linalg.svd(last, full_matrices=False)[2][:2].T
    with inked():
        return _drawn([(epochs[k], codes[k] @ axes) for k in chosen], labels)


def _drawn(shown: list[tuple[int, np.ndarray]], labels: np.ndarray | None) -> np.ndarray:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(1.9 * len(shown), 2.1), dpi=110)
    points = np.concatenate([code for _, code in shown])
    low = points.min(0)
    high = points.max(0)
    ends: Any = np.stack([low - 0.05 * (high - low), high + 0.05 * (high - low)], 1)
    colours: Any = {} if labels is None else {"c": np.unique(labels, return_inverse=True)[1], "cmap": "tab10"}
    for number, (epoch, code) in enumerate(shown):
        axes = figure.add_axes(((number + 0.03) / len(shown), 0.03, 0.94 / len(shown), 0.85))
        axes.scatter(code[:, 0], code[:, 1], s=4, alpha=0.7, linewidths=0, **colours)
        axes.set(xticks=[], yticks=[], xlim=ends[0], ylim=ends[1])
        axes.set_title(f"epoch {epoch}", fontsize=9)
    return pixels_of(figure)


def _folder(directory: Path) -> Path:
    return directory / "pictures" / DRAWN
