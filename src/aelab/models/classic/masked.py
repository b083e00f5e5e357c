"""Masked autoencoder: rebuild what is hidden from what is seen."""

from __future__ import annotations

from typing import Any

from torch import Tensor

from aelab.errors import UserError
from aelab.models.base.autoencoder import Autoencoder, Forward
from aelab.models.base.learner import Encoding
from aelab.objectives.masks import Masks
from aelab.objectives.randomness import Generators, fixed_uniform, uniform


class MaskedAutoencoder(Autoencoder):
    """The encoder sees x with a ``share`` of its values set to 0; the error is of what is hidden, ``D / hidden`` times
    its sum, so that it is on the scale of all values (He et al. 2022; of tables ReMasker, Du et al. 2024).

    ``patch``: hide squares of so many pixels each way, in all channels; null for single values, cells of a table. An
    encoder of patches of that size (``network=vit``) is given the visible ones alone, others see hidden values as 0.
    Every example has equally many hidden, drawn anew in each step; where some are not known anyway the others count for
    them, so that the mean over masks is the error of what is observed. Validation and test tell the ordinary error of
    whole examples, and ``masked_error``, that of what masks hide that are always the same, by which weights are chosen.
    """

    monitor = "val/masked_error"

    def __init__(self, *args: Any, share: float = 0.5, patch: int | None = None, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if not hasattr(self.error, "values"):
            raise UserError(f"model=masked error={self.error.name}: the error of single values is not known")
        self.masks = Masks(self.network.shape, share, patch)

    def infer(self, x: Tensor, generator: Generators = None) -> Encoding:
        return self._infer(x, uniform(self._room(x), generator)) if self.training else super().infer(x)

    def _infer(self, x: Tensor, draws: Tensor) -> Encoding:
        mask, seen = self.masks.split(draws)
        alone = self.network.visible(x, seen) if self._sees_patches else None
        if alone is None:
            return Encoding(super().infer(x.masked_fill(mask, 0)).code, {"hidden": mask})
        code = self.code_activation(alone)
        return Encoding(code if self.code_mask is None else code * self.code_mask, {"hidden": mask})

    @property
    def _sees_patches(self) -> bool:
        """Whether the network's patches are those that are hidden, so that it can do without these."""
        return self.masks.patch is not None and self.masks.patch == getattr(self.network, "patch", None)

    def _room(self, x: Tensor) -> Tensor:
        return next(self.parameters()).new_empty(*x.shape[:-1], self.masks.count)

    def cost(self, forward: Forward) -> Tensor:
        mask = forward.encoding.parts.get("hidden")
        if mask is None:
            return super().cost(forward)
        values = self.error.values(forward.output, forward.x)
        return (values * mask).sum(-1) * (mask.shape[-1] / mask.sum(-1))

    def penalties(self, forward: Forward, generator: Generators = None) -> dict[str, Tensor]:
        if self.training:
            return {}
        encoding = self._infer(forward.seen, fixed_uniform(self._room(forward.x)))
        again = forward._replace(encoding=encoding, output=self.output(encoding.code, forward.x))
        return {"masked_error": self.mean(self.cost(again))}

    def factor(self, name: str, penalty: Tensor) -> float | Tensor:
        return 0.0 if name == "masked_error" else super().factor(name, penalty)
