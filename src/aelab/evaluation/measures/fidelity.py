"""How near a restored picture is to the clean one: PSNR and SSIM of pictures with values in [0, 1]."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import islice

import numpy as np

from aelab.errors import UserError
from aelab.evaluation.measures.intervals import mean_score
from aelab.evaluation.protocol import Examples, Score

WINDOW = 7  # pixels of SSIM's smallest window


def psnr(clean: np.ndarray, restored: np.ndarray) -> float:
    """Peak signal-to-noise ratio in dB, ``-10 log10`` of the mean squared error; 100 at most, for equal pictures."""
    return -10 * float(np.log10(max(np.square(clean - restored, dtype=np.float64).mean(), 1e-10)))


def ssim(clean: np.ndarray, restored: np.ndarray) -> float:
    """Structural similarity of pictures ``[C, H, W]`` (Wang et al. 2004), its mean over pixels and channels.

    With its Gaussian window of 11 pixels, sigma 1.5, or 7 equal ones where a side is shorter than 11.
    """
    from skimage.metrics import structural_similarity

    wide = {"gaussian_weights": True, "sigma": 1.5, "use_sample_covariance": False}
    how = wide if min(clean.shape[1:]) >= 11 else {"win_size": WINDOW}
    pair = clean.astype(np.float64), restored.astype(np.float64)
    return float(structural_similarity(*pair, data_range=1, channel_axis=0, **how))


def fidelity(suffix: str, clean: Iterable[np.ndarray], restored: Iterable[np.ndarray]) -> list[Score]:
    """``psnr``, ``ssim`` and ``error`` (squared, summed over a picture), means over pictures ``[C, H, W]``."""
    pairs = list(zip(clean, restored, strict=True))
    measured = {
        "psnr": [psnr(*pair) for pair in pairs],
        "ssim": [ssim(*pair) for pair in pairs],
        "error": [np.square(a - b, dtype=np.float64).sum() for a, b in pairs],
    }
    return [mean_score(f"{name}_{suffix}", np.array(values)) for name, values in measured.items()]


def require_pictures(data: Examples, smallest: int = WINDOW) -> None:
    """UserError where examples are no pictures with values in [0, 1] and sides of ``smallest`` pixels, or scikit-image
    is not installed."""
    data.require_images()
    if data.shape[0] not in (1, 3):
        raise UserError(f"data={data.name}: pictures of {data.shape[0]} channels; 1 or 3 are needed")
    if min(data.shape[1:]) < smallest:
        raise UserError(
            f"data={data.name}: pictures of {data.shape[2]} x {data.shape[1]} pixels; at least {smallest} x {smallest} "
            "are needed"
        )
    low, high = (float(end(part.x)) for end, part in ((np.min, data.test), (np.max, data.test)))
    if low < 0 or high > 1:
        raise UserError(
            f"data={data.name}: values from {low:.4g} to {high:.4g}; this evaluation needs pictures in [0, 1]: leave "
            "out data.standardize, or rescale the data"
        )
    try:
        import skimage  # noqa: F401
    except ImportError:
        raise UserError('this evaluation needs scikit-image; pip install "aelab[images]"') from None


def pictures_of(data: Examples, part: str, whole: bool, wanted: int | None) -> list[np.ndarray]:
    """``wanted`` (null: all) examples of a part, always the same, or whole pictures, as float32 ``[C, H, W]``."""
    if whole:
        return [x.astype(np.float32) / 255 for x in islice(data.pictures.get(part, {}).values(), wanted)]
    x = getattr(data, part).x
    rows = np.random.default_rng(data.seed).permutation(len(x))[:wanted]
    return list(x[rows].reshape(-1, *data.shape))
