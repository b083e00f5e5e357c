"""K models of one architecture as one model: every parameter and buffer gains a leading replica axis."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from aelab.errors import UserError
from aelab.models import Autoencoder


def stack(models: Sequence[Autoencoder]) -> Autoencoder:
    """One module whose parameters and buffers are those of the lone ``models``, stacked ``[K, ...]``.

    Its layers read the leading axis off their weights, so its objective maps x ``[K, B, D]`` to K losses, whose
    sum has a block-diagonal gradient: an elementwise optimiser trains K independent models. Its seeds give each
    replica noise of its own.

    Hyperparameters listed in ``varying`` may differ and become float64 tensors of length K. Code sizes may
    differ: smaller codes are padded with zero weights, and a mask holds their code values at zero, so that the
    padding neither matters nor learns. Raises UserError where models differ in anything else.
    """
    stacked = copy.deepcopy(models[0])
    for name, parameter in list(stacked.named_parameters()):
        together = padded([model.get_parameter(name).detach() for model in models])
        learns = nn.Parameter(together, requires_grad=parameter.requires_grad)
        _owner(stacked, name)._parameters[name.rpartition(".")[2]] = learns
    for name, _ in list(stacked.named_buffers()):
        together = padded([model.get_buffer(name) for model in models])
        _owner(stacked, name)._buffers[name.rpartition(".")[2]] = together
    stacked.seed = [_lone_seed(model) for model in models]
    _vary(stacked, models)
    _vary(stacked.corruption, [model.corruption for model in models])
    sizes = [model.network.code_size for model in models]
    if len(set(sizes)) > 1:
        if not stacked.pads:
            raise UserError(f"network.code_size: cannot differ within one fit of this model ({sizes})")
        stacked.network.code_size = max(sizes)
        stacked.code_mask = (torch.arange(max(sizes)) < torch.tensor(sizes)[:, None]).unsqueeze(1)
    return stacked


def lone_state(stacked: Autoencoder, index: int, like: Autoencoder) -> dict[str, Tensor]:
    """State of replica ``index`` for a lone model of the shapes of ``like``, padding cut away."""
    return {
        name: stacked.state_dict()[name][index][tuple(slice(size) for size in value.shape)].clone()
        for name, value in like.state_dict().items()
    }


def padded(tensors: Sequence[Tensor]) -> Tensor:
    """Tensors of equal or smaller sizes as one, ``[K, ...]``, with zeros behind the smaller ones."""
    shape = [max(sizes) for sizes in zip(*(tensor.shape for tensor in tensors), strict=True)]
    return torch.stack(
        [
            F.pad(
                t,
                [x for want, have in zip(shape[::-1], t.shape[::-1], strict=True) for x in (0, want - have)],
            )
            for t in tensors
        ]
    )


def _vary(target: Any, sources: Sequence[Any]) -> None:
    """Turn numbers that differ among ``sources`` into a tensor on ``target``."""
    for name, value in vars(target).items():
        values = [getattr(source, name) for source in sources]
        if isinstance(value, int | float) and any(other != value for other in values):
            if name not in target.varying:
                raise UserError(f"{name}: cannot differ within one fit")
            setattr(target, name, torch.tensor(values, dtype=torch.float64))


def _lone_seed(model: Autoencoder) -> int:
    assert isinstance(model.seed, int)
    return model.seed


def _owner(module: nn.Module, name: str) -> nn.Module:
    return module.get_submodule(name.rpartition(".")[0])
