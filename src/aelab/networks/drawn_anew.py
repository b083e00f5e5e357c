"""The weights of a model drawn anew, so that nothing is left of what it has learned."""

from __future__ import annotations

import torch
from torch import nn

from aelab.networks.layers import Affine
from aelab.networks.sequence import SequenceNetwork


def draw_anew(model: nn.Module, network: SequenceNetwork, seed: int) -> None:
    """Draw every weight of a model and its network in place, as PyTorch does by default."""
    layers = [*network.encoder_layers, *network.decoder_layers]
    own = [module for module in model.modules() if isinstance(module, Affine) and module not in layers]
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        for module in model.modules():
            if isinstance(module, (nn.LSTM, nn.Embedding, nn.Linear, nn.LayerNorm)):
                module.reset_parameters()
        for layer in (*layers, *own):
            nn.init.kaiming_uniform_(layer.weight, a=5**0.5)
            nn.init.zeros_(layer.bias)
        network.draw_parameters()
