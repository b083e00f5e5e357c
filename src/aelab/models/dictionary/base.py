"""What sparse autoencoders with a dictionary share: pre-bias, unit-norm atoms, an auxiliary loss for dead units."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from aelab.errors import UserError
from aelab.models.base.autoencoder import Autoencoder, Forward
from aelab.models.base.learner import Encoding
from aelab.objectives.randomness import Generators
from aelab.objectives.waiting import none_for_sure


class DictionaryAutoencoder(Autoencoder):
    """``z = f(x - b)``, ``h = sparse(z)``, ``r = sum_j h_j d_j + b``: a sparse sum of atoms d_j (Gao et al. 2024).

    A variant overrides ``sparse`` and, where it has a penalty, ``sparsity``. Written for ``network=linear``; with
    hidden layers the d_j are the columns of the decoder's first layer.

    ``pre_bias``: subtract b, what the decoder makes of an empty code (a linear decoder's bias), from the encoder's
    input. ``unit_norm``: the decoder works with ``d_j / ||d_j||``; its gradient has no part along d_j, as where
    columns are normalised after every step. ``auxiliary_weight``: of the error that is left after the
    ``auxiliary_k`` (None: half as many as values) largest z of dead units have rebuilt the residual
    (Gao et al. 2024, A.2), in training. ``dead_after``: training examples without activation until a unit is dead.
    ``k``: active units of an example, so that variants can be compared at equal sparsity. A variant with a penalty
    reaches it by its weight, which is then ``weight * e^c``: every batch moves c by ``rate * log(L0 / k)``; None leaves
    the weight as it is. ``train/dead_units`` is the share of dead units at the end of an epoch.
    """

    idle: Tensor
    log_factor: Tensor | None
    paddable = False  # a padded unit would be chosen where all others are negative

    def __init__(
        self,
        *args: Any,
        pre_bias: bool = True,
        unit_norm: bool = True,
        auxiliary_weight: float = 1 / 32,
        auxiliary_k: int | None = None,
        dead_after: int = 10_000,
        k: int | None = None,
        rate: float = 0.01,
        **kwargs: Any,
    ) -> None:
        super().__init__(*args, **kwargs)
        if self.network.code_weights() is None:
            raise UserError(
                "network: a dictionary's atoms are weights that leave the code, and this one has none; use "
                "network=linear"
            )
        if pre_bias and self.error.kind == "symbols":
            raise UserError(
                f"model.pre_bias=true error={self.error.name}: nothing can be subtracted from symbols; use "
                "model.pre_bias=false"
            )
        if self.code_activation_name != "relu":
            raise UserError(
                f"model.code_activation={self.code_activation_name}: these codes are ReLU's, cut; use "
                "model.code_activation=relu"
            )
        if auxiliary_weight < 0:
            raise UserError(f"model.auxiliary_weight={auxiliary_weight}: must be 0 or more")
        if auxiliary_k is not None and auxiliary_k < 1:
            raise UserError(f"model.auxiliary_k={auxiliary_k}: must be at least 1, or null")
        if rate < 0:
            raise UserError(f"model.rate={rate}: must be 0 or more")
        if dead_after < 1:
            raise UserError(f"model.dead_after={dead_after}: must be at least 1 training example")
        if k is not None and not 1 <= k <= self.network.code_size:
            raise UserError(f"model.k={k}: must be between 1 and network.code_size={self.network.code_size}")
        self.pre_bias = pre_bias
        self.unit_norm = unit_norm
        self.auxiliary_weight = auxiliary_weight
        half = max(1, self.network.input_size // 2)
        self.auxiliary_k = min(self.network.code_size, auxiliary_k or half)
        self.dead_after = dead_after
        self.k = k
        self.rate = rate
        self.register_buffer("log_factor", None if k is None else torch.tensor(0.0))
        self.register_buffer("idle", torch.zeros(self.network.code_size, dtype=torch.int64))

    def infer(self, x: Tensor, generator: Generators = None) -> Encoding:
        z = self.preactivation(x)
        return Encoding(self.sparse(z), {"preactivation": z})

    def preactivation(self, x: Tensor) -> Tensor:
        """z ``[..., B, H]`` of inputs ``[..., B, D]``."""
        return self.network.encode(x - self.decode(self._empty_code()) if self.pre_bias else x)

    def sparse(self, z: Tensor) -> Tensor:
        """The code ``[..., B, H]``, not negative."""
        raise NotImplementedError

    def sparsity(self, z: Tensor, code: Tensor) -> Tensor | None:
        """The penalty ``[...]``; None for none."""
        return None

    def output(self, code: Tensor, target: Tensor | None = None, generator: Generators = None) -> Tensor:
        return super().output(code / self.column_norms().unsqueeze(-2) if self.unit_norm else code, target, generator)

    def penalties(self, forward: Forward, generator: Generators = None) -> dict[str, Tensor]:
        z = forward.encoding.parts["preactivation"]
        sparsity = self.sparsity(z, forward.encoding.code)
        found = {} if sparsity is None else {"penalty": sparsity}
        return found | {"auxiliary": self.auxiliary(forward.x, z, forward.output)} if self.training else found

    def factor(self, name: str, penalty: Tensor) -> float | Tensor:
        if name == "auxiliary":
            return self.auxiliary_weight
        factor = super().factor(name, penalty)
        return factor if name != "penalty" or self.log_factor is None else factor * self.log_factor.exp().to(penalty)

    def column_norms(self) -> Tensor:
        """``||d_j||`` of the decoder's weights as they are stored, ``[..., H]``."""
        weights = self._atoms()
        return weights.norm(dim=-2).clamp_min(torch.finfo(weights.dtype).tiny)

    def auxiliary(self, x: Tensor, z: Tensor, output: Tensor) -> Tensor:
        """The error of ``output`` (held fixed) plus what dead units add, ``[...]``; 0 where no unit is dead."""
        dead = self.dead_units()
        if not self.auxiliary_weight or none_for_sure(dead):
            return output.new_zeros(z.shape[:-2])
        values, index = z.masked_fill(~dead.unsqueeze(-2), -torch.inf).topk(self.auxiliary_k, dim=-1)
        revived = torch.zeros_like(z).scatter(-1, index, values.relu())
        added = self.output(revived, x) - self.output(self._empty_code(), x)
        left = self.mean(self.error(output.detach() + added, x))
        return left * dead.any(-1)

    def dead_units(self) -> Tensor:
        """Which units ``[..., H]`` no training example has activated for long."""
        return self.idle >= self.dead_after

    def observe(self, encoding: Encoding) -> None:
        code = encoding.code
        seen = self.across(torch.full((), code.shape[-2], device=code.device), "sum")
        active = self.across((code != 0).any(-2).float(), "max").bool()
        self.idle.add_(seen).mul_(~active)
        if self.k is not None and self.log_factor is not None:
            l0 = self.across(self.mean_of_last((code != 0).sum(-1, dtype=self.log_factor.dtype)), "mean")
            self.log_factor.add_(self.rate * (l0 / self.k).clamp(0.1, 10).log()).clamp_(-20, 20)

    def on_train_epoch_end(self) -> None:
        super().on_train_epoch_end()
        self.note("train/dead_units", self.dead_units().float().mean(-1))

    def _empty_code(self) -> Tensor:
        return self._atoms().new_zeros(1, self.network.code_size)

    def _atoms(self) -> Tensor:
        weights = self.network.code_weights()
        assert weights is not None
        return weights
