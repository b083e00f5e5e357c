"""Pictures: a residual network beside a loop written by hand, and how long training waits for a folder of them."""

from __future__ import annotations

import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytorch_lightning as pl
import torch
from PIL import Image
from pytorch_lightning.callbacks import Callback
from torch import Tensor

from aelab.benchmarks import ours
from aelab.benchmarks.timing import Case, Row, cpu_seconds, measure, silenced
from aelab.building.build import build_data
from aelab.building.fit import Fit, Member
from aelab.networks import ResNet
from aelab.replicas.best import BestWeights

COUNT = 512
BATCH = 64
EPOCHS = 2
WIDTHS = (16, 32, 32)
NETWORK = ("network=resnet", f"network.widths={list(WIDTHS)}", "network.code_size=32", f"data.batch_size={BATCH}")
FILES = 600  # of the folder


def benchmark(rounds: int) -> list[Row]:
    draw = np.random.default_rng(0)
    with tempfile.TemporaryDirectory() as name:
        x = draw.integers(0, 256, (COUNT, 3, 32, 32), dtype=np.uint8)
        np.savez(Path(name, "x.npz"), x=x)
        overrides = (*NETWORK, "data=arrays", f"data.path={name}/x.npz", f"trainer.max_epochs={EPOCHS + 1}")
        train = build_data(ours.compose(*overrides)).examples("train")
        cases = [
            Case("bare loop of the same network, fused Adam", lambda: _bare(train)),
            Case("ours", ours.train_case(*overrides), ("bare loop of the same network, fused Adam",)),
        ]
        rows = measure("resnet 16-32-32, 32 x 32 colour, batch 64", cases, min(rounds, 5))
        for number, picture in enumerate(draw.integers(0, 256, (FILES, 80, 96, 3), dtype=np.uint8)):
            Image.fromarray(picture).save(Path(name, f"{number:04d}.jpg"))
        return [*rows, *(_waiting(Path(name), cache) for cache in ("null", "disk"))]


def _bare(x: Tensor) -> float:
    network = ResNet((3, 32, 32), 32, WIDTHS, output_activation="sigmoid")
    optimizer = torch.optim.Adam(network.parameters(), fused=True)

    def loop() -> None:
        for _ in range(EPOCHS):
            for rows in torch.randperm(len(x)).split(BATCH):
                batch = x[rows]
                optimizer.zero_grad()
                (network.decode(network.encode(batch)) - batch).square().sum(-1).mean().backward()
                optimizer.step()

    return cpu_seconds(loop) / EPOCHS / -(-len(x) // BATCH)


class _Waited(Callback):
    """Wall-clock seconds between the steps of an epoch and in them, of all but the first epoch."""

    def __init__(self) -> None:
        self.between = self.within = 0.0
        self.steps = 0
        self.mark: float | None = None

    def on_train_epoch_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        self.mark = time.perf_counter() if trainer.current_epoch else None

    def on_train_batch_start(self, trainer: Any, pl_module: Any, batch: Any, batch_idx: int) -> None:
        now = time.perf_counter()
        if self.mark is not None:
            self.between += now - self.mark
            self.mark = now

    def on_train_batch_end(self, trainer: Any, pl_module: Any, outputs: Any, batch: Any, batch_idx: int) -> None:
        now = time.perf_counter()
        if self.mark is not None:
            self.within += now - self.mark
            self.steps += 1
            self.mark = now


def _waiting(folder: Path, cache: str) -> Row:
    """How long a step waits for its pictures, and the share of the time that this is."""
    config = ours.compose(
        *NETWORK, "data=image_folder", f"data.path={folder}", "data.image_size=64", "data.num_workers=2",
        f"data.cache={cache}", f"data.root={folder}/root", "trainer.max_epochs=3", *ours.BARE,
    )  # fmt: skip
    waited = _Waited()
    with silenced():
        Fit([Member(config)], build_data(config), BestWeights(), callbacks=[waited]).run()
    share = waited.between / (waited.between + waited.within)
    kept = "" if cache == "null" else f", data.cache={cache}"
    name = f"a folder of JPEGs at 64 x 64, two workers{kept}: waiting for the next batch"
    return {
        "name": name, "median_s": waited.between / waited.steps, "ratio": share, "against": "the time of a step", "n": 1
    }  # fmt: skip
