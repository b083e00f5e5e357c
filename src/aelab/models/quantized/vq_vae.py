"""Vector-quantised autoencoder: a code is made of codewords."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from torch import Tensor

from aelab.errors import UserError
from aelab.models.base.autoencoder import Forward
from aelab.models.base.learner import Encoding
from aelab.models.quantized.codebooks import Codebooks, Quantized
from aelab.models.quantized.quantized import QuantizedCode
from aelab.objectives.quantization import straight_through
from aelab.objectives.randomness import Generators


class VectorQuantizedAutoencoder(QuantizedCode):
    """``error + weight * |z - e|^2``, e the nearest codeword, held fixed; the code is e (van den Oord et al. 2017).

    z has ``code_size / size`` groups of ``size`` values, each quantised by the same ``entries`` codewords; the error's
    gradient passes straight from e to z. ``stages``: codebooks one behind the other, each for what those before it left
    of z (residual quantisation, Zeghidour et al. 2021). ``update``: ``ema``, codewords are moving averages with
    ``decay``, or ``gradient``, which adds ``|e - z|^2`` with z held fixed. ``dead_after``: see Codebooks. ``start``:
    codewords from training codes, by ``kmeans`` or ``drawn``.
    """

    def __init__(
        self,
        *args: Any,
        entries: int = 32,
        size: int = 4,
        stages: int = 1,
        update: Literal["ema", "gradient"] = "ema",
        decay: float = 0.99,
        dead_after: int = 10_000,
        start: Literal["kmeans", "drawn"] = "kmeans",
        **kwargs: Any,
    ) -> None:
        super().__init__(*args, **kwargs)
        if size < 1:
            raise UserError(f"model.size={size}: must be at least 1")
        self._check_groups(f"model.size={size}", size, "model.size=1")
        self.entries = entries
        self.words = stages, self.network.code_size // size
        self.size = size
        self.by_means = start == "kmeans"
        self.codebooks = Codebooks((stages, entries, size), update == "gradient", decay, dead_after)

    @staticmethod
    def group_size(settings: Mapping[str, Any]) -> int:
        return int(settings["size"])

    def infer(self, x: Tensor, generator: Generators = None) -> Encoding:
        z = self.network.encode(x)
        quantized = self.codebooks(self._groups(z))
        found = self._whole(quantized, z)
        indices = quantized.indices.unflatten(-2, (z.shape[-2], -1)).mT
        return Encoding(straight_through(z, found), {"before_quantizing": z, "indices": indices})

    def snapped(self, code: Tensor) -> Tensor:
        return self._whole(self.codebooks(self._groups(code)), code)

    def _whole(self, quantized: Quantized, like: Tensor) -> Tensor:
        """Codewords as codes ``[..., B, H]``."""
        return quantized.chosen.detach().sum(-2).unflatten(-2, (like.shape[-2], -1)).flatten(-2)

    def _quantized(self, encoding: Encoding) -> Quantized:
        """What ``infer`` chose, with the gradients of the codewords."""
        indices = encoding.parts["indices"].mT.flatten(-3, -2)
        return self.codebooks(self._groups(encoding.parts["before_quantizing"]), indices)

    def _groups(self, z: Tensor) -> Tensor:
        """Codes ``[..., B, H]`` as vectors ``[..., B * G, size]``."""
        return z.unflatten(-1, (-1, self.size)).flatten(-3, -2)

    def penalties(self, forward: Forward, generator: Generators = None) -> dict[str, Tensor]:
        left, chosen, _ = self._quantized(forward.encoding)
        count = forward.encoding.code.shape[-2]
        found = {"penalty": self._distance(left, chosen.detach(), count)}
        if self.codebooks.learned:
            found["codebook"] = self._distance(left.detach(), chosen, count)
        return found

    def _distance(self, left: Tensor, chosen: Tensor, count: int) -> Tensor:
        """The squared distance of vectors ``[..., B * G, S, size]`` of so many examples, ``[...]``."""
        squares = (left - chosen).square()
        if self.counts is None:
            return squares.sum((-3, -2, -1)) / count
        return self.mean(squares.sum((-2, -1)).unflatten(-1, (count, -1)).sum(-1))

    def initialize(self, x: Tensor) -> None:
        assert isinstance(self.seed, int)
        self.codebooks.start(self._groups(self.network.encode(x).detach()), self.seed, self.by_means)

    def observe(self, encoding: Encoding) -> None:
        count = encoding.code.shape[-2]
        weights = None if self.counted is None else self.counted.repeat_interleave(self.words[1], -1)
        self.codebooks.observe(self._quantized(encoding), count, self.across, weights)
