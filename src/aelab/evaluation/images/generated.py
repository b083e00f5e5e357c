"""Sheets of what a decoder draws: new examples, ways between two codes, and what one direction of a code changes."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from aelab.evaluation.images.states import image_rows
from aelab.evaluation.protocol import Coder

UNITS = 16  # of a code whose own units are shown; of a wider one its principal axes


def sheet(rows: Mapping[str, np.ndarray], shape: tuple[int, ...]) -> np.ndarray:
    """Examples ``[n, D]`` in named rows, as pictures: uint8 ``[height, width, 4]``, on no paper."""
    shown = {name: x.reshape(-1, *shape).clip(0, 1) for name, x in rows.items()}
    return image_rows(shown, unrated=tuple(shown))  # type: ignore[arg-type]


def interpolations(coder: Coder, x: np.ndarray, steps: int) -> dict[str, np.ndarray]:
    """Straight ways between the codes of neighbouring pairs of examples ``[2 n, D]``, decoded: n of ``[steps, D]``."""
    code = coder.encode(x)
    share = np.linspace(0, 1, steps, dtype=np.float32)[:, None]
    pairs = zip(code[::2], code[1::2], strict=True)
    return {f"way {n}": coder.decode((1 - share) * one + share * other) for n, (one, other) in enumerate(pairs, 1)}


def traversals(coder: Coder, x: np.ndarray, start: np.ndarray, count: int, steps: int) -> dict[str, np.ndarray]:
    """The code of ``start`` ``[D]`` moved by 2 standard deviations each way along one direction, decoded.

    The directions: of codes of up to 16 values the units whose codes of examples x ``[N, D]`` vary most, of wider ones
    principal axes.
    """
    code = coder.encode(x).astype(np.float64)
    if code.shape[1] <= UNITS:
        order = code.std(0).argsort()[::-1][:count]
        named = {f"unit {unit + 1}": np.eye(code.shape[1])[unit] * code[:, unit].std() for unit in order}
    else:
        centred = code - code.mean(0)
        _, sizes, axes = np.linalg.svd(centred, full_matrices=False)
        spread = sizes / np.sqrt(len(code))
        named = {f"axis {n + 1}": spread[n] * axes[n] for n in range(min(count, len(axes)))}
    at = coder.encode(start[None]).astype(np.float64)
    moved = np.linspace(-2, 2, steps)[:, None]
    return {name: coder.decode((at + moved * way).astype(np.float32)) for name, way in named.items()}
