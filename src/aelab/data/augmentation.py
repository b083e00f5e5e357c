"""Training pictures as they might have been: mirrored, shifted, in another light."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor

from aelab.errors import UserError
from aelab.objectives.keyed import keyed_uniforms

_GREY = (0.299, 0.587, 0.114)  # of red, green and blue (ITU-R BT.601)


class Augmentation:
    """Every epoch sees each training example changed anew, by numbers that depend on (seed, epoch, example) only.

    What is changed is the example itself, before any corruption: the clean target is the changed one, and validation
    and test see none of it. ``horizontal``, ``vertical``: mirrored every other time. ``shift``: by up to this share of
    a side each way, whole pixels, what is missing mirrored at the edge. ``brightness``: times 1 +- so much.
    ``contrast``: distance to the picture's mean grey times 1 +- so much. ``saturation``: distance to its own grey, of
    colour pictures. Values are cut to 0..1 after a change of colour.
    """

    def __init__(
        self,
        horizontal: bool = True,
        vertical: bool = False,
        shift: float = 0.0,
        brightness: float = 0.0,
        contrast: float = 0.0,
        saturation: float = 0.0,
    ) -> None:
        shares = {"shift": shift, "brightness": brightness, "contrast": contrast, "saturation": saturation}
        for key, value in shares.items():
            if not 0 <= value < 1:
                raise UserError(f"augmentation.{key}={value}: must be at least 0 and below 1")
        self.mirrored = horizontal, vertical
        self.shift = shift
        self.colours = brightness, contrast, saturation

    def check(self, name: str, shape: Sequence[int], pixels: bool, standardized: bool) -> None:
        """UserError where examples of this shape cannot be augmented so."""
        if len(shape) != 3:
            raise UserError(
                f"augmentation={name}: needs images [channels, height, width] but an example has shape {list(shape)}; "
                "use augmentation=none"
            )
        if standardized:
            raise UserError(
                f"augmentation={name} data.standardize=true: values that are scaled one by one cannot change places; "
                "use augmentation=none, or data.standardize=false"
            )
        if any(self.colours) and not pixels:
            raise UserError(
                f"augmentation={name}: changes the colours of pixels from 0 to 1, and these values are numbers; use "
                "augmentation=crops"
            )

    def __call__(self, shape: Sequence[int], x: Tensor, rows: Tensor, seed: int | Sequence[int], epoch: int) -> Tensor:
        """Examples ``[..., B, D]``, floats from 0 to 1 or whole pixels, that are ``rows`` ``[..., B]`` of the training
        part; of K replicas with K seeds each is changed as it would be alone."""
        top = {torch.uint8: 255, torch.uint16: 65535}.get(x.dtype)
        seeds = torch.tensor(seed)
        chance = keyed_uniforms(seeds, epoch, rows.to(x.device), 7)
        pictures = (x if top is None else x.float() / top).unflatten(-1, tuple(shape))
        changed = self._coloured(self._moved(pictures, chance), chance).flatten(-3)
        return changed if top is None else (changed * top).round().to(x.dtype)

    def _moved(self, x: Tensor, chance: Tensor) -> Tensor:
        places = []
        for axis, mirrored in ((-2, self.mirrored[1]), (-1, self.mirrored[0])):
            side = x.shape[axis]
            most = math.floor(self.shift * side)
            number = -axis
            place = torch.arange(side, device=x.device) + (
                (chance[..., number, None] * (2 * most + 1)).floor().long() - most
            )
            place = place.abs()
            place = torch.where(place >= side, 2 * (side - 1) - place, place)
            if mirrored:
                place = torch.where(chance[..., 2 + number, None] < 0.5, side - 1 - place, place)
            places.append(place)
        down, right = places
        x = torch.take_along_dim(x, down[..., None, :, None], -2)
        return torch.take_along_dim(x, right[..., None, None, :], -1)

    def _coloured(self, x: Tensor, chance: Tensor) -> Tensor:
        if not any(self.colours):
            return x
        brightness, contrast, saturation = (
            1 + most * (2 * chance[..., number, None, None, None] - 1)
            for most, number in zip(self.colours, (0, 5, 6), strict=True)
        )
        x = x * brightness
        grey = x.mean(-3, keepdim=True)
        if x.shape[-3] == 3:
            grey = (x * x.new_tensor(_GREY)[:, None, None]).sum(-3, keepdim=True)
            x = grey + (x - grey) * saturation
        middle = grey.mean((-2, -1), keepdim=True)
        return (middle + (x - middle) * contrast).clamp(0, 1)
