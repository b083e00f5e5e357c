"""Logistic PCA: principal components of the logits of values in [0, 1]."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from aelab.evaluation.baselines.pca import fit_pca

CHUNK = 2048  # examples whose [H, H] systems are held at once


class LogisticPCACoder:
    """Codes a, directions V and offsets m that minimise the cross-entropy of x ``[N, D]`` under sigmoid(V a + m).

    Alternating weighted least squares on the quadratic bound of Jaakkola & Jordan (Schein, Saul & Ungar 2003), which
    never raises the objective; ``ridge / 2`` times the squares of all three is added, without which values that are
    always 0 have no finite offset. The code of a new example is its own minimum, directions and offsets held.

    It starts from PCA; a code size beyond the number of values is cut to it. ``history``: the objective per example
    after each of ``steps`` rounds.
    """

    def __init__(self, train: np.ndarray, code_size: int, ridge: float = 0.1, steps: int = 30) -> None:
        x = torch.as_tensor(train, dtype=torch.float32)
        self.code_size = min(code_size, x.shape[1])
        self.ridge = ridge
        self.steps = steps
        mean = x.double().mean(0).clamp(1e-3, 1 - 1e-3).float()
        self.offset = mean.logit()
        self.directions = fit_pca(x).directions[:code_size].mT.float().contiguous()
        code = torch.zeros(len(x), self.code_size)
        self.history: list[float] = []
        for _ in range(steps):
            code = self._codes(x, code, rounds=1)
            self._fit_decoder(x, code)
            self.history.append(self._objective(x, code))

    def encode(self, x: np.ndarray) -> np.ndarray:
        values = torch.as_tensor(x, dtype=torch.float32)
        return self._codes(values, torch.zeros(len(values), self.code_size), rounds=self.steps).numpy()

    def decode(self, code: np.ndarray) -> np.ndarray:
        return self._logits(torch.as_tensor(code, dtype=torch.float32)).sigmoid().numpy()

    def reconstruct(self, x: np.ndarray) -> np.ndarray:
        return self.decode(self.encode(x))

    def _logits(self, code: Tensor) -> Tensor:
        return code @ self.directions.mT + self.offset

    def _codes(self, x: Tensor, start: Tensor, rounds: int) -> Tensor:
        """Codes after ``rounds`` of weighted least squares each, ``[N, H]``."""
        squares = (self.directions[:, :, None] * self.directions[:, None, :]).flatten(1)
        eye = self.ridge * torch.eye(self.code_size)
        found = []
        for part, code in zip(x.split(CHUNK), start.split(CHUNK), strict=True):
            for _ in range(rounds):
                weight = curvature(self._logits(code))
                system = (weight @ squares).view(-1, self.code_size, self.code_size) + eye
                wanted = (part - 0.5 - weight * self.offset) @ self.directions
                code = torch.linalg.solve(system, wanted)
            found.append(code)
        return torch.cat(found)

    def _fit_decoder(self, x: Tensor, code: Tensor) -> None:
        """One round of weighted least squares for directions and offsets, given codes."""
        size = self.code_size + 1
        system = self.ridge * torch.eye(size).expand(x.shape[1], -1, -1).clone()
        wanted = torch.zeros(x.shape[1], size)
        for part, some in zip(x.split(CHUNK), code.split(CHUNK), strict=True):
            known = torch.cat([some, torch.ones(len(some), 1)], 1)
            squares = (known[:, :, None] * known[:, None, :]).flatten(1)
            system += (curvature(self._logits(some)).mT @ squares).view(-1, size, size)
            wanted += (part - 0.5).mT @ known
        solution = torch.linalg.solve(system, wanted)
        self.directions = solution[:, :-1].contiguous()
        self.offset = solution[:, -1].contiguous()

    def _objective(self, x: Tensor, code: Tensor) -> float:
        """Cross-entropy and ridge, per example."""
        total = self.ridge / 2 * sum(p.square().sum().item() for p in (code, self.directions, self.offset))
        for part, some in zip(x.split(CHUNK), code.split(CHUNK), strict=True):
            total += torch.nn.functional.binary_cross_entropy_with_logits(
                self._logits(some), part, reduction="sum"
            ).item()
        return total / len(x)


def curvature(logits: Tensor) -> Tensor:
    """Of the quadratic that touches log(1 + e^t) at the logits t from above: tanh(t / 2) / 2t, 1/4 at 0."""
    small = logits.abs() < 1e-3
    safe = torch.where(small, torch.ones_like(logits), logits)
    return torch.where(small, torch.full_like(logits, 0.25), (safe / 2).tanh() / (2 * safe))
