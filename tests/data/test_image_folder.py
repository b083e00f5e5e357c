"""A folder of images: made square and upright, streamed through workers, refused in plain words."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import pytorch_lightning as pl
import torch
from data_sets import build, ready, rows_of
from imitations import (
    imitate_images,
)
from PIL import Image

from aelab.data.files.images import decode
from aelab.data.image_folder import ImageFolder
from aelab.data.module import PARTS, DataModule
from aelab.errors import UserError


def test_images_are_made_square_upright_and_of_equal_depth(tmp_path: Path) -> None:
    wide = np.zeros((10, 30, 3), np.uint8)
    wide[:, 10:20] = (255, 128, 0)  # the middle third
    path = str(tmp_path / "wide.png")
    Image.fromarray(wide).save(path)
    assert (decode(path, 10, False) == np.array([255, 128, 0], np.uint8)[:, None, None]).all()
    assert decode(path, 4, True).shape == (1, 4, 4)

    turned = Image.fromarray(np.repeat(np.array([[255], [0]], np.uint8), 64, 0).repeat(128, 1))  # white above black
    exif = Image.Exif()
    exif[0x0112] = 3  # taken upside down
    turned.save(tmp_path / "turned.jpg", exif=exif, quality=95)
    seen = decode(str(tmp_path / "turned.jpg"), 8, True)[0]
    assert (seen[:3] < 40).all() and (seen[5:] > 215).all()

    exact = np.random.default_rng(0).integers(0, 256, (8, 8, 3), dtype=np.uint8)
    Image.fromarray(exact).save(path)
    assert (decode(path, 8, False) == exact.transpose(2, 0, 1)).all()
    for mode in ("1", "L", "LA", "P", "RGBA", "CMYK"):
        file = str(tmp_path / f"{mode}.tif")
        Image.new(mode if mode != "P" else "L", (5, 9), 1).convert(mode).save(file)
        assert decode(file, 4, False).shape == (3, 4, 4)
    Image.fromarray(np.full((4, 4), 3000, np.uint16)).save(tmp_path / "deep.png")
    with pytest.raises(UserError, match=r"deep\.png: not a readable image .*more than 8 bits"):
        decode(str(tmp_path / "deep.png"), 4, True)


def test_a_folder_without_images_is_refused(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("")
    hidden = tmp_path / ".thumbnails"
    hidden.mkdir()
    Image.new("L", (4, 4)).save(hidden / "a.png")
    with pytest.raises(UserError, match=r"data.path=.*: 0 image\(s\) in it; name a folder of 2 or more"):
        ready("image_folder", tmp_path, path=str(tmp_path))
    for key, value in (("image_size", 0), ("num_workers", -1), ("standardize", True)):
        with pytest.raises(UserError, match=f"data.{key}={str(value).lower()}"):
            build("image_folder", tmp_path, path=str(tmp_path), **{key: value})


def test_the_fingerprint_of_images_follows_their_files(sample: Callable[..., DataModule]) -> None:
    data = sample("image_folder")
    before = {part: data.fingerprint(part) for part in PARTS}
    file = Path(data.folder, data.files["val"][0])  # type: ignore[attr-defined]
    stat = file.stat()
    try:
        os.utime(file, (stat.st_atime, stat.st_mtime + 1))
        after = {part: data.fingerprint(part) for part in PARTS}
    finally:
        os.utime(file, ns=(stat.st_atime_ns, stat.st_mtime_ns))
    assert [after[part] == before[part] for part in PARTS] == [True, False, True]


class Watcher(pl.LightningModule):
    """Remembers the batches it is trained on."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = torch.nn.Parameter(torch.zeros(()))
        self.seen: list[torch.Tensor] = []
        self.workers: set[int] = set()
        self.automatic_optimization = False

    def training_step(self, x: torch.Tensor) -> None:
        self.seen.append(x.clone())
        running = self.trainer.train_dataloader._iterator  # type: ignore[union-attr]
        self.workers |= {worker.pid for worker in running._workers} if running else set()

    def validation_step(self, x: torch.Tensor) -> None:
        pass

    def configure_optimizers(self) -> torch.optim.Optimizer:
        return torch.optim.SGD(self.parameters(), 0.1)


def fit(data: DataModule) -> list[torch.Tensor]:
    watcher = Watcher()
    trainer = pl.Trainer(
        max_epochs=2,
        accelerator="cpu",
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
    )
    trainer.fit(watcher, data)
    assert len(watcher.workers) == getattr(data, "num_workers", 0)  # the same ones in every epoch
    return watcher.seen


@pytest.mark.filterwarnings("ignore:.*LeafSpec.*", "ignore:This DataLoader will create 2 worker")
def test_images_stream_through_workers_under_lightning(sample: Callable[..., DataModule]) -> None:
    with_workers = fit(sample("image_folder", batch_size=12, num_workers=2))
    without = fit(sample("image_folder", batch_size=12, num_workers=0))
    assert [len(x) for x in with_workers] == [12, 12, 4] * 2
    assert all(torch.equal(a, b) for a, b in zip(with_workers, without, strict=True))
    assert all(x.dtype == torch.float32 and 0.5 < x.max() <= 1 for x in with_workers)
    first, second = torch.cat(with_workers[:3]), torch.cat(with_workers[3:])
    assert rows_of(first) == rows_of(second) and not torch.equal(first, second)


@pytest.mark.filterwarnings("ignore:.*LeafSpec.*")
def test_a_damaged_image_is_named_from_a_worker(tmp_path: Path) -> None:
    settings = imitate_images(tmp_path) | {"num_workers": 1}
    broken = tmp_path / "pictures" / "3" / "13.png"
    for content in (broken.read_bytes()[:100], b"", b"hello"):
        broken.write_bytes(content)
        data = ready("image_folder", tmp_path, **settings)
        message = rf"^{re.escape(str(broken))}: not a readable image \([^\n]*\); convert[^\n]*$"
        with pytest.raises(UserError, match=message):
            for part in PARTS:
                data.examples(part)
    with pytest.raises(UserError, match=message):
        fit(ready("image_folder", tmp_path, **(settings | {"split_seed": 2})))


@pytest.mark.parametrize("cache", ["memory", "disk"])
@pytest.mark.parametrize("workers", [0, 2])
def test_pictures_are_decoded_once(tmp_path: Path, cache: str, workers: int, monkeypatch: pytest.MonkeyPatch) -> None:
    from aelab.data.batches import image_loader

    draw = np.random.default_rng(0)
    for number in range(30):
        Image.fromarray(draw.integers(0, 255, (9, 12, 3), dtype=np.uint8)).save(tmp_path / f"{number:02d}.png")

    def data(**settings: Any) -> ImageFolder:
        found = ImageFolder(path=str(tmp_path), image_size=8, num_workers=workers, **settings)
        found.setup()
        return found

    plain = {part: data().examples(part) for part in ("train", "val", "test")}
    kept = data(cache=cache, root=str(tmp_path / "root"))
    for part, x in plain.items():
        assert torch.equal(kept.examples(part), x)
    monkeypatch.setattr(image_loader, "decode", lambda *_: pytest.fail("decoded again"))
    again = data(cache=cache, root=str(tmp_path / "root"), split_seed=0) if cache == "disk" else kept
    for part, x in plain.items():
        assert torch.equal(again.examples(part), x)


def test_what_was_written_in_part_is_decoded_again(tmp_path: Path) -> None:
    from aelab.data.files.picture_store import PictureStore

    file = tmp_path / "some.pixels"
    right = np.arange(1, 13, dtype=np.uint8)
    PictureStore(3, 12, False, file).take(1, lambda: right)
    content = bytearray(file.read_bytes())
    content[12:18] = bytes(6)
    file.write_bytes(content)
    decoded: list[int] = []
    store = PictureStore(3, 12, False, file)
    found = store.take(1, lambda: decoded.append(1) or right)  # type: ignore[func-returns-value]
    assert decoded == [1] and (found == right).all()
    assert (store.take(1, lambda: pytest.fail("it is there")) == right).all()
    black = np.zeros(12, np.uint8)
    assert (store.take(0, lambda: black) == black).all() and not decoded[1:]
    with pytest.raises(UserError, match=r"data.cache=disk: .* pictures take .* use a smaller|smaller data.image_size"):
        PictureStore(10**9, 10**6, False, tmp_path / "large")
