"""Files as people have them, from the first command to a trained run: what a refusal says is pasted into the second.

The extracts are made here by rule, in the form that the real files have.
"""

from __future__ import annotations

import json
import re
import shlex
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from commands import QUICK, Command
from PIL import Image

READERS = ("table", pytest.param("streamed_table", marks=pytest.mark.slow))
SMALL = (*QUICK[1:], "logger=none", "callbacks.pictures_every=0")


def manifest(place: Path) -> dict[str, Any]:
    [path] = place.glob("outputs/runs/*/manifest.json")
    found: dict[str, Any] = json.loads(path.read_text())
    assert found["status"] == "complete"
    return found


def refused(command: Command, *words: str) -> str:
    status, [line] = command(*SMALL, *words)
    assert status == 1
    return line


def pasted(line: str, *patterns: str) -> list[str]:
    """The first of the advice that each pattern finds, as a shell hands it on."""
    found = [re.search(pattern, line) for pattern in patterns]
    assert all(found), line
    return [word for match in found if match for word in shlex.split(match[0])]


def done(command: Command, tmp_path: Path, *words: str) -> dict[str, Any]:
    status, err = command(*SMALL, *words)
    assert status == 0, err
    return manifest(tmp_path / "here")


@pytest.mark.parametrize("data", READERS)
def test_a_german_csv(command: Command, tmp_path: Path, data: str) -> None:
    """As Excel saves it in Germany: semicolons, decimal commas, points between thousands, umlauts of Windows."""
    rows = [f"{1000 + 37 * i:,}".replace(",", ".") + f",{i % 10}5;{i % 7},{i % 4}0;{20 + i}" for i in range(90)]
    text = "\r\n".join(["Fläche;Höhe;Alter", *rows]) + "\r\n"
    (tmp_path / "haus.csv").write_bytes(text.encode("cp1252"))
    own = (f"data={data}", f"data.path={tmp_path}/haus.csv")
    found = done(command, tmp_path, *own, *pasted(refused(command, *own), r"data\.encoding=cp1252"))
    assert found["data"]["columns"] == ["Fläche", "Höhe", "Alter"] and sum(found["data"]["sizes"].values()) == 90


@pytest.mark.parametrize("data", READERS)
def test_a_table_with_31_fields_below_4_names(command: Command, tmp_path: Path, data: str) -> None:
    """As breast_cancer.csv of scikit-learn: counts and classes where the names of columns should be."""
    draw = np.random.default_rng(0)
    rows = [",".join(f"{value:.4g}" for value in draw.gamma(3, 4, 30)) + f",{i % 2}" for i in range(90)]
    (tmp_path / "cells.csv").write_text("\n".join(["90,30,malignant,benign", *rows]) + "\n")
    own = (f"data={data}", f"data.path={tmp_path}/cells.csv")
    line = refused(command, *own)
    assert "row 2 has 31 fields and the header 4 names" in line
    found = done(command, tmp_path, *own, *pasted(line, r"data\.skip_rows=1 data\.header=none"), "data.label=30")
    assert found["data"]["shape"] == [30] and sum(found["data"]["sizes"].values()) == 90


@pytest.mark.parametrize("data", READERS)
def test_penguins_with_gaps_and_text(command: Command, tmp_path: Path, data: str) -> None:
    draw = np.random.default_rng(0)
    frame = pd.DataFrame({
        "species": ["Adelie", "Gentoo", "Chinstrap"] * 30, "island": ["Biscoe", "Dream"] * 45,
        "bill_length_mm": draw.normal(44, 5, 90).round(1), "flipper_length_mm": draw.normal(200, 14, 90).round(),
        "sex": ["male", "female", None] * 30,
    })  # fmt: skip
    frame.loc[3, ["bill_length_mm", "flipper_length_mm"]] = np.nan
    frame.to_csv(tmp_path / "penguins.csv", index=False, na_rep="NA")
    own = (f"data={data}", f"data.path={tmp_path}/penguins.csv")
    line = refused(command, *own)
    assert "species ('Adelie')" in line
    words = pasted(line, r"\"data\.categorical=[^\"]*\"", r"data\.missing=mean")
    found = done(command, tmp_path, *own, *words)
    assert len(found["data"]["columns"]) == 3 + 2 + 1 + 1 + 2
    assert sum(found["data"]["sizes"].values()) == 90


def test_an_mvtec_tree(command: Command, tmp_path: Path) -> None:
    draw = np.random.default_rng(0)

    def picture(path: Path, spot: bool = False) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        pixels = draw.integers(80, 120, (16, 16, 3), dtype=np.uint8)
        pixels[4:8, 4:8] = 250 if spot else pixels[4:8, 4:8]
        Image.fromarray(pixels).save(path)

    for index in range(40):
        picture(tmp_path / "bottle" / "train" / "good" / f"{index:03d}.png")
    for index in range(10):
        picture(tmp_path / "bottle" / "test" / "good" / f"{index:03d}.png")
        picture(tmp_path / "bottle" / "test" / "broken_large" / f"{index:03d}.png", spot=True)
        picture(tmp_path / "bottle" / "ground_truth" / "broken_large" / f"{index:03d}_mask.png")
    own = ("data=image_folder", f"data.path={tmp_path}/bottle", "data.one_class=good", "evaluation=anomaly_detection")
    found = done(command, tmp_path, *own, "data.image_size=16", "data.num_workers=0")
    assert found["data"]["sizes"] == {"train": 36, "val": 4, "test": 20}
    assert found["metrics"]["anomaly_detection/auroc"] > 0.95


@pytest.mark.parametrize("data", READERS)
def test_a_spark_folder(command: Command, tmp_path: Path, data: str) -> None:
    pytest.importorskip("pyarrow")
    draw = np.random.default_rng(0)
    for year in (2019, 2020):
        folder = tmp_path / "sales.parquet" / f"year={year}"
        folder.mkdir(parents=True)
        for part in range(2):
            frame = pd.DataFrame(draw.normal(size=(25, 3)), columns=["price", "size", "weight"])
            frame.to_parquet(folder / f"part-0000{part}-c000.snappy.parquet", index=False)
            (folder / f".part-0000{part}-c000.snappy.parquet.crc").write_bytes(b"crc")
    (tmp_path / "sales.parquet" / "_SUCCESS").write_text("")
    found = done(command, tmp_path, f"data={data}", f"data.path={tmp_path}/sales.parquet")
    assert found["data"]["columns"] == ["price", "size", "weight", "year"]
    assert sum(found["data"]["sizes"].values()) == 100


def test_pictures_of_16_bits(command: Command, tmp_path: Path) -> None:
    """As a microscope saves them: 12 bits in 16, several pages a file."""
    draw = np.random.default_rng(0)
    (tmp_path / "scans").mkdir()
    for index in range(20):
        pages = [Image.fromarray(draw.integers(90, 4000, (12, 16)).astype(np.uint16)) for _ in range(3)]
        pages[0].save(tmp_path / "scans" / f"{index}.tif", save_all=True, append_images=pages[1:])
    own = ("data=image_folder", f"data.path={tmp_path}/scans", "data.image_size=8", "data.grayscale=true")
    found = done(command, tmp_path, *own, "data.num_workers=0", "data.pages=all", "data.white=4095")
    assert sum(found["data"]["sizes"].values()) == 60
    assert found["metrics"]["test/mse"] < 2
