"""Features of pictures by a convolutional network whose weights are the user's own file."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F

from aelab.errors import UserError

SHORTEST = 8  # characters of a digest that tell one file from another: torchvision's names have as many
WANTED = "a state file of a VGG without batch normalisation, like torchvision's vgg16-397923af.pth"


class Convolution(NamedTuple):
    """``weight`` ``[out, in, n, n]`` and ``bias`` ``[out]``, a ReLU behind; ``pooled``: then halves each side."""

    weight: Tensor
    bias: Tensor
    pooled: bool


def convolutions(key: str, path: str | None, digest: str | None) -> tuple[Convolution, ...]:
    """The layers that stand in a state file, one behind the other, as ``features.<place>.weight``.

    A layer takes two places, and three where its output is halved: so torchvision counts them in a VGG. Whatever else
    is in the file is left alone. ``key``: of the config, whose ``<key>.path`` and ``<key>.sha256`` these are. The file
    is read by torch's ``weights_only`` reader, which builds tensors and runs nothing, and only where the digest is its
    own. Raises UserError, one line, for anything else.
    """
    if not path:
        raise UserError(f"{key}.path is not set; name {WANTED}")
    file = Path(path).expanduser()
    if not file.is_file():
        raise UserError(f"{key}.path={path}: no file is there (seen from {Path.cwd()}); name {WANTED}")
    about = file.stat()
    found = _digest(str(file.resolve()), about.st_mtime_ns, about.st_size)
    if digest is None or len(str(digest)) < SHORTEST or not found.startswith(str(digest).lower()):
        raise UserError(
            f"{key}.sha256={'null' if digest is None else digest}: a run is named by the weights that it is trained "
            f"with, and {path} has another digest; use {key}.sha256={found[:16]} if it is the file that you mean"
        )
    return _read(key, str(file.resolve()), found)


@lru_cache(maxsize=4)
def _digest(path: str, _changed: int, _size: int) -> str:
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


@lru_cache(maxsize=2)
def _read(key: str, path: str, _found: str) -> tuple[Convolution, ...]:
    """Kept, so that replicas share it."""
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
        named = {name: value for name, value in state.items() if isinstance(value, Tensor)}
    except Exception as error:  # whatever torch's reader says of a file that is none
        reason = " ".join(str(error).split())[:100] or type(error).__name__
        raise UserError(f"{key}.path={path}: cannot be read as weights alone ({reason}); name {WANTED}") from error
    places = sorted(int(match[1]) for name in named if (match := re.fullmatch(r"(?:features\.)?(\d+)\.weight", name)))
    prefix = "features." if any(name.startswith("features.") for name in named) else ""
    layers: list[Convolution] = []
    for place, after in zip(places, [*places, None][1:], strict=True):
        weight = named.get(f"{prefix}{place}.weight")
        bias = named.get(f"{prefix}{place}.bias")
        step = 2 if after is None else after - place
        before = layers[-1].weight.shape[0] if layers else None
        if weight is None or bias is None or step not in (2, 3) or not _fits(weight, bias, before):
            raise UserError(f"{key}.path={path}: {prefix}{place}.weight is no layer of such a network; name {WANTED}")
        layers.append(Convolution(weight.detach(), bias.detach(), step == 3))
    if not layers:
        raise UserError(f"{key}.path={path}: no features.<place>.weight is in it; name {WANTED}")
    return tuple(layers)


def _fits(weight: Tensor, bias: Tensor, before: int | None) -> bool:
    """Whether these are a convolution of odd squares that takes ``before`` channels; None for any number."""
    if weight.ndim != 4 or not weight.is_floating_point() or bias.shape != weight.shape[:1]:
        return False
    return weight.shape[2] == weight.shape[3] and weight.shape[2] % 2 == 1 and before in (None, weight.shape[1])


def features(x: Tensor, layers: Sequence[Convolution], wanted: Sequence[int]) -> list[Tensor]:
    """What the ``wanted`` layers, counted from 1, make of pictures ``[N, C, H, W]``, each ``[N, out, h, w]``."""
    found = []
    for number, layer in enumerate(layers[: max(wanted)], 1):
        weight, bias = (value.to(device=x.device, dtype=x.dtype) for value in layer[:2])
        x = F.relu(F.conv2d(x, weight, bias, padding=weight.shape[-1] // 2))
        if number in wanted:
            found.append(x)
        if layer.pooled and number < max(wanted):
            x = F.max_pool2d(x, 2)
    return found
