"""The user's own pictures: files under a folder, decoded as they are needed."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from aelab.data.batches.image_loader import ImageFiles, ImageLoader, RowArrays
from aelab.data.batches.loader import EpochOrder
from aelab.data.batches.pieces import Pieces
from aelab.data.batches.splits import fingerprint
from aelab.data.files.images import find_images
from aelab.data.files.user_files import user_path
from aelab.data.module import DataModule
from aelab.data.preprocessing import PIXELS, Preprocessing
from aelab.errors import UserError


class ImageFolder(DataModule):
    """Images (3, S, S), or (1, S, S) in ``grayscale``, of the files under ``data.path`` at any depth.

    They stream as uint8 and are scaled to [0, 1] on the training device. A file's label is the folder it
    lies in, where there is more than one. ``image_size``: S. ``num_workers``: processes that decode; null
    for one a core, 8 at most.
    """

    evaluation_batch_size = 256

    resident = False
    unused = ()

    def __init__(
        self, image_size: int = 64, grayscale: bool = False, num_workers: int | None = None, **settings: Any
    ) -> None:
        super().__init__(**settings)
        if image_size < 1:
            raise UserError(f"data.image_size={image_size}: must be at least 1")
        if num_workers is not None and num_workers < 0:
            raise UserError(f"data.num_workers={num_workers}: must be 0 or more, or null")
        if self.standardize:
            raise UserError("data.standardize=true: images that stream are not standardised; leave it out")
        self.image_size = image_size
        self.grayscale = grayscale
        self.num_workers = min(8, usable_cores()) if num_workers is None else num_workers
        self.preprocessing = Preprocessing(PIXELS)
        self.folder = Path()
        self.files: dict[str, np.ndarray] = {}

    def label_advice(self) -> str:
        return "put the images of each class into a folder of its own under data.path"

    def setup(self, stage: str | None = None) -> None:
        if self.files:
            return
        self.folder = user_path(self.name, self.path, "a folder of images")
        files = np.array(find_images(self.folder))
        if len(files) < 2:
            raise UserError(f"data.path={self.path}: {len(files)} image(s) in it; name a folder of 2 or more")
        labels = np.array([Path(self.folder.resolve(), file).parent.name for file in files])
        self.shape = (1 if self.grayscale else 3, self.image_size, self.image_size)
        for part, rows in self._split(len(files), labels).items():
            self.files[part] = files[rows]
            if (labels != labels[0]).any():
                self.labels[part] = labels[rows]

    def size(self, part: str) -> int:
        return len(self.files[part])

    def fingerprint(self, part: str) -> str:
        """16 hex digits that name the part's files, their sizes and times of change."""
        stats = ((file, os.stat(self.folder / file)) for file in self.files[part])
        lines = "\n".join(f"{file} {stat.st_size} {stat.st_mtime_ns}" for file, stat in stats)
        return fingerprint(np.frombuffer(os.fsencode(lines), np.uint8))

    def examples(self, part: str, limit: int | None = None) -> Tensor:
        """As floats ``[n, D]``, decoded now: name a limit where a part may not fit in memory."""
        return self.preprocessing(self._pixels(part, limit))

    def pieces(self, part: str, limit: int) -> Pieces:
        """Decoded once and kept as pixels, a quarter of what they are as floats."""
        pixels = self._pixels(part, limit)
        return Pieces(len(pixels), pixels.shape[1], lambda some: self.preprocessing(pixels[some]))

    def _pixels(self, part: str, limit: int | None) -> Tensor:
        batches = RowArrays(self.chosen(part, limit), self.evaluation_batch_size)
        return torch.cat(list(self._stream(part, batches)))

    def on_after_batch_transfer(self, batch: Any, dataloader_idx: int) -> Any:
        return self.preprocessing(batch)

    def _loader(self, part: str, order: EpochOrder | Tensor, batch_size: int) -> ImageLoader:
        trainer = self.trainer
        if trainer is None:
            return self._stream(part, RowArrays(order, batch_size))
        batches = RowArrays(order, batch_size, trainer.global_rank, trainer.world_size)
        on_gpu = trainer.strategy.root_device.type == "cuda"
        return self._stream(part, batches, persistent=not trainer.testing, pinned=on_gpu)

    def _stream(self, part: str, batches: RowArrays, persistent: bool = False, pinned: bool = False) -> ImageLoader:
        images = ImageFiles(self.folder, self.files[part], self.image_size, self.grayscale)
        return ImageLoader(images, batches, self.num_workers, persistent, pinned)


def usable_cores() -> int:
    """Processor cores this process may run on."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
