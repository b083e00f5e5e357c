"""Starting weights. Each scheme is called as ``scheme(network, x)``, x training examples ``[N, D]``.

``default`` leaves PyTorch's uniform +-1/sqrt(fan in); the others set every bias to zero, save ``pca``.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn

from aelab.errors import UserError
from aelab.evaluation.baselines.pca import fit_pca
from aelab.networks.mlp import MLP
from aelab.networks.network import Network


@torch.no_grad()
def _each_layer(network: Network, fill: Callable[[Tensor], object]) -> None:
    """``fill`` gets each weight as ``[units, incoming weights ...]``; biases become 0."""
    for layers in (network.encoder_layers, network.decoder_layers):
        for layer in layers:
            transposed = getattr(layer, "transposed", False)  # convolutions: [incoming, units, 3, 3]
            weight = layer.weight.transpose(0, 1) if transposed else layer.weight
            filled = torch.empty_like(weight, memory_format=torch.contiguous_format)
            fill(filled)
            weight.copy_(filled)
            nn.init.zeros_(layer.bias)


def default(network: Network, x: Tensor) -> None:
    """PyTorch's own: uniform on +-1/sqrt(fan in), weights and biases."""


def xavier(network: Network, x: Tensor) -> None:
    """Uniform of variance 2 / (fan in + fan out) (Glorot & Bengio 2010)."""
    _each_layer(network, nn.init.xavier_uniform_)


def kaiming(network: Network, x: Tensor) -> None:
    """Uniform of variance 2 / fan in, for ReLU units (He et al. 2015)."""
    _each_layer(network, lambda w: nn.init.kaiming_uniform_(w, nonlinearity="relu"))


def orthogonal(network: Network, x: Tensor) -> None:
    """Orthonormal rows or columns (Saxe et al. 2014)."""
    _each_layer(network, nn.init.orthogonal_)


def normal(network: Network, x: Tensor, std: float = 0.1) -> None:
    """Drawn from N(0, std^2) (Hinton & Salakhutdinov 2006)."""
    _each_layer(network, lambda w: nn.init.normal_(w, std=std))


def sparse(network: Network, x: Tensor, connections: int = 15) -> None:
    """``connections`` incoming weights a unit, drawn from N(0, 1), the others 0 (Martens 2010)."""

    def fill(weight: Tensor) -> None:
        rows = weight.flatten(1)
        kept = torch.rand_like(rows).argsort(1) < min(connections, rows.shape[1])
        rows.copy_(torch.randn_like(rows) * kept)

    _each_layer(network, fill)


@torch.no_grad()
def transposed(network: Network, x: Tensor) -> None:
    """Decoder weights are the encoder's transposed, whose rows have random directions and length 1; the decoder's last
    bias is the mean of x, other biases 0: few units of a dictionary then start dead (Gao et al. 2024, A.1).

    Raises UserError for other networks than a chain of fully connected layers.
    """
    if not isinstance(network, MLP) or not network.is_chain:
        raise UserError("initialization=transposed: needs fully connected layers; use network=mlp or network=linear")
    for layer in network.encoder_layers:
        layer.weight.copy_(nn.functional.normalize(torch.randn_like(layer.weight), dim=-1))
        nn.init.zeros_(layer.bias)
    for decoder, encoder in zip(network.decoder_layers, reversed(network.encoder_layers), strict=not network.tied):
        decoder.weight.copy_(encoder.weight.mT)
    biases = network.decoder_biases if network.tied else [layer.bias for layer in network.decoder_layers]
    for bias in biases:
        nn.init.zeros_(bias)
    biases[-1].copy_(x.mean(0))


@torch.no_grad()
def pca(network: Network, x: Tensor) -> None:
    """Principal directions of each layer's input as its encoder weights, transposed in the decoder.

    A linear network starts at the PCA solution. Units beyond the input's dimension weigh nothing in the next
    layer and in the decoder; they keep their default weights, or with tied weights their default bias.
    Raises UserError for other networks than a chain of fully connected layers.
    """
    if not isinstance(network, MLP) or not network.is_chain:
        raise UserError("initialization=pca: needs fully connected layers; use network=mlp or network=linear")
    depth = len(network.encoder_layers)
    inputs = x.shape[1]  # of the next layer, less units beyond the dimension
    for index, layer in enumerate(network.encoder_layers):
        mean, directions, _ = fit_pca(x[:, :inputs])
        mean = mean.to(x)
        directions = directions[: layer.weight.shape[0]].to(x)
        count = len(directions)
        layer.weight[: None if network.tied else count] = 0
        layer.weight[:count, :inputs] = directions
        layer.bias[:count] = -directions @ mean
        mirrored = depth - 1 - index
        if network.tied:
            network.decoder_biases[mirrored][:inputs] = mean
        else:
            decoder = network.decoder_layers[mirrored]
            decoder.weight.zero_()
            decoder.weight[:inputs, :count] = directions.mT
            decoder.bias[:inputs] = mean
        inputs = count
        x = layer(x)
        if index < depth - 1:
            x = network.activation(x)
