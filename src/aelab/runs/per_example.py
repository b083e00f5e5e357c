"""``per_example.npz`` in a run's directory: what each test example and each replica contributed to the run's errors;
and ``per_example.<evaluation>.npz``, to what it was asked afterwards.

Settings that share the test examples, and replica by replica the training rows and the seed, are compared in pairs by
it. A few numbers an example and a replica, float32 and float64; nothing in it is unpickled.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from aelab.runs.array_file import read_arrays, write_arrays

FILE = "per_example.npz"
LEFT_OUT = ".left_out"
LIMIT = 2**26  # bytes of the file, and of all its arrays
MOST_EXAMPLES = 2**20  # of a larger test part nothing is kept
PCA_NAMES = {"error": "pca", "bias2": "pca_bias2", "variance": "pca_variance"}
"""What each quantity of PCA beside the run is called."""


class Contributions(NamedTuple):
    """Of one setting. ``examples``: by quantity ``[N]``, whose mean is the metric: ``error``, ``bias2`` and
    ``variance`` of runs with replicas, ``mse`` of single models, and those of PCA where it was measured; of an
    evaluation its metrics.

    ``left_out``: by quantity ``[U]``, the metric without one of U units (replicas, data sets, partitions), of which
    ``units`` ``[U]`` are the numbers; empty of a single model.
    """

    examples: Mapping[str, np.ndarray]
    left_out: Mapping[str, np.ndarray]
    units: np.ndarray


def write_contributions(directory: Path, settings: Sequence[Contributions], evaluation: str = "") -> None:
    """Write those of all settings, whole or not at all; nothing where the test part is too large."""
    if any(len(values) > MOST_EXAMPLES for one in settings for values in one.examples.values()):
        return
    arrays: dict[str, np.ndarray] = {}
    for index, one in enumerate(settings):
        # an error beyond float32 is infinite, and who reads it takes the file for none
        arrays |= {f"{index}.{name}": _single(values) for name, values in one.examples.items()}
        arrays |= {f"{index}.{name}{LEFT_OUT}": values.astype(np.float64) for name, values in one.left_out.items()}
        arrays[f"{index}.units"] = one.units.astype(np.float64)
    write_arrays(directory / _file(evaluation), arrays)


def read_contributions(directory: Path, setting: int = 0, evaluation: str = "") -> Contributions | None:
    """Those of one setting; None where a run has none, or a file that no run writes."""
    arrays = read_arrays(directory, _file(evaluation), f"{setting}.", LIMIT)
    units = arrays.pop("units", None)
    if units is None:
        return None
    left_out = {name.removesuffix(LEFT_OUT): some for name, some in arrays.items() if name.endswith(LEFT_OUT)}
    examples = {name: some for name, some in arrays.items() if not name.endswith(LEFT_OUT)}
    found = Contributions(examples, left_out, units)
    return found if _fits(found) else None


def _file(evaluation: str) -> str:
    return f"per_example.{evaluation}.npz" if evaluation else FILE


def _single(values: np.ndarray) -> np.ndarray:
    with np.errstate(over="ignore"):
        return values.astype(np.float32)


def _fits(found: Contributions) -> bool:
    """Whether arrays have the shapes and finite numbers that a run writes."""
    arrays = [*found.examples.values(), *found.left_out.values()]
    return (
        bool(found.examples)
        and found.units.ndim == 1
        and all(values.shape == found.units.shape for values in found.left_out.values())
        and all(
            values.ndim == 1 and values.dtype in (np.float32, np.float64) and bool(np.isfinite(values).all())
            for values in arrays
        )
    )
