"""Examples that are drawn, not collected, so that new training sets cost nothing."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor

from aelab.data.module import DataModule
from aelab.data.source import Source

SIZE = 28  # pixels to a side, of pictures


class Generated(DataModule):
    """Vectors ``[D]``, or uint8 images (1, 28, 28), and any labels of a subclass's ``draw``.

    ``train_examples``: training and validation examples together. ``split_seed`` decides what is drawn.
    """

    def __init__(self, *args: Any, train_examples: int = 12000, test_examples: int = 50000, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.train_examples = train_examples
        self.test_examples = test_examples

    def draw(self, count: int, seed: int) -> tuple[np.ndarray, np.ndarray | None]:
        """The hook: float32 ``[count, D]`` or uint8 pictures ``[count, 28, 28]``, and their labels ``[count]`` or None.

        From ``seed`` alone.
        """
        raise NotImplementedError

    def draw_test(self, count: int, seed: int) -> tuple[np.ndarray, np.ndarray | None]:
        """The test part, where it is another distribution's."""
        return self.draw(count, seed)

    def read(self) -> Source:
        x, labels = self.draw(self.train_examples, self.split_seed)
        test_x, test_labels = self.draw_test(self.test_examples, self.split_seed + 1)
        return Source(_shaped(x), labels, _shaped(test_x), test_labels)

    def generate(self, count: int, seed: int) -> Tensor:
        return torch.from_numpy(self.draw(count, seed)[0].reshape(count, -1))


def _shaped(x: np.ndarray) -> np.ndarray:
    return x[:, None] if x.ndim == 3 else x
