"""Values from 0 to 1 as 0 or 1: cut at a half, or drawn with that probability."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from aelab.data.batches.pieces import CHUNK
from aelab.data.preprocessing import unit
from aelab.errors import UserError
from aelab.objectives.randomness import seeded_generator

WAYS = ("threshold", "static", "dynamic")


def check_way(way: str | None, resident: bool) -> None:
    """UserError for a ``data.binarize`` that is none, or one of data that are streamed."""
    if way is not None and way not in WAYS:
        raise UserError(f"data.binarize={way}: choose {', '.join(WAYS)}, or null for values as they are")
    if way is not None and not resident:
        raise UserError(f"data.binarize={way}: of data that stay in memory; leave it out, or use data=arrays")


def binarized_parts(values: Mapping[str, Tensor], way: str, seed: int) -> dict[str, Tensor]:
    """Stored examples of each part, and for ``dynamic`` the training part as it was, ``grey``, from which it draws."""
    grey = {"grey": values["train"]} if way == "dynamic" else {}
    return grey | {
        part: binarized(x, way, seed * len(values) + place) for place, (part, x) in enumerate(values.items())
    }


def binarized(values: Tensor, way: str, seed: int) -> Tensor:
    """Stored examples ``[N, D]`` with 0 or 1 in place of values between, 0 or 255 of bytes.

    ``threshold``: above 1/2 or not; else drawn, the same for a seed (Salakhutdinov & Murray 2008).
    Raises UserError where values are not between 0 and 1.
    """
    if not values.dtype.is_floating_point and values.dtype != torch.uint8:
        raise UserError(f"data.binarize={way}: symbols are names, not probabilities; leave it out")
    if values.dtype.is_floating_point and values.numel():
        low, high = (extreme.item() for extreme in values.aminmax())
        if low < 0 or high > 1:
            raise UserError(
                f"data.binarize={way}: values are probabilities from 0 to 1, and these lie between {low:.4g} and "
                f"{high:.4g}; leave it out, or rescale the data (data.standardize=false)"
            )
    generator = seeded_generator(seed, 0)
    found = torch.empty_like(values)
    for place, chunk in zip(found.split(CHUNK), values.split(CHUNK), strict=True):
        share = unit(chunk)
        bound = 0.5 if way == "threshold" else torch.rand(share.shape, generator=generator)
        place.copy_((share > bound) * (255 if values.dtype == torch.uint8 else 1))
    return found
