"""Every data set, read from its own files or from an imitation of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import joblib
import pytest
from data_sets import BY_TIME, DRAWN, OFFICIAL, OWN, ready
from imitations import (
    TEST,
    TRAIN,
    imitate_adbench,
    imitate_arrays,
    imitate_cifar10,
    imitate_images,
    imitate_mnist,
    imitate_photographs,
    imitate_svhn,
    imitate_table,
    pixels,
)

from aelab.data.module import DataModule
from aelab.errors import UserError


@pytest.fixture(scope="module")
def sample(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[..., DataModule]]:
    """``sample(name, **overrides)``: that data set, read; from its own files or from an imitation of them."""
    root = tmp_path_factory.mktemp("data")
    with pytest.MonkeyPatch.context() as patch:
        imitate_mnist(root, "MNIST")
        imitate_mnist(root, "FashionMNIST", ".gz")
        imitate_mnist(root, "KMNIST", ".gz")
        imitate_cifar10(root, patch)
        imitate_svhn(root, patch)
        imitate_adbench(root)
        joblib.dump(pixels(400, 4096)[0], root / "olivetti_py3.pkz", compress=6)
        own = {
            "arrays": imitate_arrays(root),
            "table": imitate_table(root),
            "streamed_table": imitate_table(root),
            "image_folder": imitate_images(root),
            **{name: {"train_examples": TRAIN, "test_examples": TEST} for name in DRAWN},
            "natural_patches": imitate_photographs(root),
            "olivetti": {"patches_per_face": 2},
            "windows": {"source": "drawn"},
        }

        def make(name: str, **overrides: Any) -> DataModule:
            try:
                return ready(name, root, **(own.get(name, {}) | overrides))
            except UserError as error:
                if name in OFFICIAL | OWN | DRAWN | BY_TIME | {"adbench"}:
                    raise
                pytest.skip(f"no imitation of {name} here, and its files are absent: {error}")

        yield make
