"""Denoisers that stand beside an autoencoder: the median, non-local means, and the linear one that is optimal."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from scipy.ndimage import median_filter

from aelab.evaluation.baselines.linear import PCACoder
from aelab.evaluation.measures.fidelity import psnr

Restorer = Callable[[np.ndarray], np.ndarray]  # a noisy picture [C, H, W] to a restored one
MEDIANS = (3, 5, 7)  # pixels of the window's side
STRENGTHS = (0.4, 0.6, 0.8, 1.0)  # of non-local means, times the noise's standard deviation


def median(side: int) -> Restorer:
    """The median of ``side`` x ``side`` pixels, in each channel."""
    return lambda noisy: median_filter(noisy, (1, side, side), mode="reflect")


def non_local_means(strength: float, std: float) -> Restorer:
    """Non-local means (Buades et al. 2005) of patches of 5 pixels within 6, which is told the noise's ``std``."""
    from skimage.restoration import denoise_nl_means

    settings = {"h": strength * std, "sigma": std, "patch_size": 5, "patch_distance": 6, "fast_mode": True}

    def restore(noisy: np.ndarray) -> np.ndarray:
        if len(noisy) == 1:  # as a channel of its own it would be taken for a picture of height 1
            return np.asarray(denoise_nl_means(noisy[0], **settings))[None]
        return np.asarray(denoise_nl_means(noisy, channel_axis=0, **settings))

    return restore


def candidates(name: str, std: float) -> list[Restorer]:
    """The settings of ``median`` or ``non_local_means`` to choose from for noise of ``std``."""
    if name == "median":
        return [median(side) for side in MEDIANS]
    return [non_local_means(strength, std) for strength in STRENGTHS]


def best(restorers: Sequence[Restorer], clean: Sequence[np.ndarray], noisy: Sequence[np.ndarray]) -> Restorer:
    """The one with the highest mean PSNR on pictures of the validation part."""

    def score(restore: Restorer) -> float:
        return float(np.mean([psnr(a, restore(b).clip(0, 1)) for a, b in zip(clean, noisy, strict=True)]))

    return max(restorers, key=score)


class WienerCoder(PCACoder):
    """PCA whose components are shrunk by ``variance / (variance + std^2)``: of all affine maps through
    ``code_size`` values the one with the least squared error under white noise of ``std`` (Wiener 1949).

    A linear denoising autoencoder that is trained with this noise can at best equal it.
    """

    def __init__(self, train: np.ndarray, code_size: int, std: float) -> None:
        super().__init__(train, code_size)
        variances = self.pca.variances[: self.code_size].numpy().clip(0)
        self.shrunk = variances / np.maximum(variances + std**2, np.finfo(np.float64).tiny)

    def encode(self, x: np.ndarray) -> np.ndarray:
        return super().encode(x) * self.shrunk
