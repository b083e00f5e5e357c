"""``run.anomaly_score`` as a module of tensors, for export."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from aelab.evaluation.measures.anomaly_scores import NEIGHBOURS
from aelab.objectives.observed import observed_weights
from aelab.trained.run import Run


class ExportedScore(nn.Module):
    """Examples ``[N, *shape]`` on the scale of the data to scores ``[N]``, by the score the run was evaluated by."""

    def __init__(self, run: Run) -> None:
        super().__init__()
        self.model = run.model
        self.preprocessing = run.preprocessing
        known = run.scoring
        self.score = known.score if known else "error"
        for name, values in (known.statistics if known else {}).items():
            self.register_buffer(name, torch.from_numpy(values).double())

    def forward(self, x: Tensor) -> Tensor:
        x = self.preprocessing(x.flatten(1))
        if self.score == "mahalanobis":
            return self._distance(self.model.encode(x)).float()
        if self.score == "joint_mahalanobis":
            return self._distance(torch.cat([self.model.encode(x), -self._residuals(x)], dim=1)).float()
        if self.score == "neighbours":
            known: Tensor = self.get_buffer("codes")
            code = self.model.encode(x).double()
            # not all differences at once, which would be N x training examples x code size
            squares = code.square().sum(1, keepdim=True) + known.square().sum(1) - 2 * code @ known.mT
            apart = squares.clamp_min(0).sqrt()
            return apart.topk(min(NEIGHBOURS, len(known)), largest=False).values.mean(1).float()
        if self.score == "centre":
            return (self.model.encode(x).double() - self.get_buffer("centre")).square().sum(1).float()
        errors = self._of_all(x, self._residuals(x).double().square())
        if self.score == "relative_error":
            length = self._of_all(x, self.model.filled(x).double().square()).sqrt()
            errors = errors / torch.where(length == 0, torch.ones_like(length), length)
        if self.score == "error_and_distance":
            scales = self.get_buffer("scales")
            errors = errors / scales[0] + self._distance(self.model.encode(x)) / scales[1]
        return errors.float()

    def _residuals(self, x: Tensor) -> Tensor:
        """``r - x``, 0 of what is not known."""
        apart: Tensor = self.model.reconstruct(x) - x
        return apart.masked_fill(x.isnan(), 0) if self.preprocessing.gaps else apart

    def _of_all(self, x: Tensor, values: Tensor) -> Tensor:
        """The sum over the values of each example, of which those that are known stand for all."""
        return (values * observed_weights(x)).sum(1) if self.preprocessing.gaps else values.sum(1)

    def _distance(self, values: Tensor) -> Tensor:
        centred = values.double() - self.get_buffer("mean")
        return (centred @ self.get_buffer("precision") * centred).sum(1)
