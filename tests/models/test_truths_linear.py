"""Linear autoencoders, trained and at rest, against closed forms: PCA, weight decay, denoising."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

import pytest
import torch
from sklearn.datasets import load_digits
from torch import Tensor
from torch.testing import assert_close

from aelab.errors import UserError
from aelab.evaluation.baselines.pca import fit_pca, pca_error
from aelab.models import Autoencoder, DenoisingAutoencoder, WeightDecayAutoencoder
from aelab.networks import MLP
from aelab.objectives import GaussianNoise, corruption

VARIANCES = torch.tensor([8.0, 5.0, 3.0, 2.0, 1.0, 0.5], dtype=torch.float64)
GOLDEN_PCA = {  # digits / 16, rows i % 5 != 0 train, the others test: error of both
    1: (4.008861, 3.959769),
    2: (3.375852, 3.284550),
    4: (2.407346, 2.418916),
    8: (1.523857, 1.573538),
    10: (1.225461, 1.256961),
    16: (0.702835, 0.744521),
    30: (0.190350, 0.205609),
    32: (0.156782, 0.170232),
}


@pytest.fixture(autouse=True)
def _seed() -> None:
    torch.manual_seed(0)


@cache
def digits() -> tuple[Tensor, Tensor]:
    x = torch.from_numpy(load_digits().data / 16)
    test = torch.arange(len(x)) % 5 == 0
    return x[~test], x[test]


def centred_data(count: int = 60) -> tuple[Tensor, Tensor]:
    """Examples of mean 0 whose covariance is exactly U diag(VARIANCES) U', and U (columns)."""
    raw = torch.randn(count, len(VARIANCES), dtype=torch.float64)
    white = torch.linalg.qr(raw - raw.mean(0)).Q * count**0.5
    directions = torch.linalg.qr(torch.randn(len(VARIANCES), len(VARIANCES), dtype=torch.float64)).Q
    return white * VARIANCES.sqrt() @ directions.mT, directions


def linear(size: int, code_size: int, tied: bool = False) -> MLP:
    return MLP((size,), code_size, tied=tied).double()


def minimise(model: Autoencoder, loss: Callable[[], Tensor], steps: int = 3000) -> float:
    """L-BFGS to the end; returns the loss."""
    optimizer = torch.optim.LBFGS(
        model.parameters(), max_iter=steps, max_eval=2 * steps, tolerance_grad=1e-11, tolerance_change=0.0,
        history_size=100, line_search_fn="strong_wolfe",
    )  # fmt: skip

    def closure() -> Tensor:
        optimizer.zero_grad()
        value = loss()
        value.backward()
        return value

    optimizer.step(closure)
    return loss().item()


def encoder_and_decoder(network: MLP) -> tuple[Tensor, Tensor]:
    """A ``[k, D]`` and B ``[D, k]`` of r = B A x."""
    return network.encoder_layers[0].weight, network.decoder_layers[0].weight


def set_weights(network: MLP, a: Tensor, b: Tensor) -> None:
    """r = B A x, without biases."""
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.zero_()
        for parameter, value in zip(encoder_and_decoder(network), (a, b), strict=True):
            parameter.copy_(value)


def draw_sigma_points(monkeypatch: pytest.MonkeyPatch, size: int) -> int:
    """Gaussian noise becomes M vectors in turn of mean exactly 0 and covariance exactly I; returns M = 2 D.

    Over M repetitions of an example, a quadratic of the noise has exactly its expectation.
    """
    half = size**0.5 * torch.eye(size, dtype=torch.float64)
    points = torch.cat([half, -half])
    monkeypatch.setattr(corruption, "normal", lambda x, generator: points.repeat(len(x) // len(points), 1))
    return len(points)


# --- PCA ---


@pytest.mark.parametrize("code_size", GOLDEN_PCA)
def test_pca_of_digits_has_its_golden_errors(code_size: int) -> None:
    """Eckart & Young 1936: PCA's error on its own data is the sum of the left out covariance eigenvalues."""
    train, test = digits()
    pca = fit_pca(train, chunk=500 * train.shape[1])
    golden_train, golden_test = GOLDEN_PCA[code_size]
    assert pca_error(pca, train, code_size, chunk=500 * train.shape[1]) == pytest.approx(golden_train, abs=5.1e-7)
    assert pca_error(pca, test, code_size) == pytest.approx(golden_test, abs=5.1e-7)
    tail = pca.variances[code_size:].sum().item()
    assert pca_error(pca, train, code_size) == pytest.approx(tail, abs=1e-12)


def test_total_variance_of_digits_is_golden() -> None:
    """The eigenvalues of the covariance (divided by N) of all 1797 digits sum to their total variance."""
    assert fit_pca(torch.cat(digits())).variances.sum().item() == pytest.approx(4.693276317822722, abs=1e-12)


def test_linear_autoencoder_of_digits_reaches_pca_error() -> None:
    """Baldi & Hornik 1989: the least error is the tail sum of covariance eigenvalues."""
    train, _ = digits()
    model = Autoencoder(linear(64, 2))
    reached = minimise(model, lambda: model.objective(train).loss, steps=1000)
    assert reached == pytest.approx(fit_pca(train).variances[2:].sum().item(), abs=1e-6)


@pytest.mark.parametrize("code_size", [2, 8])
def test_linear_autoencoder_finds_the_principal_subspace(code_size: int) -> None:
    """Baldi & Hornik 1989: the minimum is r = U_k U_k' x, alone, for any factors B A = (U_k C^-1) (C U_k').

    Constant pixels leave their encoder weights free, so these are the digits' 16 leading components.
    """
    pca = fit_pca(digits()[0])
    train, test = ((part - pca.mean) @ pca.directions[:16].mT for part in digits())
    model = Autoencoder(linear(16, code_size))
    reached = minimise(model, lambda: model.objective(train).loss)
    assert reached == pytest.approx(pca.variances[code_size:16].sum().item(), abs=1e-6)
    rounding = 1.1e-6
    golden_train, golden_test = (GOLDEN_PCA[code_size][part] - GOLDEN_PCA[16][part] for part in (0, 1))
    assert reached == pytest.approx(golden_train, abs=rounding)
    assert model.objective(test).loss.item() == pytest.approx(golden_test, abs=rounding + 1e-6)
    a, b = (weight.detach() for weight in encoder_and_decoder(model.network))
    projector = torch.diag((torch.arange(16) < code_size).double())
    assert_close(b @ a, projector, rtol=0, atol=1e-6)
    columns = torch.linalg.qr(b).Q
    assert_close(columns @ columns.mT, projector, rtol=0, atol=1e-6)
    overlap = b.mT @ b
    assert (overlap - overlap.diagonal().diag()).abs().max() > 1e-3, "columns need not be orthogonal"


@pytest.mark.parametrize("kept", [(0, 1, 3), (0, 2, 4), (1, 2, 3), (3, 4, 5)])
def test_other_critical_points_are_higher_saddles(kept: tuple[int, ...]) -> None:
    """Baldi & Hornik 1989: any other k eigenvectors are a saddle, its error the other eigenvalues."""
    x, directions = centred_data()
    model = Autoencoder(linear(6, 3))
    basis = directions[:, list(kept)]
    set_weights(model.network, basis.mT, basis)
    loss = model.objective(x).loss
    left_out = VARIANCES.sum() - VARIANCES[list(kept)].sum()
    assert loss.item() == pytest.approx(left_out.item(), abs=1e-10)
    assert loss.item() > VARIANCES[3:].sum().item() + 0.4
    for gradient in torch.autograd.grad(loss, list(model.network.parameters())):
        assert gradient.abs().max() < 1e-10
    worst = max(range(3), key=lambda column: kept[column])
    missing = min(set(range(6)) - set(kept))
    turned = basis.clone()
    turned[:, worst] = 0.99**0.5 * basis[:, worst] + 0.1 * directions[:, missing]
    set_weights(model.network, turned.mT, turned)
    assert model.objective(x).loss < loss - 1e-3


@pytest.mark.parametrize(("code_size", "decay"), [(4, 0.1), (4, 0.4), (5, 1.5), (6, 0.7)])
def test_weight_decay_shrinks_and_aligns(code_size: int, decay: float) -> None:
    """Kunin et al. 2019: with + r (||A||^2 + ||B||^2), A = B' and s_i^2 = 1 - r / lambda_i (0 below r)."""
    x, directions = centred_data()
    model = WeightDecayAutoencoder(linear(6, code_size), weight=decay)
    a, b = encoder_and_decoder(model.network)
    reached = minimise(model, lambda: model.objective(x).loss)
    left, values, _ = torch.linalg.svd(b.detach(), full_matrices=False)
    expected = (1 - decay / VARIANCES[:code_size]).clamp(min=0)
    assert_close(values.square(), expected, rtol=0, atol=1e-5)
    assert_close(a, b.mT, rtol=0, atol=1e-5)
    alive = int((expected > 0).sum())
    overlap = (left[:, :alive].mT @ directions[:, :alive]).abs()
    assert_close(overlap, torch.eye(alive, dtype=torch.float64), rtol=0, atol=1e-5)
    top = VARIANCES[:alive]
    minimum = (decay**2 / top + 2 * decay * (1 - decay / top)).sum() + VARIANCES[alive:].sum()
    assert reached == pytest.approx(minimum.item(), abs=1e-5)


def test_uneven_weight_decay_orders_the_axes() -> None:
    """Bao et al. 2020, theorem 1: factors r_1 < ... < r_k make the code's axes the principal components, in order."""
    x, directions = centred_data()
    factors = torch.tensor([3.0, 1.0, 2.0, 4.0], dtype=torch.float64)
    model = WeightDecayAutoencoder(linear(6, 4), weight=0.2, unit_weights=factors.tolist())
    a, b = encoder_and_decoder(model.network)
    assert model.objective(x).penalties["penalty"].item() == pytest.approx(
        sum(r * (a[i].square().sum() + b[:, i].square().sum()).item() for i, r in enumerate(factors.tolist())),
        abs=1e-12,
    )
    reached = minimise(model, lambda: model.objective(x).loss)
    order = factors.argsort().argsort()  # the unit of the smallest factor has the largest component
    expected = 1 - 0.2 * factors / VARIANCES[order]
    assert_close(b.square().sum(0), expected, rtol=0, atol=1e-5)
    assert_close(a, b.mT, rtol=0, atol=1e-5)
    axes = (b / b.norm(dim=0)).mT @ directions
    assert_close(axes.abs(), torch.eye(6, dtype=torch.float64)[order], rtol=0, atol=1e-5)
    r = 0.2 * factors
    minimum = (r**2 / VARIANCES[order] + 2 * r * expected).sum() + VARIANCES[4:].sum()
    assert reached == pytest.approx(minimum.item(), abs=1e-8)


def test_tied_weights_decay_once() -> None:
    """The penalty is of parameters: a tied decoder has none of its own, save its biases, which do not decay."""
    model = WeightDecayAutoencoder(MLP((6,), 3, hidden=(5,), tied=True).double(), weight=1.0, unit_weights=[1, 1, 2])
    first, second = (layer.weight.square() for layer in model.network.encoder_layers)
    penalty = model.objective(torch.randn(4, 6, dtype=torch.float64)).penalties["penalty"]
    assert_close(penalty, first.sum() + second.sum() + second[2].sum(), rtol=1e-12, atol=0)
    with pytest.raises(UserError, match=r"model.unit_weights=\[1, 2\]: must be 3 numbers"):
        WeightDecayAutoencoder(MLP((6,), 3), unit_weights=[1, 2])


# --- denoising ---


def test_gaussian_noise_adds_exactly_the_squared_weights(monkeypatch: pytest.MonkeyPatch) -> None:
    """Bishop 1995, linear case: E error(r(x + s e), x) = error(r(x), x) + s^2 ||W||_F^2 for any s."""
    x, _ = centred_data()
    model = DenoisingAutoencoder(linear(6, 3), corruption=GaussianNoise(0.7))
    a, b = encoder_and_decoder(model.network)
    clean = model.error(model.reconstruct(x), x).mean()
    draws = draw_sigma_points(monkeypatch, 6)
    noisy = model.objective(x.repeat_interleave(draws, 0)).error
    assert_close(noisy, clean + 0.7**2 * (b @ a).square().sum(), rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("code_size", [2, 4, 6])
def test_linear_denoiser_is_the_shrunk_pca(code_size: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Linear denoising: W = U_k diag(lambda / (lambda + s^2)) U_k'; at k = D, Sigma (Sigma + s^2 I)^-1."""
    std = 0.8
    x, directions = centred_data()
    model = DenoisingAutoencoder(linear(6, code_size), corruption=GaussianNoise(std))
    shrink = VARIANCES / (VARIANCES + std**2)
    top = directions[:, :code_size]
    expected = top * shrink[:code_size] @ top.mT
    least = VARIANCES[code_size:].sum() + (shrink[:code_size] * std**2).sum()
    with monkeypatch.context() as patch:
        repeated = x.repeat_interleave(draw_sigma_points(patch, 6), 0)
        reached = minimise(model, lambda: model.objective(repeated).loss)
    assert reached == pytest.approx(least.item(), abs=1e-6)
    a, b = encoder_and_decoder(model.network)
    assert_close((b @ a).detach(), expected, rtol=0, atol=1e-6)
    if code_size == 6:
        covariance = x.mT @ x / len(x)
        wiener = covariance @ torch.linalg.inv(covariance + std**2 * torch.eye(6, dtype=torch.float64))
        assert_close((b @ a).detach(), wiener, rtol=0, atol=1e-6)
    generator = torch.Generator().manual_seed(1)
    drawn = torch.stack([model.objective(x, generator).error.detach() for _ in range(2000)])
    assert abs(drawn.mean() - least) < 4 * drawn.std() / len(drawn) ** 0.5
