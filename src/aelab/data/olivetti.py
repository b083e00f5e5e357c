"""Patches of the Olivetti faces, turned, scaled and cropped (Hinton & Salakhutdinov 2006)."""

from __future__ import annotations

import os
import warnings
import zlib
from pathlib import Path
from typing import Any

import numpy as np

from aelab.data.batches.splits import shortened
from aelab.data.files.downloaded import Downloaded, damaged
from aelab.data.module import PARTS
from aelab.data.source import Source
from aelab.errors import UserError
from aelab.machines.regular_files import open_regular

FILE = "olivetti_py3.pkz"  # as scikit-learn keeps it
PEOPLE = {"train": 25, "val": 5, "test": 10}
PEOPLE_IN_ALL = sum(PEOPLE.values())
FACES = 10  # pictures of a person, and their pixels to a side
SIZE = 64
PATCH = 25
DESCRIPTION = 2**12  # bytes beside those of the array, at most
LARGEST = 2**22  # bytes of the file that are read
SCALES = (1.4, 1.8)  # a square of 64 / 1.4 pixels, however it is turned, is within the picture


class Olivetti(Downloaded):
    """uint8 patches (1, 25, 25) of 400 faces, each labelled with its person; 25, 5 and 10 people for the three parts.

    A patch is the middle of a picture, turned by -90 to 90 degrees and scaled by 1.4 to 1.8, both drawn evenly, and
    subsampled to 25 x 25. ``patches_per_face``: of each picture; the paper's 165,600 patches are 414. ``split_seed``
    draws people and patches. ``standardize``: every pixel's mean over the training part becomes 0, and the mean
    variance of all pixels 1, by one scale, as in the paper.

    The pictures are scikit-learn's (``fetch_olivetti_faces``): in ``root``, in its own data home, or downloaded.
    """

    files = (FILE,)
    unused = ("path", "test_fraction", "val_fraction")
    one_scale = True

    def __init__(self, *args: Any, patches_per_face: int = 414, **settings: Any) -> None:
        super().__init__(*args, **settings)
        if patches_per_face < 1:
            raise UserError(f"data.patches_per_face={patches_per_face}: must be at least 1")
        self.patches_per_face = patches_per_face

    def fetch(self, folder: str) -> None:
        from sklearn.datasets import fetch_olivetti_faces

        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of a second try
            fetch_olivetti_faces(data_home=folder, n_retries=1)

    def find(self, file: str) -> Path | None:
        home = Path(os.environ.get("SCIKIT_LEARN_DATA", "~/scikit_learn_data")).expanduser() / file
        return super().find(file) or (home if home.is_file() else None)

    def advice(self) -> str:
        return (
            "run once where there is a network, or put the olivetti_py3.pkz that scikit-learn's fetch_olivetti_faces "
            f"leaves in its data home into {self.root} (data.root)"
        )

    def read(self) -> Source:
        self.require_files()
        faces = read_faces(self.find(FILE))  # type: ignore[arg-type]
        random = np.random.default_rng([self.split_seed, 17])
        people = random.permutation(len(faces))
        patches = {int(person): self._patches(faces[person], random) for person in people}
        held_out = np.sort(people[: PEOPLE["test"]])
        known = np.sort(people[PEOPLE["test"] :])
        self.validating = people[PEOPLE["test"] :][: PEOPLE["val"]]
        return Source(*_together(patches, known), *_together(patches, held_out))

    def _patches(self, faces: np.ndarray, random: np.random.Generator) -> np.ndarray:
        """uint8 ``[faces * patches_per_face, 1, 25, 25]`` of one person's ``[faces, 64, 64]``."""
        count = self.patches_per_face
        cut = [cut_patches(face, random.uniform(-90, 90, count), random.uniform(*SCALES, count)) for face in faces]
        return np.rint(np.concatenate(cut))[:, None].astype(np.uint8)

    def _split(self, count: int, labels: np.ndarray | None, official_test: bool = False) -> dict[str, np.ndarray]:
        if self.one_class is not None:
            raise UserError(f"data.one_class={self.one_class}: people of data={self.name} are never in two parts")
        assert labels is not None
        val = np.isin(labels, self.validating)
        split = np.flatnonzero(~val), np.flatnonzero(val), np.arange(0)
        return dict(zip(PARTS, shortened(split, self.train_size, self.split_seed), strict=True))


def read_faces(path: Path) -> np.ndarray:
    """scikit-learn's file as ``[40, 10, 64, 64]``, 0 to 255.

    It is a pickle, compressed by joblib, and could run anything. So it is not unpickled: the bytes of its one array lie
    between what describes them and the pickle's last byte, and are taken from there.
    """
    size = PEOPLE_IN_ALL * FACES * SIZE * SIZE
    try:
        with open_regular(path) as file:
            content = zlib.decompressobj().decompress(file.read(LARGEST), size + DESCRIPTION)
    except (OSError, zlib.error) as error:
        raise damaged(path, str(error)) from error
    description = content[: -size - 1]
    values = content[-size - 1 : -1]
    end = content[-1:]
    if len(values) != size or end != b"." or b"NumpyArrayWrapper" not in description or b"u1" not in description:
        raise damaged(path, f"no {PEOPLE_IN_ALL * FACES} x {SIZE * SIZE} bytes as scikit-learn keeps them")
    faces = np.frombuffer(values, np.uint8).astype(np.float32)  # from here on as scikit-learn
    faces -= faces.min()
    faces /= faces.max()
    return 255 * faces.reshape(-1, SIZE, SIZE).transpose(0, 2, 1).reshape(-1, FACES, SIZE, SIZE)


def cut_patches(face: np.ndarray, degrees: np.ndarray, scales: np.ndarray) -> np.ndarray:
    """Patches ``[N, 25, 25]`` of a face ``[64, 64]``, turned about its middle by ``degrees`` and scaled."""
    from scipy.ndimage import map_coordinates

    angle = np.deg2rad(degrees)[:, None, None]
    step = (SIZE / PATCH / scales)[:, None, None]
    rows, columns = (axis * step for axis in np.mgrid[:PATCH, :PATCH] - (PATCH - 1) / 2)
    middle = (SIZE - 1) / 2
    places = (
        middle + np.cos(angle) * rows - np.sin(angle) * columns,
        middle + np.sin(angle) * rows + np.cos(angle) * columns,
    )
    return map_coordinates(face, places, order=1, mode="nearest")


def _together(patches: dict[int, np.ndarray], people: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """All patches of some people, and whose they are."""
    chosen = [patches[int(person)] for person in people]
    return np.concatenate(chosen), np.repeat(people, [len(one) for one in chosen])
