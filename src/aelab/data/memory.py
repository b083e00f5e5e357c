"""Arrays that are in memory already, as data to train on."""

from __future__ import annotations

from typing import Any

import numpy as np

from aelab.data.module import DataModule
from aelab.data.preprocessing import NUMBERS
from aelab.data.source import Source


class InMemory(DataModule):
    """Examples ``[N, *shape]`` as they are, split into a training and a validation part; there is no test part."""

    def __init__(self, x: np.ndarray, **settings: Any) -> None:
        super().__init__(test_fraction=0, **settings)
        self.x = x

    def read(self) -> Source:
        return Source(self.x, kind=NUMBERS)
