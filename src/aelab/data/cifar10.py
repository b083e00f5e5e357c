"""CIFAR-10 (Krizhevsky 2009): 50,000 + 10,000 colour photographs of ten classes."""

from __future__ import annotations

import numpy as np

from aelab.data.downloaded import Downloaded, damaged
from aelab.data.source import Source

FOLDER = "cifar-10-batches-py"


class CIFAR10(Downloaded):
    """uint8 images (3, 32, 32), read by torchvision, which verifies the checksums; the official test set."""

    files = (
        *(f"{FOLDER}/data_batch_{i}" for i in range(1, 6)),
        f"{FOLDER}/test_batch",
        f"{FOLDER}/batches.meta",
    )

    def fetch(self, folder: str) -> None:
        from torchvision.datasets import CIFAR10

        CIFAR10(folder, download=True)

    def advice(self) -> str:
        return (
            f"run once where there is a network, or unpack cifar-10-python.tar.gz so that {FOLDER} is "
            f"in {self.root} (data.root)"
        )

    def read(self) -> Source:
        self.require_files()
        return Source(*self._part(train=True), *self._part(train=False))

    def _part(self, train: bool) -> tuple[np.ndarray, np.ndarray]:
        from torchvision.datasets import CIFAR10

        try:
            part = CIFAR10(str(self.root), train=train)
        except RuntimeError as error:
            raise damaged(self.root / FOLDER, "checksums differ") from error
        return part.data.transpose(0, 3, 1, 2), np.array(part.targets)
