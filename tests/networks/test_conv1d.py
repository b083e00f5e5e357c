"""Convolutions in time: shapes over a grid of lengths, equal alone and stacked, and what does not fit is named."""

from __future__ import annotations

import pytest
import torch
from torch import nn
from torch.nn import functional as F
from torch.testing import assert_close

from aelab.errors import UserError
from aelab.models import Autoencoder
from aelab.networks import Conv1d
from aelab.networks.layers_in_time import longer, shorter
from aelab.replicas.stacking import stack

EXACT = {"rtol": 1e-12, "atol": 1e-12}


def normal(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(*shape, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("kernel, stride", [(3, 2), (5, 2), (5, 3), (7, 4), (5, 5)])
@pytest.mark.parametrize("length", [2, 5, 9, 16, 17, 31, 64, 100])
@pytest.mark.parametrize("channels", [1, 3])
def test_every_length_comes_back(channels: int, length: int, kernel: int, stride: int) -> None:
    hidden = (4, 3) if length > stride else (4,)
    network = Conv1d((channels, length), 3, hidden, kernel, stride).double()
    x = normal(6, channels * length)
    code = network.encode(x)
    again = network.decode(code)
    assert code.shape == (6, 3) and again.shape == x.shape
    again.square().sum().backward()
    assert all(parameter.grad is not None for parameter in network.decoder_layers.parameters())


def test_longer_is_the_transpose_of_shorter() -> None:
    """<shorter x, y> = <x, longer y>, without biases."""
    for length, stride in ((16, 2), (17, 2), (18, 3), (19, 4)):
        weight = normal(4, 3, 5)
        x = normal(2, 3, length, seed=1)
        out = shorter(x, weight, torch.zeros(4, dtype=torch.float64), stride)
        assert out.shape[-1] == -(-length // stride)
        y = normal(*out.shape, seed=2)
        back = longer(y, weight, torch.zeros(3, dtype=torch.float64), stride, length)
        assert_close((out * y).sum(), (x * back).sum(), **EXACT)


def test_a_layer_is_a_convolution_over_time() -> None:
    network = Conv1d((2, 12), 3, (4,), kernel=5, stride=2, activation="identity").double()
    x = normal(3, 24)
    layer = network.encoder_layers[0]
    expected = F.conv1d(F.pad(x.view(3, 2, 12), (2, 2)), layer.weight, layer.bias, 2).flatten(1)
    assert_close(network.features(x), expected, **EXACT)


def test_equal_alone_and_stacked() -> None:
    models = [Autoencoder(Conv1d((2, 10), 3, (4, 3)).double()) for _ in range(3)]
    for model in models:
        nn.init.normal_(next(p for name, p in model.named_parameters() if "bias" in name))
    together = stack(models)
    x = normal(3, 6, 20)
    expected = torch.stack([model.reconstruct(x[k]) for k, model in enumerate(models)])
    assert_close(together.reconstruct(x), expected, **EXACT)
    shared = torch.stack([model.reconstruct(x[0]) for model in models])
    assert_close(together.reconstruct(x[0]), shared, **EXACT)


@pytest.mark.parametrize(
    "shape, settings, message",
    [
        ((1, 8, 8), {}, r"network=conv1d: needs windows \[channels, time\].*\[1, 8, 8\]; use network=conv$"),
        ((64,), {}, r"an example has shape \[64\]; use network=mlp"),
        ((1, 4), {"hidden": (8, 8, 8)}, r"hidden=\[8, 8, 8\] .*4 points are down to one behind 2 layers; use "
         r"network.hidden=\[8,8\], or windows of 5 points or more"),
        ((1, 3), {"hidden": (8, 8), "stride": 3}, r"down to one behind 1 layer; .*windows of 4 points or more"),
        ((1, 8), {"hidden": ()}, r"network.hidden=\[\]: network=conv1d needs at least one"),
        ((1, 8), {"kernel": 4}, r"network.kernel=4: must be odd, like network.kernel=5"),
        ((1, 8), {"stride": 1}, r"network.stride=1 network.kernel=5: a stride is from 2 to the kernel"),
        ((1, 8), {"stride": 6}, r"network.stride=6 network.kernel=5"),
    ],
)  # fmt: skip
def test_what_does_not_fit_is_named(shape: tuple[int, ...], settings: dict[str, object], message: str) -> None:
    with pytest.raises(UserError, match=message):
        Conv1d(shape, 2, **settings)  # type: ignore[arg-type]


def test_the_size_that_is_named_fits() -> None:
    Conv1d((1, 5), 2, (8, 8, 8))
    Conv1d((1, 4), 2, (8, 8))
    Conv1d((1, 4), 2, (8, 8), stride=3)
