"""MNIST (LeCun et al. 1998): 60,000 + 10,000 handwritten digits."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from aelab.data.files.downloaded import Downloaded, damaged
from aelab.data.files.idx import read_idx
from aelab.data.source import Source

NAMES = tuple(f"{part}-{kind}-ubyte" for part in ("train", "t10k") for kind in ("images-idx3", "labels-idx1"))


class MNIST(Downloaded):
    """uint8 images (1, 28, 28) from ``<root>/<folder>/raw``, plain or ``.gz``; the official test set."""

    folder = "MNIST"  # torchvision's class as well
    files = NAMES

    def find(self, file: str) -> Path | None:
        """A file by its name: in torchvision's layout first, then where else it may be installed."""
        places = (folder / (file + suffix) for folder in self.folders() for suffix in ("", ".gz"))
        return next((path for path in places if path.is_file()), None)

    def folders(self) -> tuple[Path, ...]:
        """Folders that are searched, the first first."""
        return (self.root / self.folder / "raw",)

    def fetch(self, folder: str) -> None:
        import torchvision.datasets

        getattr(torchvision.datasets, self.folder)(folder, download=True)

    def advice(self) -> str:
        return (
            f"run once where there is a network, or put {', '.join(NAMES)} (plain or .gz) into "
            f"{self.folders()[0]} (data.root names the folder above)"
        )

    def read(self) -> Source:
        self.require_files()
        return Source(*self._part("train"), *self._part("t10k"))

    def _part(self, prefix: str) -> tuple[np.ndarray, np.ndarray]:
        image_file, label_file = (self.find(file) for file in NAMES if file.startswith(prefix))
        assert image_file is not None and label_file is not None
        images = read_idx(image_file)
        labels = read_idx(label_file)
        if images.ndim != 3:
            raise damaged(image_file, f"images of shape {images.shape}")
        if labels.shape != images.shape[:1]:
            raise damaged(label_file, f"labels of shape {labels.shape} for {len(images)} images")
        return images[:, None], labels.astype(np.int64)
