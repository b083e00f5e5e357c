"""Pictures of 16 bits a channel: every format with all of its bits, beside pictures of 8, from files to a run."""

from __future__ import annotations

import struct
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from run_files import directory_of
from tiny_runs import compose_tiny

import aelab
from aelab.data.files.images import decode, decode_whole
from aelab.data.files.picture_file import header
from aelab.data.image_folder import ImageFolder
from aelab.data.preprocessing import PIXELS, Preprocessing
from aelab.errors import UserError
from aelab.fitting.run import run
from aelab.trained.coder import examples_of
from aelab.trained.export import export
from aelab.trained.unseen.opening import open_unseen

PARTS = ("train", "val", "test")


def noise(*shape: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 2**16, shape).astype(np.uint16)


def png(path: Path, x: np.ndarray) -> None:
    """Whole numbers ``[H, W, 1 to 4]`` of 16 bits, with three of the filters that a PNG may have."""
    high, wide, channels = x.shape
    rows, above = bytearray(), np.zeros(2 * wide * channels, np.uint8)
    for index, row in enumerate(x.astype(">u2")):
        values = np.frombuffer(row.tobytes(), np.uint8)
        left = np.concatenate([np.zeros(2 * channels, np.uint8), values[: -2 * channels]])
        rows += bytes([index % 3]) + (values - (0 * values, left, above)[index % 3]).tobytes()
        above = values

    def chunk(kind: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

    head = struct.pack(">IIBBBBB", wide, high, 16, {1: 0, 2: 4, 3: 2, 4: 6}[channels], 0, 0, 0)
    body = chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(bytes(rows))) + chunk(b"IEND", b"")
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + body)


@pytest.mark.parametrize("channels", [1, 3, 4])
def test_png_keeps_all_bits(tmp_path: Path, channels: int) -> None:
    x = noise(8, 8, channels)
    png(tmp_path / "x.png", x)
    assert header(tmp_path / "x.png").deep
    colours = x[..., :3] if channels > 1 else x.repeat(3, 2)
    np.testing.assert_array_equal(decode(str(tmp_path / "x.png"), 8, False, deep=True), np.moveaxis(colours, -1, 0))


@pytest.mark.parametrize(
    "more", [{}, {"compression": "zlib"}, {"byteorder": ">"}, {"byteorder": ">", "compression": "zlib"},
             {"rowsperstrip": 2}, {"tile": (16, 16)}, {"compression": "zlib", "predictor": True}],
)  # fmt: skip
def test_tiff_keeps_all_bits(tmp_path: Path, more: dict[str, Any]) -> None:
    tifffile = pytest.importorskip("tifffile")
    x, path = noise(16, 16, 3), tmp_path / "x.tif"
    tifffile.imwrite(path, x, photometric="rgb", **more)
    np.testing.assert_array_equal(decode(str(path), 16, False, deep=True), np.moveaxis(x, -1, 0))
    tifffile.imwrite(path, x[..., 0], photometric="minisblack", **more)
    np.testing.assert_array_equal(decode(str(path), 16, True, deep=True)[0], x[..., 0])


def test_colours_in_planes_are_refused_where_they_would_be_noise(tmp_path: Path) -> None:
    tifffile = pytest.importorskip("tifffile")
    for index in range(4):
        tifffile.imwrite(tmp_path / f"{index}.tif", noise(3, 8, 8), photometric="rgb", planarconfig="separate")
    for read in (lambda path: decode(str(path), 8, False), lambda path: decode(str(path), 8, False, None, True)):
        with pytest.raises(UserError, match=r"0\.tif: not a readable image"):
            read(tmp_path / "0.tif")
    with pytest.raises(UserError, match=r"0\.tif: not a readable image"):
        decode_whole(tmp_path / "0.tif")


@pytest.mark.parametrize("white", [65535, 4095, 1000])
@pytest.mark.parametrize("kind", ["P5", "P6"])
def test_portable_maps_say_themselves_what_is_white(tmp_path: Path, white: int, kind: str) -> None:
    x = np.random.default_rng(0).integers(0, white + 1, (8, 8, 1 if kind == "P5" else 3))
    path = tmp_path / ("x.pgm" if kind == "P5" else "x.ppm")
    path.write_bytes(f"{kind} 8 8 {white}\n".encode() + x.astype(">u2").tobytes())
    found = decode(str(path), 8, kind == "P5", deep=True).astype(float)
    np.testing.assert_allclose(found, np.moveaxis(x, -1, 0) * (65535 / white), atol=1)


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("form", ["grey.png", "grey.tif", "colours.tif"])
def test_they_are_turned_as_others_are(tmp_path: Path, orientation: int, form: str) -> None:
    x = (np.arange(48).reshape(6, 8) * 5).astype(np.uint8)
    exif = Image.Exif()
    exif[0x0112] = orientation
    more: dict[str, Any] = {"exif": exif} if form.endswith("png") else {"tiffinfo": {0x0112: orientation}}
    Image.fromarray(x).save(tmp_path / f"eight {form}", **more)
    if form == "colours.tif":
        tifffile = pytest.importorskip("tifffile")
        deep = x[..., None].repeat(3, 2).astype(np.uint16) * 257
        tag = (0x0112, 3, 1, orientation, True)
        tifffile.imwrite(tmp_path / f"sixteen {form}", deep, photometric="rgb", extratags=[tag])
    else:
        Image.fromarray(x.astype(np.uint16) * 257).save(tmp_path / f"sixteen {form}", **more)
    eight, sixteen = (decode(str(tmp_path / f"{bits} {form}"), 6, True, deep=True) for bits in ("eight", "sixteen"))
    np.testing.assert_allclose(sixteen.astype(int), eight.astype(int), atol=1)


@pytest.mark.parametrize("grayscale", [False, True])
@pytest.mark.parametrize("background", ["white", "#10a0ff", None])
def test_they_are_scaled_and_shown_on_a_background_as_others_are(
    tmp_path: Path, grayscale: bool, background: str | None
) -> None:
    x = np.random.default_rng(0).integers(0, 256, (31, 47, 4)).astype(np.uint8)
    Image.fromarray(x).save(tmp_path / "eight.png")
    png(tmp_path / "sixteen.png", x.astype(np.uint16) * 257)
    eight, sixteen = (
        decode(str(tmp_path / f"{name}.png"), 9, grayscale, background, True).astype(int)
        for name in ("eight", "sixteen")
    )
    assert np.abs(eight - sixteen).max() <= 257, "which is one step of 8 bits"


def read(folder: Path, **settings: Any) -> ImageFolder:
    data = ImageFolder(path=str(folder), image_size=8, num_workers=0, grayscale=True, **settings)
    data.setup()
    return data


def test_a_folder_of_both_depths(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Pictures of 8 bits are the same to the last bit beside pictures of 16."""
    for index in range(8):
        Image.fromarray(np.random.default_rng(index).integers(0, 256, (11, 9), dtype=np.uint8)).save(
            tmp_path / f"a{index}.png"
        )
    alone = read(tmp_path)
    before = {str(f): x for part in PARTS for f, x in zip(alone.files[part], alone.examples(part), strict=True)}
    assert "16 bits" not in capsys.readouterr().out
    for index in range(8):
        Image.fromarray(noise(8, 8, seed=index) // 16).save(tmp_path / f"b{index}.tif")
    data = read(tmp_path)
    assert "8 pictures have 16 bits a channel, of which 65535 counts as 1; " in capsys.readouterr().out
    for part in PARTS:
        for file, x in zip(data.files[part], data.examples(part), strict=True):
            if file in before:
                assert torch.equal(x, before[str(file)])
                continue
            wanted = (noise(8, 8, seed=int(file[1])) // 16).ravel() / np.float32(65535)
            np.testing.assert_allclose(x, wanted, rtol=1e-6)
    twelve = read(tmp_path, white=4095)
    assert twelve.examples("train").max() > 0.99
    assert {twelve.fingerprint(part) == data.fingerprint(part) for part in PARTS} == {False}
    with pytest.raises(UserError, match=r"data.white=0: must be from 1 to 65535"):
        read(tmp_path, white=0)
    for path in tmp_path.glob("b*.tif"):
        path.unlink()
    with pytest.raises(UserError, match=r"data.white=4095: all pictures have 8 bits"):
        read(tmp_path, white=4095)


def test_what_is_white_is_kept() -> None:
    x = torch.tensor([[0, 1, 4095]], dtype=torch.uint16)
    own = Preprocessing(PIXELS, white=4095)
    again = Preprocessing.of_plain(own.plain(), 3)
    assert again.white == 4095
    for found in (again(x), again.exactly(x)):
        np.testing.assert_allclose(found, [[0, 1 / 4095, 1]], rtol=1e-6)
    assert "white" not in Preprocessing(PIXELS).plain()
    for odd in (0, 70000, "4095", 1.5, True):
        with pytest.raises(ValueError, match="white"):
            Preprocessing.of_plain(own.plain() | {"white": odd}, 3)


def test_from_files_to_a_run_and_back(tmp_path: Path) -> None:
    folder = tmp_path / "scans"
    folder.mkdir()
    for index in range(40):
        Image.fromarray(noise(8, 8, seed=index)).save(folder / f"{index}.png")
    own = ["data=image_folder", f"data.path={folder}", "data.image_size=8", "data.grayscale=true", "data.num_workers=0"]
    longer = ["callbacks.pictures_every=8", "trainer.max_epochs=8", "data.batch_size=4", "optimizer.lr=0.01"]
    config = compose_tiny(tmp_path, *own, *longer)
    run(config, [])
    directory = directory_of(config)
    opened = aelab.load_run(directory)
    x = np.stack([noise(8, 8, seed=index) for index in range(5)])[:, None]
    np.testing.assert_array_equal(opened.encode(x), opened.encode((x / np.float32(65535)).astype(np.float32)))
    assert 0.2 < opened.reconstruct(x).mean() < 0.8
    with pytest.raises(UserError, match="which may mean anything"):
        opened.encode(x.astype(np.int64))
    seen = examples_of(opened)
    assert seen.test.x.shape == (8, 64) and 0.4 < seen.test.x.mean() < 0.6
    with Image.open(directory / "pictures" / "reconstructions.png") as shown:
        assert 60 < np.asarray(shown.convert("L")).mean() < 200
    assert "float32 [N, 1, 8, 8] to [N, 4]" in export(opened, "torch_export")
    (tmp_path / "new").mkdir()
    for index, picture in enumerate(x[:, 0]):
        Image.fromarray(picture).save(tmp_path / "new" / f"{index}.tif")
    [(origin, pixels)] = open_unseen(opened, tmp_path / "new", {}).pieces()
    assert origin["file"].tolist() == [f"{index}.tif" for index in range(5)]
    np.testing.assert_allclose(opened.encode(pixels), opened.encode(x), atol=1e-6)
