"""The structural similarity of pictures as a part of the error."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Self

import torch
from torch import Tensor
from torch.nn import functional as F

from aelab.errors import UserError
from aelab.objectives.bregman import BregmanError

WIDE = 11  # pixels of Wang's window
NARROW = 7  # of the one for pictures that are smaller
STABLE = 0.01**2, 0.03**2  # of luminance and contrast, for values from 0 to 1


class StructuralError:
    """``sum_i (r_i - x_i)^2 + weight D (1 - SSIM(r, x))`` of pictures of D values between 0 and 1.

    SSIM is the mean over windows and channels of ``(2 m_r m_x + c1)(2 s_rx + c2) / ((m_r^2 + m_x^2 + c1)(s_r^2 + s_x^2
    + c2))`` (Wang et al. 2004), with a Gaussian window of 11 pixels, sigma 1.5, or 7 equal ones where a side is
    shorter. It is no Bregman divergence and does not split into bias and variance.
    """

    name = "ssim"
    label = "squared error and structural dissimilarity per example"
    kind = "numbers"
    event = 0
    data_range: tuple[float, float] | None = (0.0, 1.0)
    logits = False
    is_squared = False
    decomposition: BregmanError | None = None

    def __init__(self, weight: float = 0.1) -> None:
        if weight < 0:
            raise UserError(f"error.weight={weight}: must be 0 or more")
        self.weight = weight
        self.shape: tuple[int, ...] = ()

    def sized(self, shape: Sequence[int]) -> Self:
        """Itself, for pictures ``[C, H, W]``; UserError for other examples, and for sides below 7 pixels."""
        if len(shape) != 3 or min(shape[1:]) < NARROW:
            raise UserError(
                f"error=ssim: needs pictures [channels, height, width] of {NARROW} x {NARROW} pixels or more, and an "
                f"example has shape {list(shape)}; use error=squared"
            )
        self.shape = tuple(shape)
        return self

    def __call__(self, output: Tensor, target: Tensor) -> Tensor:
        """Decoder output and target ``[..., B, D]`` to errors ``[..., B]``."""
        unlike = output.shape[-1] * (1 - structural_similarity(output, target, self.shape))
        return (output - target).square().sum(-1) + self.weight * unlike

    def reconstruction(self, output: Tensor) -> Tensor:
        """The decoder's output as a reconstruction of x."""
        return output

    def beside(self, output: Tensor, target: Tensor) -> dict[str, Tensor]:
        """The squared error of the reconstruction."""
        return {"squared": (output - target).square().sum(-1)}


def structural_similarity(first: Tensor, second: Tensor, shape: Sequence[int]) -> Tensor:
    """SSIM of pictures ``[..., D]`` of a shape ``[C, H, W]`` with values between 0 and 1: ``[...]``."""
    first, second = torch.broadcast_tensors(first, second)
    x, y = (values.reshape(-1, 1, *shape[1:]) for values in (first, second))
    window, unbiased = _window(min(shape[1:]), x)
    moments = F.conv2d(torch.cat([x, y, x * x, y * y, x * y]), window)
    mean_x, mean_y, square_x, square_y, product = moments.chunk(5)
    var_x, var_y = (unbiased * (square - mean * mean) for square, mean in ((square_x, mean_x), (square_y, mean_y)))
    covariance = unbiased * (product - mean_x * mean_y)
    luminance = (2 * mean_x * mean_y + STABLE[0]) / (mean_x * mean_x + mean_y * mean_y + STABLE[0])
    contrast = (2 * covariance + STABLE[1]) / (var_x + var_y + STABLE[1])
    return (luminance * contrast).mean((-3, -2, -1)).view(*first.shape[:-1], shape[0]).mean(-1)


def _window(side: int, like: Tensor) -> tuple[Tensor, float]:
    """Weights ``[1, 1, n, n]`` that sum to 1, and what makes the variances unbiased that they give."""
    if side < WIDE:
        return like.new_full((1, 1, NARROW, NARROW), NARROW**-2), NARROW**2 / (NARROW**2 - 1)
    place = torch.arange(WIDE, dtype=like.dtype, device=like.device) - WIDE // 2
    line = (-place.square() / (2 * 1.5**2)).softmax(0)
    return (line[:, None] * line)[None, None], 1.0
