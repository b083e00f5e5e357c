"""Sparse and k-sparse codes, reconstruction errors and metrics against their definitions."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.testing import assert_close

from aelab.errors import UserError
from aelab.models import Autoencoder, KSparseAutoencoder, SparseAutoencoder
from aelab.models.base.learner import EvaluationTerms
from aelab.models.base.metrics import ReconstructionMetrics, StepMeans
from aelab.models.sparse.k_sparse import keep_largest
from aelab.networks import MLP
from aelab.objectives import CrossEntropy, SquaredError
from aelab.objectives.penalties import kl_to_target, l1

EXACT = {"rtol": 1e-12, "atol": 1e-12}


@pytest.fixture(autouse=True)
def _seed() -> None:
    torch.manual_seed(0)


def normal(*shape: int) -> Tensor:
    return torch.randn(*shape, dtype=torch.float64)


def kl_model(**options: Any) -> SparseAutoencoder:
    return SparseAutoencoder(
        MLP((6,), 4).double(), code_activation="sigmoid", sparsity="kl", target=0.1, weight=3.0, **options
    ).double()


# --- sparsity ---


def test_kl_is_its_closed_form() -> None:
    """Ng 2011 (CS294A): sum_j rho log(rho / rho_j) + (1 - rho) log((1 - rho) / (1 - rho_j))."""
    mean = torch.rand(3, 7, dtype=torch.float64).requires_grad_()
    rho = torch.tensor([0.01, 0.05, 0.5], dtype=torch.float64)
    value = kl_to_target(mean, rho)
    target = rho[:, None]
    by_unit = target * (target / mean).log() + (1 - target) * ((1 - target) / (1 - mean)).log()
    assert_close(value, by_unit.sum(-1), **EXACT)
    (gradient,) = torch.autograd.grad(value.sum(), mean)
    assert_close(gradient, -target / mean + (1 - target) / (1 - mean), **EXACT)
    assert_close(kl_to_target(mean[1], 0.05), value[1], **EXACT)


@pytest.mark.parametrize("rho", [0.01, 0.05, 0.5])
def test_kl_is_least_at_its_target(rho: float) -> None:
    """Ng 2011 (CS294A): 0 at the target with gradient 0, positive elsewhere."""
    mean = torch.full((5,), rho, dtype=torch.float64).requires_grad_()
    (gradient,) = torch.autograd.grad(kl_to_target(mean, rho), mean)
    assert kl_to_target(mean, rho).item() == 0
    assert gradient.abs().max() < 1e-12
    assert kl_to_target(mean.detach() * 1.1, rho) > 1e-5
    assert kl_to_target(mean.detach() * 0.9, rho) > 1e-5


def test_kl_wakes_units_that_are_off() -> None:
    """Ng 2011 (CS294A): -rho / rho_j pulls a unit up however far off it is, but finitely."""
    for value in (0.0, 1e-30, 1.0):
        mean = torch.full((1,), value, dtype=torch.float64).requires_grad_()
        distance = kl_to_target(mean, 0.1)
        (gradient,) = torch.autograd.grad(distance, mean)
        assert distance.isfinite() and gradient.isfinite().all()
        assert gradient < -1e6 if value < 0.1 else gradient > 1e6


def test_kl_backpropagates_as_in_the_notes() -> None:
    """Ng 2011 (CS294A): it adds (-rho / rho_j + (1 - rho) / (1 - rho_j)) h_j (1 - h_j) to delta_j."""
    model = kl_model()
    x = normal(9, 6)
    terms = model.objective(x)
    h = terms.encoding.code.detach()
    mean = h.mean(0)
    delta = (-0.1 / mean + 0.9 / (1 - mean)) * h * (1 - h) / len(x)
    layer = model.network.encoder_layers[0]
    weight, bias = torch.autograd.grad(terms.penalties["penalty"], [layer.weight, layer.bias], retain_graph=True)
    assert_close(weight, delta.mT @ x, **EXACT)
    assert_close(bias, delta.sum(0), **EXACT)
    assert_close(terms.loss, terms.error + 3 * terms.penalties["penalty"], **EXACT)


@pytest.mark.parametrize("tied", [False, True])
def test_ngs_cost_is_half_of_ours(tied: bool) -> None:
    """Ng 2011 (CS294A): 1/m sum 1/2 |h(x) - x|^2 + lambda / 2 sum W^2 + beta sum KL, all units sigmoid."""
    beta, decay, rho = 3.0, 3e-3, 0.1
    network = MLP((6,), 4, tied=tied, output_activation="sigmoid").double()
    options = {"code_activation": "sigmoid", "sparsity": "kl", "target": rho}
    model = SparseAutoencoder(network, weight=2 * beta, decay=decay / (2 * beta), **options).double()
    x = torch.rand(9, 6, dtype=torch.float64)
    weights = [network.encoder_layers[0].weight] + ([] if tied else [network.decoder_layers[0].weight])
    biases = network.encoder_layers[0].bias, network.decoder_biases[0] if tied else network.decoder_layers[0].bias
    hidden = (x @ weights[0].mT + biases[0]).sigmoid()
    output = (hidden @ (weights[0] if tied else weights[1].mT) + biases[1]).sigmoid()
    mean = hidden.mean(0)
    sparsity = (rho * (rho / mean).log() + (1 - rho) * ((1 - rho) / (1 - mean)).log()).sum()
    squared = sum(weight.square().sum() for weight in weights)
    cost = (output - x).square().sum(1).mean() / 2 + decay / 2 * squared + beta * sparsity
    assert_close(model.objective(x).loss, 2 * cost, **EXACT)
    assert_close(model.reconstruct(x), output, **EXACT)
    with pytest.raises(UserError, match=r"model.decay=-1: must be 0 or more"):
        kl_model(decay=-1)


def test_running_mean_has_its_value_and_the_batch_gradient() -> None:
    """Ng 2011 with minibatches: KL of the exponential average over batches, d rho_j = d (batch mean)."""
    model = kl_model(mean_activation="running", momentum=0.8)
    average = torch.full((4,), 0.5, dtype=torch.float64)
    for _ in range(4):
        x = normal(9, 6)
        terms = model.objective(x)
        mean = terms.encoding.code.mean(0)
        average = 0.8 * average + 0.2 * mean.detach()
        assert_close(terms.penalties["penalty"], kl_to_target(average, 0.1), **EXACT)
        bias = model.network.encoder_layers[0].bias
        (gradient,) = torch.autograd.grad(terms.penalties["penalty"], bias, retain_graph=True)
        (expected,) = torch.autograd.grad((mean * (-0.1 / average + 0.9 / (1 - average))).sum(), bias)
        assert_close(gradient, expected, **EXACT)
        model.observe(terms.encoding.detach())
        assert_close(model.running_activation, average, **EXACT)
    x = normal(9, 6)
    assert_close(model.eval().objective(x).penalties["penalty"], kl_to_target(model.encode(x).mean(0), 0.1), **EXACT)


def test_l1_is_the_mean_of_sums() -> None:
    """Lasso: sum_j |h_j| averaged over examples, gradient sign(h) / B."""
    code = normal(3, 5, 4).requires_grad_()
    assert_close(l1(code), code.abs().sum((1, 2)) / 5, **EXACT)
    (gradient,) = torch.autograd.grad(l1(code).sum(), code)
    assert_close(gradient, code.sign() / 5, **EXACT)


# --- k largest ---


@pytest.mark.parametrize("k", [1, 3, 9, 10])
def test_k_largest_survive_and_alone_learn(k: int) -> None:
    """Makhzani & Frey 2013: the k largest values are kept as they are; gradients flow through them only."""
    z = normal(2, 50, 10).requires_grad_()
    code = keep_largest(z, k)
    kept = z >= z.sort(-1, descending=True).values[..., k - 1 : k]
    assert ((code != 0).sum(-1) == k).all()
    assert torch.equal(code, torch.where(kept, z, 0.0))
    weight = normal(2, 50, 10)
    (gradient,) = torch.autograd.grad((code * weight).sum(), z)
    assert torch.equal(gradient, torch.where(kept, weight, 0.0))


def test_units_outside_the_k_largest_do_not_learn() -> None:
    """Makhzani & Frey 2013: one example moves the k encoder rows and decoder columns it uses, no others."""
    model = KSparseAutoencoder(MLP((6,), 8).double(), k=3)
    terms = model.objective(normal(1, 6))
    used = terms.encoding.code[0] != 0
    encoder, decoder = model.network.encoder_layers[0].weight, model.network.decoder_layers[0].weight
    rows, columns = torch.autograd.grad(terms.loss, [encoder, decoder])
    assert used.sum() == 3
    assert torch.equal(rows.abs().sum(1) > 0, used)
    assert torch.equal(columns.abs().sum(0) > 0, used)


def schedule(model: KSparseAutoencoder, epochs: int, last: int) -> list[int]:
    """How many values are active in each epoch of a training of ``epochs``, up to epoch ``last``."""
    active = []
    for epoch in range(last):
        model.trainer = SimpleNamespace(max_epochs=epochs, current_epoch=epoch)  # type: ignore[assignment]
        model.on_train_epoch_start()
        active.append(int((model.encode(normal(1, 6)) != 0).sum()))
    return active


def test_k_falls_linearly_over_the_first_half() -> None:
    """Makhzani & Frey 2013: k falls from the code size to its target over the first half of training."""
    model = KSparseAutoencoder(MLP((6,), 20).double(), k=4, anneal=0.5)
    assert schedule(model, 16, 16) == [20, 18, 16, 14, 12, 10, 8, 6] + [4] * 8
    assert schedule(KSparseAutoencoder(MLP((6,), 20).double(), k=4, anneal=0), 16, 2) == [4, 4]
    model.annealed_k = 20
    wider = KSparseAutoencoder(MLP((6,), 20).double(), k=4, alpha=2.5)
    assert (wider.eval().encode(normal(7, 6)) != 0).sum(1).tolist() == [10] * 7, "section 2.1: alpha k at test"
    assert (model.eval().encode(normal(7, 6)) != 0).sum(1).tolist() == [4] * 7


def test_k_stays_at_its_target_without_a_last_epoch() -> None:
    """Makhzani & Frey 2013: with max_epochs=-1 there is no half of training, so k is its target at once."""
    model = KSparseAutoencoder(MLP((6,), 20).double(), k=4, anneal=0.5)
    assert schedule(model, -1, 3) == [4, 4, 4]


# --- errors ---


def test_cross_entropy_is_its_definition() -> None:
    """Bernoulli likelihood: -sum x log r + (1 - x) log(1 - r); with respect to the logit, sigmoid(z) - x."""
    z = (3 * normal(4, 9)).requires_grad_()
    x = torch.rand(4, 9, dtype=torch.float64)
    x[0], x[1] = 0, 1
    r = z.sigmoid()
    value = CrossEntropy()(z, x)
    assert_close(value, -(x * r.log() + (1 - x) * (1 - r).log()).sum(-1), **EXACT)
    (gradient,) = torch.autograd.grad(value.sum(), z)
    assert_close(gradient, r - x, **EXACT)
    assert torch.equal(CrossEntropy().reconstruction(z), r)


def test_cross_entropy_survives_extreme_logits() -> None:
    """The softplus form of the same: right to the last digit at logits of 1e4, where log r is -inf."""
    z = torch.tensor([[1e4, -1e4, 1e4, -1e4, 1e4]], dtype=torch.float64).requires_grad_()
    x = torch.tensor([[1.0, 0.0, 0.0, 1.0, 0.25]], dtype=torch.float64)
    value = CrossEntropy()(z, x)
    assert value.item() == 0 + 0 + 1e4 + 1e4 + 0.75e4
    (gradient,) = torch.autograd.grad(value.sum(), z)
    assert torch.equal(gradient, torch.tensor([[0.0, 0.0, 1.0, -1.0, 0.75]], dtype=torch.float64))


def test_errors_are_sums_over_values_and_means_over_examples() -> None:
    """Hinton & Salakhutdinov 2006: squared error summed over an example's values, averaged over examples."""
    output, x = normal(3, 5, 4), normal(5, 4)
    assert_close(SquaredError()(output, x), sum((output - x)[..., i] ** 2 for i in range(4)), **EXACT)
    model = Autoencoder(MLP((4,), 2).double())
    by_example = [(model.reconstruct(row) - row).square().sum() for row in x]
    assert_close(model.objective(x).loss, torch.stack(by_example).mean(), **EXACT)
    assert CrossEntropy()(output, x.sigmoid()).shape == (3, 5)


# --- metrics ---


def measured(x: Tensor, r: Tensor, sizes: list[int]) -> dict[str, Tensor]:
    metrics = ReconstructionMetrics()
    for part, rebuilt in zip(x.split(sizes), r.split(sizes), strict=True):
        squared = (part - rebuilt).square().sum(-1)
        penalty = part.abs().mean()
        loss = 2 * squared.mean() + penalty
        metrics.update(part, EvaluationTerms(2 * squared, {"squared": squared}, loss, {"penalty": penalty}))
    return metrics.compute(lambda value: value)


def test_fvu_is_one_at_the_mean_and_zero_when_perfect() -> None:
    """Definition, 1 - R^2: predicting the mean of the same examples leaves all variance, x itself none."""
    x = 3 * normal(40, 6) + 2
    mean = measured(x, x.mean(0).expand_as(x), [40])
    assert mean["fvu"].item() == pytest.approx(1, abs=1e-12)
    assert mean["mse"].item() == pytest.approx(x.var(0, correction=0).mean().item(), abs=1e-12)
    assert measured(x, x, [40])["fvu"].item() == 0


def test_metrics_do_not_depend_on_batches() -> None:
    """Means over examples: unequal batches give what one batch gives, by definition."""
    x, r = normal(40, 6), normal(40, 6)
    whole = measured(x, r, [40])
    assert_close(measured(x, r, [17, 16, 7]), whole, **EXACT)
    squared = (x - r).square()
    assert_close(whole["error"], 2 * squared.sum(1).mean(), **EXACT)
    assert_close(whole["mse"], squared.mean(), **EXACT)
    assert_close(whole["fvu"], squared.sum() / (x - x.mean(0)).square().sum(), **EXACT)
    assert_close(whole["loss"], whole["error"] + whole["penalty"], **EXACT)


def test_step_means_weigh_batches_by_size() -> None:
    """Means over examples of batch means, for one model and for replicas; computing starts over."""
    means = StepMeans()
    means.update(3, loss=torch.tensor(1.0), each=torch.tensor([1.0, 2.0]))
    means.update(1, loss=torch.tensor(5.0), each=torch.tensor([5.0, -2.0]))
    values = means.compute(lambda value: value)
    assert values["loss"].item() == 2
    assert values["each"].tolist() == [2, 1]
    means.update(2, loss=torch.tensor(7.0))
    assert {name: value.item() for name, value in means.compute(lambda value: value).items()} == {"loss": 7}


def test_step_means_of_a_long_epoch_that_is_resumed() -> None:
    """However the values are kept, none is lost: against numpy, with a state taken in the middle and given back."""
    values, counts = torch.randn(100, 3, dtype=torch.float64), torch.randint(1, 9, (100,))
    means = StepMeans()
    for step in range(100):
        if step in (16, 37):
            resumed = StepMeans()
            resumed.load_state_dict(means.state_dict())
            means = resumed
        means.update(int(counts[step]), each=values[step])
    expected = np.average(values.numpy(), axis=0, weights=counts.numpy())
    np.testing.assert_allclose(means.compute(lambda value: value)["each"].numpy(), expected, rtol=1e-13)
