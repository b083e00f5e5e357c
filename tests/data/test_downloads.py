"""Files of others are found, downloaded whole, or an error at once; damaged ones are named."""

from __future__ import annotations

import gzip
import hashlib
import http.server
import re
import socket
import threading
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from data_sets import build, ready
from imitations import (
    TEST,
    imitate_cifar10,
    imitate_mnist,
    imitate_svhn,
    write_idx,
)

from aelab.data.files.idx import read_idx
from aelab.data.module import DataModule
from aelab.errors import UserError


def test_idx_files_that_are_damaged_are_named(tmp_path: Path, sample: Callable[..., DataModule]) -> None:
    imitate_mnist(tmp_path, "MNIST")
    path = tmp_path / "MNIST" / "raw" / "t10k-images-idx3-ubyte"
    whole = path.read_bytes()
    packed = path.with_name("packed.gz")
    packed.write_bytes(gzip.compress(whole)[:-100])
    for file, content in (
        (path, whole[:-5]),
        (path, whole + b"1"),
        (path, whole[:2]),
        (path, whole[:9]),
        (path, b""),
        (path, b"<html>not found</html>"),
        (packed, gzip.compress(whole)[:-100]),
        (packed, gzip.compress(whole)[:40] + b"no" + gzip.compress(whole)[42:]),
        (packed, whole),
    ):
        file.write_bytes(content)
        with pytest.raises(UserError, match=f"{re.escape(str(file))}: damaged.*delete it and run again"):
            read_idx(file)
    path.write_bytes(b"")
    with pytest.raises(UserError, match="t10k-images-idx3-ubyte: damaged"):
        ready("mnist", tmp_path)
    write_idx(path, np.zeros((7, 28, 28)))
    with pytest.raises(UserError, match=r"t10k-labels-idx1-ubyte: damaged.*\(12,\) for 7 images"):
        ready("mnist", tmp_path)


@pytest.mark.parametrize(("name", "file"), [("cifar10", "test_batch"), ("svhn", "train_32x32.mat")])
def test_files_with_wrong_checksums_are_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, file: str
) -> None:
    (imitate_cifar10 if name == "cifar10" else imitate_svhn)(tmp_path, monkeypatch)
    path = next(tmp_path.rglob(file))
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(UserError, match=r"(cifar-10-batches-py|train_32x32.mat): damaged.*delete it and run again"):
        ready(name, tmp_path)


def test_fashion_mnist_is_found_where_debian_puts_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from aelab.data.fashion_mnist import FashionMNIST

    imitate_mnist(tmp_path, "debian", ".gz")
    monkeypatch.setattr(FashionMNIST, "debian", tmp_path / "debian" / "raw")
    assert ready("fashion_mnist", tmp_path / "elsewhere").size("test") == TEST


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The folder a mirror of MNIST serves on this machine."""
    from torchvision.datasets import MNIST

    class Quiet(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *_: Any) -> None:
            pass

    imitate_mnist(tmp_path / "mirror", "MNIST", ".gz")
    folder = tmp_path / "mirror" / "MNIST" / "raw"
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(folder))) as running:
        threading.Thread(target=running.serve_forever, daemon=True).start()
        monkeypatch.setenv("no_proxy", "*")
        monkeypatch.setattr(MNIST, "mirrors", [f"http://127.0.0.1:{running.server_port}/"])
        sums = [(p.name, hashlib.md5(p.read_bytes()).hexdigest()) for p in sorted(folder.iterdir(), reverse=True)]
        monkeypatch.setattr(MNIST, "resources", sums)
        yield folder
        running.shutdown()


def test_a_download_is_whole_or_not_there(tmp_path: Path, server: Path) -> None:
    root = tmp_path / "new" / "data"
    cut = server / "t10k-labels-idx1-ubyte.gz"
    whole = cut.read_bytes()
    cut.write_bytes(whole[:-3])  # as if the connection had broken off
    with pytest.raises(UserError, match=r"data=mnist: train-images-idx3-ubyte is not in .* could not be downloaded"):
        ready("mnist", root)
    assert not list(root.rglob("*"))
    cut.write_bytes(whole)
    assert ready("mnist", root).size("test") == TEST
    assert not list(root.glob(".download*"))
    cut.unlink()
    assert ready("mnist", root).size("test") == TEST  # nothing is asked for again
    assert socket.getdefaulttimeout() is None


def test_no_network_is_a_quick_and_clear_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import torchvision.datasets as datasets

    from aelab.data.files.downloaded import Downloaded

    monkeypatch.setenv("no_proxy", "*")
    monkeypatch.setattr(Downloaded, "timeout", 0.2)
    with socket.create_server(("127.0.0.1", 0)) as silent:  # takes the connection, never answers
        url = f"http://127.0.0.1:{silent.getsockname()[1]}/"
        for kind in ("MNIST", "FashionMNIST", "KMNIST"):
            monkeypatch.setattr(getattr(datasets, kind), "mirrors", [url])
        monkeypatch.setattr(datasets.CIFAR10, "url", url + "cifar-10-python.tar.gz")
        split = [url + "train_32x32.mat", "train_32x32.mat", "0"]
        monkeypatch.setattr(datasets.SVHN, "split_list", {"train": split, "test": split})
        for name, fix in {
            "mnist": "MNIST/raw",
            "fashion_mnist": "apt-get install dataset-fashion-mnist",
            "kmnist": "KMNIST/raw",
            "cifar10": "unpack cifar-10-python.tar.gz",
            "svhn": "put train_32x32.mat and test_32x32.mat into",
        }.items():
            data = build(name, tmp_path)
            start = time.monotonic()
            with pytest.raises(UserError, match=rf"data={name}: .*could not be downloaded \(.*timed out.*{fix}"):
                data.prepare_data()
            assert time.monotonic() - start < 3
            with pytest.raises(UserError, match=f"data={name}: .* is not in .*{fix}"):
                data.setup()
