"""Filters of known shape have the spread and the orientation that they should."""

from __future__ import annotations

import numpy as np
import pytest

from aelab.errors import UserError
from aelab.evaluation.baselines.linear import PCACoder, RawCoder
from aelab.evaluation.filters import Filters, filters_of, orientation, sheet, spread
from aelab.evaluation.protocol import Examples, Part

SIZE = 16
DOWN, ACROSS = np.mgrid[:SIZE, :SIZE]


def one(picture: np.ndarray) -> np.ndarray:
    return picture[None, None].astype(float)


def test_spread_is_the_share_of_pixels() -> None:
    dot, half = np.zeros((SIZE, SIZE)), np.zeros((SIZE, SIZE))
    dot[3, 4], half[:, :8] = -2, 0.3
    noise = np.random.default_rng(0).normal(size=(300, 1, SIZE, SIZE))
    assert spread(one(dot)) == pytest.approx(1 / SIZE**2)
    assert spread(one(half)) == pytest.approx(0.5)
    assert spread(noise).mean() == pytest.approx(1 / 3, rel=0.02)


@pytest.mark.parametrize("cycles", [(3, 0), (0, 2), (2, 2), (1, -3)])
def test_a_grating_has_one_direction(cycles: tuple[int, int]) -> None:
    grating = np.cos(2 * np.pi * (cycles[0] * DOWN + cycles[1] * ACROSS) / SIZE + 0.7)
    assert orientation(one(grating)) == pytest.approx(1)
    assert orientation(one(grating + 5)) == pytest.approx(1), "the mean does not count"


def test_a_blob_and_a_cross_have_none() -> None:
    blob = np.exp(-((DOWN - 8.0) ** 2 + (ACROSS - 8.0) ** 2) / 8)
    assert orientation(one(blob)) == pytest.approx(0, abs=1e-9)
    assert orientation(one(np.cos(np.pi * DOWN / 4) + np.cos(np.pi * ACROSS / 4))) == pytest.approx(0, abs=1e-9)


def test_an_edge_is_local_and_oriented() -> None:
    near = np.exp(-((DOWN - 8.0) ** 2 + (ACROSS - 8.0) ** 2) / 12)
    edge = near * np.sin(2 * np.pi * (DOWN + ACROSS) / 8)
    assert spread(one(edge)) < 0.2 and orientation(one(edge)) > 0.8


def test_the_sheet_has_every_filter_and_greys_are_weights() -> None:
    pixels = sheet(np.stack([one(DOWN - 8.0)[0]] * 5))
    assert pixels.shape == (2 * (48 + 4), 3 * (48 + 4), 3) and pixels.dtype == np.uint8
    assert pixels[0, 0, 0] == 0 and pixels[24, 0, 0] == 128 and pixels[60, 110, 0] == 255


def test_pca_beside_and_refusals() -> None:
    part = Part(np.random.default_rng(0).random((30, 9), dtype=np.float32), None)
    data = Examples(part, part, part, (1, 3, 3), "squares")
    assert filters_of(PCACoder(part.x, 4), data).shape == (4, 1, 3, 3)
    with pytest.raises(UserError, match="filters: draws the first layer of a network"):
        Filters().measure(RawCoder(9), data)
    with pytest.raises(UserError, match="data=squares: filters are drawn as pictures"):
        Filters().baselines(data._replace(shape=(9,)), 2)
