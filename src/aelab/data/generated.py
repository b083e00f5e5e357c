"""Pictures that are drawn, not collected, so that new training sets cost nothing."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor

from aelab.data.module import DataModule
from aelab.data.source import Source

SIZE = 28  # pixels to a side


class Generated(DataModule):
    """uint8 images (1, 28, 28) and any labels of a subclass's ``draw``.

    ``train_examples``: training and validation examples together. ``split_seed`` decides what is drawn.
    """

    def __init__(self, *args: Any, train_examples: int = 12000, test_examples: int = 50000, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.train_examples = train_examples
        self.test_examples = test_examples

    def draw(self, count: int, seed: int) -> tuple[np.ndarray, np.ndarray | None]:
        """The hook: uint8 pictures ``[count, 28, 28]`` and their labels ``[count]`` or None, from ``seed`` alone."""
        raise NotImplementedError

    def read(self) -> Source:
        x, labels = self.draw(self.train_examples, self.split_seed)
        test_x, test_labels = self.draw(self.test_examples, self.split_seed + 1)
        return Source(x[:, None], labels, test_x[:, None], test_labels)

    def generate(self, count: int, seed: int) -> Tensor:
        return torch.from_numpy(self.draw(count, seed)[0].reshape(count, -1))
