"""The structural error against scikit-image's SSIM, and what it is at its ends."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from tiny_runs import compose_tiny
from torch.testing import assert_close

from aelab.building.build import build_model
from aelab.errors import UserError
from aelab.evaluation.measures.fidelity import ssim
from aelab.objectives import SquaredError, StructuralError
from aelab.objectives.randomness import seeded_generator
from aelab.objectives.structure import structural_similarity


def pictures(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.rand(*shape, dtype=torch.float64, generator=seeded_generator(seed, 0))


@pytest.mark.parametrize("shape", [(1, 8, 8), (1, 28, 28), (3, 11, 16), (3, 10, 32)])
def test_it_is_scikit_images(shape: tuple[int, int, int]) -> None:
    """As the evaluations measure it: Gaussian windows, and 7 equal pixels for pictures below 11."""
    pytest.importorskip("skimage")
    x, r = pictures(5, *shape), pictures(5, *shape, seed=1)
    r = 0.7 * x + 0.3 * r
    wanted = torch.tensor([ssim(a, b) for a, b in zip(x.numpy(), r.numpy(), strict=True)], dtype=torch.float64)
    found = structural_similarity(r.flatten(1), x.flatten(1), shape)
    assert_close(found, wanted, rtol=1e-10, atol=1e-12)
    error = StructuralError(0.3).sized(shape)
    size = shape[0] * shape[1] * shape[2]
    squared = (r - x).square().flatten(1).sum(1)
    assert_close(error(r.flatten(1), x.flatten(1)), squared + 0.3 * size * (1 - wanted), rtol=1e-10, atol=1e-10)


def test_a_perfect_reconstruction_costs_nothing_and_stacks_are_free() -> None:
    x, r = pictures(4, 6, 64), pictures(4, 6, 64, seed=1).requires_grad_()
    error = StructuralError(1.0).sized((1, 8, 8))
    assert_close(error(x, x), torch.zeros(4, 6, dtype=torch.float64), atol=1e-10, rtol=0)
    assert_close(error(r, x)[2], error(r[2], x[2]))
    assert_close(StructuralError(0.0).sized((1, 8, 8))(r, x), SquaredError()(r, x))
    assert torch.autograd.gradcheck(lambda values: error(values, x[0, :2]), r.detach()[0, :2].clone().requires_grad_())


@pytest.mark.parametrize(
    ("overrides", "shape", "told"),
    [
        (("error.weight=-1",), (1, 8, 8), "error.weight=-1"),
        ((), (6,), r"error=ssim: needs pictures .* has shape \[6\]; use error=squared"),
        ((), (1, 6, 9), "of 7 x 7 pixels or more"),
        (("model=masked",), (1, 8, 8), "model=masked error=ssim: the error of single values is not known"),
    ],
)
def test_what_cannot_be_meant_is_one_line(overrides: tuple[str, ...], shape: tuple[int, ...], told: str) -> None:
    config = compose_tiny(Path("nowhere"), "error=ssim", *overrides)
    with pytest.raises(UserError, match=told) as caught:
        build_model(config, shape, torch.rand(20, *shape).flatten(1))
    assert "\n" not in str(caught.value)
