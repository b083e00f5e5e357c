"""A signal that a rule draws: for a first try and for tests, where no data set is at hand."""

from __future__ import annotations

import numpy as np

from aelab.data.signals.series import Series

PERIOD = 40
POINTS = 6_000
EVENTS = 8  # in the last fifth, which is tested
LENGTH = 30


def drawn_series(seed: int, points: int = POINTS) -> Series:
    """Two channels: beats of ``PERIOD`` points with a slowly changing height, and a smoother wave that goes with them,
    both with noise. In the last fifth ``EVENTS`` times ``LENGTH`` points are anomalous: the beat comes upside down,
    stays away, is doubled, or the second channel is late."""
    draw = np.random.default_rng(seed)
    time = np.arange(points)
    phase = 2 * np.pi * time / PERIOD
    height = 1 + 0.2 * np.sin(2 * np.pi * time / (17 * PERIOD))
    beat = np.exp(6 * (np.cos(phase) - 1)) * height
    wave = 0.5 * np.sin(phase)
    anomalous = np.zeros(points, dtype=bool)
    begin = points - points // 5
    room = points // 5 // EVENTS
    for event in range(EVENTS):
        first = begin + event * room + int(draw.integers(room - LENGTH))
        there = slice(first, first + LENGTH)
        anomalous[there] = True
        kind = event % 4
        if kind == 0:
            beat[there] = -beat[there]
        elif kind == 1:
            beat[there] = 0
        elif kind == 2:
            beat[there] = np.exp(6 * (np.cos(2 * phase[there]) - 1)) * height[there]
        else:
            wave[there] = 0.5 * np.sin(phase[there] - np.pi / 2)
    values = np.stack([beat, wave], 1) + draw.normal(0, 0.05, (points, 2))
    return Series("drawn", values, ("beat", "wave"), anomalous, "data.source=drawn")
