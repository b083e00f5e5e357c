"""What an example costs in bits as codewords, and how well it is rebuilt from them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from aelab.errors import UserError
from aelab.evaluation.baselines.linear import PCACoder
from aelab.evaluation.baselines.quantised_pca import QuantisedPCA
from aelab.evaluation.images.sheets import figure_pixels
from aelab.evaluation.measures.anomaly_scores import squared_errors
from aelab.evaluation.measures.intervals import mean_score
from aelab.evaluation.protocol import Coder, Examples, Score


class Codewords:
    """Codes that are made of codewords (``model=vq_vae``, ``fsq``): error and bits of the test part.

    - ``error``: squared error of an example, summed over values. ``bits``: codewords of an example times log2 of how
      many there are to choose from; ``entropy_bits``: the same by how often each is used in the test part.
    - ``error_pca_quantised``: of principal components in as many groups as an example has codewords, each group
      quantised by k-means to as many codewords: as many bits. How many components a group has (``values``), and
      whether these are neighbours or dealt out, is what is best on the validation part.

    Beside it stands PCA of the same code size, whose values are not quantised and cost no bits here. t-intervals over
    test examples.
    """

    needs = ("numbers", "codewords")

    def __init__(self, values: Sequence[int] = (1, 2, 3, 4, 6, 8)) -> None:
        if not values or min(values) < 1:
            raise UserError(f"evaluation.codewords.values={list(values)}: numbers of components from 1 are needed")
        self.values = sorted(set(values))

    def measure(self, coder: Coder, data: Examples) -> list[Score]:
        quantised: Any = coder
        indices = quantised.indices(data.test.x)
        entries: int = quantised.entries
        words = indices.shape[1] * indices.shape[2]
        linear = QuantisedPCA.best(data.train.x, data.val.x, words, entries, self.values, data.seed)
        usage = [np.bincount(stage.ravel(), minlength=entries) / stage.size for stage in indices.swapaxes(0, 1)]
        entropy = sum(-(share[share > 0] * np.log2(share[share > 0])).sum() for share in usage)
        return [
            mean_score("error", squared_errors(data.test.x, coder.reconstruct(data.test.x))),
            Score("bits", float(words * np.log2(entries))),
            Score("entropy_bits", float(entropy * indices.shape[2])),
            mean_score("error_pca_quantised", squared_errors(data.test.x, linear.reconstruct(data.test.x))),
        ]

    def baselines(self, data: Examples, code_size: int) -> Mapping[str, list[Score]]:
        pca = PCACoder(data.train.x, code_size)
        return {"pca": [mean_score("error", squared_errors(data.test.x, pca.reconstruct(data.test.x)))]}

    def pictures(self, coder: Coder, data: Examples) -> Mapping[str, np.ndarray]:
        quantised: Any = coder
        indices = quantised.indices(data.test.x)
        counts = np.stack([np.sort(np.bincount(stage.ravel(), minlength=quantised.entries))[::-1]
                           for stage in indices.swapaxes(0, 1)])  # fmt: skip

        def draw(axes: Any) -> None:
            for stage, count in enumerate(counts):
                axes.plot(np.arange(1, len(count) + 1), count / count.sum(), label=f"codebook {stage}")
            axes.set(xlabel="codeword, most used first", ylabel="share of the test part's codewords")
            if len(counts) > 1:
                axes.legend(frameon=False)

        return {"usage": figure_pixels(draw)}
