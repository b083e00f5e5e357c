"""What a training step may ask without making the host wait for the device: a GPU's step is launched, not watched."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

import torch
from torch import Tensor


def on_device(constant: Tensor, device: torch.device) -> Tensor:
    """A tensor that nobody writes to, on the device: copied once, since every copy from the host waits for it."""
    return constant if constant.device == device else _copied(constant, device)


@lru_cache(maxsize=256)  # by identity: tensors are hashed so, and one that is kept cannot lose its place to another
def _copied(constant: Tensor, device: torch.device) -> Tensor:
    with torch.inference_mode(False):  # it may be first asked for outside training
        return constant.to(device)


def constants(values: Sequence[float], dtype: torch.dtype, device: torch.device) -> Tensor:
    """These numbers ``[n]`` on the device, copied once."""
    if device.type == "cpu":  # nothing to wait for, and an export that traces this keeps nothing of its own here
        return torch.tensor(values, dtype=dtype)
    return _constants(tuple(values), dtype, device)


@lru_cache(maxsize=256)
def _constants(values: tuple[float, ...], dtype: torch.dtype, device: torch.device) -> Tensor:
    with torch.inference_mode(False):
        return torch.tensor(values, dtype=dtype, device=device)


def none_for_sure(mask: Tensor) -> bool:
    """Whether a mask is known to be empty: never on a device that one would have to wait for."""
    return mask.device.type == "cpu" and not bool(mask.any())
