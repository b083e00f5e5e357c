"""Attractors against maps whose fixed points and basins are known."""

from __future__ import annotations

import numpy as np
import pytest

from aelab.errors import UserError
from aelab.evaluation.attractors import Attractors, iterated, spectral_radii
from aelab.evaluation.baselines.linear import PCACoder
from aelab.evaluation.protocol import Examples, Part

random = np.random.default_rng(0)
CORNERS = np.array([[0, 0], [0, 4], [4, 0], [4, 4]], dtype=np.float32)


class Pull:
    """Moves every point towards the nearest corner; its Jacobian there is ``rate`` times a rotation by 90 degrees."""

    code_size = 2
    turn = np.array([[0, -1], [1, 0]], dtype=np.float32)

    def __init__(self, rate: float) -> None:
        self.rate = rate

    def encode(self, x: np.ndarray) -> np.ndarray:
        return x

    def decode(self, code: np.ndarray) -> np.ndarray:
        near = CORNERS[np.square(code[:, None] - CORNERS).sum(2).argmin(1)]
        return near + self.rate * (code - near) @ self.turn.T

    reconstruct = decode

    def reconstruction_jacobian(self, x: np.ndarray) -> np.ndarray:
        return np.broadcast_to(self.rate * self.turn, (len(x), 2, 2))


def examples(train: np.ndarray, test: np.ndarray) -> Examples:
    return Examples(Part(train, None), Part(train, None), Part(test, None), (2,), "corners")


def measured(rate: float, **settings: float) -> dict[str, float]:
    data = examples(CORNERS, random.uniform(-1, 5, (50, 2)).astype(np.float32))
    return {score.metric: score.value for score in Attractors(**settings).measure(Pull(rate), data)}  # type: ignore[arg-type]


def test_examples_that_pull_are_attractors() -> None:
    """The complex eigenvalues +-i/2 have magnitude 1/2; noise of a tenth does not leave the basins."""
    assert measured(0.5, noise=0.1) == pytest.approx(
        {"train_error": 0, "spectral_radius": 0.5, "attracting": 1, "recovered": 1, "recalled": 1}
    )


def test_fixed_points_that_push_are_none() -> None:
    found = measured(1.1, noise=0.1)
    assert found["spectral_radius"] == pytest.approx(1.1) and found["train_error"] == 0
    assert found["attracting"] == found["recovered"] == 0


def test_a_radius_below_one_elsewhere_is_no_attractor() -> None:
    """Examples that are no fixed points are not attractors, however much their neighbourhood shrinks."""
    data = examples(CORNERS + 1, CORNERS)
    found = {score.metric: score.value for score in Attractors(noise=0.0).measure(Pull(0.5), data)}
    assert found["spectral_radius"] == 0.5 and found["train_error"] > 1
    assert found["attracting"] == found["recovered"] == found["recalled"] == 0


def test_iterations_go_on_until_nothing_moves() -> None:
    x = np.array([[1, 0.5]], dtype=np.float32)
    np.testing.assert_allclose(iterated(Pull(0.5), x, 3), Pull(0.5).decode(Pull(0.5).decode(Pull(0.5).decode(x))))
    assert not np.isfinite(iterated(Pull(1e6), x * 1e30, 100)).all(), "what escapes is not called found"


def test_pca_projects() -> None:
    x = random.normal(size=(30, 5)).astype(np.float32)
    pca = PCACoder(x, 2)
    jacobian = pca.reconstruction_jacobian(x[:3])
    step = random.normal(size=(3, 5))
    np.testing.assert_allclose(
        pca.reconstruct(x[:3] + step) - pca.reconstruct(x[:3]), np.einsum("nij,nj->ni", jacobian, step), atol=1e-6
    )
    np.testing.assert_allclose(spectral_radii(pca, x[:3]), 1, rtol=1e-6)


def test_examples_all_alike_are_refused() -> None:
    with pytest.raises(UserError, match="all training examples are the same"):
        Attractors().measure(Pull(0.5), examples(CORNERS[:1], CORNERS))
