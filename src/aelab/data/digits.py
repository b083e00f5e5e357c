"""The 1,797 small digits of scikit-learn (UCI optical recognition of handwritten digits, its test set)."""

from __future__ import annotations

import numpy as np

from aelab.data.files.packaged import packaged_csv
from aelab.data.module import DataModule
from aelab.data.preprocessing import PIXELS
from aelab.data.source import Source


class Digits(DataModule):
    """float32 images (1, 8, 8) of values 0, 1/16, ..., 1; every fifth row (0, 5, ...) is the test part."""

    def read(self) -> Source:
        counts, labels = packaged_csv(self.name, "sklearn", "datasets/data/digits.csv.gz")
        x = (counts / np.float32(16)).reshape(-1, 1, 8, 8)
        test = np.arange(len(x)) % 5 == 0
        return Source(x[~test], labels[~test], x[test], labels[test], kind=PIXELS)
