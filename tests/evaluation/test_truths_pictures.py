"""Restored pictures: measures, classical methods and overlapping patches against closed forms and published figures."""

from __future__ import annotations

import sys

import numpy as np
import pytest
from drawn_pictures import found, patches, uniform
from numpy.testing import assert_allclose, assert_equal

pytest.importorskip("skimage")

from aelab.errors import UserError
from aelab.evaluation.baselines.denoisers import WienerCoder, best, median, non_local_means
from aelab.evaluation.baselines.linear import PCACoder, RawCoder
from aelab.evaluation.denoising import Denoising
from aelab.evaluation.images import overlapping
from aelab.evaluation.images.overlapping import by_patches, places
from aelab.evaluation.measures.fidelity import pictures_of, psnr, require_pictures, ssim
from aelab.evaluation.protocol import Part

# --- measures ---


def test_psnr_is_decibels_of_the_mean_squared_error() -> None:
    clean = np.full((1, 4, 4), 0.5)
    assert_allclose(psnr(clean, clean + 25 / 255), 20 * np.log10(255 / 25))
    assert psnr(clean, clean) == 100
    noise = np.random.default_rng(0).standard_normal((1, 512, 512)) * 25 / 255
    assert abs(psnr(np.zeros_like(noise), noise) - 20.172) < 4 * 4.34 * np.sqrt(2 / noise.size)


def test_ssim_of_constant_pictures_and_of_small_ones() -> None:
    a, b = np.full((1, 16, 16), 0.2), np.full((1, 16, 16), 0.7)
    assert_allclose(ssim(a, b), (2 * 0.2 * 0.7 + 1e-4) / (0.2**2 + 0.7**2 + 1e-4))  # Wang et al. 2004, eq. 6
    x = uniform(3, 8, 8)
    assert_allclose(ssim(x, x), 1)
    assert ssim(x, uniform(3, 8, 8, seed=1)) < 0.5


# --- classical methods ---

NOISY, MEDIAN_3, MEDIAN_5 = (24.82, 20.61, 15.20), (28.15, 25.86, 21.46), (27.29, 26.32, 23.68)


def test_camera_has_its_known_figures() -> None:
    """scikit-image's camera with noise of sigma 15, 25, 50, cut to black and white."""
    from skimage.data import camera

    clean = camera()[None] / 255
    for sigma, noisy_psnr, three, five in zip((15, 25, 50), NOISY, MEDIAN_3, MEDIAN_5, strict=True):
        noise = np.random.RandomState(0).normal(0, sigma / 255, clean.shape)
        noisy = (clean + noise).clip(0, 1)
        found = [psnr(clean, x) for x in (noisy, median(3)(noisy), median(5)(noisy))]
        assert_allclose(found, [noisy_psnr, three, five], atol=0.006)
        if sigma == 25:
            assert_allclose(psnr(clean, non_local_means(0.6, 25 / 255)(noisy)), 29.11, atol=0.02)


def test_non_local_means_sees_grey_and_colour_alike() -> None:
    from skimage.restoration import denoise_nl_means

    settings = {"h": 0.08, "sigma": 0.1, "patch_size": 5, "patch_distance": 6}
    x = uniform(3, 20, 24)
    assert_allclose(non_local_means(0.8, 0.1)(x[:1])[0], denoise_nl_means(x[0], **settings))
    last = denoise_nl_means(x.transpose(1, 2, 0), channel_axis=-1, **settings)
    assert_allclose(non_local_means(0.8, 0.1)(x), last.transpose(2, 0, 1))


def test_the_best_setting_is_that_of_the_highest_psnr() -> None:
    clean = [np.full((1, 9, 9), 0.5)]
    noisy = [clean[0] + (np.arange(81).reshape(1, 9, 9) % 2 - 0.5) / 5]
    restorers = [lambda x: x, lambda x: np.full_like(x, 0.5), lambda x: x * 0]
    assert best(restorers, clean, noisy) is restorers[1]


def test_wiener_is_the_affine_map_of_least_squared_error() -> None:
    random = np.random.default_rng(0)
    x = (random.normal(size=(400, 5)) @ random.normal(size=(5, 5)) + 3).astype(np.float32)
    std = 0.7
    covariance, mean = np.cov(x.T, bias=True).astype(np.float64), x.mean(0, dtype=np.float64)
    noisy = x + std * random.normal(size=x.shape)
    normal = covariance @ np.linalg.inv(covariance + std**2 * np.eye(5))
    assert_allclose(WienerCoder(x, 5, std).reconstruct(noisy), (noisy - mean) @ normal.T + mean, atol=1e-5)
    narrow = WienerCoder(x, 2, std)
    expected = [  # of the error over the noise: what is cut off, what is shrunk away, what noise is let through
        narrow.pca.variances[2:].sum().item()
        + sum((1 - s) ** 2 * v + s**2 * std**2 for s, v in zip(shrunk, narrow.pca.variances[:2].tolist(), strict=True))
        for shrunk in narrow.shrunk + np.array([[0, 0], [0.01, 0], [0, -0.01]])
    ]
    assert expected[0] < min(expected[1:])
    assert_allclose(WienerCoder(x, 5, 0).reconstruct(x), PCACoder(x, 5).reconstruct(x), atol=1e-6)


# --- overlapping patches ---


@pytest.mark.parametrize("stride", [1, 3, 50])
def test_a_pixel_is_the_mean_of_what_its_patches_say(stride: int, monkeypatch: pytest.MonkeyPatch) -> None:
    picture = uniform(3, 13, 11)
    assert_allclose(by_patches(lambda x: x, picture, (4, 5), stride), picture, atol=1e-6)

    def blurred(x: np.ndarray) -> np.ndarray:
        return x**2 + x.mean(1, keepdims=True)

    total, count = np.zeros(picture.shape), np.zeros(picture.shape)
    for top in places(13, 4, min(stride, 4)):
        for left in places(11, 5, min(stride, 5)):
            window = (slice(None), slice(top, top + 4), slice(left, left + 5))
            total[window] += picture[window] ** 2 + picture[window].mean()
            count[window] += 1
    assert count.min() > 0
    assert_allclose(by_patches(blurred, picture, (4, 5), stride), total / count, rtol=1e-5)
    monkeypatch.setattr(overlapping, "VALUES", 1)  # a row of patches at a time
    assert_allclose(by_patches(blurred, picture, (4, 5), stride), total / count, rtol=1e-5)


def test_places_reach_the_end() -> None:
    assert places(10, 4, 3).tolist() == [0, 3, 6] and places(11, 4, 3).tolist() == [0, 3, 6, 7]
    assert places(4, 4, 3).tolist() == [0]
    with pytest.raises(ValueError, match="a patch of 5 pixels in a picture of 4"):
        places(4, 5, 1)


# --- denoising ---


def test_denoising_of_patches_and_of_whole_pictures() -> None:
    data = patches()
    evaluation = Denoising(sigmas=[25, 50], examples=30)
    own = found(evaluation.measure(PCACoder(data.train.x, 6), data))
    beside = {name: found(scores) for name, scores in evaluation.baselines(data, 6).items()}
    assert list(beside) == ["noisy", "median", "nlm", "pca", "wiener"]
    assert_equal(own, beside["pca"], "the same noise for everyone")
    for sigma in (25, 50):
        variance = (sigma / 255) ** 2
        assert abs(beside["noisy"][f"error_{sigma}"].value / variance - 64) < 4 * np.sqrt(2 * 64 / 30)
    assert beside["nlm"]["picture_gain_25"].value == 0
    for name, scores in beside.items():
        difference = scores["picture_psnr_50"].value - beside["nlm"]["picture_psnr_50"].value
        assert_allclose(scores["picture_gain_50"].value, difference, err_msg=name)
    assert beside["wiener"]["error_50"].value < beside["pca"]["error_50"].value
    assert own["picture_psnr_25"].value > own["psnr_25"].value, "overlapping patches say more than one"
    assert evaluation.facts(data) == {"unit of sigma": "1/255", "denoised": 30, "pictures": "test0, test1"}
    assert set(evaluation.pictures(PCACoder(data.train.x, 6), data)) == {"examples", "pictures"}


def test_noise_can_be_cut_to_black_and_white() -> None:
    data = patches()._replace(pictures={})
    raw = RawCoder(64)
    free, cut = (found(Denoising(sigmas=[75], clip=clip).baselines(data, 64)["noisy"]) for clip in (False, True))
    assert cut["psnr_75"].value > free["psnr_75"].value + 0.3
    assert not [name for name in found(Denoising(sigmas=[75]).measure(raw, data)) if name.startswith("picture")]


def test_pictures_of_a_part_are_always_the_same() -> None:
    data = patches()
    first, again = (pictures_of(data, "test", False, 7) for _ in range(2))
    assert_allclose(first, again)
    assert len(first) == 7 and first[0].shape == (1, 8, 8)
    assert pictures_of(data, "val", True, 1)[0].max() <= 1


@pytest.mark.parametrize(
    "changes, message",
    [
        ({"shape": (64,)}, r"data=waves: this evaluation needs pictures, \[channels, height, width\]"),
        ({"shape": (2, 8, 4)}, "data=waves: pictures of 2 channels; 1 or 3 are needed"),
        ({"shape": (1, 6, 6)}, "data=waves: pictures of 6 x 6 pixels; at least 7 x 7 are needed"),
        ({"test": Part(np.full((3, 64), 1.5), None)}, r"data=waves: values from 1.5 to 1.5; .* pictures in \[0, 1\]"),
    ],
)
def test_what_is_no_picture_is_refused(changes: dict[str, object], message: str) -> None:
    with pytest.raises(UserError, match=message):
        Denoising().measure(RawCoder(64), patches()._replace(**changes))


def test_an_absent_scikit_image_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "skimage", None)
    with pytest.raises(UserError, match=r'needs scikit-image; pip install "aelab\[images\]"'):
        require_pictures(patches())
