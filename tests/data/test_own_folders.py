"""Folders of pictures as people have them: links, parts, masks, pages, transparency, labels in a table."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from aelab.data.batches.splits import fingerprint
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
    out = capsys.readouterr().out
    assert "left out 2 names of files that are there already, by links, such as 0first.png" in out
    assert "left out 3 links to folders that are there already, such as a/up" in out
    assert "lead nowhere" not in out
    (folder / "gone.png").symlink_to("nothing.png")
    (folder / "gone").symlink_to("no folder")
    (folder / "self.png").symlink_to("self.png")
    assert count(read(folder)) == 16
    assert "left out 3 names that cannot be opened or lead nowhere, such as gone" in capsys.readouterr().out


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


@pytest.mark.parametrize(
    ("train", "test", "labels"),
    [
        ("archive/train/{}", "archive/test/{}", {"a", "b"}),
        ("{}/train", "{}/test", {"a", "b"}),
        ("bottle/train/{}", "cable/test/{}", {"a", "b"}),
        ("seg_train/seg_train/{}", "seg_test/seg_test/{}", {"a", "b"}),
        ("train_images/{}", "test-images/{}", {"a", "b"}),
        ("train", "test", set()),
        ("train2017/{}", "test2017/{}", {"a", "b"}),
        ("images/train/{}", "images/test/{}", {"a", "b"}),
        ("train/{}", "test_public/{}", {"a", "b"}),
    ],
)
def test_parts_below_the_top(tmp_path: Path, train: str, test: str, labels: set[str]) -> None:
    for index in range(12):
        picture(tmp_path / "x" / train.format("ab"[index % 2]) / f"{index}.png", index)
        picture(tmp_path / "x" / test.format("ab"[index % 2]) / f"{index}.png", 50 + index)
    data = read(tmp_path / "x")
    assert [data.size(part) for part in PARTS] == [11, 1, 12]
    assert all("test" in str(file) for file in data.files["test"])
    assert set(np.concatenate(list(data.labels.values()) or [np.array([])])) == labels


def test_parts_that_are_not_all_there_are_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for index in range(6):
        picture(tmp_path / "x" / "test" / "ab"[index % 2] / f"{index}.png", index)
    read(tmp_path / "x")
    assert "all pictures are in test: the parts are drawn from them" in capsys.readouterr().out


@pytest.mark.parametrize(("pictures", "masks"), [("images", "masks"), ("Data/Images/Anomaly", "Data/Masks/Anomaly")])
def test_masks_in_a_folder_beside_their_pictures(
    tmp_path: Path, pictures: str, masks: str, capsys: pytest.CaptureFixture[str]
) -> None:
    for index in range(6):
        picture(tmp_path / "x" / pictures / f"{index}.JPG", index)
        picture(tmp_path / "x" / masks / f"{index}.png", 200)
        picture(tmp_path / "y" / masks / f"{index}.png", 100 + index)
    assert count(read(tmp_path / "x")) == 6
    assert f"left out 6 masks, such as {masks}/0.png" in capsys.readouterr().out
    assert count(read(tmp_path / "y")) == 6, "what has no pictures beside it is no mask"


def test_what_systems_put_beside_pictures_does_not_count(tmp_path: Path) -> None:
    for index in range(6):
        picture(tmp_path / "x" / f"{index}.png", index)
    for name in (".DS_Store", "a/@eaDir/0.png", "__MACOSX/0.png", ".ipynb_checkpoints/0.png", "._0.png"):
        picture(tmp_path / "x" / f"{name}.png").rename(tmp_path / "x" / name)
    assert count(read(tmp_path / "x")) == 6


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


def test_other_files_are_counted_and_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for index, suffix in enumerate((".png", ".JPG", ".jfif", ".jp2", ".avif", ".tga")):
        path = tmp_path / "x" / f"{index}{suffix}"
        path.parent.mkdir(exist_ok=True)
        forms = {".jfif": "JPEG", ".JPG": "JPEG"}
        try:
            Image.new("L", (8, 8), index).save(path, forms.get(suffix))
        except (ValueError, KeyError, OSError):  # a Pillow that has never heard of it, or was built without
            continue
    there = len(list((tmp_path / "x").iterdir()))
    for name in ("a.txt", "b.txt", "c.psd", "d"):
        (tmp_path / "x" / name).write_text("")
    data = read(tmp_path / "x")
    assert count(data) == there and bool(data.examples("train").isfinite().all())
    assert "left out 4 files not read as pictures: 2 .txt, 1 .psd, 1 without a suffix" in capsys.readouterr().out
    (tmp_path / "x" / "e.heic").write_bytes(b"")
    monkeypatch.setattr("aelab.data.files.images.find_spec", lambda name: None)
    read(tmp_path / "x")
    assert '1 .heic (pip install "aelab[heic]")' in capsys.readouterr().out


def test_heic_as_phones_write_it(tmp_path: Path) -> None:
    heif = pytest.importorskip("pillow_heif")
    heif.register_heif_opener()
    for index in range(6):
        Image.new("RGB", (64, 48), (40 * index, 90, 200)).save(tmp_path / f"{index}.HEIC", quality=95)
    data = read(tmp_path)
    found = np.concatenate([data.examples(part).numpy() for part in PARTS]).reshape(6, 3, -1).mean(2)
    wanted = np.array([(40 * index, 90, 200) for index in range(6)]) / 255
    np.testing.assert_allclose(found[found[:, 0].argsort()], wanted, atol=0.03)


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


@pytest.mark.parametrize("suffix", [".tif", ".gif", ".png", ".webp"])
def test_pages_are_examples_or_said(tmp_path: Path, suffix: str, capsys: pytest.CaptureFixture[str]) -> None:
    folder = tmp_path / "x"
    folder.mkdir()
    for file in range(2):
        frames = [Image.new("L", (8, 8), 40 * page + file) for page in range(5)]
        frames[0].save(folder / f"{file}{suffix}", save_all=True, append_images=frames[1:])
    with pytest.raises(UserError, match="from 2 examples"):
        read(folder)
    capsys.readouterr()
    picture(folder / "one.png", 240)
    assert count(read(folder)) == 3
    assert "read the first page of 2 files with several, such as 0" in capsys.readouterr().out
    assert count(read(folder, pages="first")) == 3 and "page" not in capsys.readouterr().out
    data = read(folder, pages="all")
    everything = np.concatenate([data.examples(part).numpy() for part in PARTS])
    assert len(everything) == len(np.unique(everything, axis=0)) == 11
    assert len(set(data.describe()["fingerprints"].values())) == 3


@pytest.mark.parametrize("by", ["path", "name", "stem", "elsewhere", "windows"])
def test_labels_of_a_table(tmp_path: Path, by: str, capsys: pytest.CaptureFixture[str]) -> None:
    folder = tmp_path / "x"
    rows = []
    for index in range(12):
        path = picture(folder / "pictures" / f"{index}.png", index)
        name = {"path": path.relative_to(folder).as_posix(), "name": path.name, "stem": path.stem}.get(by, "")
        name = name or {"elsewhere": f"/data/2020/{path.stem}.jpg", "windows": f"pictures\\{path.name}"}[by]
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
    (folder / "labels.csv").write_text("\n".join(["file;label;weight", *rows, "99.png;cat;99"]))
    read(folder, labels="labels.csv")
    assert "left out 1 row of labels.csv that names no picture, such as" in capsys.readouterr().out
    (folder / "labels.csv").write_text("\n".join(rows))
    said = r"row 1 .*looks like numbers" if by == "stem" else r"row 1 of .* names a picture, .*; put names of columns"
    with pytest.raises(UserError, match=said):
        read(folder, labels="labels.csv")
    (folder / "labels.csv").write_text("file,label\nx,p\ny,q\n")
    with pytest.raises(UserError, match=r"no column of .* names the pictures"):
        read(folder, labels="labels.csv")
    with pytest.raises(UserError, match=r"data.labels=nothing.csv: no such file"):
        read(folder, labels="nothing.csv")


def test_a_run_from_before_data_background_sees_what_it_saw(tmp_path: Path) -> None:
    """Runs that do not know the key were trained on the colours under alpha 0, and their fingerprints stay."""
    for index in range(6):
        Image.new("RGBA", (8, 8), (40 * index, 0, 0, 0)).save(tmp_path / f"{index}.png")
        Image.new("RGB", (8, 8), (0, 40 * index, 0)).save(tmp_path / f"{index}.jpg")
    before, white, black = read(tmp_path), read(tmp_path, background="white"), read(tmp_path, background="black")
    lines = "\n".join(f"{f} {(s := (tmp_path / f).stat()).st_size} {s.st_mtime_ns}" for f in before.files["train"])
    assert before.fingerprint("train") == fingerprint(np.frombuffer(lines.encode(), np.uint8))
    assert len({data.fingerprint("train") for data in (before, white, black)}) == 3
    hidden = [str(file).endswith(".png") for file in before.files["train"]]
    assert (white.examples("train")[hidden] == 1).all() and before.examples("train")[hidden].max() < 1
    for path in tmp_path.glob("*.png"):
        path.unlink()
    assert len({read(tmp_path, background=colour).fingerprint("train") for colour in (None, "white", "black")}) == 1
