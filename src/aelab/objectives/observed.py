"""Errors of examples of which some values are not known: NaN in a target counts nowhere."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Self

import torch
from torch import Tensor, nn

from aelab.errors import UserError
from aelab.objectives.bregman import BregmanError
from aelab.objectives.errors import Error


def observed_weights(x: Tensor) -> Tensor:
    """What each value of examples ``[..., D]`` counts: ``D / n`` of the n that are observed, 0 of NaN."""
    observed = ~x.isnan()
    return observed * (x.shape[-1] / observed.sum(-1, keepdim=True).clamp(min=1).to(x))


def filled(x: Tensor) -> Tensor:
    """Examples with 0, the mean of standardised values, where they are NaN."""
    return x.masked_fill(x.isnan(), 0)


class ObservedError(nn.Module):
    """``D / n * sum of the n observed values' errors``, so that it is on the scale of whole examples of D values.

    It is ``error`` itself where nothing is missing. Its bias and variance weigh values in the same way, and so do
    ``mse`` and ``fvu``. It is no likelihood: -log p of the observed values is not weighted so.

    Raises UserError where the error is no sum over values, or of symbols.
    """

    partly = True  # whether NaN in its targets are values that are not known
    likelihood = False

    def __init__(self, error: Error) -> None:
        super().__init__()
        if not hasattr(error, "values") or error.kind == "symbols":
            raise UserError(
                f"error={error.name} data.missing=mask: the error of single values is not known; use error=squared, or "
                "data.missing=mean"
            )
        self.whole_error: Any = error
        self.name = error.name
        self.label = f"{error.label}, of observed values"
        self.kind = error.kind
        self.event = error.event
        self.data_range = error.data_range
        self.logits = error.logits
        self.is_squared = error.is_squared
        self.decomposition: BregmanError | None = error.decomposition
        self.whole = getattr(error, "whole", False)

    def sized(self, shape: Sequence[int]) -> Self:
        """Itself, for examples of a shape."""
        if hasattr(self.whole_error, "sized"):
            self.whole_error = self.whole_error.sized(shape)
        return self

    def forward(self, output: Tensor, target: Tensor) -> Tensor:
        """Decoder output and target ``[..., B, D]``, NaN where there is none, to errors ``[..., B]``."""
        return self.values(output, target).sum(-1)

    def values(self, output: Tensor, target: Tensor) -> Tensor:
        """What each value adds to the error, ``[..., B, D]``; 0 where it is not observed."""
        errors: Tensor = self.whole_error.values(output, filled(target))
        return errors * observed_weights(target)

    def reconstruction(self, output: Tensor) -> Tensor:
        """The decoder's output as a reconstruction of x."""
        found: Tensor = self.whole_error.reconstruction(output)
        return found

    def beside(self, output: Tensor, target: Tensor) -> dict[str, Tensor]:
        """The squared error of the reconstruction, weighed in the same way; and how many values are ``observed``."""
        squares = (self.reconstruction(output) - filled(target)).square() * observed_weights(target)
        return {"squared": squares.sum(-1), "observed": (~target.isnan()).sum(-1).expand(squares.shape[:-1])}


def is_partly(error: Any) -> bool:
    """Whether an error takes NaN in a target for a value that is not known."""
    return getattr(error, "partly", False) is True


def hidden_again(x: Tensor, values: Tensor) -> Tensor:
    """``values`` with NaN where x has NaN."""
    return torch.where(x.isnan(), x, values)
