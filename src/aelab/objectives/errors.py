"""Reconstruction errors, summed over the values of one example (the unit of Hinton & Salakhutdinov 2006)."""

from __future__ import annotations

from typing import Protocol

from torch import Tensor
from torch.nn import functional as F

from aelab.errors import UserError
from aelab.objectives.bregman import BERNOULLI, GAUSSIAN, BregmanError
from aelab.objectives.categorical import categorical

UNUSED = -100  # what PyTorch takes for a symbol to leave out, and no symbol is


class Error(Protocol):
    """All that is known of a reconstruction error; whoever needs a fact of it asks the object, never its name.

    ``label``: the unit, as figures print it. ``kind``: of the values that it compares, ``numbers`` or ``symbols``
    (whole numbers that count from 0); numbers have squares, a variance and a PCA, symbols have none. ``event``: how
    many trailing axes of the decoder's output belong to one value: 0, or 1 for a logit of each symbol.
    ``data_range``: the values that its targets may have, None for any. ``logits``: whether the decoder's output is
    something else than the reconstruction, so that no activation may come between. ``is_squared``: whether errors of
    PCA and of other models that minimise squares stand on the same scale. ``decomposition``: how it splits into noise,
    bias and variance; None where that is not known.

    An error may say more of itself. ``likelihood``: whether it is ``-log p(target | output)`` in nats, with all its
    constants. ``values(output, target)``: the error of each value ``[..., B, D]``, where it is the sum of these.
    ``whole``: whether its targets are whole numbers, and then ``repair``, what to do about others. An error that learns
    is a module, and ``sized(shape)`` fits it to examples of a shape.

    ``beside``: sums over each example, ``[..., B]``, by name, that metrics beside the error are made of. ``squared``,
    the squared error, gives ``mse`` and ``fvu``; ``wrong`` and ``symbols``, counts, give ``token_error``
    and ``token_perplexity``.
    """

    name: str
    label: str
    kind: str
    event: int
    data_range: tuple[float, float] | None
    logits: bool
    is_squared: bool
    decomposition: BregmanError | None

    def __call__(self, output: Tensor, target: Tensor) -> Tensor: ...

    def reconstruction(self, output: Tensor) -> Tensor: ...

    def beside(self, output: Tensor, target: Tensor) -> dict[str, Tensor]: ...


class SquaredError:
    """``sum_i (r_i - x_i)^2``; the decoder's output is the reconstruction itself."""

    name = "squared"
    label = "squared error per example, summed over values"
    kind = "numbers"
    event = 0
    data_range: tuple[float, float] | None = None
    logits = False
    is_squared = True
    decomposition: BregmanError | None = GAUSSIAN

    def __call__(self, output: Tensor, target: Tensor) -> Tensor:
        """Decoder output and target ``[..., B, D]`` to errors ``[..., B]``."""
        return self.values(output, target).sum(-1)

    def values(self, output: Tensor, target: Tensor) -> Tensor:
        """The error of each value, ``[..., B, D]``."""
        return (output - target).square()

    def reconstruction(self, output: Tensor) -> Tensor:
        """The decoder's output as a reconstruction of x."""
        return output

    def beside(self, output: Tensor, target: Tensor) -> dict[str, Tensor]:
        """The squared error of the reconstruction."""
        return {"squared": (self.reconstruction(output) - target).square().sum(-1)}


class AbsoluteError(SquaredError):
    """``sum_i |r_i - x_i|``, which outliers move less; the decoder's output is the reconstruction itself.

    It has no decomposition into bias and variance: what it averages is no mean but a median.
    """

    name = "l1"
    label = "absolute error per example, summed over values"
    is_squared = False
    decomposition = None

    def values(self, output: Tensor, target: Tensor) -> Tensor:
        """The error of each value, ``[..., B, D]``."""
        return (output - target).abs()


class CrossEntropy:
    """``-sum_i x_i log r_i + (1 - x_i) log(1 - r_i)`` in nats, for x in [0, 1].

    The decoder's output is the logit of r, so that no probability is ever clipped. For grey values the
    error's floor is the entropy of x, not 0.
    """

    name = "cross_entropy"
    label = "cross-entropy per example, nats"
    kind = "numbers"
    event = 0
    data_range: tuple[float, float] | None = (0.0, 1.0)
    logits = True
    is_squared = False
    decomposition: BregmanError | None = BERNOULLI

    def __call__(self, output: Tensor, target: Tensor) -> Tensor:
        """Logits and target ``[..., B, D]`` to errors ``[..., B]``."""
        return self.values(output, target).sum(-1)

    def values(self, output: Tensor, target: Tensor) -> Tensor:
        """The error of each value, ``[..., B, D]``."""
        return F.binary_cross_entropy_with_logits(output, target.expand_as(output), reduction="none")

    def reconstruction(self, output: Tensor) -> Tensor:
        """The logits as values in [0, 1]."""
        return output.sigmoid()

    def beside(self, output: Tensor, target: Tensor) -> dict[str, Tensor]:
        """The squared error of the reconstruction."""
        return {"squared": (self.reconstruction(output) - target).square().sum(-1)}


class Categorical:
    """``-sum_i log softmax(z_i)_(x_i)`` in nats, for symbols x_i from 0 to V - 1, each with V logits z_i.

    ``padding``: the symbol that fills short examples up; its positions cost nothing and count nowhere. None for none.

    Raises UserError where ``padding`` is below 0.
    """

    name = "categorical"
    label = "categorical cross-entropy per example, nats"
    kind = "symbols"
    event = 1
    data_range: tuple[float, float] | None = None
    logits = True
    likelihood = True
    is_squared = False
    decomposition: BregmanError | None = categorical()

    def __init__(self, padding: int | None = None) -> None:
        if padding is not None and padding < 0:
            raise UserError(f"error.padding={padding}: symbols count from 0; use error.padding=0, or null for none")
        self.padding = padding
        self.decomposition = categorical(padding)

    def __call__(self, output: Tensor, target: Tensor) -> Tensor:
        """Logits ``[..., B, D, V]`` and target ``[..., B, D]``, whole numbers of any type, to errors ``[..., B]``."""
        return self.values(output, target).sum(-1)

    def values(self, output: Tensor, target: Tensor) -> Tensor:
        """The error of each position, ``[..., B, D]``."""
        target = target.long().expand(output.shape[:-1])
        left_out = UNUSED if self.padding is None else self.padding
        errors = F.cross_entropy(output.flatten(0, -2), target.flatten(), reduction="none", ignore_index=left_out)
        return errors.view(target.shape)

    def reconstruction(self, output: Tensor) -> Tensor:
        """The likeliest symbols, long ``[..., B, D]``."""
        return output.argmax(-1)

    def beside(self, output: Tensor, target: Tensor) -> dict[str, Tensor]:
        """How many symbols there are and how many of the likeliest ones are wrong, padding not counted."""
        wrong = self.reconstruction(output) != target
        counted = wrong.new_ones(()) if self.padding is None else target != self.padding
        return {"wrong": (wrong & counted).sum(-1), "symbols": counted.expand(wrong.shape).sum(-1)}
