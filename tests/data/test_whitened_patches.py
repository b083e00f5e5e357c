"""Whitened photographs: the filter's gain, and the range of the patches."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from aelab.data.whitened_patches import WhitenedPatches, whitened


def wave(frequency: float, size: int = 160) -> np.ndarray:
    return np.cos(2 * np.pi * frequency * np.arange(size))[None].repeat(size, 0)


def test_a_waves_gain_is_its_frequencys() -> None:
    """Olshausen & Field 1997: f exp(-(f / 0.4)^4), for waves that fit picture and border a whole number of times."""
    low, high = 1 / 16, 5 / 16
    both = whitened(3 * wave(low) + wave(high)).astype(np.float64)
    parts = [2 * (both * wave(frequency)[8:-8, 8:-8]).mean() for frequency in (low, high)]
    gains = [f * np.exp(-((f / 0.4) ** 4)) for f in (low, high)]
    assert both.shape == (144, 144) and both.std() == pytest.approx(1, abs=1e-6)
    assert parts[0] / parts[1] == pytest.approx(3 * gains[0] / gains[1], rel=0.02)


def test_pictures_of_nature_get_a_flat_spectrum() -> None:
    """Amplitudes of 1/f become equal, well below the cutoff."""
    random = np.random.default_rng(0)
    frequency = np.hypot(*np.meshgrid(np.fft.fftfreq(256), np.fft.fftfreq(256)))
    noise = np.fft.fft2(random.normal(size=(256, 256))) / np.maximum(frequency, 1e-3)
    flat = whitened(np.fft.ifft2(noise).real)
    power = np.abs(np.fft.fft2(flat)) ** 2
    seen = np.hypot(*np.meshgrid(np.fft.fftfreq(240), np.fft.fftfreq(240)))
    rings = [power[(seen > low) & (seen < low + 0.04)].mean() for low in (0.02, 0.06, 0.1)]
    assert max(rings) / min(rings) < 1.15


def test_patches_are_centred_and_cut_at_three_deviations(tmp_path: Path) -> None:
    random = np.random.default_rng(1)
    for number in range(5):
        Image.fromarray(random.integers(0, 256, (60, 80), dtype=np.uint8)).save(tmp_path / f"{number}.png")
    data = WhitenedPatches(path=str(tmp_path), patch_size=8, count=500, held_out=50)
    data.setup()
    for part in ("train", "val", "test"):
        x = data.examples(part).double()
        assert x.min() >= 0.1 and x.max() <= 0.9 and x.dtype.is_floating_point
        inside = ((x > 0.1001) & (x < 0.8999)).all(1)
        assert (x[inside].mean(1) - 0.5).abs().max() < 1e-5, "patches less their means"
    x = data.examples("train")
    assert x.std().item() == pytest.approx(0.4 / 3, rel=0.02)
    assert 0 < ((x < 0.1001) | (x > 0.8999)).float().mean() < 0.01
