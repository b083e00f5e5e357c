"""Finite scalar quantisation: each value of a code is one of a few levels, and there is no codebook."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from aelab.errors import UserError
from aelab.models.base.learner import Encoding
from aelab.models.quantized.quantized import QuantizedCode
from aelab.objectives.quantization import levels as to_levels
from aelab.objectives.randomness import Generators
from aelab.objectives.waiting import constants


class ScalarQuantizedAutoencoder(QuantizedCode):
    """``error`` alone; each value of the code is bounded and rounded to one of L levels (Mentzer et al. 2024).

    ``levels``: L of each value of a group, [8, 5, 5, 5] for a thousand codewords; a code is as many groups as fit.
    Values are levels over ``floor(L / 2)``, from -1; rounding passes gradients through.
    """

    unused = ("weight",)

    def __init__(self, *args: Any, levels: Sequence[int] = (8, 5, 5, 5), **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        levels = list(levels)
        if not levels or min(levels) < 2:
            raise UserError(f"model.levels={levels}: must be one number of 2 or more for each value of a group")
        self._check_groups(f"model.levels={levels}", len(levels), "fewer levels")
        self.words = 1, self.network.code_size // len(levels)
        self.levels = levels * self.words[1]
        self.group = len(levels)
        self.entries = math.prod(levels)

    @staticmethod
    def group_size(settings: Mapping[str, Any]) -> int:
        return len(settings["levels"])

    def snapped(self, code: Tensor) -> Tensor:
        halves = constants([level // 2 for level in self.levels], torch.int64, code.device)
        most = constants([level - level // 2 - 1 for level in self.levels], torch.int64, code.device)
        return torch.minimum(torch.maximum((code * halves).round(), -halves), most) / halves

    def infer(self, x: Tensor, generator: Generators = None) -> Encoding:
        found = to_levels(self.network.encode(x), self.levels)
        halves = constants([level // 2 for level in self.levels], torch.int64, x.device)
        digits = (found.detach() + halves).long().unflatten(-1, (-1, self.group))
        places = [math.prod(self.levels[:place]) for place in range(self.group)]
        indices = (digits * constants(places, torch.int64, x.device)).sum(-1).unsqueeze(-2)
        return Encoding(found / halves, {"indices": indices})
