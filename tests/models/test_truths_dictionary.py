"""Sparse autoencoders with a dictionary, and winner-take-all against independent references."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.testing import assert_close

from aelab.errors import UserError
from aelab.models import (
    BatchTopKAutoencoder,
    DictionaryAutoencoder,
    Encoding,
    GatedAutoencoder,
    JumpReLUAutoencoder,
    ReLUL1Autoencoder,
    TopKAutoencoder,
    WinnerTakeAllAutoencoder,
)
from aelab.networks import MLP

EXACT = {"rtol": 1e-12, "atol": 1e-12}
D, H, B = 6, 10, 9


@pytest.fixture(autouse=True)
def _seed() -> None:
    torch.manual_seed(0)


def normal(*shape: int) -> Tensor:
    return torch.randn(*shape, dtype=torch.float64)


def built(variant: type[DictionaryAutoencoder], **options: Any) -> Any:
    model = variant(MLP((D,), H), code_activation="relu", **options).double()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(0.3 * torch.randn_like(parameter))
    return model


class Reference:
    """Weights of a model as numpy arrays: ``w`` ``[H, D]``, ``c`` ``[H]``, unit-norm atoms ``[H, D]``, bias ``b``."""

    def __init__(self, model: DictionaryAutoencoder) -> None:
        (encoder,), (decoder,) = model.network.encoder_layers, model.network.decoder_layers
        self.w, self.c, self.b = (t.detach().numpy() for t in (encoder.weight, encoder.bias, decoder.bias))
        columns = decoder.weight.detach().numpy().T
        self.atoms = np.array([column / math.sqrt(sum(v * v for v in column)) for column in columns])

    def z(self, x: Tensor) -> np.ndarray:
        return np.array([[row @ (value - self.b) + c for row, c in zip(self.w, self.c)] for value in x.numpy()])  # noqa: B905

    def decode(self, code: np.ndarray) -> np.ndarray:
        return np.array([self.b + sum(h * atom for h, atom in zip(row, self.atoms)) for row in code])  # noqa: B905


def squared(x: Tensor, r: np.ndarray) -> float:
    return float(((x.numpy() - r) ** 2).sum(1).mean())


def largest(values: np.ndarray, count: int) -> np.ndarray:
    """``values`` ``[n]`` with all but the ``count`` largest 0, and those not below 0."""
    kept = np.zeros_like(values)
    order = np.argsort(-values)[:count]
    kept[order] = np.maximum(values[order], 0)
    return kept


# --- what all share ---


def test_a_reconstruction_is_a_sum_of_unit_atoms_around_the_pre_bias() -> None:
    """Gao et al. 2024, section 2: z = W (x - b) + c, r = sum_j h_j d_j + b, ||d_j|| = 1."""
    model, x = built(TopKAutoencoder, k=3), normal(B, D)
    reference = Reference(model)
    code = np.array([largest(row, 3) for row in reference.z(x)])
    assert_close(model.encode(x), torch.from_numpy(code), **EXACT)
    assert_close(model.reconstruct(x), torch.from_numpy(reference.decode(code)), **EXACT)
    plain = built(TopKAutoencoder, k=H, pre_bias=False, unit_norm=False)
    assert_close(plain.reconstruct(x), plain.network.decode(plain.network.encode(x).relu()), **EXACT)


def test_the_gradient_has_no_part_along_an_atom() -> None:
    """Bricken et al. 2023: with columns of norm 1 the part of the gradient along a column is removed."""
    model = built(ReLUL1Autoencoder, weight=0.1)
    weight = model.network.decoder_layers[0].weight
    (gradient,) = torch.autograd.grad(model.objective(normal(B, D)).loss, weight)
    assert gradient.norm() > 0.1
    assert_close((gradient * weight).sum(0), torch.zeros(H, dtype=torch.float64), **EXACT)
    with torch.no_grad():
        scales = 0.5 + torch.rand(H, dtype=torch.float64)
        x = normal(B, D)
        before = model.reconstruct(x)
        weight.mul_(scales)
        assert_close(model.reconstruct(x), before, **EXACT)


def test_units_are_dead_after_so_many_examples_without_activation() -> None:
    """Gao et al. 2024, A.2: dead latents have not fired for a set number of training examples."""
    model = built(TopKAutoencoder, k=3, dead_after=10)
    code = torch.zeros(4, H, dtype=torch.float64)
    code[2, :4] = 1
    for _ in range(3):
        model.observe(Encoding(code))
    assert model.idle.tolist() == [0] * 4 + [12] * 6
    assert model.dead_units().tolist() == [False] * 4 + [True] * 6
    code[:, 9] = 1
    model.observe(Encoding(code))
    assert model.idle.tolist() == [0] * 4 + [16] * 5 + [0]


def test_the_auxiliary_loss_is_what_dead_units_leave_of_the_residual() -> None:
    """Gao et al. 2024, A.2: ||e - e'||^2, e = x - r, e' the sum of the largest z of dead units times their atoms."""
    model, x = built(TopKAutoencoder, k=3, dead_after=10, auxiliary_k=2, auxiliary_weight=0.25), normal(B, D)
    assert_close(model.objective(x).loss, model.objective(x).error, **EXACT)
    dead = np.isin(np.arange(H), [1, 4, 5, 7])
    model.idle[torch.from_numpy(dead)] = 10
    reference = Reference(model)
    z = reference.z(x)
    r = reference.decode(np.array([largest(row, 3) for row in z]))
    revived = np.zeros_like(z)
    revived[:, dead] = [largest(row, 2) for row in z[:, dead]]
    left = squared(x, r + revived @ reference.atoms)
    terms = model.objective(x)
    assert terms.error.item() == pytest.approx(squared(x, r), abs=1e-12)
    assert terms.loss.item() == pytest.approx(squared(x, r) + 0.25 * left, abs=1e-12)
    rows, columns = torch.autograd.grad(
        terms.loss - terms.error,
        [model.network.encoder_layers[0].weight, model.network.decoder_layers[0].weight],
    )
    for gradient in (rows.abs().sum(1), columns.abs().sum(0)):
        assert ((gradient > 1e-14) == torch.from_numpy(dead)).all(), "only dead units learn from it"


# --- one by one ---


def test_batch_top_k_shares_its_budget_and_cuts_at_a_threshold_outside_training() -> None:
    """Bussmann et al. 2024: the k B largest of a batch; at test a threshold, the mean of the least kept activations."""
    model, threshold = built(BatchTopKAutoencoder, k=2, momentum=0.9), None
    reference = Reference(model)
    for _ in range(5):
        x = normal(B, D)
        kept = largest(reference.z(x).reshape(-1), 2 * B)
        code = model.encode(x)
        assert_close(code, torch.from_numpy(kept.reshape(B, H)), **EXACT)
        model.observe(Encoding(code))
        least = kept[kept > 0].min()
        threshold = least if threshold is None else 0.9 * threshold + 0.1 * least
    assert len(set((code != 0).sum(1).tolist())) > 1
    assert model.threshold.item() == pytest.approx(threshold, abs=1e-12)
    z = reference.z(x)
    code = model.eval().encode(x)
    assert_close(code, torch.from_numpy(np.where(z >= threshold, z, 0).clip(0)), **EXACT)
    assert_close(model.encode(x[:1]), code[:1], **EXACT)


def test_jump_relu_is_its_definition() -> None:
    """Rajamanoharan et al. 2024b, eq. 2, 9: z H(z - theta), and + lambda times the number of active units."""
    model, x = built(JumpReLUAutoencoder, weight=0.2, threshold=0.5), normal(B, D)
    reference, theta = Reference(model), model.threshold().detach().numpy()
    z = reference.z(x)
    code = np.where(z > theta, z, 0)
    terms = model.objective(x)
    assert_close(terms.encoding.code, torch.from_numpy(code), **EXACT)
    assert terms.penalties["penalty"].item() == pytest.approx((code != 0).sum(1).mean(), abs=1e-12)
    assert terms.loss.item() == pytest.approx(
        squared(x, reference.decode(code)) + 0.2 * terms.penalties["penalty"].item()
    )


def test_jump_relu_learns_thresholds_as_the_expected_loss_does() -> None:
    """Rajamanoharan et al. 2024b, section 4: the kernel estimates the derivative of the *expected* loss.

    One unit, z = x normal, r = h: E[L0] has derivative -p(theta), E[(x - h)^2] has theta^2 p(theta).
    """
    network = MLP((1,), 1).double()
    with torch.no_grad():
        for layer in (*network.encoder_layers, *network.decoder_layers):
            layer.weight.fill_(1)
            layer.bias.zero_()
    model = JumpReLUAutoencoder(network, code_activation="relu", threshold=0.7, bandwidth=0.05, weight=3.0).double()
    x = torch.special.ndtri((torch.arange(400_000, dtype=torch.float64) + 0.5) / 400_000)[:, None]
    terms = model.objective(x)
    density = math.exp(-(0.7**2) / 2) / math.sqrt(2 * math.pi)
    (error,) = torch.autograd.grad(terms.error, model.log_threshold, retain_graph=True)
    (penalty,) = torch.autograd.grad(terms.penalties["penalty"], model.log_threshold)
    assert penalty.item() == pytest.approx(-density * 0.7, rel=1e-3)  # d theta / d log theta = theta
    assert error.item() == pytest.approx(0.7**2 * density * 0.7, rel=0.02)


def test_gated_is_its_definition() -> None:
    """Rajamanoharan et al. 2024a, eq. 6-8, with the decoder of the gates' own reconstruction held fixed."""
    model, x = built(GatedAutoencoder, weight=0.3), normal(B, D)
    reference = Reference(model)
    gate = reference.z(x)
    r, m = model.log_scale.detach().numpy(), model.shift.detach().numpy()
    # the paper's magnitudes: (e^r W) (x - b) + b_mag with b_mag = m + e^r c
    magnitude = (gate - reference.c) * np.exp(r) + (m + np.exp(r) * reference.c)
    code = (gate > 0) * magnitude.clip(0)
    terms = model.objective(x)
    assert_close(terms.encoding.code, torch.from_numpy(code), **EXACT)
    expected = squared(x, reference.decode(code)) + 0.3 * gate.clip(0).sum(1).mean()
    expected += squared(x, reference.decode(gate.clip(0)))
    assert terms.loss.item() == pytest.approx(expected, abs=1e-12)
    encoder, decoder = model.network.encoder_layers[0], model.network.decoder_layers[0]
    auxiliary = terms.loss - terms.error - 0.3 * terms.penalties["penalty"]
    through = torch.autograd.grad(auxiliary, [encoder.weight, decoder.weight], retain_graph=True, allow_unused=True)
    assert through[0].norm() > 0.1 and (through[1] is None or through[1].abs().max() < 1e-12)
    z = model.preactivation(x).relu()
    atoms = torch.from_numpy(reference.atoms)
    own = (z @ atoms + decoder.bias.detach() - x).square().sum(1).mean()
    assert_close(through[0], torch.autograd.grad(own, encoder.weight)[0], **EXACT)
    assert all(parameter.requires_grad for parameter in model.parameters())


def test_relu_l1_weighs_activations_by_the_length_of_their_atoms() -> None:
    """Templeton et al. 2024: sum_j h_j ||d_j||, which no rescaling of atoms against activations can lower."""
    x = normal(B, D)
    for unit_norm in (True, False):
        model = built(ReLUL1Autoencoder, unit_norm=unit_norm)
        norms = np.ones(H) if unit_norm else np.linalg.norm(model.network.decoder_layers[0].weight.detach(), axis=0)
        code = Reference(model).z(x).clip(0)
        assert_close(model.encode(x), torch.from_numpy(code), **EXACT)
        assert model.objective(x).penalties["penalty"].item() == pytest.approx((code * norms).sum(1).mean(), abs=1e-12)


@pytest.mark.parametrize("batch, kept", [(40, 2), (3, 1)])
def test_each_unit_keeps_its_winners_of_the_batch(batch: int, kept: int) -> None:
    """Makhzani & Frey 2015, section 2: the top 5 % of a unit's activations across the batch; nothing cut at test."""
    model = WinnerTakeAllAutoencoder(MLP((D,), H), code_activation="relu", share=0.05).double()
    x = normal(batch, D)
    plain = model.network.encode(x).relu().detach()
    expected = np.array([largest(unit, kept) for unit in plain.numpy().T]).T
    assert_close(model.encode(x), torch.from_numpy(expected), **EXACT)
    assert torch.equal(model.eval().encode(x), plain)


@pytest.mark.parametrize(
    "variant, options, named",
    [
        (TopKAutoencoder, {"k": 11}, "model.k=11: must be between 1 and network.code_size=10"),
        (TopKAutoencoder, {"dead_after": 0}, "model.dead_after=0"),
        (TopKAutoencoder, {"auxiliary_k": 0}, "model.auxiliary_k=0"),
        (ReLUL1Autoencoder, {"auxiliary_weight": -1.0}, "model.auxiliary_weight=-1.0"),
        (BatchTopKAutoencoder, {"momentum": 1.0}, "model.momentum=1.0"),
        (JumpReLUAutoencoder, {"bandwidth": 0.0}, "model.bandwidth=0.0"),
        (GatedAutoencoder, {"code_activation": "tanh"}, "model.code_activation=tanh"),
        (WinnerTakeAllAutoencoder, {"share": 0.0}, "model.share=0.0"),
    ],
)
def test_impossible_settings_are_named(variant: Any, options: dict[str, Any], named: str) -> None:
    with pytest.raises(UserError, match=named):
        variant(MLP((D,), H), **({"code_activation": "relu"} | options))
