"""How far apart another network's features of a picture and of its reconstruction are, as a part of the error."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, Self

import torch
from torch import Tensor

from aelab.errors import UserError
from aelab.objectives.bregman import BregmanError
from aelab.objectives.features import Convolution, convolutions, features

MEAN = 0.485, 0.456, 0.406  # of ImageNet's red, green and blue, as torchvision's networks were trained on them
DEVIATION = 0.229, 0.224, 0.225


class PerceptualError:
    """``sum_i (r_i - x_i)^2 + weight D / L sum_l mean (phi_l(r) - phi_l(x))^2`` of pictures of D values from 0 to 1.

    phi_l are the features that layer l of a fixed network makes, the mean over channels and places, over L layers
    (Johnson et al. 2016). Where phi is the identity it is ``1 + weight`` times the squared error.
    ``path``: its weights, a state file of a VGG without batch normalisation, which is needed wherever the error is
    taken; ``sha256``: the file's digest, or how that begins. ``layers``: convolutions, counted from 1; null: the last
    before each halving, and the last of all. ``normalize``: ``imagenet``, or ``none``, what the network was trained on.
    It is no Bregman divergence and does not split into bias and variance.
    """

    name = "perceptual"
    label = "squared error and distance of features per example"
    kind = "numbers"
    event = 0
    data_range: tuple[float, float] | None = (0.0, 1.0)
    logits = False
    is_squared = False
    decomposition: BregmanError | None = None

    def __init__(
        self,
        path: str | None = None,
        sha256: str | int | None = None,
        weight: float = 0.1,
        layers: Sequence[int] | None = None,
        normalize: Literal["imagenet", "none"] = "imagenet",
    ) -> None:
        if weight < 0:
            raise UserError(f"error.weight={weight}: must be 0 or more")
        if layers is not None and (not layers or min(layers) < 1):
            raise UserError(f"error.layers={list(layers)}: numbers from 1; use error.layers=null")
        self.path = path
        self.sha256 = sha256
        self.weight = weight
        self.layers = layers
        self.normalize = normalize
        self.shape: tuple[int, ...] = ()
        self.wanted: tuple[int, ...] = ()
        self.network: tuple[Convolution, ...] = ()

    def sized(self, shape: Sequence[int]) -> Self:
        """Itself, for pictures ``[C, H, W]``, its network read; UserError where that does not fit them."""
        network = convolutions("error", self.path, None if self.sha256 is None else str(self.sha256))
        channels = network[0].weight.shape[1]
        if len(shape) != 3 or shape[0] != channels:
            raise UserError(
                f"error=perceptual: the network of error.path takes pictures of {channels} channel(s), and an example "
                f"has shape {list(shape)}; name another, or use error=squared"
            )
        if self.normalize == "imagenet" and channels != len(MEAN):
            raise UserError(
                f"error.normalize=imagenet: is of {len(MEAN)} channels, and pictures have {channels}; use "
                "error.normalize=none"
            )
        count = len(network)
        every = tuple(number for number in range(1, count + 1) if number == count or network[number - 1].pooled)
        wanted = tuple(self.layers) if self.layers is not None else every
        if max(wanted) > count:
            raise UserError(f"error.layers={list(wanted)}: the network has {count}; use error.layers=null")
        halved = [sum(layer.pooled for layer in network[: number - 1]) for number in wanted]
        reached = [number for number, times in zip(wanted, halved, strict=True) if min(shape[1:]) >> times]
        if len(reached) < len(wanted):
            raise UserError(
                f"error.layers={list(wanted)}: pictures of {shape[1]} x {shape[2]} pixels are halved {max(halved)} "
                f"times, to nothing; use error.layers={reached}"
            )
        self.shape = tuple(shape)
        self.wanted = wanted
        self.network = network
        return self

    def __call__(self, output: Tensor, target: Tensor) -> Tensor:
        """Decoder output and target ``[..., B, D]`` to errors ``[..., B]``."""
        output, target = torch.broadcast_tensors(output, target)
        first, second = (self._features(values) for values in (output, target))
        apart = torch.stack([(a - b).square().mean((1, 2, 3)) for a, b in zip(first, second, strict=True)]).mean(0)
        unlike = output.shape[-1] * apart.view(output.shape[:-1])
        return (output - target).square().sum(-1) + self.weight * unlike

    def _features(self, values: Tensor) -> list[Tensor]:
        x = values.reshape(-1, *self.shape)
        if self.normalize == "imagenet":
            mean, deviation = (x.new_tensor(one)[:, None, None] for one in (MEAN, DEVIATION))
            x = (x - mean) / deviation
        return features(x, self.network, self.wanted)

    def reconstruction(self, output: Tensor) -> Tensor:
        """The decoder's output as a reconstruction of x."""
        return output

    def beside(self, output: Tensor, target: Tensor) -> dict[str, Tensor]:
        """The squared error of the reconstruction."""
        return {"squared": (output - target).square().sum(-1)}
