"""The rule of a peak: a local maximum that stands 2 standard errors above the minima on both sides."""

from __future__ import annotations

import math

import pytest
import torch

from aelab.replicas.peaks import describe, find_peaks

WIDTHS = [4, 8, 16, 32, 64]


def test_a_clear_peak_is_found_with_its_sides() -> None:
    (peak,) = find_peaks(WIDTHS, [5.0, 3.0, 6.0, 4.0, 2.0], [0.1] * 5)
    assert (peak.x, peak.value, peak.left, peak.right) == (16, 6.0, (8, 3.0), (64, 2.0))
    assert peak.standard_errors == pytest.approx(3 / math.hypot(0.1, 0.1))


@pytest.mark.parametrize(
    "means",
    [
        [5.0, 4.0, 3.0, 2.0, 1.0],  # monotone, both ways
        [1.0, 2.0, 3.0, 4.0, 5.0],
        [5.0, 4.0, 3.0, 4.0, 5.0],  # a valley
        [6.0, 3.0, 3.2, 2.0, 1.0],  # a maximum within the noise on its left
        [3.0, 3.0, 3.0, 3.0, 3.0],  # flat
        [1.0, 5.0],
        [],
    ],
)
def test_no_peak(means: list[float]) -> None:
    assert not find_peaks(WIDTHS[: len(means)], means, [0.1] * len(means))


def test_a_shoulder_is_not_a_second_peak_but_a_second_peak_is() -> None:
    shoulder = [1.0, 4.0, 3.9, 6.0, 1.0]
    assert [peak.x for peak in find_peaks(WIDTHS, shoulder, [0.1] * 5)] == [32]
    two = [1.0, 4.0, 2.0, 6.0, 1.0]
    assert [peak.x for peak in find_peaks(WIDTHS, two, [0.1] * 5)] == [8, 32]


def test_two_equal_points_are_one_peak() -> None:
    assert len(find_peaks(WIDTHS, [1.0, 4.0, 4.0, 2.0, 1.0], [0.1] * 5)) == 1


def test_noise_alone_seldom_makes_a_peak() -> None:
    """A falling curve with noise of its own standard error: false peaks in fewer than 5 % of 500 curves."""
    generator = torch.Generator().manual_seed(0)
    falling = torch.linspace(3, 1, 7, dtype=torch.float64)
    curves = falling + 0.1 * torch.randn(500, 7, generator=generator, dtype=torch.float64)
    found = sum(bool(find_peaks(range(7), curve.tolist(), [0.1] * 7)) for curve in curves)
    assert found < 25


def test_exact_values_are_compared_as_they_are() -> None:
    assert len(find_peaks([1, 2, 3], [1.0, 2.0, 1.0], [0.0] * 3)) == 1


def test_bad_curves_are_refused() -> None:
    with pytest.raises(ValueError, match="ascend"):
        find_peaks([2, 1], [1.0, 2.0], [0.1, 0.1])
    with pytest.raises(ValueError, match="3 places"):
        find_peaks([1, 2, 3], [1.0, 2.0], [0.1, 0.1])
    with pytest.raises(ValueError, match="finite"):
        find_peaks([1, 2], [1.0, math.nan], [0.1, 0.1])


def test_the_verdict_says_so_either_way() -> None:
    assert "no peak" in describe(WIDTHS, [5.0, 4.0, 3.0, 2.0, 1.0], [0.1] * 5, "hidden", "error")
    told = describe(WIDTHS, [5.0, 3.0, 6.0, 4.0, 2.0], [0.1] * 5, "hidden", "error")
    assert "1 peak: 6 at 16" in told
