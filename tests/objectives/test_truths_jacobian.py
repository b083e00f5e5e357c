"""The encoder's Jacobian and the reconstruction's vector field, against autograd and closed forms."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise, product
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F
from torch.testing import assert_close

from aelab.models import Autoencoder, ContractiveAutoencoder
from aelab.networks import MLP, Conv, Network
from aelab.networks.activations import ACTIVATIONS
from aelab.objectives import jacobian
from aelab.replicas.stacking import stack

EXACT = {"rtol": 1e-12, "atol": 1e-12}
DEPTHS = [(), (7,), (7, 5), (7, 5, 6)]


@pytest.fixture(autouse=True)
def _seed() -> None:
    torch.manual_seed(0)


def normal(*shape: int) -> Tensor:
    return torch.randn(*shape, dtype=torch.float64)


def mlp(hidden: Sequence[int] = (), activation: str = "tanh", tied: bool = False) -> MLP:
    return MLP((6,), 4, hidden, activation, tied).double()


def conv(activation: str = "tanh") -> Conv:
    return Conv((2, 5, 4), 3, (3, 2), activation).double()


def reference(model: Autoencoder, x: Tensor) -> Tensor:
    """Mean over examples of ||J_f||_F^2, one Jacobian an example."""
    rows = torch.func.vmap(torch.func.jacrev(model.encode))(x)
    return rows.square().sum((-2, -1)).mean()


def gradients(value: Tensor, model: Autoencoder) -> list[Tensor]:
    parameters = list(model.network.parameters())
    return list(torch.autograd.grad(value, parameters, retain_graph=True, materialize_grads=True))


def assert_same_with_gradients(actual: Tensor, expected: Tensor, model: Autoencoder) -> None:
    assert_close(actual, expected, **EXACT)
    for mine, theirs in zip(gradients(actual, model), gradients(expected, model), strict=True):
        assert_close(mine, theirs, **EXACT)


# --- exact forms ---


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_slopes_are_derivatives(name: str) -> None:
    """Calculus: slope(z, a(z)) is autograd's derivative, in the tails and at 0 as well."""
    z = torch.cat([torch.linspace(-60, 60, 2401, dtype=torch.float64), normal(500)]).requires_grad_()
    value = ACTIVATIONS[name](z)
    (expected,) = torch.autograd.grad(value.sum(), z)
    assert_close(ACTIVATIONS[name].slope(z, value), expected, **EXACT)


def test_one_layer_is_the_closed_form() -> None:
    """Rifai et al. 2011: for h = sigmoid(W x + b), ||J||_F^2 = sum_j (h_j (1 - h_j))^2 sum_i W_ji^2."""
    model = ContractiveAutoencoder(mlp(), code_activation="sigmoid")
    x = normal(5, 6)
    h, weight = model.encode(x), model.network.encoder_layers[0].weight
    expected = ((h * (1 - h)).square() * weight.square().sum(1)).sum(1).mean()
    assert_same_with_gradients(model.exact_penalty(x, h), expected, model)


def test_linear_encoder_pays_weight_decay() -> None:
    """Rifai et al. 2011: with a linear encoder the penalty is ||W||_F^2 whatever x is."""
    model = ContractiveAutoencoder(mlp())
    x = normal(5, 6)
    expected = model.network.encoder_layers[0].weight.square().sum()
    assert_same_with_gradients(model.exact_penalty(x, model.encode(x)), expected, model)


@pytest.mark.parametrize("layers", [2, 3, 4])
@pytest.mark.parametrize("bent", [False, True], ids=["linear code", "bent code"])
def test_chain_is_the_product_of_layers(layers: int, bent: bool) -> None:
    """Chain rule: ||D_L W_L ... D_1 W_1||_F^2 for any weights and slopes; one_hidden_layer agrees."""
    sizes = [6, 7, 5, 8, 4][: layers + 1]
    weights = [normal(n, m) for m, n in pairwise(sizes)]
    slopes = [normal(3, width) for width in sizes[1:-1]]
    code_slope = normal(3, sizes[-1]) if bent else None
    product_of_layers = weights[0].expand(3, -1, -1)
    for slope, weight in zip(slopes, weights[1:], strict=True):
        product_of_layers = weight @ (slope.unsqueeze(-1) * product_of_layers)
    if code_slope is not None:
        product_of_layers = code_slope.unsqueeze(-1) * product_of_layers
    expected = product_of_layers.square().sum((-2, -1)).mean()
    assert_close(jacobian.chain(weights, slopes, code_slope), expected, **EXACT)
    if layers == 2 and not bent:
        assert_close(jacobian.one_hidden_layer(weights, slopes[0]), expected, **EXACT)


@pytest.mark.parametrize("code_activation", ["identity", "sigmoid"])
@pytest.mark.parametrize("hidden", DEPTHS, ids=str)
@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_exact_penalty_of_chains(activation: str, hidden: tuple[int, ...], code_activation: str) -> None:
    """Rifai et al. 2011, whole encoder: value and gradients are those of the Jacobian itself."""
    model = ContractiveAutoencoder(mlp(hidden, activation), code_activation=code_activation, method="exact")
    x = normal(5, 6)
    assert_same_with_gradients(model.objective(x).penalties["penalty"], reference(model, x), model)


@pytest.mark.parametrize("code_activation", ["identity", "sigmoid"])
@pytest.mark.parametrize("activation", ["tanh", "relu", "gelu"])
def test_exact_penalty_of_convolutions(activation: str, code_activation: str) -> None:
    """Rifai et al. 2011, whole encoder: row by row through convolutions, with and without gradients."""
    model = ContractiveAutoencoder(conv(activation), code_activation=code_activation, method="exact")
    x = normal(3, 40)
    expected = reference(model, x)
    assert_same_with_gradients(model.objective(x).penalties["penalty"], expected, model)
    with torch.no_grad():
        silent = model.objective(x).penalties["penalty"]
    assert not silent.requires_grad
    assert_close(silent, expected.detach(), **EXACT)


@pytest.mark.parametrize("code_activation", ["identity", "sigmoid"])
@pytest.mark.parametrize("hidden", [*DEPTHS, "conv"], ids=str)
@pytest.mark.parametrize(("method", "probes"), [("exact", 1), ("probe", 1), ("probe", 2)])
def test_stacked_replicas_pay_as_alone(hidden: Any, method: str, probes: int, code_activation: str) -> None:
    """K independent losses: stacked penalties and their gradients are each replica's own."""
    options = {"code_activation": code_activation, "method": method, "probes": probes, "weight": 0.3}
    networks = [conv() if hidden == "conv" else mlp(hidden) for _ in range(3)]
    models = [ContractiveAutoencoder(network, **options) for network in networks]
    together = stack(models)
    x = normal(3, 5, models[0].network.input_size)
    losses = together.objective(x, [torch.Generator().manual_seed(k) for k in range(3)])
    alone = [m.objective(x[k], torch.Generator().manual_seed(k)) for k, m in enumerate(models)]
    assert_close(losses.loss, torch.stack([one.loss for one in alone]), **EXACT)
    assert_close(losses.penalties["penalty"], torch.stack([one.penalties["penalty"] for one in alone]), **EXACT)
    stacked_gradients = gradients(losses.loss.sum(), together)
    lone_gradients = [gradients(one.loss, m) for one, m in zip(alone, models, strict=True)]
    for mine, theirs in zip(stacked_gradients, zip(*lone_gradients, strict=True), strict=True):
        assert_close(mine, torch.stack(theirs), **EXACT)


# --- the estimate ---


def probed(model: ContractiveAutoencoder, x: Tensor, probes: int, seed: int = 0) -> Tensor:
    x = x.detach().requires_grad_()
    return jacobian.probe_estimate(model.encode(x), x, probes, torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("build", [mlp, conv])
def test_as_many_probes_as_code_values_are_exact(build: Callable[[], Network]) -> None:
    """Hutchinson 1989 with orthogonal probes: H of them are a basis, so no randomness is left."""
    network = build()
    model = ContractiveAutoencoder(network, code_activation="sigmoid")
    x = normal(5, network.input_size)
    for seed in range(3):
        estimate = probed(model, x, network.code_size, seed)
        assert_same_with_gradients(estimate, reference(model, x), model)


def test_one_probe_is_unbiased_over_all_signs(monkeypatch: pytest.MonkeyPatch) -> None:
    """Hutchinson 1989: the mean over all 2^H sign vectors is ||J||_F^2, and so are its gradients."""
    model = ContractiveAutoencoder(mlp((7, 5)), code_activation="sigmoid")
    x = normal(5, 6)
    signs = torch.tensor(list(product([-1.0, 1.0], repeat=4)), dtype=torch.float64)
    monkeypatch.setattr(jacobian, "rademacher", lambda code, generator: signs.repeat(5, 1))
    estimate = probed(model, x.repeat_interleave(len(signs), 0), 1)
    assert_same_with_gradients(estimate, reference(model, x), model)


@pytest.mark.parametrize("probes", [1, 2, 3])
def test_probes_are_unbiased_by_drawing(probes: int) -> None:
    """Hutchinson 1989: the mean of many draws is within 4 standard errors of the exact value."""
    model = ContractiveAutoencoder(mlp((7,)), code_activation="sigmoid")
    x = normal(3, 6)
    drawn = torch.stack([probed(model, x, probes, seed).detach() for seed in range(1500)])
    assert abs(drawn.mean() - reference(model, x)) < 4 * drawn.std() / len(drawn) ** 0.5
    assert drawn.std() > 1e-3 * drawn.mean(), "fewer probes than code values must vary"


def test_estimates_train_and_exact_values_are_reported() -> None:
    """Rifai et al. 2011: whatever the method in training, evaluation reports ||J||_F^2 itself."""
    model = ContractiveAutoencoder(mlp((7, 5)), code_activation="sigmoid", method="probe")
    x = normal(5, 6)
    exact = reference(model, x).detach()
    assert (model.objective(x, torch.Generator().manual_seed(0)).penalties["penalty"] - exact).abs() > 1e-3 * exact
    assert_close(model.eval().objective(x).penalties["penalty"].detach(), exact, **EXACT)


# --- the vector field r(x) - x ---

ENERGIES = {
    "sigmoid": F.softplus,
    "relu": lambda z: z.relu().square() / 2,
    "identity": lambda z: z.square() / 2,
}


@pytest.mark.parametrize("code_activation", ENERGIES)
def test_tied_weights_follow_an_energy(code_activation: str) -> None:
    """Kamyshanska & Memisevic 2013: r(x) - x = grad E, E = sum_k A(w_k x + b_k) - ||x - c||^2 / 2, A' = a."""
    network = mlp(tied=True)
    torch.nn.init.normal_(network.decoder_biases[0])
    model = Autoencoder(network, code_activation=code_activation)
    x = normal(9, 6).requires_grad_()
    z = network.encode(x)
    energy = ENERGIES[code_activation](z).sum() - (x - network.decoder_biases[0]).square().sum() / 2
    (field,) = torch.autograd.grad(energy, x)
    assert_close(model.reconstruct(x) - x, field, rtol=0, atol=1e-10)


@pytest.mark.parametrize("tied", [True, False])
def test_only_tied_weights_give_a_symmetric_jacobian(tied: bool) -> None:
    """Kamyshanska & Memisevic 2013: a gradient field's Jacobian is symmetric; untied weights have none."""
    model = Autoencoder(mlp(tied=tied), code_activation="sigmoid")
    rows = torch.func.vmap(torch.func.jacrev(model.reconstruct))(normal(9, 6))
    asymmetry = (rows - rows.mT).abs().max().item()
    assert asymmetry < 1e-10 if tied else asymmetry > 1e-2
