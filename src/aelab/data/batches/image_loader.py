"""Batches of images, decoded by worker processes as they are needed."""

from __future__ import annotations

import os
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from aelab.data.batches.loader import Batches, EpochOrder
from aelab.data.files.images import decode
from aelab.data.files.picture_store import PictureStore
from aelab.errors import UserError


class ImageFiles(Dataset):
    """Decodes rows ``[B]`` (or ``[K, B]``) of a list of files to flat uint8, or uint16, ``[B, D]`` (``[K, B, D]``).

    The rows come back with them. A UserError is returned, not raised, since DataLoader would bury its message in a
    worker's traceback.
    """

    def __init__(
        self,
        folder: Path,
        files: np.ndarray,
        size: int,
        grayscale: bool,
        background: str | None = None,
        deep: bool = False,
        store: PictureStore | None = None,
        places: np.ndarray | None = None,
    ) -> None:
        self.folder = str(folder)
        self.files = files  # an array of text: a list would be copied to every worker, name by name
        self.size = size
        self.grayscale = grayscale
        self.background = background
        self.deep = deep
        self.store = store
        self.places = places  # of the files in the store

    def __len__(self) -> int:
        return len(self.files)

    def __getitem__(self, rows: np.ndarray) -> tuple[Tensor | UserError, np.ndarray]:
        once, place = np.unique(rows, return_inverse=True)
        images = np.empty(
            (len(once), (1 if self.grayscale else 3) * self.size**2), np.uint16 if self.deep else np.uint8
        )
        try:
            for image, row in zip(images, once.tolist(), strict=True):
                if self.store is None or self.places is None:
                    image[:] = self._decoded(row).reshape(-1)
                else:
                    image[:] = self.store.take(int(self.places[row]), partial(self._decoded, row))
        except UserError as error:
            return error, rows
        return torch.from_numpy(images[place.reshape(rows.shape)]), rows

    def _decoded(self, row: int) -> np.ndarray:
        path = os.path.join(self.folder, self.files[row])
        return decode(path, self.size, self.grayscale, self.background, self.deep)


class RowArrays(Batches):
    """The rows of each batch as arrays, which reach a worker without a file descriptor each."""

    def __iter__(self) -> Iterator[np.ndarray]:  # type: ignore[override]
        return (rows.numpy() for rows in super().__iter__())


def _as_it_is(batch: Any) -> Any:
    return batch


class ImageLoader:
    """Iterates batches ``[B, D]`` of pixels of the rows in ``batches``; UserError for a damaged file.

    ``device``: on which training examples are changed.
    """

    def __init__(
        self,
        images: ImageFiles,
        batches: RowArrays,
        workers: int,
        persistent: bool = False,
        pinned: bool = False,
        device: torch.device | str = "cpu",
    ) -> None:
        self.device = device
        self.sampler = batches.sampler
        self.batch_sampler = None  # Lightning looks for it
        self.batches = batches
        self.done = 0
        self.loader = DataLoader(
            images,
            batch_size=None,
            sampler=batches,
            num_workers=workers,
            collate_fn=_as_it_is,
            persistent_workers=persistent and workers > 0,
            pin_memory=pinned,
            generator=torch.Generator(),  # its own, so that iterating leaves the run's random stream alone
        )

    def __len__(self) -> int:
        return len(self.batches)

    def state_dict(self) -> dict[str, int]:
        """The position of training, which the workers are ahead of."""
        return self.batches.state_dict() | {"done": self.done}

    def load_state_dict(self, state: dict[str, int]) -> None:
        self.batches.load_state_dict(state)

    def __iter__(self) -> Iterator[Tensor]:
        self.done = self.batches.first()
        for batch, rows in self.loader:
            if isinstance(batch, UserError):
                raise UserError(str(batch))  # batch itself would make a cycle through this frame
            self.done += 1
            if isinstance(self.sampler, EpochOrder) and self.sampler.change is not None:
                batch = self.sampler.changed(batch.to(self.device), torch.from_numpy(rows))
            yield batch

    @property
    def _iterator(self) -> Any:
        """The running workers, where Lightning looks for them to end them when it is done or fails."""
        return self.loader._iterator

    @_iterator.setter
    def _iterator(self, value: Any) -> None:
        self.loader._iterator = value
