"""Noise against closed forms: what it adds to the error, and the corruptions themselves.

Where the noise enters as a quadratic, random draws are replaced by a set with the same moments and the
identity is checked exactly; the draws themselves are checked against their standard errors.
"""

from __future__ import annotations

from itertools import product
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.testing import assert_close

from aelab.models import Autoencoder, ContractiveAutoencoder, DenoisingAutoencoder
from aelab.networks import MLP
from aelab.objectives import GaussianNoise, MaskingNoise, SaltAndPepper, SquaredError, corruption


@pytest.fixture(autouse=True)
def _seed() -> None:
    torch.manual_seed(0)


def normal(*shape: int) -> Tensor:
    return torch.randn(*shape, dtype=torch.float64)


def generator(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def draw_all(monkeypatch: pytest.MonkeyPatch, name: str, draws: Tensor) -> None:
    """Corruptions get ``draws`` ``[M, D]`` in turn, again for every M rows, instead of random values."""
    monkeypatch.setattr(corruption, name, lambda x, generator: draws.repeat(len(x) // len(draws), 1))


def quarters(size: int) -> Tensor:
    """All 4^D vectors of 1/8, 3/8, 5/8, 7/8: below 1/4 exactly one time in four, independently."""
    return torch.tensor(list(product([0.125, 0.375, 0.625, 0.875], repeat=size)), dtype=torch.float64)


# --- masking, marginalised ---


def msda(moments: Tensor, probability: float) -> Tensor:
    """Chen et al. 2012: W = P Q^-1, the best linear map from masked inputs to clean ones."""
    kept = 1 - probability
    q = moments * kept**2
    q.diagonal().copy_(moments.diagonal() * kept)
    return moments * kept @ torch.linalg.inv(q)


def masked_linear(weight: Tensor, probability: float) -> DenoisingAutoencoder:
    """r = W x~ with ``probability`` of masking, W in the decoder."""
    network = MLP((len(weight),), len(weight)).double()
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.zero_()
        network.encoder_layers[0].weight.fill_diagonal_(1)
        network.decoder_layers[0].weight.copy_(weight)
    return DenoisingAutoencoder(network, corruption=MaskingNoise(probability))


def test_masking_is_marginalised_exactly(monkeypatch: pytest.MonkeyPatch) -> None:
    """Chen et al. 2012 (mSDA): over all masks, our objective has gradient 0 at W = P Q^-1."""
    x = normal(20, 4) + 1
    moments = x.mT @ x / len(x)
    best = msda(moments, 0.25)
    model = masked_linear(best, 0.25)
    draw_all(monkeypatch, "uniform", quarters(4))
    loss = model.objective(x.repeat_interleave(4**4, 0)).loss
    (gradient,) = torch.autograd.grad(loss, model.network.decoder_layers[0].weight)
    assert gradient.abs().max() < 1e-12
    assert loss.item() == pytest.approx((moments.trace() - (best * moments * 0.75).sum()).item(), abs=1e-12)


def test_masking_matches_msda_by_drawing() -> None:
    """Chen et al. 2012 (mSDA): least squares on drawn masks gives P Q^-1 to 1 %, the objective its error."""
    x = normal(50, 8) + 1
    moments = x.mT @ x / len(x)
    best = msda(moments, 0.3)
    model = masked_linear(best, 0.3)
    repeated = x.repeat(8000, 1)
    masked = model.corrupt(repeated, generator(2))
    fitted = torch.linalg.solve(masked.mT @ masked, masked.mT @ repeated).mT
    assert (fitted - best).norm() < 0.01 * best.norm()
    noise = generator(3)
    drawn = torch.stack([model.objective(x, noise).error.detach() for _ in range(2000)])
    expected = moments.trace() - (best * moments * 0.7).sum()
    assert abs(drawn.mean() - expected) < 4 * drawn.std() / len(drawn) ** 0.5


# --- noise on the code of a linear decoder ---


def code_and_decoder() -> tuple[Autoencoder, Tensor, Tensor, Tensor]:
    x = normal(30, 6)
    model = Autoencoder(MLP((6,), 3).double(), code_activation="sigmoid")
    return model, x, model.encode(x), model.network.decoder_layers[0].weight


def test_code_noise_adds_exactly_the_squared_decoder(monkeypatch: pytest.MonkeyPatch) -> None:
    """Poole et al. 2014: noise s on the code of a linear decoder adds exactly s^2 ||W_dec||_F^2."""
    model, x, code, weight = code_and_decoder()
    half = 3**0.5 * torch.eye(3, dtype=torch.float64)  # with its negative: mean 0, covariance I
    draw_all(monkeypatch, "normal", torch.cat([half, -half]))
    noisy = GaussianNoise(0.5)(code.repeat_interleave(6, 0))
    error = SquaredError()(model.decode(noisy), x.repeat_interleave(6, 0)).mean()
    assert_close(error, model.objective(x).error + 0.25 * weight.square().sum(), rtol=1e-12, atol=1e-12)


def test_code_dropout_adds_exactly_the_weighted_code(monkeypatch: pytest.MonkeyPatch) -> None:
    """Poole et al. 2014: keeping p of the code adds p (1 - p) sum_j z_j^2 ||W_dec,j||^2 to the mean net's."""
    model, x, code, weight = code_and_decoder()
    draw_all(monkeypatch, "uniform", quarters(3))
    dropped = MaskingNoise(0.25)(code.repeat_interleave(64, 0))
    error = SquaredError()(model.decode(dropped), x.repeat_interleave(64, 0)).mean()
    around = SquaredError()(model.decode(0.75 * code), x).mean()
    added = 0.75 * 0.25 * (code.square() @ weight.square().sum(0)).mean()
    assert_close(error, around + added, rtol=1e-12, atol=1e-12)


# --- small noise ---


def test_small_noise_needs_the_laplacian() -> None:
    """Expansion: E||r(x + s e) - x||^2 = ||r - x||^2 + s^2 (||J_r||^2 + (r - x) . Laplacian r) + O(s^4).

    Without the Laplacian (Bishop 1995, Alain & Bengio 2014) it holds only where r(x) = x.
    """
    network = MLP((6,), 4, hidden=(8,), activation="tanh").double()
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.mul_(2)
    x, std = normal(1, 6), 0.02
    model = DenoisingAutoencoder(network, corruption=GaussianNoise(std))
    with torch.no_grad():
        noisy = model.corrupt(x.expand(200_000, -1), generator(1))
        mirrored = 2 * x - noisy
        error = sum(model.error(model.reconstruct(seen), x).mean() for seen in (noisy, mirrored)) / 2
        added = (error - model.error(model.reconstruct(x), x).mean()) / std**2
    jacobian = torch.func.jacrev(model.reconstruct)(x[0])
    hessian = torch.func.jacrev(torch.func.jacrev(model.reconstruct))(x[0])
    laplacian = hessian.diagonal(dim1=-2, dim2=-1).sum(-1)
    short = jacobian.square().sum()
    full = short + (model.reconstruct(x[0]) - x[0]) @ laplacian
    assert_close(added, full.detach(), rtol=0.02, atol=0)
    assert abs(added - short) > 0.3 * short, "the short form must be far off here"


def test_code_moves_by_the_contractive_penalty() -> None:
    """Rifai et al. 2011: E||f(x + s e) - f(x)||^2 / s^2 tends to ||J_f||_F^2."""
    network = MLP((6,), 4, hidden=(8, 5), activation="tanh").double()
    model = ContractiveAutoencoder(network, code_activation="sigmoid")
    x = normal(5, 6)
    with torch.no_grad():
        many = x.expand(40_000, -1, -1)
        moved = (model.encode(GaussianNoise(0.01)(many, generator(4))) - model.encode(x)).square().sum(-1)
        code = model.encode(x)
        assert_close(moved.mean() / 0.01**2, model.exact_penalty(x, code), rtol=0.02, atol=0)


# --- corruptions ---

CORRUPTIONS: list[Any] = [GaussianNoise(0.3), MaskingNoise(0.3), SaltAndPepper(0.3)]


@pytest.mark.parametrize("noise", CORRUPTIONS, ids=lambda noise: type(noise).__name__)
def test_target_stays_clean(noise: Any) -> None:
    """Vincent et al. 2010: error(g(f(x~)), x), and x itself is untouched."""
    x = torch.rand(16, 6, dtype=torch.float64)
    before = x.clone()
    model = DenoisingAutoencoder(MLP((6,), 3).double(), corruption=noise)
    seen = noise(x, generator(5))
    expected = (model.reconstruct(seen) - before).square().sum(-1).mean()
    assert torch.equal(model.objective(x, generator(5)).error, expected)
    assert torch.equal(x, before)
    assert not torch.equal(seen, before)


def within_errors(hits: Tensor, probability: float) -> bool:
    spread = (probability * (1 - probability) / hits.numel()) ** 0.5
    return abs(hits.double().mean().item() - probability) < 4 * spread


@pytest.mark.parametrize("probability", [0.1, 0.4])
def test_corruptions_have_their_statistics(probability: float) -> None:
    """Vincent et al. 2010, section 3.3: masked with p; with p set to either extreme, half each; N(0, s^2)."""
    x = torch.full((400, 500), 0.5, dtype=torch.float64)
    masked = MaskingNoise(probability)(x, generator(6))
    assert within_errors(masked == 0, probability)
    assert ((masked == 0) | (masked == 0.5)).all()
    mixed = SaltAndPepper(probability, low=-1.0, high=2.0)(x, generator(7))
    assert within_errors(mixed == -1, probability / 2)
    assert within_errors(mixed == 2, probability / 2)
    assert ((mixed == -1) | (mixed == 2) | (mixed == 0.5)).all()
    added = (GaussianNoise(probability)(x, generator(8)) - x) / probability
    count = x.numel()
    assert abs(added.mean()) < 4 / count**0.5
    assert abs(added.square().mean() - 1) < 4 * (2 / count) ** 0.5
    assert within_errors(added.abs() > 1.959963984540054, 0.05)


def test_corruptions_at_their_limits() -> None:
    """Probability 0 and deviation 0 leave x; probability 1 spares nothing."""
    x = torch.rand(50, 40, dtype=torch.float64) + 0.1
    for nothing in (GaussianNoise(0.0), MaskingNoise(0.0), SaltAndPepper(0.0)):
        assert torch.equal(nothing(x, generator(9)), x)
    assert not MaskingNoise(1.0)(x, generator(9)).any()
    extremes = SaltAndPepper(1.0, low=-3.0, high=3.0)(x, generator(9))
    assert (extremes.abs() == 3).all()


@pytest.mark.parametrize("kind", [GaussianNoise, MaskingNoise, SaltAndPepper])
def test_replicas_draw_as_alone(kind: Any) -> None:
    """K generators and K levels give each replica what it would draw alone."""
    x = torch.rand(3, 7, 5, dtype=torch.float64)
    levels = torch.tensor([0.1, 0.5, 0.9], dtype=torch.float64)
    seeds = [11, 12, 13]
    for level, each in ((0.5, [0.5] * 3), (levels, levels.tolist())):
        together = kind(level)(x, [generator(seed) for seed in seeds])
        alone = [kind(one)(x[k], generator(seeds[k])) for k, one in enumerate(each)]
        assert torch.equal(together, torch.stack(alone))
    assert not torch.equal(together[0] - x[0], together[1] - x[1])
