"""Data that are damaged, cut short or cannot be downloaded cost one line and leave nothing."""

from __future__ import annotations

import gzip
import io
import struct
import zipfile
from pathlib import Path

import numpy as np
import pytest
from commands import QUICK, Command, left


@pytest.mark.parametrize("name", ["mnist", "cifar10", "olivetti"])
def test_data_without_a_network_leave_nothing(command: Command, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    import socket

    def nobody(*arguments: object, **settings: object) -> None:
        raise socket.gaierror(-2, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", nobody)
    monkeypatch.setenv("SCIKIT_LEARN_DATA", "nowhere")
    status, [line] = command(*QUICK, f"data={name}")
    assert status == 1 and line.startswith(f"data={name}: ") and "could not be downloaded" in line
    assert "run once where there is a network, or " in line
    assert left() == []


def header(*shape: int) -> bytes:
    file = io.BytesIO()
    np.lib.format.write_array_header_1_0(file, {"descr": "<f4", "fortran_order": False, "shape": shape})
    return file.getvalue() + bytes(64)


def packed(**members: bytes) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        for name, content in members.items():
            archive.writestr(f"{name}.npy", content)
    return file.getvalue()


ROWS = ("a,b,y\n" + "".join(f"{i},{i % 7},{i % 3}\n" for i in range(2000))).encode()
DAMAGED = {
    "table label.csv data.label=y": (b"y\n1\n0\n1\n", "no column but that of data.label=y"),
    "streamed_table label.csv data.label=y": (b"y\n1\n0\n1\n", "no column but that of data.label=y"),
    "table cut.csv.gz": (gzip.compress(ROWS)[:-2000], "cannot be read"),
    "streamed_table cut.csv.gz": (gzip.compress(ROWS)[:-2000], "cannot be read"),
    "table no.csv.gz": (b"hello", "no rows below the names"),
    "table empty.csv": (b"", "cannot be read"),
    "streamed_table one.csv": (b"a,b\n1,2\n", "1 example"),
    "table bytes.csv": (bytes(range(256)), "cannot be read"),
    "table no.parquet": (b"PAR1PAR1", "cannot be read"),
    "table x.json": (ROWS, "not a .csv"),
    "arrays cut.npy": (header(100, 8), "cannot be read"),
    "arrays header.npy": (header(4, 4)[:10] + b"{garbage'" + header(4, 4)[19:], "cannot be read"),
    "arrays version.npy": (header(4, 4)[:6] + b"\x09\x00" + header(4, 4)[8:], "cannot be read"),
    "arrays exabytes.npy": (header(2**50, 784), "cannot be read"),
    "arrays beyond.npy": (header(2**70, 784), "cannot be read"),
    "arrays exabytes.npz": (packed(x=header(2**50, 784)), "cannot be read"),
    "arrays labels.npz": (packed(x=header(4, 4), y=header(2**60)), "cannot be read"),
    "arrays cut.npz": (packed(x=header(4, 4))[:-30], "cannot be read"),
    "arrays objects.npy": (header(3).replace(b"<f4", b"|O "), "cannot be read"),
    "arrays x.txt": (b"hi", "not a .npy or .npz"),
}


@pytest.mark.parametrize("words", DAMAGED)
def test_a_damaged_file_leaves_nothing(command: Command, tmp_path: Path, words: str) -> None:
    name, file, *more = words.split()
    content, message = DAMAGED[words]
    (tmp_path / file).write_bytes(content)
    status, [line] = command(*QUICK, f"data={name}", f"data.path={tmp_path / file}", *more)
    assert status == 1 and message in line and len(line) < 600
    assert left() == []


def test_mnist_that_is_cut_short_leaves_nothing(command: Command, tmp_path: Path) -> None:
    raw = tmp_path / "MNIST" / "raw"
    raw.mkdir(parents=True)
    for part, count in (("train", 50), ("t10k", 20)):
        images = struct.pack(">IIII", 0x803, count, 28, 28) + bytes(range(256)) * (count * 784 // 256 + 1)
        labels = struct.pack(">II", 0x801, count) + bytes(count)
        (raw / f"{part}-images-idx3-ubyte.gz").write_bytes(gzip.compress(images)[:-20])
        (raw / f"{part}-labels-idx1-ubyte.gz").write_bytes(gzip.compress(labels))
    status, [line] = command(*QUICK, "data=mnist", f"paths.data={tmp_path}")
    assert status == 1 and "train-images-idx3-ubyte.gz: damaged or cut short" in line
    assert left() == []
