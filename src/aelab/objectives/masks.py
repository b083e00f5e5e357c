"""Which values of an example are hidden from the encoder: single ones, or squares of a picture."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from aelab.errors import UserError
from aelab.objectives.waiting import on_device


class Masks:
    """Masks that hide a ``share`` of the pieces of examples of a ``shape``, equally many of each.

    A piece is a value, or with ``patch`` a square of so many pixels each way in all channels of a picture. ``count``:
    pieces of an example; ``hidden``: how many of them a mask hides.
    """

    def __init__(self, shape: Sequence[int], share: float, patch: int | None) -> None:
        if not 0 < share < 1:
            raise UserError(f"model.share={share}: must be between 0 and 1")
        self.pieces = _pieces(shape, patch)  # which one each value belongs to
        self.count = int(self.pieces.max()) + 1
        if self.count < 2:
            what = (
                "examples of one value (n_features = 1)"
                if patch is None
                else f"model.patch={patch}: one patch covers the picture"
            )
            raise UserError(f"{what}: nothing would be seen; use {'more values' if patch is None else 'a smaller one'}")
        self.patch = patch
        self.hidden = min(max(round(share * self.count), 1), self.count - 1)

    def __call__(self, draws: Tensor) -> Tensor:
        """What is hidden ``[..., B, D]`` by uniform draws ``[..., B, count]``: where these are lowest."""
        return self.split(draws)[0]

    def split(self, draws: Tensor) -> tuple[Tensor, Tensor]:
        """The same, and the pieces that are seen, long ``[..., B, count - hidden]``."""
        chosen = torch.zeros_like(draws, dtype=torch.bool)
        order = draws.argsort(-1)
        chosen.scatter_(-1, order[..., : self.hidden], True)
        return chosen[..., on_device(self.pieces, draws.device)], order[..., self.hidden :]


def _pieces(shape: Sequence[int], patch: int | None) -> Tensor:
    if patch is None:
        return torch.arange(torch.Size(shape).numel())
    if patch < 1 or len(shape) != 3:
        raise UserError(
            f"model.patch={patch}: a number of pixels, of pictures [channels, height, width], and an example has "
            f"shape {list(shape)}; use model.patch=null"
        )
    rows, columns = (torch.arange(size) // patch for size in shape[1:])
    return (rows[:, None] * (int(columns.max()) + 1) + columns).expand(*shape).flatten()
