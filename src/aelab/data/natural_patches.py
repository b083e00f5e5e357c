"""Square patches of photographs: scikit-image's and scikit-learn's own, or the user's."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from aelab.data.batches.splits import shortened, split_indices
from aelab.data.files.packaged import packaged_file
from aelab.data.files.user_files import user_path
from aelab.data.module import PARTS, DataModule
from aelab.data.source import Source
from aelab.errors import UserError

SHIPPED = (
    "skimage/data/brick.png",
    "skimage/data/coins.png",
    "skimage/data/grass.png",
    "skimage/data/gravel.png",
    "skimage/data/moon.png",
    "skimage/data/motorcycle_left.png",
    "skimage/data/rocket.jpg",
    "sklearn/datasets/images/flower.jpg",
)
SHIPPED_TEST = (  # those that the field shows most
    "skimage/data/astronaut.png",
    "skimage/data/camera.png",
    "skimage/data/chelsea.png",
    "skimage/data/coffee.png",
    "sklearn/datasets/images/china.jpg",
)


class NaturalPatches(DataModule):
    """uint8 patches (1, S, S) from places drawn evenly over grey pictures, which are split before they are cut.

    No picture gives patches to two parts. Without ``data.path`` the test pictures are astronaut, camera, chelsea,
    china and coffee, and ``val_fraction`` of the others, drawn by ``split_seed``, are for validation; with it,
    pictures under that folder are split like the examples of other data sets. ``patch_size``: S. ``count``: training
    patches. ``held_out``: patches of the validation and of the test part, each. ``pictures``: whole ones by name,
    uint8 ``[1, H, W]``, for each part.
    """

    unused = ()

    def __init__(self, patch_size: int = 16, count: int = 50_000, held_out: int = 5000, **settings: Any) -> None:
        super().__init__(**settings)
        for key, value, least in (("patch_size", patch_size, 1), ("count", count, 2), ("held_out", held_out, 2)):
            if value < least:
                raise UserError(f"data.{key}={value}: must be at least {least}")
        self.patch_size = patch_size
        self.count = count
        self.held_out = held_out

    def read(self) -> Source:
        self.pictures = self._split_pictures()
        train, val, test = (
            draw_patches(self.pictures[part], size, self.patch_size, np.random.default_rng([self.split_seed, number]))
            for number, (part, size) in enumerate(zip(PARTS, (self.count, self.held_out, self.held_out), strict=True))
        )
        return Source(np.concatenate([train, val]), test_x=test)

    def describe(self) -> dict[str, Any]:
        return super().describe() | {"pictures": {part: list(self.pictures[part]) for part in PARTS}}

    def _split(self, count: int, labels: np.ndarray | None, official_test: bool = False) -> dict[str, np.ndarray]:
        if self.one_class is not None:
            raise UserError(f"data.one_class={self.one_class}: data={self.name} has no labels; leave it out")
        rows = np.arange(count)
        split = rows[: self.count], rows[self.count :], rows[:0]
        return dict(zip(PARTS, shortened(split, self.train_size, self.split_seed), strict=True))

    def _split_pictures(self) -> dict[str, dict[str, np.ndarray]]:
        """Pictures by name for each part."""
        if self.path is None:
            known = self.shipped(SHIPPED)
            held_out = self.shipped(SHIPPED_TEST)
            train, val, _ = split_indices(len(known), self.val_fraction, 0, self.split_seed)
            return {"train": _chosen(known, train), "val": _chosen(known, val), "test": held_out}
        from aelab.data.files.images import find_images

        folder = user_path(self.name, self.path, "a folder of pictures")
        known = self._read({file: folder / file for file in find_images(folder)})
        if len(known) < 3:
            raise UserError(f"data.path={self.path}: {len(known)} picture(s) in it; one is needed for each of 3 parts")
        split = split_indices(len(known), self.val_fraction, self.test_fraction, self.split_seed)
        return {part: _chosen(known, rows) for part, rows in zip(PARTS, split, strict=True)}

    def shipped(self, files: Iterable[str]) -> dict[str, np.ndarray]:
        """Photographs of installed packages by name, uint8 ``[1, H, W]``; UserError where they are not there."""
        parted = {file: file.partition("/") for file in files}
        return self._read(
            {Path(file).stem: packaged_file(self.name, package, inner) for file, (package, _, inner) in parted.items()}
        )

    def _read(self, files: Mapping[str, Path]) -> dict[str, np.ndarray]:
        from aelab.data.files.images import decode_whole

        pictures = {name: decode_whole(path) for name, path in files.items()}
        for name, pixels in pictures.items():
            if min(pixels.shape[1:]) < self.patch_size:
                height, width = pixels.shape[1:]
                raise UserError(
                    f"data.patch_size={self.patch_size}: {name} is {width} x {height} pixels; lower it or remove the "
                    "picture"
                )
        return pictures


def draw_patches(pictures: Mapping[str, np.ndarray], count: int, size: int, random: np.random.Generator) -> np.ndarray:
    """``count`` patches ``[count, 1, size, size]``, every place in every picture ``[1, H, W]`` equally likely."""
    views = [np.lib.stride_tricks.sliding_window_view(picture[0], (size, size)) for picture in pictures.values()]
    ends = np.cumsum([view.shape[0] * view.shape[1] for view in views])
    places = random.integers(ends[-1], size=count)
    patches = np.empty((count, 1, size, size), views[0].dtype)
    for view, end in zip(views, ends, strict=True):
        first = end - view.shape[0] * view.shape[1]
        rows = np.flatnonzero((places >= first) & (places < end))
        patches[rows, 0] = view[np.unravel_index(places[rows] - first, view.shape[:2])]
    return patches


def _chosen(pictures: Mapping[str, np.ndarray], rows: np.ndarray) -> dict[str, np.ndarray]:
    names = list(pictures)
    return {names[row]: pictures[names[row]] for row in rows}
