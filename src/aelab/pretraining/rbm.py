"""Restricted Boltzmann machine, trained by contrastive divergence."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from aelab.errors import UserError
from aelab.models import Autoencoder, Encoding, Forward, LossTerms
from aelab.objectives.randomness import Generators, normal, uniform


class RBM(Autoencoder):
    """``E(v, h) = vis(v) + hid(h) - h W v``; its mean-field pass is a tied autoencoder of one layer.

    Visible units are binary with ``error=cross_entropy``, ``vis(v) = -b v``, and Gaussian of variance 1 with
    ``error=squared``, ``vis(v) = |v - b|^2 / 2``. Hidden units are binary with the code activation ``sigmoid``,
    ``hid(h) = -c h``, and Gaussian with ``identity``, ``hid(h) = |h|^2 / 2 - c h`` (Hinton & Salakhutdinov 2006).
    ``encode`` gives the hidden units' means, ``decode`` the visible units'.

    Contrastive divergence (Hinton 2002) is the gradient of ``F(v) - F(v_k)``, F the free energy, v_k the end of a
    chain of ``steps`` Gibbs steps from v, held constant. ``sampled``: draw the visible units of the chain; else they
    are means, as in the paper's code. ``weight``: of the penalty ``|W|^2 / 2``. The error reported in training
    is that of the chain's first step. Its objective is no error with penalties, so that it has one of its own.
    """

    paddable = False  # padded hidden units would add to the free energy's gradient

    def __init__(self, *args: Any, steps: int = 1, sampled: bool = False, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if steps < 1:
            raise UserError(f"pretraining.steps={steps}: must be at least 1")
        if not (self.network.tied and self.network.is_chain and not self.network.hidden):
            raise UserError("an RBM is one layer with tied weights; use network=linear network.tied=true")
        if self.code_activation_name not in ("sigmoid", "identity"):
            raise UserError(
                f"model.code_activation={self.code_activation_name}: an RBM's hidden units are binary or Gaussian; "
                "use model.code_activation=sigmoid or identity"
            )
        self.steps = steps
        self.sampled = sampled
        self.binary_visible = self.error.logits
        self.binary_hidden = self.code_activation_name == "sigmoid"
        if not (self.binary_visible or self.binary_hidden):
            raise UserError(
                "error=squared model.code_activation=identity: Gaussian visible and Gaussian hidden units have no "
                "distribution for large weights; use model.code_activation=sigmoid, or error=cross_entropy"
            )

    def energy(self, v: Tensor, h: Tensor) -> Tensor:
        """Of visible units ``[..., B, D]`` and hidden units ``[..., B, H]``, ``[..., B]``."""
        own = 0 if self.binary_hidden else h.square().sum(-1) / 2
        return self._visible_energy(v) + own - (h * self.network.encode(v)).sum(-1)

    def free_energy(self, v: Tensor) -> Tensor:
        """``-log sum_h exp(-E(v, h))``, ``[..., B]``; for Gaussian hidden units less the constant H log(2 pi) / 2."""
        return self._free_energy(v, self.network.encode(v))

    def _free_energy(self, v: Tensor, total: Tensor) -> Tensor:
        hidden = F.softplus(total) if self.binary_hidden else total.square() / 2
        return self._visible_energy(v) - hidden.sum(-1)

    def _visible_energy(self, v: Tensor) -> Tensor:
        bias = self.network.decoder_biases[0].unsqueeze(-2)
        return -(v * bias).sum(-1) if self.binary_visible else (v - bias).square().sum(-1) / 2

    def objective(self, x: Tensor, generator: Generators = None) -> LossTerms:
        total = self.network.encode(x)
        end, output = self.chain(x, total.detach(), generator)
        divergence = (self._free_energy(x, total) - self.free_energy(end)).mean(-1)
        error = self.error(output, x).mean(-1)
        penalty = self._penalty()
        encoding = Encoding(self.code_activation(total))
        return LossTerms(divergence + self.weight * penalty, error, {"penalty": penalty}, encoding)

    def penalties(self, forward: Forward, generator: Generators = None) -> dict[str, Tensor]:
        return {"penalty": self._penalty()}

    def _penalty(self) -> Tensor:
        return self.network.encoder_layers[0].weight.square().sum((-2, -1)) / 2

    @torch.no_grad()
    def chain(self, v: Tensor, total: Tensor, generator: Generators = None) -> tuple[Tensor, Tensor]:
        """Visible units after ``steps`` Gibbs steps from v, and the decoder's output in the first of them.

        ``total``: input of the hidden units at v, ``[..., B, H]``.
        """
        first = None
        for _ in range(self.steps):
            output = self.network.decode(self.draw_hidden(total, generator))
            first = output if first is None else first
            v = self.draw_visible(output, generator) if self.sampled else self.error.reconstruction(output)
            total = self.network.encode(v)
        assert first is not None
        return v, first

    def draw_hidden(self, total: Tensor, generator: Generators) -> Tensor:
        """States of hidden units with total input ``[..., B, H]``."""
        return _bits(total.sigmoid(), generator) if self.binary_hidden else total + normal(total, generator)

    def draw_visible(self, output: Tensor, generator: Generators) -> Tensor:
        """States of visible units with total input ``[..., B, D]``."""
        return _bits(output.sigmoid(), generator) if self.binary_visible else output + normal(output, generator)


def _bits(probability: Tensor, generator: Generators) -> Tensor:
    return (uniform(probability, generator) < probability).to(probability)
