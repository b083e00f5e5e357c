"""Conjugate gradients, scipy's, as an optimiser of PyTorch."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
import torch
from scipy.optimize import minimize
from torch import Tensor
from torch.nn.utils import parameters_to_vector

from aelab.errors import UserError


class ConjugateGradients(torch.optim.Optimizer):
    """Each step goes ``line_searches`` lines down the loss of its batch, by Polak and Ribiere, from scratch.

    Hinton & Salakhutdinov 2006 fine-tune with three line searches on each batch of 1,000. Nothing is kept from one
    batch to the next. ``tolerance``: a step ends early where every value of the gradient is smaller.
    """

    def __init__(self, params: Iterable[torch.nn.Parameter], line_searches: int = 3, tolerance: float = 1e-7) -> None:
        if line_searches < 1:
            raise UserError(f"optimizer.line_searches={line_searches}: must be at least 1")
        super().__init__(params, {"line_searches": line_searches, "tolerance": tolerance})

    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """One batch. ``closure``: sets the gradients and gives the loss, which is returned as it was at first."""
        assert closure is not None
        (group,) = self.param_groups
        parameters: list[Tensor] = group["params"]
        start = parameters_to_vector(parameters).detach().double().cpu().numpy()
        losses: list[Any] = []

        def loss_and_gradient(x: np.ndarray) -> tuple[float, np.ndarray]:
            _move(parameters, x)
            losses.append(closure())
            gradients = [p.grad if p.grad is not None else torch.zeros_like(p) for p in parameters]
            return losses[-1].item(), parameters_to_vector(gradients).double().cpu().numpy()

        options = {"maxiter": group["line_searches"], "gtol": group["tolerance"]}
        found = minimize(loss_and_gradient, start, jac=True, method="CG", options=options)
        _move(parameters, found.x)
        return losses[0]


@torch.no_grad()
def _move(parameters: list[Tensor], to: np.ndarray) -> None:
    sizes = [parameter.numel() for parameter in parameters]
    for parameter, values in zip(parameters, torch.from_numpy(to).split(sizes), strict=True):
        parameter.copy_(values.view_as(parameter))
