"""Denoising: what is left of Gaussian noise of several strengths, in examples and in whole pictures."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from aelab.errors import UserError
from aelab.evaluation.baselines.denoisers import Restorer, WienerCoder, best, candidates
from aelab.evaluation.baselines.linear import PCACoder
from aelab.evaluation.images.overlapping import by_patches
from aelab.evaluation.images.states import image_rows
from aelab.evaluation.measures.fidelity import fidelity, pictures_of, psnr, require_pictures
from aelab.evaluation.measures.intervals import mean_score
from aelab.evaluation.protocol import Coder, Examples, Score

GREY_LEVELS = 255  # the field's unit of noise
VAL_EXAMPLES = 200  # on which a classical denoiser's settings are chosen


class Denoising:
    """PSNR in dB, SSIM and squared error after white Gaussian noise of standard deviations ``sigmas``, in units of
    1/255 of the range from black to white; ``clip`` cuts the noisy pictures to that range, as a camera would.

    ``psnr_25``, ...: of ``examples`` test examples (null: all), each through the coder. Where examples are patches of
    pictures also of whole pictures of the test part (``pictures`` of them): all patches ``stride`` pixels apart go
    through the coder, and every pixel is the mean of what the patches over it say: ``picture_psnr_25``, ..., and
    ``picture_gain_25``, the PSNR less that of non-local means, picture by picture. Intervals are over examples or
    pictures.

    Beside it: the noisy picture itself; the median and non-local means, their settings chosen for each sigma on val and
    told it; PCA of the same code size, and the same with its components shrunk for this sigma (Wiener).
    """

    needs = ("numbers",)

    def __init__(
        self,
        sigmas: Sequence[float] = (10, 15, 25, 50, 75),
        clip: bool = False,
        examples: int | None = 1000,
        pictures: int = 20,
        stride: int = 3,
        shown: int = 8,
        shown_sigma: float = 25,
    ) -> None:
        if not sigmas or min(sigmas) <= 0:
            raise UserError(f"evaluation.denoising.sigmas={list(sigmas)}: one or more numbers above 0 are needed")
        if stride < 1:
            raise UserError(f"evaluation.denoising.stride={stride}: must be at least 1")
        self.sigmas = sigmas
        self.clip = clip
        self.examples = examples
        self.whole_pictures = pictures
        self.stride = stride
        self.shown = shown
        self.shown_sigma = shown_sigma
        self.reference: dict[float, np.ndarray] = {}  # PSNR of non-local means on whole pictures, by sigma

    def facts(self, data: Examples) -> dict[str, Any]:
        facts: dict[str, Any] = {"unit of sigma": "1/255", "denoised": len(self._clean(data, "test", False))}
        whole = list(data.pictures.get("test", {}))[: self.whole_pictures]
        return facts | ({"pictures": ", ".join(whole)} if whole else {})

    def measure(self, coder: Coder, data: Examples) -> list[Score]:
        coder.encode(data.test.x[:1])  # which refuses what is not finite
        return self._scores(lambda sigma, whole: self._through(coder, data), data)

    def baselines(self, data: Examples, code_size: int) -> Mapping[str, list[Score]]:
        train = data.train.x
        pca = PCACoder(data.train.x, code_size)

        def wiener(sigma: float, whole: bool) -> Restorer:
            return self._through(WienerCoder(train, code_size, sigma / GREY_LEVELS), data)

        return {
            "noisy": self._scores(lambda sigma, whole: lambda noisy: noisy, data, noisy=True),
            "median": self._scores(lambda sigma, whole: self._chosen("median", data, sigma, whole), data),
            "nlm": self._scores(lambda sigma, whole: self._chosen("nlm", data, sigma, whole), data),
            "pca": self.measure(pca, data),
            "wiener": self._scores(wiener, data),
        }

    def pictures(self, coder: Coder, data: Examples) -> Mapping[str, np.ndarray]:
        require_pictures(data)
        restore = self._through(coder, data)
        sheets = {}
        for name, whole in (("examples", False), ("pictures", True)):
            clean = self._clean(data, "test", whole)[: self.shown]
            noisy = [self._noisy(x, self.shown_sigma, number) for number, x in enumerate(clean)]
            if clean:
                restored = [restore(x).clip(0, 1) for x in noisy]
                facts = f"sigma {self.shown_sigma:g}"
                sheets[name] = image_rows({"clean": clean, f"noisy, {facts}": noisy, "restored": restored})
        return sheets

    def _scores(self, restorer: Callable[[float, bool], Restorer], data: Examples, noisy: bool = False) -> list[Score]:
        """Of the denoiser that ``restorer`` gives for a sigma and for examples or whole pictures."""
        require_pictures(data)
        scores = []
        for whole in (False, True) if data.pictures else (False,):
            clean = self._clean(data, "test", whole)
            for sigma in self.sigmas:
                restore = restorer(sigma, whole)
                restored = [restore(self._noisy(x, sigma, number)) for number, x in enumerate(clean)]
                restored = restored if noisy else [x.clip(0, 1) for x in restored]
                found = fidelity(f"{sigma:g}", clean, restored)
                if whole:
                    own = np.array([psnr(*pair) for pair in zip(clean, restored, strict=True)])
                    found.append(mean_score(f"gain_{sigma:g}", own - self._non_local(data, sigma)))
                    found = [score._replace(metric=f"picture_{score.metric}") for score in found]
                scores += found
        return scores

    def _through(self, coder: Coder, data: Examples) -> Restorer:
        def restore(noisy: np.ndarray) -> np.ndarray:
            if noisy.shape == data.shape:
                return coder.reconstruct(noisy.reshape(1, -1)).reshape(data.shape)
            return by_patches(coder.reconstruct, noisy, (data.shape[1], data.shape[2]), self.stride)

        return restore

    def _chosen(self, name: str, data: Examples, sigma: float, whole: bool) -> Restorer:
        """The median or non-local means with the setting that is best on val."""
        clean = self._clean(data, "val", whole)
        noisy = [self._noisy(x, sigma, number) for number, x in enumerate(clean)]
        return best(candidates(name, sigma / GREY_LEVELS), clean, noisy)

    def _non_local(self, data: Examples, sigma: float) -> np.ndarray:
        if sigma not in self.reference:
            restore = self._chosen("nlm", data, sigma, True)
            clean = self._clean(data, "test", True)
            restored = [restore(self._noisy(x, sigma, number)).clip(0, 1) for number, x in enumerate(clean)]
            self.reference[sigma] = np.array([psnr(*pair) for pair in zip(clean, restored, strict=True)])
        return self.reference[sigma]

    def _clean(self, data: Examples, part: str, whole: bool) -> list[np.ndarray]:
        wanted = self.whole_pictures if whole else VAL_EXAMPLES if part == "val" else self.examples
        return pictures_of(data, part, whole, wanted)

    def _noisy(self, clean: np.ndarray, sigma: float, number: int) -> np.ndarray:
        """A picture with its own noise, the same for every method."""
        noise = np.random.default_rng([number, round(1000 * sigma)]).standard_normal(clean.shape, np.float32)
        noisy = clean + np.float32(sigma / GREY_LEVELS) * noise
        return noisy.clip(0, 1) if self.clip else noisy
