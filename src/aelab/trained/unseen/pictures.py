"""New pictures: a folder of them, or one."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch

from aelab.data.batches.image_loader import ImageFiles, ImageLoader, RowArrays
from aelab.data.files.images import PAGE
from aelab.data.files.picture_file import header
from aelab.data.files.picture_tree import Tree, paged, picture_tree
from aelab.data.image_folder import file_and_page, usable_cores
from aelab.errors import UserError
from aelab.trained.run import Run
from aelab.trained.unseen.protocol import Origin

BATCH = 256  # pictures that are decoded at a time


class UnseenPictures:
    """Pictures at ``path``, scaled and cropped as the run's own were, by ``settings``, its keys of data."""

    id: str | None = None

    def __init__(self, run: Run, path: Path, settings: Mapping[str, Any]) -> None:
        folder = path if path.is_dir() else path.parent
        tree = picture_tree(path, divided=False) if path.is_dir() else Tree(folder, [path.name], None, 0, [])
        headers = [header(folder / file) for file in tree.files]
        files: list[str] = []
        self.pages = settings.get("pages")
        for file, count in zip(tree.files, paged(tree, headers, self.pages), strict=True):
            files += [file] if count == 1 else [f"{file}{PAGE}{page}" for page in range(count)]
        if not files:
            beside = f" ({'; '.join(tree.said)})" if tree.said else ""
            raise UserError(f"path={path}: no pictures in it; name a folder of pictures{beside}")
        self.said = [f"path={path}: {line}" for line in tree.said]
        self.files = np.array(files)
        workers = settings.get("num_workers")
        self.workers = min(8, usable_cores()) if workers is None else int(workers)
        deep = run.preprocessing.white is not None
        size = int(settings["image_size"])
        grey = bool(settings.get("grayscale"))
        self.images = ImageFiles(folder, self.files, size, grey, settings.get("background"), deep)

    def pieces(self) -> Iterator[tuple[Origin, np.ndarray]]:
        first = 0
        origin = file_and_page(self.files, self.pages)
        workers = self.workers if len(self.files) > BATCH else 0
        for pixels in ImageLoader(self.images, RowArrays(torch.arange(len(self.files)), BATCH), workers, False, False):
            yield {name: values[first : first + len(pixels)] for name, values in origin.items()}, pixels.numpy()
            first += len(pixels)

    def found(self) -> list[str]:
        return []
