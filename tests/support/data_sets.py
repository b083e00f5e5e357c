"""Every data set in conf/data, found unasked, as its config says."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from omegaconf import OmegaConf

from aelab.config.objects import conf_dir, instantiate
from aelab.data.module import DataModule

NAMES = sorted(path.stem for path in (conf_dir() / "data").glob("*.yaml"))
DOWNLOADED = {"mnist", "fashion_mnist", "kmnist", "cifar10", "svhn"}
OFFICIAL = DOWNLOADED | {"digits", "mnist5k", "cifar_bw"}
OWN = {"arrays", "table", "streamed_table", "image_folder"}
BY_TIME = {"windows"}  # whose parts no seed decides
DRAWN = {"mnist_variations", "rectangles", "convex", "curves"}


def build(name: str, root: Path, **overrides: Any) -> DataModule:
    """The data set as its config file says, with files under ``root``; not yet read."""
    config = OmegaConf.create({"seed": 0, "paths": {"data": str(root)}})
    config.data = OmegaConf.load(conf_dir() / "data" / f"{name}.yaml")
    config.data.pop("defaults", None)  # other groups that the data choose
    config.data = OmegaConf.merge(config.data, overrides)
    data: DataModule = instantiate("data", config.data)
    return data


def ready(name: str, root: Path, **overrides: Any) -> DataModule:
    data = build(name, root, **overrides)
    data.prepare_data()
    data.setup()
    return data


def batches(data: DataModule, loader: Any) -> list[torch.Tensor]:
    return [data.on_after_batch_transfer(batch, 0) for batch in loader]


def rows_of(x: torch.Tensor) -> set[bytes]:
    return {row.numpy().tobytes() for row in x}
