"""Lost pixels and saved bits against closed forms, and an arithmetic coder that takes the bits that are claimed."""

from __future__ import annotations

import io
from fractions import Fraction

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_equal

pytest.importorskip("skimage")

from drawn_pictures import found, patches, uniform
from PIL import Image

from aelab.errors import UserError
from aelab.evaluation.baselines.linear import PCACoder
from aelab.evaluation.image_processing import ImageProcessing
from aelab.evaluation.images import projection
from aelab.evaluation.images.projection import (
    best_count,
    bicubic,
    biharmonic,
    block_means,
    inpainting,
    repeated,
    upscaling,
)
from aelab.evaluation.measures.compression import Quantiser, code_curve, jpeg_curve, unit_widths


def rebuild(coder: PCACoder, x: np.ndarray) -> np.ndarray:
    return coder.reconstruct(x.reshape(len(x), -1)).reshape(x.shape)


# --- what is known in part ---


def test_pca_ends_at_the_least_squares_fit_to_what_is_known() -> None:
    random = np.random.default_rng(0)
    train = (random.normal(size=(60, 3)) @ random.normal(size=(3, 16)) + 0.1 * random.normal(size=(60, 16))).astype(
        np.float32
    )
    coder, clean = PCACoder(train, 3), train[:5].reshape(5, 1, 4, 4)
    known = projection.scattered(clean.shape, 0.3, random)
    problem = inpainting(clean, known, coder.mean.reshape(1, 4, 4))
    *_, last = projection.steps(lambda x: rebuild(coder, x), problem, 3000)
    for x, mask, again in zip(clean.reshape(5, 16), known.reshape(5, 16), last.reshape(5, 16), strict=True):
        fit = np.linalg.lstsq(coder.directions[:, mask].T, (x - coder.mean)[mask], rcond=None)[0]
        assert_allclose(again[~mask], (coder.mean + fit @ coder.directions)[~mask], atol=1e-4)
        assert (again[mask] == x[mask]).all()


@pytest.mark.parametrize("size", [(8, 8), (7, 9)])
def test_the_projection_of_upscaling_keeps_the_means_and_is_the_nearest(size: tuple[int, int]) -> None:
    clean, x = uniform(4, 3, *size).astype(np.float64), uniform(4, 3, *size, seed=1).astype(np.float64)
    problem = upscaling(clean)
    projected = problem.project(x)
    assert_allclose(block_means(projected), block_means(clean), atol=1e-6)
    assert_allclose(problem.project(projected), projected, atol=1e-6)
    change = projected - x  # constant in every block: orthogonal to what leaves the means alone
    assert_allclose(change, repeated(block_means(change), size), atol=1e-6)
    assert_allclose(block_means(clean)[0, 0, 0, 0], clean[0, 0, :2, :2].mean())
    ramp = np.add.outer(np.arange(12.0), 2 * np.arange(12.0))[None]
    assert_allclose(bicubic(block_means(ramp), (12, 12))[0, 4:8, 4:8], ramp[0, 4:8, 4:8], atol=1e-4)


def test_lost_pixels_are_as_many_as_said() -> None:
    random = np.random.default_rng(0)
    known = projection.scattered((50, 3, 8, 6), 0.25, random)
    assert known.shape == (50, 1, 8, 6) and ((~known).sum((1, 2, 3)) == 12).all()
    assert abs((~known).mean(0) - 0.25).max() < 0.25
    for picture in ~projection.blocked((50, 1, 10, 20), 0.3, random)[:, 0]:
        rows, columns = np.flatnonzero(picture.any(1)), np.flatnonzero(picture.any(0))
        assert len(rows) == 3 and len(columns) == 6 and picture.sum() == 18


def test_the_number_of_steps_is_the_best_on_val() -> None:
    clean = np.full((2, 1, 4, 4), 0.5)
    problem = inpainting(clean, np.zeros((2, 1, 4, 4), bool), np.zeros((1, 4, 4)))
    assert best_count(lambda x: x + 0.1, problem, 9) == 5


def test_biharmonic_inpainting_continues_a_plane() -> None:
    plane = np.add.outer(np.arange(12) / 40, np.arange(12) / 30)[None]
    known = np.ones((1, 12, 12), bool)
    known[0, 4:7, 5:8] = False
    assert_allclose(biharmonic(np.where(known, plane, 9), known), plane, atol=0.02)


# --- bits ---


def arithmetic_code_bits(symbols: list[int], counts: list[list[int]]) -> int:
    """Bits of the shortest binary fraction whose interval lies within that of the symbols: exact arithmetic coding."""
    low, width = Fraction(0), Fraction(1)
    for symbol, count in zip(symbols, counts, strict=True):
        total = sum(count)
        low += width * Fraction(sum(count[:symbol]), total)
        width *= Fraction(count[symbol], total)
    bits = 0
    while True:
        scale = 2**bits
        first = -((-low.numerator * scale) // low.denominator)
        if Fraction(first + 1, scale) <= low + width:
            return bits
        bits += 1


def test_an_arithmetic_coder_takes_the_bits_that_are_claimed() -> None:
    train = np.random.default_rng(0).normal(size=(300, 3)).astype(np.float32) * [1, 3, 0.2]
    quantiser = Quantiser(train, np.ones(3), 0.5)
    symbols = quantiser.symbols(train)
    counts = [(np.bincount(column) + 1).tolist() for column in symbols.T]
    test = quantiser.symbols(np.random.default_rng(1).normal(size=(20, 3)) * [1, 3, 0.2])
    expected = [-sum(np.log2(count[s] / sum(count)) for s, count in zip(row, counts, strict=True)) for row in test]
    assert_allclose(quantiser.lengths(test), expected)
    spent = arithmetic_code_bits(test.ravel().tolist(), counts * len(test))
    assert quantiser.lengths(test).sum() <= spent <= quantiser.lengths(test).sum() + 2
    assert abs(quantiser.code(symbols) - train).max() <= 0.25 + 1e-6
    beyond = quantiser.symbols(np.full((1, 3), 1e6))
    assert (beyond == symbols.max(0)).all(), "cut to the range of the training part"


def test_steps_move_the_reconstruction_equally_far() -> None:
    class Scaled(PCACoder):
        def encode(self, x: np.ndarray) -> np.ndarray:
            return super().encode(x) * [0.01, 1, 50]

        def decode(self, code: np.ndarray) -> np.ndarray:
            return super().decode(code / [0.01, 1, 50])

    train = np.random.default_rng(0).normal(size=(400, 6)).astype(np.float32)
    plain, scaled = PCACoder(train, 3), Scaled(train, 3)
    assert_allclose(unit_widths(plain, plain.encode(train)), 1, rtol=1e-3)
    assert_allclose(unit_widths(scaled, scaled.encode(train)), [0.01, 1, 50], rtol=1e-3)
    for a, b in zip(code_curve(plain, train, train, [1, 0.1]), code_curve(scaled, train, train, [1, 0.1]), strict=True):
        assert_allclose(a.bits, b.bits, rtol=0.02)
    nothing, coarse, fine = code_curve(plain, train, train, [1, 0.1])
    assert nothing.bits == 0 < coarse.bits < fine.bits
    added = np.square(fine.restored - plain.reconstruct(train)).sum(1).mean()
    assert_allclose(added, 3 * 0.1**2 / 12, rtol=0.1)  # uniform errors


@pytest.mark.parametrize("channels, count", [(1, 7), (3, 4)])
def test_jpeg_counts_the_bytes_of_a_file(channels: int, count: int) -> None:
    place = np.arange(12)
    x = np.stack([np.add.outer(place * i, place) for i in range(count)]).astype(np.float32) / (12 * count)
    x = np.repeat(x[:, None], channels, 1)
    points = jpeg_curve(x, x.mean(0).reshape(-1))
    assert points[0].bits == 0 and 0 < points[1].bits <= points[-1].bits
    assert abs(points[-1].restored - x.reshape(count, -1)).max() < 0.05
    if channels == 3:  # two by two tiles of 16 x 16
        tiles = np.pad(np.rint(x * 255).astype(np.uint8), [(0, 0), (0, 0), (0, 4), (0, 4)], mode="edge")
        rows = [np.concatenate([t.transpose(1, 2, 0) for t in tiles[i : i + 2]], 1) for i in (0, 2)]
        sheet = np.concatenate(rows)
        file = io.BytesIO()
        Image.fromarray(sheet).save(file, "JPEG", quality=98, optimize=True)
        assert points[-1].bits == 8 * len(file.getvalue()) / 4


# --- the evaluation ---


def test_a_rate_between_two_settings_is_reached_in_proportion() -> None:
    data = patches()
    evaluation = ImageProcessing(examples=12, rates=[1e-9, 0.05, 99])
    curve = code_curve(PCACoder(data.train.x, 4), data.train.x, evaluation._clean(data).reshape(12, -1), [2, 0.1])
    bits, values = evaluation._rated(curve, data)
    none, between, most = (score.value for score in evaluation._at_rates(curve, data))
    assert_allclose([none, most], [values[0].mean(), values[-1].mean()], rtol=1e-5)
    assert_allclose(between, np.interp(0.05, bits, values.mean(1)))


def test_image_processing_of_patches() -> None:
    data = patches()
    evaluation = ImageProcessing(examples=12, steps=10)
    own = found(evaluation.measure(PCACoder(data.train.x, 6), data))
    beside = {name: found(scores) for name, scores in evaluation.baselines(data, 6).items()}
    assert_equal(own, beside.pop("pca"), "the same pixels are lost to everyone")
    assert {name: sorted({key.split("_")[1] for key in scores}) for name, scores in beside.items()} == {
        "biharmonic": ["block", "scattered"],
        "bicubic": ["x2"],
        "jpeg": ["at"],
    }
    assert own["psnr_at_0.1"].value < own["psnr_at_1"].value
    assert set(evaluation.pictures(PCACoder(data.train.x, 6), data)) == {"scattered", "block", "x2", "compression"}
    for key, value in (("lost", 1.0), ("steps", 0), ("rates", [])):
        with pytest.raises(UserError, match=rf"evaluation.image_processing.{key}="):
            ImageProcessing(**{key: value})
    with pytest.raises(UserError, match="needs pictures"):
        evaluation.measure(PCACoder(data.train.x, 6), data._replace(shape=(64,)))
