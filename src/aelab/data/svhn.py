"""Street View House Numbers (Netzer et al. 2011), cropped: 73,257 + 26,032 colour digits."""

from __future__ import annotations

import numpy as np

from aelab.data.files.downloaded import Downloaded, damaged
from aelab.data.source import Source


class SVHN(Downloaded):
    """uint8 images (3, 32, 32), read by torchvision, which verifies the checksums; the official test set."""

    files = ("train_32x32.mat", "test_32x32.mat")

    def fetch(self, folder: str) -> None:
        from torchvision.datasets import SVHN

        for split in ("train", "test"):
            SVHN(folder, split=split, download=True)

    def advice(self) -> str:
        files = " and ".join(self.files)
        return f"run once where there is a network, or put {files} into {self.root} (data.root)"

    def read(self) -> Source:
        self.require_files()
        return Source(*self._part("train"), *self._part("test"))

    def _part(self, split: str) -> tuple[np.ndarray, np.ndarray]:
        from torchvision.datasets import SVHN

        try:
            part = SVHN(str(self.root), split=split)
        except RuntimeError as error:
            raise damaged(self.root / f"{split}_32x32.mat", "checksums differ") from error
        return part.data, part.labels
