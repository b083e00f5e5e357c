"""The generated sets of Larochelle et al. 2007: their rules hold, picture by picture."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from imitations import imitate_mnist
from scipy.ndimage import rotate
from scipy.spatial import Delaunay

from aelab.data.convex import CONVEX, Convex, convex_sets, half_planes, is_convex
from aelab.data.files.photographs import textured_patches
from aelab.data.mnist_variations import MNISTVariations, turned
from aelab.data.rectangles import Rectangles
from aelab.data.source import Source
from aelab.errors import UserError


def in_hull(shape: np.ndarray) -> np.ndarray:
    """The pixels in the convex hull of a shape ``[28, 28]``, by scipy's triangulation."""
    places = np.argwhere(np.ones_like(shape))
    return (Delaunay(np.argwhere(shape)).find_simplex(places, tol=1e-9) >= 0).reshape(shape.shape)


def test_convexity_is_that_of_the_hull() -> None:
    labels = Convex().draw(400, 3)[1]
    shapes = Convex().draw(400, 3)[0] > 0
    spread = np.array([np.ptp(np.argwhere(shape), axis=0).min() > 1 for shape in shapes])  # a hull needs an area
    rows = np.flatnonzero(spread)[:150]
    expected = [(in_hull(shapes[row]) == shapes[row]).all() for row in rows]
    assert is_convex(shapes[rows]).tolist() == expected == (labels[rows] == 1).tolist()
    assert 0.3 < np.mean(expected) < 0.7


def test_a_pixel_missing_inside_or_a_bay_is_seen() -> None:
    square = np.zeros((3, 9, 9), bool)
    square[:, 2:7, 2:7] = True
    square[1, 4, 4] = square[2, 2, 4] = False
    assert is_convex(square).tolist() == [True, False, False]
    line = np.zeros((2, 9, 9), bool)
    line[:, 0, 0] = line[:, 4, 2] = line[:, 8, 4] = True
    line[0, 2, 1] = line[0, 6, 3] = True
    assert is_convex(line).tolist() == [True, False], "pixels between on the line belong to it"


def test_both_labels_have_as_many_white_pixels() -> None:
    """What the page says of its parameters, within four standard errors."""
    pixels, labels = Convex().draw(6000, 0)
    white = (pixels > 0).sum((1, 2))
    assert set(np.unique(pixels)) == {0, 255} and labels.mean() == pytest.approx(0.5, abs=0.03)
    error = np.hypot(*(white[labels == k].std() / (labels == k).sum() ** 0.5 for k in (0, 1)))
    assert abs(white[labels == 0].mean() - white[labels == 1].mean()) < 4 * error
    assert white[labels == 1].min() >= 19 and white[labels == 0].min() > 10


def test_half_planes_cut_everywhere_and_their_number_is_geometric() -> None:
    random = np.random.default_rng(0)
    sides = half_planes(4000, random).reshape(-1, 28, 28)
    assert is_convex(sides).all() and is_convex(~sides).all()
    assert np.abs(sides.mean(0) - 0.5).max() < 0.05, "no pixel is favoured"
    assert convex_sets(4000, 1.0, 0, random).mean() == pytest.approx(0.5, abs=0.02), "always one half-plane"
    assert convex_sets(2000, *CONVEX, random).mean() < 0.3


def test_rectangles_are_outlines_wider_or_taller() -> None:
    pixels, labels = Rectangles().draw(3000, 1)
    assert labels.mean() == pytest.approx(0.5, abs=0.04)
    sides, lefts = [], []
    for picture, label in zip(pixels, labels, strict=True):
        rows, columns = np.flatnonzero(picture.any(1)), np.flatnonzero(picture.any(0))
        expected = np.zeros((28, 28), np.uint8)
        expected[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1] = 255
        expected[rows[0] + 1 : rows[-1], columns[0] + 1 : columns[-1]] = 0
        height, width = (np.ptp(places) + 1 for places in (rows, columns))
        assert (picture == expected).all() and abs(width - height) >= 3 and label == (width > height)
        sides.append(width)
        lefts += [columns[0]] if width == 14 else []
    assert set(sides) == set(range(1, 29)) and set(lefts) == set(range(15))


def test_textured_rectangles_are_within_their_bounds(monkeypatch: pytest.MonkeyPatch) -> None:
    """A white patch on black ones: what is seen is the rectangle."""
    patches = iter([np.full((400, 28, 28), 255, np.uint8), np.zeros((400, 28, 28), np.uint8)])
    monkeypatch.setattr("aelab.data.rectangles.textured_patches", lambda count, random: next(patches))
    for picture, label in zip(*Rectangles(textured=True).draw(400, 5), strict=True):
        rows, columns = np.flatnonzero(picture.any(1)), np.flatnonzero(picture.any(0))
        height, width = (int(np.ptp(places)) + 1 for places in (rows, columns))
        assert (picture > 0).sum() == height * width, "filled"
        assert min(height, width) >= 10 and abs(width - height) >= 5 and label == (width > height)
        assert 196 <= height * width <= 588


def test_patches_of_photographs_are_not_flat() -> None:
    pytest.importorskip("skimage")
    patches = textured_patches(500, np.random.default_rng(0))
    assert patches.shape == (500, 28, 28) and patches.std((1, 2)).min() >= 16
    assert len({patch.tobytes() for patch in patches}) > 490


@pytest.fixture
def mnist(tmp_path: Path) -> Path:
    imitate_mnist(tmp_path, "MNIST")
    return tmp_path


def varied(root: Path, variation: str, **settings: int) -> Source:
    sizes = {"train_examples": 40, "test_examples": 12} | settings
    return MNISTVariations(root=str(root), variation=variation, **sizes).read()  # type: ignore[arg-type]


def test_variations_are_of_the_same_digits(mnist: Path) -> None:
    """Imitated digits begin with their label, which noise only brightens."""
    basic, noisy = varied(mnist, "basic"), varied(mnist, "bg_rand")
    assert basic.test_x is not None and basic.labels is not None and noisy.labels is not None
    assert basic.x.shape == (40, 1, 28, 28) and basic.test_x.shape == (12, 1, 28, 28)
    assert (basic.x[:, 0, 0, 0] == basic.labels).all() and (noisy.labels == basic.labels).all()
    brighter = (255 - basic.x.astype(float)) / 256  # the share of noise above a pixel
    assert (noisy.x >= basic.x).all() and (noisy.x > basic.x).mean() == pytest.approx(brighter.mean(), abs=0.01)
    assert len({row.tobytes() for row in np.concatenate([basic.x, basic.test_x])}) == 52, "every digit once"


def test_noise_is_uniform(mnist: Path) -> None:
    write = next((mnist / "MNIST" / "raw").glob("train-images*"))
    write.write_bytes(write.read_bytes()[:16] + bytes(40 * 784))  # black digits
    noise = varied(mnist, "bg_rand", train_examples=45, test_examples=7).x.reshape(-1, 784)
    noise = noise[noise[:, 0] > 9]
    counts = np.histogram(noise[noise.std(1) > 70], bins=8, range=(0, 256))[0]
    assert np.abs(counts / counts.sum() - 1 / 8).max() < 0.01


def test_turning_is_that_of_scipy() -> None:
    random = np.random.default_rng(2)
    digits = np.zeros((5, 28, 28), np.uint8)
    digits[:, 6:22, 6:22] = random.integers(0, 256, (5, 16, 16))
    angles = random.uniform(0, 2 * np.pi, 5)
    ours = turned(digits, angles).astype(float)
    for digit, angle, result in zip(digits, angles, ours, strict=True):
        expected = rotate(digit.astype(float), np.degrees(angle), reshape=False, order=1)
        assert np.abs(result - expected).max() <= 0.51
    quarter = turned(digits, np.full(5, np.pi / 2))
    assert (quarter == np.rot90(digits, axes=(1, 2))).all()


def test_what_cannot_be_made_is_named(mnist: Path) -> None:
    with pytest.raises(UserError, match=r"data.variation=bg: choose one of basic, rot"):
        MNISTVariations(variation="bg")
    with pytest.raises(UserError, match=r"data.train_examples=50 data.test_examples=12: 62 digits, and MNIST has 52"):
        varied(mnist, "rot", train_examples=50)
