"""What changes training examples anew in every epoch."""

from __future__ import annotations

from functools import partial
from typing import Any

from omegaconf import DictConfig
from torch import Tensor

from aelab.config.objects import instantiate
from aelab.data.augmentation import Augmentation
from aelab.data.batches.loader import Change
from aelab.data.module import DataModule
from aelab.data.preprocessing import PIXELS
from aelab.objectives.batch import Layout


def augmentation_of(config: DictConfig, data: DataModule) -> Change:
    """What changes the training examples anew in every epoch; UserError where it cannot change such examples."""
    chosen = config.get("augmentation")  # runs from before there was any have none
    if chosen is None or chosen.name == "none":
        return None
    augmentation: Augmentation = instantiate("augmentation", chosen)
    scaled = data.preprocessing.offset is not None
    augmentation.check(chosen.name, data.shape, data.preprocessing.kind == PIXELS, scaled)
    if data.layout is not None:
        return partial(_of_values, data.layout, partial(augmentation, data.shape))
    return partial(augmentation, data.shape)


def _of_values(layout: Layout, change: Any, rows: Tensor, *where: Any) -> Tensor:
    return layout.with_values(rows, change(layout.apart(rows).x, *where))
