"""VAEs whose ``weight`` is of something else than the KL."""

from __future__ import annotations

from typing import Any

from torch import Tensor

from aelab.errors import UserError
from aelab.models.variational.normal_code import NormalCode


class KLWeighted(NormalCode):
    """``kl_weight``: of the KL or of its parts, the penalties that are ``weighed``; warmed up as ``weight`` is."""

    weighed: tuple[str, ...] = ("rate",)

    def __init__(self, *args: Any, kl_weight: float = 1.0, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if kl_weight < 0:
            raise UserError(f"model.kl_weight={kl_weight}: must be 0 or more")
        self.kl_weight = kl_weight

    def factor(self, name: str, penalty: Tensor) -> float | Tensor:
        return self.kl_weight * self.warmed() if name in self.weighed else super().factor(name, penalty)

    def scale(self, error: Tensor, values: int) -> float:
        return self.kl_weight
