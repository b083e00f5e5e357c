"""Features of a small network that is trained here, on the training part: no weights of others are needed."""

from __future__ import annotations

import math

import numpy as np
import torch
from torch import Tensor, nn

from aelab.evaluation.protocol import Part

FEATURES = 64
STEPS = 600
BATCH = 128
CLUSTERS = 10
SMALLEST = 8  # of a side, pixels, for convolutions


class OwnFeatures:
    """The last hidden layer, 64 units, of a classifier of the training examples ``[N, D]``.

    Of their labels, or where there are none, or too many, of ten k-means clusters (Caron et al. 2018). Two strided
    convolutions for pictures of 8 x 8 and more, else a layer of 128 units; Adam, 600 steps.
    """

    def __init__(self, train: Part, shape: tuple[int, ...], seed: int) -> None:
        classes = _classes(train, seed)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            self.network = _network(shape, int(classes.max()) + 1)
            self.accuracy = self._train(torch.from_numpy(train.x).float(), torch.from_numpy(classes))

    def _train(self, x: Tensor, classes: Tensor) -> float:
        optimizer = torch.optim.Adam(self.network.parameters(), lr=1e-3)
        for _ in range(STEPS):
            rows = torch.randint(len(x), (min(BATCH, len(x)),))
            loss = nn.functional.cross_entropy(self.network(x[rows]), classes[rows])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        with torch.no_grad():
            right = [
                (self.network(some).argmax(1) == kind).double().mean()
                for some, kind in zip(x.split(1024), classes.split(1024), strict=True)
            ]
        return float(torch.stack(right).mean())

    @torch.no_grad()
    def __call__(self, x: np.ndarray) -> np.ndarray:
        """Examples ``[n, D]`` to features, float64 ``[n, 64]``."""
        values = torch.from_numpy(np.ascontiguousarray(x, np.float32))
        return torch.cat([self.network[:-1](some) for some in values.split(1024)]).double().numpy()


def _classes(train: Part, seed: int) -> np.ndarray:
    """Whole numbers from 0, long ``[N]``."""
    if train.labels is not None:
        values, numbers = np.unique(train.labels, return_inverse=True)
        if 1 < len(values) <= len(train.x) // 10:
            return numbers.astype(np.int64)
    from sklearn.cluster import KMeans
    from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

    some = np.random.default_rng(seed).permutation(len(train.x))[:5000]
    with threadpool_limits(1):
        means = KMeans(min(CLUSTERS, len(some)), n_init=1, random_state=seed % 2**32).fit(train.x[some])
        return means.predict(train.x).astype(np.int64)


def _network(shape: tuple[int, ...], classes: int) -> nn.Sequential:
    if len(shape) == 3 and min(shape[1:]) >= SMALLEST:
        halved = [-(-side // 4) for side in shape[1:]]
        below: list[nn.Module] = [
            nn.Unflatten(1, shape), nn.Conv2d(shape[0], 16, 3, 2, 1), nn.ReLU(), nn.Conv2d(16, 32, 3, 2, 1), nn.ReLU(),
            nn.Flatten(), nn.Linear(32 * math.prod(halved), FEATURES),
        ]  # fmt: skip
    else:
        below = [nn.Linear(math.prod(shape), 128), nn.ReLU(), nn.Linear(128, FEATURES)]
    return nn.Sequential(*below, nn.ReLU(), nn.Linear(FEATURES, classes))
