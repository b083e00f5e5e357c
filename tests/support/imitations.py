"""Imitations of data sets: small files in the right layout; every example begins with its label, 0..9."""

from __future__ import annotations

import gzip
import hashlib
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from PIL import Image

TRAIN, TEST = 40, 12  # examples


def pixels(count: int, *shape: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    x = np.random.default_rng(seed).integers(10, 256, (count, *shape), dtype=np.uint8)
    labels = np.arange(count) % 10
    x.reshape(count, -1)[:, 0] = labels
    return x, labels


def write_idx(path: Path, x: np.ndarray) -> None:
    content = bytes([0, 0, 8, x.ndim]) + np.array(x.shape, ">u4").tobytes() + x.astype(np.uint8).tobytes()
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(gzip.compress(content) if path.suffix == ".gz" else content)


def imitate_mnist(root: Path, folder: str, suffix: str = "") -> None:
    for part, count in (("train", TRAIN), ("t10k", TEST)):
        x, labels = pixels(count, 28, 28, seed=count)
        write_idx(root / folder / "raw" / f"{part}-images-idx3-ubyte{suffix}", x)
        write_idx(root / folder / "raw" / f"{part}-labels-idx1-ubyte{suffix}", labels)


def imitate_cifar10(root: Path, patch: pytest.MonkeyPatch) -> None:
    from torchvision.datasets import CIFAR10

    def write(name: str, content: object) -> list[str]:
        path = root / "cifar-10-batches-py" / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(pickle.dumps(content))
        return [name, hashlib.md5(path.read_bytes()).hexdigest()]

    x, labels = pixels(TRAIN, 3072, seed=3)
    parts = np.array_split(np.arange(TRAIN), 5)
    train = [
        write(f"data_batch_{i}", {"data": x[rows], "labels": labels[rows].tolist()}) for i, rows in enumerate(parts, 1)
    ]
    x, labels = pixels(TEST, 3072, seed=4)
    test = [write("test_batch", {"data": x, "labels": labels.tolist()})]
    name, md5 = write("batches.meta", {"label_names": [str(i) for i in range(10)]})
    patch.setattr(CIFAR10, "train_list", train)
    patch.setattr(CIFAR10, "test_list", test)
    patch.setattr(CIFAR10, "meta", {"filename": name, "key": "label_names", "md5": md5})


def imitate_svhn(root: Path, patch: pytest.MonkeyPatch) -> None:
    from scipy.io import savemat
    from torchvision.datasets import SVHN

    splits = {}
    for split, count in (("train", TRAIN), ("test", TEST)):
        x, labels = pixels(count, 3, 32, 32, seed=count)
        path = root / f"{split}_32x32.mat"
        savemat(path, {"X": x.transpose(2, 3, 1, 0), "y": np.where(labels == 0, 10, labels)[:, None]})
        splits[split] = ["http://127.0.0.1:9/none", path.name, hashlib.md5(path.read_bytes()).hexdigest()]
    patch.setattr(SVHN, "split_list", splits)


def imitate_adbench(root: Path) -> None:
    (root / "adbench").mkdir()
    values = np.random.default_rng(0).normal(5, 3, (TRAIN, 4))
    np.savez(root / "adbench" / "6_cardio.npz", X=values, y=np.arange(TRAIN) % 10 == 0)


def imitate_arrays(root: Path) -> dict[str, Any]:
    x, labels = pixels(TRAIN, 6, 6)
    np.savez(root / "own.npz", x=x, y=labels)
    return {"path": str(root / "own.npz")}


def imitate_table(root: Path) -> dict[str, Any]:
    values = np.random.default_rng(0).normal(5, 3, (TRAIN, 3))
    frame = pd.DataFrame(values, columns=["a", "b", "c"]).assign(
        kind=np.arange(TRAIN) % 10, first=np.arange(TRAIN) % 10
    )
    frame.to_csv(root / "own.csv", index=False)
    return {"path": str(root / "own.csv"), "label": "kind", "columns": ["first", "a", "b", "c"]}


def imitate_images(root: Path) -> dict[str, Any]:
    x, labels = pixels(TRAIN, 8, 8, 3)
    for i, (image, label) in enumerate(zip(x, labels, strict=True)):
        path = root / "pictures" / str(label) / f"{i:02}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(image).save(path)
    return {"path": str(root / "pictures"), "image_size": 8, "num_workers": 0}


def imitate_photographs(root: Path) -> dict[str, Any]:
    (root / "photographs").mkdir()
    for i in range(6):
        x = np.random.default_rng(i).integers(256, size=(20, 24 + i), dtype=np.uint8)
        Image.fromarray(x).save(root / "photographs" / f"{i}.png")
    return {"path": str(root / "photographs"), "patch_size": 8, "count": TRAIN, "held_out": TEST}
