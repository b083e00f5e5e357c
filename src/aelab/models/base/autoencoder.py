"""The template of every variant: x -> corrupt -> infer -> decode -> error + sum of factor * penalty."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import torch
from torch import Tensor

from aelab.errors import UserError
from aelab.models.base.beside import Beside
from aelab.models.base.learner import Encoding, EvaluationTerms, LossTerms
from aelab.networks import Network
from aelab.networks.activations import activation
from aelab.objectives import NoCorruption, SquaredError
from aelab.objectives.observed import filled, is_partly
from aelab.objectives.randomness import Generators, per_replica, uniform


class Forward(NamedTuple):
    """Examples on their way: ``x`` ``[..., B, D]``, NaN where a value is not known, what the encoder has ``seen`` of
    it, ``encoding`` and ``output``."""

    x: Tensor
    seen: Tensor
    encoding: Encoding
    output: Tensor


class Autoencoder(Beside):
    """Undercomplete (or overcomplete) autoencoder; every variant overrides a hook or two of it.

    Hooks: ``corrupt`` (what the encoder sees), ``infer`` (how it encodes), ``output`` (how a code is decoded), ``cost``
    (its error), ``penalties`` (what is added to the error) with ``factor``, ``observe`` (what is remembered of a
    training batch) and ``initialize`` (a state that starts from data). ``objective`` is nobody's to override.

    ``network``: encoder and decoder. ``error``: reconstruction error that is minimised. ``corruption``: of
    the encoder's input in training; validation and test see clean inputs. ``code_activation``: applied to the
    encoder's output. ``weight``: of the penalty, a number or a tensor of length K. ``optimizer``,
    ``scheduler``, ``seed``: see Learner.

    Everything addresses trailing axes: with parameters stacked along a leading axis K and x ``[K, B, D]``,
    ``objective`` gives K losses and the sum of them trains K independent models (see replicas/stacking.py).
    """

    code_mask: Tensor | None
    varying: tuple[str, ...] = ("weight",)  # hyperparameters that may be tensors of length K
    unused: tuple[str, ...] = ("weight",)  # settings that a variant without a penalty takes and makes no use of
    differentiable = True  # whether the code moves with the input, so that it has a Jacobian; a discrete one jumps
    quantized = False  # whether codes are made of codewords
    paddable = True  # whether codes of several sizes may share a stack, zeros making up the difference
    draws_targets = False  # whether training draws 0 or 1 anew from values between (data.binarize=dynamic)
    players = 1  # that learn against one another; the gradients of two are those of no single loss
    prior: str | None = None  # the distribution that codes are drawn towards: ``normal``, or none

    def __init__(
        self,
        network: Network,
        error: Any = None,
        corruption: Any = None,
        code_activation: str = "identity",
        weight: float | Tensor = 0.0,
        optimizer: Callable[..., torch.optim.Optimizer] = torch.optim.Adam,
        scheduler: Callable[..., Any] | None = None,
        seed: int | list[int] = 0,
    ) -> None:
        super().__init__(optimizer, scheduler, seed)
        if not isinstance(weight, Tensor) and weight < 0:
            raise UserError(f"model.weight={weight}: must be 0 or more")
        self.network = network
        self.error = error if error is not None else SquaredError()
        self.corruption = corruption if corruption is not None else NoCorruption()
        self.code_activation = activation(code_activation, "model.code_activation")
        self.code_activation_name = code_activation
        self.weight = weight
        self.register_buffer("code_mask", None, persistent=False)

    # --- the template and its hooks ---

    def objective(self, x: Tensor, generator: Generators = None) -> LossTerms:
        if self.layout is None:
            return self._objective(x, generator)
        with self.batch(x) as batch:
            self.counted = batch.weight
            return self._objective(batch.x, generator)

    def _objective(self, x: Tensor, generator: Generators) -> LossTerms:
        if self.draws_targets and self.training:
            x = (uniform(x, generator) < x).to(x)
        x = self.network.cut(x)
        seen = self._without_gaps(self.corrupt(self.filled(x), generator), x)
        encoding = self.infer(seen, generator)
        forward = Forward(x, seen, encoding, self.output(encoding.code, x, generator))
        error = self.mean(self.cost(forward))
        penalties = self.penalties(forward, generator)
        return LossTerms(self._loss(error, penalties), error, penalties, encoding)

    def corrupt(self, x: Tensor, generator: Generators = None) -> Tensor:
        """What the encoder sees in training instead of x."""
        return self.corruption(x, generator)

    def filled(self, x: Tensor) -> Tensor:
        """x ``[..., B, D]`` as an encoder can take it: 0 for what is not known, where the error allows for that."""
        return filled(x) if is_partly(self.error) else x

    def _without_gaps(self, seen: Tensor, x: Tensor) -> Tensor:
        """What is seen, with 0 again for what is not known of x, whatever noise made of it."""
        return seen.masked_fill(x.isnan(), 0) if is_partly(self.error) else seen

    def infer(self, x: Tensor, generator: Generators = None) -> Encoding:
        """What the encoder makes of inputs ``[..., B, D]``; a code that is drawn is drawn in training only."""
        code = self.code_activation(self.network.encode(x))
        return Encoding(code if self.code_mask is None else code * self.code_mask)

    def draw(self, encoding: Encoding, generator: Generators = None) -> Tensor:
        """A code ``[..., B, H]`` drawn from an encoding; the code itself where it is not drawn."""
        return encoding.code

    def output(self, code: Tensor, target: Tensor | None = None, generator: Generators = None) -> Tensor:
        """The decoder's output ``[..., B, D]``, of symbols ``[..., B, D, V]``: what the error takes, a reconstruction
        or its logits.

        ``target``: what it is to be, of which a decoder that writes one symbol after the other is shown those before;
        without one it goes on from its own."""
        return self.network.decode(code) if target is None else self.network.decode_towards(code, target, generator)

    def cost(self, forward: Forward) -> Tensor:
        """The reconstruction error of each example, ``[..., B]``."""
        return self.error(forward.output, forward.x)

    def penalties(self, forward: Forward, generator: Generators = None) -> dict[str, Tensor]:
        """What is added to the error, by name, each ``[...]`` before its factor.

        The one that ``weight`` weighs is called ``penalty``. Some are of training alone (``self.training``).
        """
        return {}

    def factor(self, name: str, penalty: Tensor) -> float | Tensor:
        """The factor of a penalty in the loss."""
        return per_replica(self.weight, penalty) if name == "penalty" else 1.0

    def beside(self, forward: Forward) -> dict[str, Tensor]:
        """What metrics beside the error are made of: sums over each example ``[..., B]`` (see ``Error.beside``), and a
        variant's ``moments`` of code units or ``usage`` of codewords (see ReconstructionMetrics)."""
        return self.error.beside(forward.output, forward.x)

    @property
    def pads(self) -> bool:
        """Whether its codes may share a stack with larger ones; the values of a map's places would not keep theirs."""
        return self.paddable and self.network.code_places == 1

    @property
    def has_likelihood(self) -> bool:
        """Whether ``log p(x)`` is defined and can be estimated."""
        return False

    def aimed_activation(self) -> float | None:
        """The mean activation that a penalty aims at; None where there is no such penalty."""
        return None

    def decay_of_units(self) -> Tensor | None:
        """The penalty's weight of the squares of weights at each code unit, float64 ``[H]``; None without decay."""
        return None

    def initialize(self, x: Tensor) -> None:
        """Start a variant's own state from training examples ``[N, D]``, where it has one."""

    def _loss(self, error: Tensor, penalties: Mapping[str, Tensor]) -> Tensor:
        loss = error
        for name, penalty in penalties.items():
            loss = loss + self.factor(name, penalty) * penalty
        return loss

    def evaluate(self, x: Tensor) -> EvaluationTerms:
        if self.layout is None:
            return self._evaluate(x)
        with self.batch(x) as batch:
            return self._evaluate(batch.x)

    def _evaluate(self, x: Tensor) -> EvaluationTerms:
        x = self.network.cut(x)
        seen = self.filled(x)
        encoding = self.infer(seen)
        forward = Forward(x, seen, encoding, self.output(encoding.code, x))
        error = self.cost(forward)
        beside = self.beside(forward)
        mean_error = self.mean(error)
        penalties = self.penalties(forward)
        return EvaluationTerms(error, beside, self._loss(mean_error, penalties), penalties)

    # --- use ---

    def encode(self, x: Tensor) -> Tensor:
        """Inputs ``[..., B, D]``, with what is given behind, to codes ``[..., B, H]``."""
        if self.layout is None:
            return self.infer(self.filled(x)).code
        with self.batch(x) as batch:
            return self.infer(self.filled(batch.x)).code

    def decode(self, code: Tensor, given: Tensor | None = None) -> Tensor:
        """Codes ``[..., B, H]``, and what is given beside each, ``[..., B, G]``, to reconstructions ``[..., B, D]``."""
        if given is None:
            return self.error.reconstruction(self.output(code))
        with self.network.holding(given):
            return self.error.reconstruction(self.output(code))

    def reconstruct(self, x: Tensor) -> Tensor:
        """Inputs, with what is given behind, to their reconstructions, ``[..., B, D]``."""
        if self.layout is None:
            return self.decode(self.encode(x))
        with self.batch(x) as batch:
            return self.decode(self.encode(batch.x))

    def predict(self, x: Tensor, target: Tensor) -> Tensor:
        """The decoder's output ``[..., B, D]`` for inputs that are to become ``target``, both rows."""
        if self.layout is None:
            return self.output(self.encode(x), target)
        with self.batch(x) as batch:
            return self.output(self.encode(batch.x), self.layout.apart(target).x)

    def forward(self, x: Tensor) -> Tensor:
        return self.reconstruct(x)
