"""Image processing with a code: lost pixels, twice the size, and fewer bits."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from aelab.errors import UserError
from aelab.evaluation.baselines.linear import PCACoder
from aelab.evaluation.images import projection
from aelab.evaluation.images.projection import Problem
from aelab.evaluation.images.sheets import figure_pixels
from aelab.evaluation.images.states import image_rows
from aelab.evaluation.measures.compression import Point, at_rate, code_curve, jpeg_curve, rated
from aelab.evaluation.measures.fidelity import fidelity, pictures_of, require_pictures
from aelab.evaluation.measures.intervals import mean_score
from aelab.evaluation.protocol import Coder, Examples, Score

TABLED = 10_000  # training examples that the table of symbols is made from
VAL_EXAMPLES = 200  # on which the number of steps is chosen


class ImageProcessing:
    """Inpainting, super-resolution and compression of ``examples`` test examples (null: all).

    - ``psnr_scattered``, ``ssim_...``, ``error_...``: a share ``lost`` of the pixels is unknown, anywhere;
      ``psnr_block``: a block of ``block`` of each side is. ``psnr_x2``: only means of 2 x 2 pixels are known.
      The coder rebuilds, what is known is put back, and again: up to ``steps`` times, as often as is best on val.
    - ``psnr_at_0.5``: at 0.5 bits a pixel (``rates``), the code quantised in steps of each of ``quantisation`` and
      entropy-coded (``compression.py``); between two settings in proportion, beyond the finest that of the finest.

    Beside it: PCA of the same code size, put through the same; ``biharmonic`` inpainting, ``bicubic`` interpolation,
    and ``jpeg``. Intervals are over examples.
    """

    needs = ("numbers",)

    def __init__(
        self,
        examples: int | None = 300,
        lost: float = 0.5,
        block: float = 0.3,
        steps: int = 50,
        quantisation: Sequence[float] = (0.02, 0.05, 0.1, 0.2, 0.4, 0.8, 1.6, 3.2, 6.4),
        rates: Sequence[float] = (0.1, 0.25, 0.5, 1.0),
        shown: int = 8,
    ) -> None:
        for key, share in (("lost", lost), ("block", block)):
            if not 0 < share < 1:
                raise UserError(f"evaluation.image_processing.{key}={share}: must be above 0 and below 1")
        if steps < 1:
            raise UserError(f"evaluation.image_processing.steps={steps}: must be at least 1")
        for key, values in (("quantisation", quantisation), ("rates", rates)):
            if not values or min(values) <= 0:
                raise UserError(f"evaluation.image_processing.{key}={list(values)}: numbers above 0 are needed")
        self.examples = examples
        self.lost = lost
        self.block = block
        self.steps = steps
        self.quantisation = sorted(quantisation, reverse=True)
        self.rates = rates
        self.shown = shown

    def facts(self, data: Examples) -> dict[str, Any]:
        return {"processed": len(self._clean(data)), "lost": self.lost, "block": self.block, "rates": "bits a pixel"}

    def measure(self, coder: Coder, data: Examples) -> list[Score]:
        require_pictures(data)
        scores = []
        for name, problem in self._problems(data, self._clean(data)).items():
            scores += fidelity(name, problem.clean, self._restored(coder, data, name, problem))
        return scores + self._at_rates(self._code_curve(coder, data), data)

    def baselines(self, data: Examples, code_size: int) -> Mapping[str, list[Score]]:
        beside = {"pca": self.measure(PCACoder(data.train.x, code_size), data)}
        clean = self._clean(data)
        for name, problem in self._problems(data, clean).items():
            method = "bicubic" if name == "x2" else "biharmonic"
            found = fidelity(name, clean, self._classical(problem).clip(0, 1))
            beside[method] = beside.get(method, []) + found
        return beside | {"jpeg": self._at_rates(jpeg_curve(clean, data.train.x.mean(0)), data)}

    def pictures(self, coder: Coder, data: Examples) -> Mapping[str, np.ndarray]:
        require_pictures(data)
        clean = self._clean(data)[: self.shown]
        sheets = {}
        for name, problem in self._problems(data, clean).items():
            beside = self._classical(problem).clip(0, 1)
            rows: dict[str, Any] = {
                "clean": clean,
                "known": problem.shown(),
                "bicubic" if name == "x2" else "biharmonic": beside,
            }
            sheets[name] = image_rows(
                rows | {"restored": self._restored(coder, data, name, problem)}, unrated=("known",)
            )
        pca = PCACoder(data.train.x, coder.code_size)
        curves = {
            "code": self._code_curve(coder, data),
            "PCA": self._code_curve(pca, data),
            "JPEG": jpeg_curve(self._clean(data), data.train.x.mean(0)),
        }
        return sheets | {"compression": figure_pixels(lambda axes: self._draw(axes, curves, data))}

    def _problems(self, data: Examples, clean: np.ndarray) -> dict[str, Problem]:
        """By name; a picture's lost pixels depend on its number and the data's seed only."""
        fill = data.train.x.mean(0).reshape(data.shape)
        known = {}
        losses = {"scattered": (projection.scattered, self.lost), "block": (projection.blocked, self.block)}
        for name, (lose, share) in losses.items():
            draws = [np.random.default_rng([data.seed, number]) for number in range(len(clean))]
            known[name] = np.concatenate([lose((1, *data.shape), share, random) for random in draws])
        problems = {name: projection.inpainting(clean, mask, fill) for name, mask in known.items()}
        return problems | {"x2": projection.upscaling(clean)}

    def _restored(self, coder: Coder, data: Examples, name: str, problem: Problem) -> np.ndarray:
        def rebuild(x: np.ndarray) -> np.ndarray:
            return coder.reconstruct(x.reshape(len(x), -1)).reshape(x.shape).clip(0, 1)

        val = np.stack(pictures_of(data, "val", False, VAL_EXAMPLES))
        count = projection.best_count(rebuild, self._problems(data, val)[name], self.steps)
        *_, last = projection.steps(rebuild, problem, count)
        return last.clip(0, 1)

    @staticmethod
    def _classical(problem: Problem) -> np.ndarray:
        if problem.known is None:
            return problem.start
        return np.stack([projection.biharmonic(*pair) for pair in zip(problem.clean, problem.known, strict=True)])

    def _code_curve(self, coder: Coder, data: Examples) -> list[Point]:
        clean = self._clean(data)
        train = data.train.x
        tabled = train[np.random.default_rng(data.seed).permutation(len(train))[:TABLED]]
        return code_curve(coder, tabled, clean.reshape(len(clean), -1), self.quantisation)

    def _clean(self, data: Examples) -> np.ndarray:
        require_pictures(data)
        return np.stack(pictures_of(data, "test", False, self.examples))

    def _rated(self, curve: list[Point], data: Examples) -> tuple[np.ndarray, np.ndarray]:
        return rated(curve, self._clean(data).reshape(-1, data.test.x.shape[1]), data.shape[1] * data.shape[2])

    def _at_rates(self, curve: list[Point], data: Examples) -> list[Score]:
        bits, values = self._rated(curve, data)
        return [mean_score(f"psnr_at_{rate:g}", at_rate(bits, values, rate)) for rate in self.rates]

    def _draw(self, axes: Any, curves: Mapping[str, list[Point]], data: Examples) -> None:
        most = 1.5 * max(self.rates) * data.shape[1] * data.shape[2]
        for name, curve in curves.items():
            bits, values = self._rated([point for point in curve if point.bits <= most], data)
            axes.plot(bits, values.mean(1), marker=".", label=name)
        axes.set(xlabel="bits a pixel", ylabel="PSNR in dB, mean over test examples")
        axes.legend(frameon=False, loc="lower right")
