"""K models of one architecture as one model: every parameter and buffer gains a leading replica axis."""

from __future__ import annotations

import copy
from collections.abc import Sequence

import torch
from torch import nn

from aelab.models import Autoencoder


def stack(models: Sequence[Autoencoder]) -> Autoencoder:
    """One module whose parameters and buffers are those of ``models``, stacked ``[K, ...]``.

    Its layers read the leading axis off their weights, so its objective maps x ``[K, B, D]`` to K losses, and
    its seeds give each replica noise of its own.
    """
    stacked = copy.deepcopy(models[0])
    for name, parameter in list(stacked.named_parameters()):
        together = torch.stack([model.get_parameter(name).detach() for model in models])
        _owner(stacked, name)._parameters[name.rpartition(".")[2]] = nn.Parameter(together, parameter.requires_grad)
    for name, _ in list(stacked.named_buffers()):
        together = torch.stack([model.get_buffer(name) for model in models])
        _owner(stacked, name)._buffers[name.rpartition(".")[2]] = together
    stacked.seed = [seed for model in models for seed in ([model.seed] if isinstance(model.seed, int) else model.seed)]
    return stacked


def unstack(stacked: Autoencoder, index: int) -> Autoencoder:
    """Replica ``index`` of a stacked module as a lone one."""
    lone = copy.deepcopy(stacked)
    for name, parameter in list(lone.named_parameters()):
        _owner(lone, name)._parameters[name.rpartition(".")[2]] = nn.Parameter(parameter[index].detach().clone())
    for name, buffer in list(lone.named_buffers()):
        _owner(lone, name)._buffers[name.rpartition(".")[2]] = buffer[index].clone()
    assert not isinstance(stacked.seed, int)
    lone.seed = stacked.seed[index]
    return lone


def _owner(module: nn.Module, name: str) -> nn.Module:
    return module.get_submodule(name.rpartition(".")[0])
