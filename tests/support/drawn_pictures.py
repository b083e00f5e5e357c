"""Pictures that are drawn, their patches, and the scores of an evaluation of them by name."""

from __future__ import annotations

import numpy as np

from aelab.evaluation.protocol import Examples, Part, Score


def uniform(*shape: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).random(shape, dtype=np.float32)


def patches(size: int = 8, count: int = 40, side: int = 21) -> Examples:
    """Patches of smooth pictures, and the pictures."""
    place = np.arange(side)
    waves = {
        f"{part}{i}": np.rint(127 + 100 * np.sin((place[:, None] * (i + 1) + place * number) / 5)[None]).astype(
            np.uint8
        )
        for number, part in enumerate(("train", "val", "test"))
        for i in range(2)
    }
    whole = {part: {name: x for name, x in waves.items() if name.startswith(part)} for part in ("train", "val", "test")}
    parts = []
    for part in ("train", "val", "test"):
        views = np.concatenate(
            [
                np.lib.stride_tricks.sliding_window_view(x[0], (size, size)).reshape(-1, size**2)
                for x in whole[part].values()
            ]
        )
        parts.append(Part((views[:: len(views) // count] / np.float32(255)).astype(np.float32), None))
    return Examples(*parts, (1, size, size), "waves", pictures=whole)


def found(scores: list[Score]) -> dict[str, Score]:
    return {score.metric: score for score in scores}
