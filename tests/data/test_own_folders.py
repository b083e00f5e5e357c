"""Folders of pictures as people have them: links, parts, masks, pages, transparency, labels in a table."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from aelab.data.files.images import decode, find_images
from aelab.data.image_folder import ImageFolder
from aelab.errors import UserError

PARTS = ("train", "val", "test")


def picture(path: Path, grey: int = 100, size: int = 8) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.random.default_rng(grey).integers(grey, grey + 9, (size, size), dtype=np.uint8)).save(path)
    return path


def read(folder: Path, **settings: Any) -> ImageFolder:
    data = ImageFolder(path=str(folder), image_size=8, num_workers=0, **settings)
    data.setup()
    return data


def count(data: ImageFolder) -> int:
    return sum(data.size(part) for part in PARTS)


def test_each_real_file_counts_once(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder, store = tmp_path / "all", tmp_path / "store"
    for index in range(8):
        picture(folder / "a" / f"{index}.png", index)
        picture(store / f"{index}.png", 100 + index)
    (folder / "again").symlink_to(".")
    (folder / "a" / "up").symlink_to("..")
    (folder / "0first.png").symlink_to("a/0.png")
    os.link(folder / "a" / "1.png", folder / "a" / "hard.png")
    (folder / "linked").symlink_to(store)
    (folder / "linked too").symlink_to(store)
    files = find_images(folder)
    assert files == [*(f"a/{i}.png" for i in range(8)), *(f"linked/{i}.png" for i in range(8))]
    data = read(folder)
    assert count(data) == 16 and set(data.labels["train"]) == {"a", "linked"}
    everything = np.concatenate([data.examples(part).numpy() for part in PARTS])
    assert len(np.unique(everything, axis=0)) == 16
    assert "left out 2 names of files that are there already" in capsys.readouterr().out


def mvtec(folder: Path) -> Path:
    for index in range(30):
        picture(folder / "train" / "good" / f"{index:03d}.png", index)
    for index in range(10):
        picture(folder / "test" / "good" / f"{index:03d}.png", 50 + index)
        picture(folder / "test" / "broken" / f"{index:03d}.png", 100 + index)
        picture(folder / "ground_truth" / "broken" / f"{index:03d}_mask.png", 200)
    return folder


def test_parts_are_used_and_masks_are_not(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = mvtec(tmp_path / "bottle")
    picture(folder / "overview.png")
    data = read(folder, one_class="good")
    out = capsys.readouterr().out
    assert [data.size(part) for part in PARTS] == [27, 3, 20]
    assert sorted(data.labels["test"]) == ["broken"] * 10 + ["good"] * 10
    assert {str(f).split("/")[0] for part in ("train", "val") for f in data.files[part]} == {"train"}
    beside = "left out 1 pictures beside the parts, such as overview.png"
    masks = "left out 10 masks, such as ground_truth/broken/000_mask.png"
    for said in (masks, beside, "parts as the folders say: train 30", "labels broken 10, good 40"):
        assert said in out or said.replace("train 30", "test 20, train 30") in out


@pytest.mark.parametrize(
    "names", [("train", "val", "test"), ("Training", "validation", "Test"), ("train", "valid", "testing")]
)
def test_parts_by_other_names(tmp_path: Path, names: tuple[str, ...]) -> None:
    for part, name in enumerate(names):
        for index in range(6):
            picture(tmp_path / "x" / name / "ab"[index % 2] / f"{index}.png", 40 * part + index)
    data = read(tmp_path / "x")
    assert [data.size(part) for part in PARTS] == [6, 6, 6]
    assert all(str(file).startswith(name) for part, name in zip(PARTS, names, strict=True) for file in data.files[part])


def test_classes_that_sound_like_parts_or_masks(tmp_path: Path) -> None:
    for index in range(6):
        for name in ("train", "bus"):
            picture(tmp_path / "vehicles" / name / f"{index}.png", index)
        for name in ("with_mask", "without_mask"):
            picture(tmp_path / "faces" / name / f"{name}_{index}.png", index)
        picture(tmp_path / "cells" / f"{index}.png", index)
        picture(tmp_path / "cells" / f"{index}_mask_0.png", index)
    assert set(read(tmp_path / "vehicles").labels["train"]) == {"train", "bus"}
    assert count(read(tmp_path / "faces")) == 12
    assert count(read(tmp_path / "cells")) == 6


def test_other_files_are_counted_and_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for index, suffix in enumerate((".png", ".JPG", ".jfif", ".jp2", ".avif", ".tga")):
        path = tmp_path / "x" / f"{index}{suffix}"
        path.parent.mkdir(exist_ok=True)
        forms = {".jfif": "JPEG", ".JPG": "JPEG"}
        try:
            Image.new("L", (8, 8), index).save(path, forms.get(suffix))
        except (KeyError, OSError):
            continue
    there = len(list((tmp_path / "x").iterdir()))
    for name in ("a.txt", "b.txt", "c.psd", "d"):
        (tmp_path / "x" / name).write_text("")
    data = read(tmp_path / "x")
    assert count(data) == there and bool(data.examples("train").isfinite().all())
    assert "left out 4 files not read as pictures: 2 .txt, 1 .psd, 1 without a suffix" in capsys.readouterr().out
    (tmp_path / "x" / "e.heic").write_bytes(b"")
    read(tmp_path / "x")
    assert "1 .heic (pip install pillow-heif)" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("name", "said"),
    [("x.zip", "unpack it and name the folder"), ("x.png", "name the folder that it lies in"), ("x.csv", "data=table"),
     ("x.npz", "data=arrays")],
)  # fmt: skip
def test_a_file_in_the_place_of_a_folder(tmp_path: Path, name: str, said: str) -> None:
    (tmp_path / name).write_bytes(b"x")
    with pytest.raises(UserError, match=said):
        read(tmp_path / name)


@pytest.mark.parametrize("form", ["RGBA", "LA", "P", "RGB with a key"])
@pytest.mark.parametrize("background", ["white", "black", "#ff0000"])
def test_hidden_colours_do_not_count(tmp_path: Path, form: str, background: str) -> None:
    seen = np.zeros((8, 8, 4), np.uint8)
    seen[:4] = (10, 20, 30, 255)
    seen[4:] = (77, 77, 77, 0)
    path = tmp_path / "x.png"
    image = Image.fromarray(seen)
    if form == "RGB with a key":
        image.convert("RGB").save(path, transparency=(77, 77, 77))
    elif form == "P":
        palette = Image.fromarray(np.repeat([0, 1], 32).astype(np.uint8).reshape(8, 8), "L").convert("P")
        palette.putpalette([10, 20, 30, 77, 77, 77])
        palette.save(path, transparency=1)
    else:
        image.convert(form).save(path)
    pixels = decode(str(path), 8, False, background)
    wanted = {"white": (255, 255, 255), "black": (0, 0, 0), "#ff0000": (255, 0, 0)}[background]
    assert (pixels[:, 4:] == np.array(wanted)[:, None, None]).all()
    assert pixels[:, 0, 0].tolist() == ([10, 20, 30] if form != "LA" else [18] * 3)
    with pytest.raises(UserError, match=r"data.background=whit: no colour"):
        ImageFolder(path=str(tmp_path), background="whit")


@pytest.mark.parametrize("suffix", [".tif", ".gif"])
def test_pages_are_examples_or_said(tmp_path: Path, suffix: str, capsys: pytest.CaptureFixture[str]) -> None:
    folder = tmp_path / "x"
    folder.mkdir()
    for file in range(2):
        frames = [Image.new("L", (8, 8), 40 * page + file) for page in range(5)]
        frames[0].save(folder / f"{file}{suffix}", save_all=True, append_images=frames[1:])
    with pytest.raises(UserError, match="from 2 examples"):
        read(folder)
    picture(folder / "one.png", 240)
    assert count(read(folder)) == 3
    assert "read the first page of 2 files with several, such as 0" in capsys.readouterr().out
    assert count(read(folder, pages="first")) == 3 and "page" not in capsys.readouterr().out
    data = read(folder, pages="all")
    everything = np.concatenate([data.examples(part).numpy() for part in PARTS])
    assert len(everything) == len(np.unique(everything, axis=0)) == 11
    assert len(set(data.describe()["fingerprints"].values())) == 3


@pytest.mark.parametrize("by", ["path", "name", "stem"])
def test_labels_of_a_table(tmp_path: Path, by: str, capsys: pytest.CaptureFixture[str]) -> None:
    folder = tmp_path / "x"
    rows = []
    for index in range(12):
        path = picture(folder / "pictures" / f"{index}.png", index)
        name = {"path": path.relative_to(folder).as_posix(), "name": path.name, "stem": path.stem}[by]
        rows.append(f"{name};{'007' if index % 2 else 'cat'};{index}")
    (folder / "labels.csv").write_text("\n".join(["file;label;weight", *rows[:10]]))
    data = read(folder, labels="labels.csv")
    assert count(data) == 10 and set(data.labels["train"]) == {"cat", "007"}
    out = capsys.readouterr().out
    assert "left out 2 pictures without a label" in out and "labels 007 5, cat 5" in out
    for part in PARTS:
        for file, label in zip(data.files[part], data.labels[part], strict=True):
            assert label == ("007" if int(Path(file).stem) % 2 else "cat")
    assert set(read(folder, labels="labels.csv:weight").labels["train"]) <= {str(i) for i in range(12)}
    (folder / "labels.csv").write_text("\n".join(["file;a;b", *rows]))
    with pytest.raises(UserError, match=r"has the columns a, b; say which .* data.labels=labels.csv:a"):
        read(folder, labels="labels.csv")
    (folder / "labels.csv").write_text("file,label\nx,p\ny,q\n")
    with pytest.raises(UserError, match=r"no column of .* names the pictures"):
        read(folder, labels="labels.csv")
    with pytest.raises(UserError, match=r"data.labels=nothing.csv: no such file"):
        read(folder, labels="nothing.csv")
