"""PCA and the raw values as coders: what every autoencoder is compared with."""

from __future__ import annotations

import numpy as np
import torch

from aelab.evaluation.baselines.pca import PCA, fit_pca


class PCACoder:
    """The ``code_size`` leading principal components of training examples ``[N, D]``.

    A code size beyond the number of values is cut to it. NaN, a value that is not known, is taken for its mean.
    """

    def __init__(self, train: np.ndarray, code_size: int) -> None:
        self.pca: PCA = fit_pca(torch.as_tensor(train))
        self.code_size = min(code_size, train.shape[1])
        self.mean = self.pca.mean.numpy()
        self.directions = self.pca.directions[: self.code_size].numpy()

    def encode(self, x: np.ndarray) -> np.ndarray:
        centred = x - self.mean
        return (np.where(np.isnan(x), 0, centred) if np.isnan(x).any() else centred) @ self.directions.T

    def decode(self, code: np.ndarray) -> np.ndarray:
        return code @ self.directions + self.mean

    def reconstruct(self, x: np.ndarray) -> np.ndarray:
        return self.decode(self.encode(x))

    def reconstruction_jacobian(self, x: np.ndarray) -> np.ndarray:
        """Derivatives ``[N, D, D]`` of the reconstruction, the same everywhere: the projection."""
        projection = self.directions.T @ self.directions
        return np.broadcast_to(projection, (len(x), *projection.shape))


class RawCoder:
    """Examples as their own codes."""

    def __init__(self, values: int) -> None:
        self.code_size = values

    def encode(self, x: np.ndarray) -> np.ndarray:
        return x

    def decode(self, code: np.ndarray) -> np.ndarray:
        return code

    def reconstruct(self, x: np.ndarray) -> np.ndarray:
        return x
