"""Masked autoencoder: rebuild what is hidden from what is seen."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from aelab.errors import UserError
from aelab.models.base.autoencoder import Autoencoder, Forward
from aelab.models.base.learner import Encoding
from aelab.objectives.randomness import Generators, fixed_uniform, uniform
from aelab.objectives.waiting import on_device


class MaskedAutoencoder(Autoencoder):
    """The encoder sees x with a ``share`` of its values set to 0; the error is of what is hidden, ``D / hidden`` times
    its sum, so that it is on the scale of all values (He et al. 2022; of tables ReMasker, Du et al. 2024).

    ``patch``: hide squares of so many pixels each way, in all channels; null for single values, cells of a table.
    Every example has equally many hidden, drawn anew in each step. Validation and test tell the ordinary error of
    whole examples, and ``masked_error``, that of what masks hide that are always the same, by which weights are chosen.
    """

    monitor = "val/masked_error"

    def __init__(self, *args: Any, share: float = 0.5, patch: int | None = None, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if not 0 < share < 1:
            raise UserError(f"model.share={share}: must be between 0 and 1")
        if not hasattr(self.error, "values"):
            raise UserError(f"model=masked error={self.error.name}: the error of single values is not known")
        self.places = self._places(patch)  # which of the things that are hidden together each value belongs to
        self.count = int(self.places.max()) + 1
        if self.count < 2:
            what = "examples of one value" if patch is None else f"model.patch={patch}: one patch covers the picture"
            raise UserError(f"{what}: nothing would be seen; use {'more values' if patch is None else 'a smaller one'}")
        self.hidden = min(max(round(share * self.count), 1), self.count - 1)

    def _places(self, patch: int | None) -> Tensor:
        shape = self.network.shape
        if patch is None:
            return torch.arange(self.network.input_size)
        if patch < 1 or len(shape) != 3:
            raise UserError(
                f"model.patch={patch}: a number of pixels, of pictures [channels, height, width], and an example has "
                f"shape {list(shape)}; use model.patch=null"
            )
        rows, columns = (torch.arange(size) // patch for size in shape[1:])
        return (rows[:, None] * (int(columns.max()) + 1) + columns).expand(shape).flatten()

    def infer(self, x: Tensor, generator: Generators = None) -> Encoding:
        return self._infer(x, self._mask(uniform(self._room(x), generator))) if self.training else super().infer(x)

    def _infer(self, x: Tensor, mask: Tensor) -> Encoding:
        return Encoding(super().infer(x.masked_fill(mask, 0)).code, {"hidden": mask})

    def _room(self, x: Tensor) -> Tensor:
        return next(self.parameters()).new_empty(*x.shape[:-1], self.count)

    def _mask(self, draws: Tensor) -> Tensor:
        """What is hidden ``[..., B, D]`` by uniform draws ``[..., B, count]``: where these are lowest."""
        chosen = torch.zeros_like(draws, dtype=torch.bool)
        chosen.scatter_(-1, draws.argsort(-1)[..., : self.hidden], True)
        return chosen[..., on_device(self.places, draws.device)]

    def cost(self, forward: Forward) -> Tensor:
        mask = forward.encoding.parts.get("hidden")
        if mask is None:
            return super().cost(forward)
        values = self.error.values(forward.output, forward.x)
        return (values * mask).sum(-1) * (mask.shape[-1] / mask.sum(-1))

    def penalties(self, forward: Forward, generator: Generators = None) -> dict[str, Tensor]:
        if self.training:
            return {}
        encoding = self._infer(forward.x, self._mask(fixed_uniform(self._room(forward.x))))
        again = forward._replace(encoding=encoding, output=self.output(encoding.code))
        return {"masked_error": self.cost(again).mean(-1)}

    def factor(self, name: str, penalty: Tensor) -> float | Tensor:
        return 0.0 if name == "masked_error" else super().factor(name, penalty)
