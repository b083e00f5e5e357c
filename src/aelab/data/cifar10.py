"""CIFAR-10 (Krizhevsky 2009): 50,000 + 10,000 colour photographs of ten classes."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

import numpy as np

from aelab.data.files.downloaded import Downloaded, damaged
from aelab.data.source import Source
from aelab.machines.regular_files import open_regular

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
        """They are pickles: torchvision verifies and reads a copy that nobody can exchange between the two."""
        self.require_files()
        with tempfile.TemporaryDirectory(prefix="aelab-cifar10-") as own:
            Path(own, FOLDER).mkdir()
            for file in self.files:
                with open_regular(self.root / file) as source, Path(own, file).open("wb") as target:
                    shutil.copyfileobj(source, target)
            return Source(*self._part(own, train=True), *self._part(own, train=False))

    def _part(self, folder: str, train: bool) -> tuple[np.ndarray, np.ndarray]:
        from torchvision.datasets import CIFAR10

        try:
            part = CIFAR10(folder, train=train)
        except RuntimeError as error:
            raise damaged(self.root / FOLDER, "checksums differ") from error
        return part.data.transpose(0, 3, 1, 2), np.array(part.targets)
