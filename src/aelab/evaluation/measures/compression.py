"""Rate and distortion: what a code costs in bits once it is quantised, and JPEG beside it.

An entropy coder needs a table of how often every symbol occurs. It is made from the training part and known to both
sides, so that it costs nothing; the bits of a test example are the ideal length of its symbols, ``-log2 p``, which an
arithmetic coder reaches to within two bits a file.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from PIL import Image

from aelab.evaluation.measures.fidelity import psnr
from aelab.evaluation.protocol import Coder

PROBED = 32  # training codes at which the decoder's sensitivity is measured
QUALITIES = (1, 3, 5, 8, 12, 18, 27, 40, 55, 70, 80, 88, 94, 98)  # of JPEG
BLOCK = 8


class Point(NamedTuple):
    """One setting: mean ``bits`` a picture and the pictures ``[N, D]`` that come back."""

    bits: float
    restored: np.ndarray


class Quantiser:
    """Each value of a code in steps that move the reconstruction by ``step`` (Euclidean, values in [0, 1]).

    ``code = mean + width * symbol``, with ``width = step / ||dg/dh||``, the root mean square over training codes: where
    the decoder is linear with orthonormal rows, as PCA's is, all widths are ``step``. Symbols are cut to the range they
    have in ``train`` ``[N, H]``, and counted there, each once more than it occurs.
    """

    def __init__(self, train: np.ndarray, widths: np.ndarray, step: float) -> None:
        self.mean = train.mean(0)
        self.widths = step * widths
        symbols = np.rint((train - self.mean) / self.widths)
        self.low = symbols.min(0)
        self.high = symbols.max(0)
        self.first = np.concatenate([[0], np.cumsum(self.high - self.low + 1)[:-1]]).astype(np.int64)
        size = int((self.high - self.low + 1).sum())
        counts = np.bincount(
            (symbols - self.low).astype(np.int64).ravel("F") + self.first.repeat(len(train)), None, size
        )
        totals = len(train) + self.high - self.low + 1
        self.bits = np.log2(totals.repeat((self.high - self.low + 1).astype(np.int64))) - np.log2(counts + 1)

    def symbols(self, code: np.ndarray) -> np.ndarray:
        """Integers ``[N, H]`` from 0."""
        return (np.rint((code - self.mean) / self.widths).clip(self.low, self.high) - self.low).astype(np.int64)

    def lengths(self, symbols: np.ndarray) -> np.ndarray:
        """Ideal lengths in bits ``[N]``."""
        total: np.ndarray = self.bits[symbols + self.first].sum(1)
        return total

    def code(self, symbols: np.ndarray) -> np.ndarray:
        restored: np.ndarray = self.mean + self.widths * (symbols + self.low)
        return restored.astype(np.float32)


def unit_widths(coder: Coder, train: np.ndarray) -> np.ndarray:
    """The change of each value ``[H]`` of training codes ``[N, H]`` that moves the reconstruction by 1, by central
    differences; at most 1e6 times its standard deviation, for values the decoder does not heed."""
    spread = np.maximum(train.std(0, dtype=np.float64), 1e-6)
    codes = train[:: max(1, len(train) // PROBED)][:PROBED]
    squares = np.empty(train.shape[1])
    for unit, width in enumerate(spread):
        moved = np.concatenate([codes, codes]).astype(np.float32)
        moved[:, unit] += np.repeat([0.05 * width, -0.05 * width], len(codes)).astype(np.float32)
        ahead, behind = np.split(coder.decode(moved).astype(np.float64), 2)
        squares[unit] = np.square((ahead - behind) / (0.1 * width)).sum(1).mean()
    return 1 / np.maximum(np.sqrt(squares), 1e-6 / spread)


def code_curve(coder: Coder, train: np.ndarray, x: np.ndarray, steps: Sequence[float]) -> list[Point]:
    """Points of examples ``x`` ``[N, D]`` through quantised codes; the first sends nothing, and gets the mean code."""
    known = coder.encode(train)
    code = coder.encode(x)
    widths = unit_widths(coder, known)
    points = [Point(0, np.repeat(coder.decode(known.mean(0, keepdims=True)), len(x), 0))]
    for step in steps:
        quantiser = Quantiser(known, widths, step)
        symbols = quantiser.symbols(code)
        points.append(Point(float(quantiser.lengths(symbols).mean()), coder.decode(quantiser.code(symbols))))
    return points


def jpeg_curve(pictures: np.ndarray, mean: np.ndarray) -> list[Point]:
    """Points of pictures ``[N, C, H, W]`` as one JPEG file of Pillow; the first sends nothing, and gets the ``mean``.

    The pictures are the tiles of one mosaic, each continued to whole blocks of 8 pixels, so that blocks do not cross
    tiles and the header, with its Huffman tables made for this file, is paid for once: every byte counts.
    """
    count, channels, height, width = pictures.shape
    pad = [(0, 0), (0, 0), (0, -height % BLOCK), (0, -width % BLOCK)]
    tiles = np.pad(np.rint(pictures.clip(0, 1) * 255).astype(np.uint8), pad, mode="edge")
    columns = max(1, int(np.sqrt(count)))
    rows = -(-count // columns)
    tiles = np.concatenate([tiles, tiles[:1].repeat(rows * columns - count, 0)])  # a last row that is not full
    sheet = (
        tiles.reshape(rows, columns, *tiles.shape[1:])
        .transpose(0, 3, 1, 4, 2)
        .reshape(rows * tiles.shape[2], -1, channels)
    )
    points = [Point(0, np.repeat(mean.reshape(1, -1), count, 0))]
    for quality in QUALITIES:
        file = io.BytesIO()
        Image.fromarray(sheet[..., 0] if channels == 1 else sheet).save(file, "JPEG", quality=quality, optimize=True)
        decoded = np.asarray(Image.open(file)).reshape(rows, tiles.shape[2], columns, tiles.shape[3], channels)
        again = decoded.transpose(0, 2, 4, 1, 3).reshape(-1, *tiles.shape[1:])[:count, :, :height, :width]
        points.append(Point(8 * file.tell() / (rows * columns), again.reshape(count, -1) / np.float32(255)))
    return points


def rated(curve: Sequence[Point], clean: np.ndarray, pixels: int) -> tuple[np.ndarray, np.ndarray]:
    """Bits a pixel ``[P]``, rising, and the PSNR ``[P, N]`` of every example of ``clean`` ``[N, D]``."""
    curve = sorted(curve, key=lambda point: point.bits)
    values = [[psnr(*pair) for pair in zip(clean, point.restored.clip(0, 1), strict=True)] for point in curve]
    return np.array([point.bits for point in curve]) / pixels, np.array(values)


def at_rate(bits: np.ndarray, values: np.ndarray, rate: float) -> np.ndarray:
    """PSNR ``[N]`` at ``rate``, in proportion between the settings around it; beyond the last one, that of the last."""
    upper = min(int(np.searchsorted(bits, rate)), len(bits) - 1)
    share = min(1.0, (rate - bits[upper - 1]) / max(bits[upper] - bits[upper - 1], 1e-12))
    mixed: np.ndarray = (1 - share) * values[upper - 1] + share * values[upper]
    return mixed
