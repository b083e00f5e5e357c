"""What an encoder is worth as the start of a classifier: softmax on the code, all weights fine-tuned."""

from __future__ import annotations

import copy
import math
from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from aelab.errors import UserError
from aelab.evaluation.baselines.fine_tuning import Tuned, fine_tune
from aelab.evaluation.baselines.linear import PCACoder
from aelab.evaluation.checks import require_classes
from aelab.evaluation.images.sheets import figure_pixels
from aelab.evaluation.protocol import Coder, Examples, Part, Score

SMALLEST = 1e-12  # scale of codes that are all the same


class Classification:
    """Error of classifiers on the test part, with its Wald interval 1.96 sqrt(p (1 - p) / N) (Vincent et al. 2010).

    A softmax layer on the code is trained with all weights of the encoder, by Adam on the cross-entropy of the labels,
    until neither error nor cross-entropy on val has fallen for ``patience`` epochs; the weights of the lowest error
    (of equals, the lowest cross-entropy) are tested.

    - ``error``: from the run's encoder.
    - ``random_start_error``: the same network from random weights, uniform on +-1/sqrt(fan in).
    - ``frozen_error``: the softmax layer alone, on the run's codes as they are: before fine-tuning.
    - ``val_error``: of ``error``'s classifier on val, which chose its weights and may choose hyperparameters.

    Beside it, of numbers: the softmax layer alone, on PCA's codes (``pca``) and on the raw values (``raw``). Codes are
    scaled so that their largest standard deviation is 1.
    """

    takes_gaps = True

    def __init__(self, lr: float = 1e-3, batch_size: int = 100, max_epochs: int = 100, patience: int = 10) -> None:
        for key, value in (("batch_size", batch_size), ("max_epochs", max_epochs), ("patience", patience)):
            if value < 1:
                raise UserError(f"evaluation.classification.{key}={value}: must be at least 1")
        self.settings = {"lr": lr, "batch_size": batch_size, "max_epochs": max_epochs, "patience": patience}
        self.known: dict[int, tuple[Tuned, Tuned]] = {}

    def measure(self, coder: Coder, data: Examples) -> list[Score]:
        require_classes(data)
        trained, random = self.tuned(coder, data)
        return [
            wald_score("error", trained.wrong),
            wald_score("random_start_error", random.wrong),
            wald_score("frozen_error", self._on_codes(coder, data).wrong),
            Score("val_error", trained.val_errors[trained.epoch]),
        ]

    def baselines(self, data: Examples, code_size: int) -> Mapping[str, list[Score]]:
        require_classes(data)
        if data.kind == "symbols":
            return {}
        on_codes = self._on_codes(PCACoder(data.train.x, code_size), data)
        on_values = self._fit(nn.Identity(), data.train.x.shape[1], data)
        return {"pca": [wald_score("error", on_codes.wrong)], "raw": [wald_score("error", on_values.wrong)]}

    def pictures(self, coder: Coder, data: Examples) -> Mapping[str, np.ndarray]:
        trained, random = self.tuned(coder, data)
        return {"fine_tuning": figure_pixels(lambda axes: _curves(axes, trained, random))}

    def tuned(self, coder: Coder, data: Examples) -> tuple[Tuned, Tuned]:
        """The run's encoder and the same from random weights, fine-tuned; once for each coder."""
        if id(coder) not in self.known:
            model: Any = getattr(coder, "model", None)
            if model is None:
                raise UserError("classification: fine-tunes networks; this coder has none")
            encoder = Encoder(copy.deepcopy(model))
            random = randomized(encoder, data.seed)
            self.known[id(coder)] = (
                self._fit(encoder, coder.code_size, data),
                self._fit(random, coder.code_size, data),
            )
        return self.known[id(coder)]

    def _on_codes(self, coder: Coder, data: Examples) -> Tuned:
        """The softmax layer alone."""
        codes = [coder.encode(part.x) for part in (data.train, data.val, data.test)]
        scale = max(float(codes[0].std(0).max()), SMALLEST)
        train, val, test = (
            Part((code / scale).astype(np.float32), part.labels)
            for code, part in zip(codes, (data.train, data.val, data.test), strict=True)
        )
        return self._fit(nn.Identity(), coder.code_size, data._replace(train=train, val=val, test=test))

    def _fit(self, encoder: nn.Module, code_size: int, data: Examples) -> Tuned:
        return fine_tune(encoder, code_size, data, **self.settings)  # type: ignore[arg-type]


class Encoder(nn.Module):
    """The encoder of an autoencoder as a module whose parameters are the encoder's alone."""

    def __init__(self, model: Any) -> None:
        super().__init__()
        self.layers = model.network.encoder_layers
        self.norms = nn.ModuleList(model.network.encoder_norms)
        self.encode = [model.encode]  # in a list, so that the decoder is no part of this module

    def forward(self, x: Tensor) -> Tensor:
        return self.encode[0](x)


def randomized(encoder: Encoder, seed: int) -> Encoder:
    """A copy with weights and biases drawn anew, uniform on +-1/sqrt(fan in); gains are 1 and shifts 0."""
    fresh = copy.deepcopy(encoder)
    draw = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for layer in fresh.layers:
            bound = 1 / math.sqrt(layer.weight[0].numel())
            for parameter in (layer.weight, layer.bias):
                values = torch.rand(parameter.shape, generator=draw, dtype=torch.float64)
                parameter.copy_((2 * values - 1) * bound)
        for norm in fresh.norms.children():
            norm.gain.fill_(1)  # type: ignore[operator]
            norm.shift.zero_()  # type: ignore[operator]
    return fresh


def wald_score(metric: str, wrong: np.ndarray) -> Score:
    """The share p of true values in ``[N]``, and 1.96 sqrt(p (1 - p) / N) to either side."""
    p = float(wrong.mean())
    half = 1.96 * math.sqrt(p * (1 - p) / len(wrong))
    return Score(metric, p, p - half, p + half, parts=(wrong.astype(np.float64),))


def _curves(axes: Any, trained: Tuned, random: Tuned) -> None:
    start = (trained, "from the run's encoder", "#4477aa")
    fresh = (random, "from random weights", "#ee6677")
    for tuned, label, color in (start, fresh):
        epochs = np.arange(1, len(tuned.val_errors) + 1)
        axes.plot(epochs, tuned.val_errors, color=color, label=label)
        axes.plot(epochs[tuned.epoch], tuned.val_errors[tuned.epoch], "o", color=color)
    axes.set(xlabel="epoch of fine-tuning", ylabel="classification error on val", ylim=(0, None))
    axes.xaxis.get_major_locator().set_params(integer=True)
    axes.legend(frameon=False)
