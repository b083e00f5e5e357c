"""What a data set hands over: examples, labels and, where there is one, an official test set."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from aelab.errors import UserError


@dataclass(frozen=True)
class Source:
    """Examples as read, before any split.

    ``x``: array ``[N, *shape]``, ``uint8`` (0..255, scaled to [0, 1] on the device) or ``float32``.
    Images have shape ``[C, H, W]``, rows of a table ``[D]``. ``labels``: ``[N]`` or None.
    ``test_x``, ``test_labels``: the official test set, which selection never sees; None where there is
    none, and a test part is then drawn from ``x``.
    ``fill_missing``: NaN in ``x`` is a missing value, to be filled with the mean of the training part.
    """

    x: np.ndarray
    labels: np.ndarray | None = None
    test_x: np.ndarray | None = None
    test_labels: np.ndarray | None = None
    fill_missing: bool = False

    def check(self, name: str) -> Source:
        """Return self, or raise UserError for empty, single-example or non-finite data."""
        for x, which in ((self.x, ""), (self.test_x, "the test part has ")):
            if x is None:
                continue
            size = x[0].size if len(x) else 0
            if len(x) < 2 or size == 0:
                raise UserError(
                    f"data={name}: {which}{len(x)} example(s) of {size} value(s); at least 2 of 1 are needed"
                )
            check_finite(x, name, not self.fill_missing, which=which)
        return self


def check_finite(x: np.ndarray, name: str, nan_too: bool, first: int = 0, which: str = "") -> None:
    """Raise UserError for infinite values, or NaN where ``nan_too``; ``first``: number of the first example."""
    if x.dtype != np.uint8 and (flags := ~np.isfinite(x) if nan_too else np.isinf(x)).any():
        row = first + int(np.argwhere(flags)[0][0])
        raise UserError(
            f"data={name}: {which}NaN or infinite values in float32, {int(flags.sum())} of them, the "
            f"first in example {row} (counted from 0); repair or remove such examples"
        )
