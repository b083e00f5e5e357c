"""``per_example.npz`` in a run's directory: what each test example and each replica contributed to the run's errors.

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
LIMIT = 2**26  # bytes of the file, and of all its arrays
MOST_EXAMPLES = 2**20  # of a larger test part nothing is kept
QUANTITIES = ("error", "bias2", "variance", "pca")


class Contributions(NamedTuple):
    """Of one setting. ``examples``: by quantity ``[N]``, whose mean is the metric; ``error`` is always there, ``bias2``
    and ``variance`` of runs with replicas, ``pca`` (the error of PCA) where it was measured.

    ``left_out``: by quantity ``[U]``, the metric without one of U units (replicas, data sets, partitions), of which
    ``units`` ``[U]`` are the numbers; empty of a single model.
    """

    examples: Mapping[str, np.ndarray]
    left_out: Mapping[str, np.ndarray]
    units: np.ndarray


def write_contributions(directory: Path, settings: Sequence[Contributions]) -> None:
    """Write those of all settings, whole or not at all; nothing where the test part is too large."""
    if any(len(one.examples["error"]) > MOST_EXAMPLES for one in settings):
        return
    arrays: dict[str, np.ndarray] = {}
    for index, one in enumerate(settings):
        # an error beyond float32 is infinite, and who reads it takes the file for none
        arrays |= {f"{index}.{name}": _single(values) for name, values in one.examples.items()}
        arrays |= {f"{index}.{name}.left_out": values.astype(np.float64) for name, values in one.left_out.items()}
        arrays[f"{index}.units"] = one.units.astype(np.float64)
    write_arrays(directory / FILE, arrays)


def read_contributions(directory: Path, setting: int = 0) -> Contributions | None:
    """Those of one setting; None where a run has none, or a file that no run writes."""
    arrays = read_arrays(directory, FILE, f"{setting}.", LIMIT)
    if "units" not in arrays:
        return None
    examples = {name: arrays[name] for name in QUANTITIES if name in arrays}
    left_out = {name: arrays[f"{name}.left_out"] for name in QUANTITIES if f"{name}.left_out" in arrays}
    found = Contributions(examples, left_out, arrays["units"])
    return found if _fits(found) else None


def _single(values: np.ndarray) -> np.ndarray:
    with np.errstate(over="ignore"):
        return values.astype(np.float32)


def _fits(found: Contributions) -> bool:
    """Whether arrays have the shapes and finite numbers that a run writes."""
    if "error" not in found.examples:
        return False
    groups = [(found.examples, found.examples["error"].shape), (found.left_out, found.units.shape)]
    arrays = [(values, shape) for some, shape in groups for values in some.values()]
    return found.units.ndim == 1 and all(
        values.ndim == 1 and values.shape == shape and values.dtype in (np.float32, np.float64)
        and bool(np.isfinite(values).all())
        for values, shape in arrays
    )  # fmt: skip
