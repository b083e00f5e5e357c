"""The same numbers as other people's code for the same weights and data, and where theirs differ, why."""

from __future__ import annotations

import math
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from tiny_runs import compose_tiny
from torch import Tensor
from torch.testing import assert_close

from aelab.building.build import build_model
from aelab.models.quantized.codebooks import Codebooks
from aelab.objectives.divergence import kl_parts, maximum_mean_discrepancy
from aelab.objectives.quantization import levels
from aelab.objectives.randomness import seeded_generator

pytestmark = pytest.mark.slow


def draws(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(shape, dtype=torch.float64, generator=seeded_generator(seed, 0))


def vae(*overrides: str) -> Any:
    config = compose_tiny(Path("nowhere"), "model=vae", *overrides)
    return build_model(config, (6,), torch.randn(20, 6)).double()


# --- pythae ---


@pytest.mark.parametrize("kind, weight", [("mse", 2.0), ("bce", 1.0)])
def test_pythaes_vae_has_half_the_squared_error_or_the_cross_entropy(kind: str, weight: float) -> None:
    theirs = pytest.importorskip("pythae.models").VAE
    error = "squared" if kind == "mse" else "cross_entropy"
    model = vae(f"error={error}", f"model.weight={weight}")
    x = draws(9, 6).sigmoid()
    terms = model.objective(x, seeded_generator(1, 0))
    parts = terms.encoding.parts
    config = SimpleNamespace(model_config=SimpleNamespace(reconstruction_loss=kind))
    found = theirs.loss_function(
        config, model.decode(terms.encoding.code), x, parts["mean"], parts["log_variance"], terms.encoding.code
    )
    half = 2 if kind == "mse" else 1
    assert_close(terms.loss, half * found[0], rtol=1e-12, atol=1e-12)
    assert_close(terms.penalties["penalty"], found[2], rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("kernel", ["imq", "rbf"])
def test_pythaes_mmd_is_ours(kernel: str) -> None:
    theirs = pytest.importorskip("pythae.models").WAE_MMD
    stub = theirs.__new__(theirs)
    torch.nn.Module.__init__(stub)
    stub.model_config = SimpleNamespace(latent_dim=3, kernel_bandwidth=1.0, reg_weight=1.0)
    stub.scales, stub.kernel_choice, stub.reconstruction_loss_scale = [0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0], kernel, 1.0
    code, prior = draws(12, 3), draws(12, 3, seed=1)
    _, _, found = stub.loss_function(code, code, code, prior)
    assert_close(maximum_mean_discrepancy(code, prior, kernel), found, rtol=1e-10, atol=1e-12)


def test_pythaes_total_correlation_is_not_ours_since_its_weights_fill_the_first_column() -> None:
    """Its weight of an example's own posterior, 1 / N, stands in the first column instead of on the diagonal."""
    theirs = pytest.importorskip("pythae.models").BetaTCVAE
    if not hasattr(theirs, "_log_importance_weight_matrix"):
        pytest.skip("this release has another name for it")
    stub: Any = SimpleNamespace()
    found = theirs._log_importance_weight_matrix(stub, 5, 1000).exp()
    own = torch.full((5,), 1 / 1000)
    assert not torch.allclose(found.diagonal()[1:], own[1:])
    assert (found[:, 0] - own).abs().lt(1e-6).sum() == 4, "one row of five is made good by hand"
    code, mean = draws(5, 3), draws(5, 3, seed=1)
    assert all(part.isfinite() for part in kl_parts(code, mean, torch.zeros_like(mean), torch.tensor(1000.0)))


# --- vector-quantize-pytorch ---


@pytest.mark.parametrize("stages", [1, 3])
def test_residual_codebooks_choose_alike(stages: int) -> None:
    package = pytest.importorskip("vector_quantize_pytorch")
    theirs = package.ResidualVQ(dim=3, codebook_size=8, num_quantizers=stages, kmeans_init=False).double().eval()
    books = Codebooks((stages, 8, 3), False, 0.9, 0).double()
    books.codewords.copy_(torch.stack([layer.codebook for layer in theirs.layers]).view(stages, 8, 3))
    x = draws(40, 3)
    quantized, indices, _ = theirs(x.unsqueeze(0))
    ours = books(x)
    assert torch.equal(ours.indices, indices[0].view(40, stages))
    assert_close(ours.chosen.sum(-2), quantized[0], rtol=1e-5, atol=1e-6)


def test_a_step_of_the_moving_averages_is_theirs() -> None:
    package = pytest.importorskip("vector_quantize_pytorch")
    theirs = package.VectorQuantize(
        dim=3, codebook_size=8, decay=0.9, kmeans_init=False, threshold_ema_dead_code=0, rotation_trick=False
    ).double()
    inner = next(module for module in theirs.modules() if hasattr(module, "embed_avg"))
    size = next(name for name in ("cluster_size", "embed_size") if hasattr(inner, name))
    books = Codebooks((1, 8, 3), False, 0.9, 0).double()
    start = draws(8, 3, seed=3)
    books.codewords.copy_(start)
    books.sums.copy_(start)
    inner.embed.data.copy_(start.view_as(inner.embed))
    inner.embed_avg.data.copy_(start.view_as(inner.embed_avg))
    getattr(inner, size).data.fill_(1)  # ours start with a count of 1 a codeword, theirs with whatever is there
    if hasattr(inner, "initted"):
        inner.initted.data.fill_(True)
    theirs.train()
    for seed in (0, 1):
        x = draws(40, 3, seed=seed)
        theirs(x.unsqueeze(0))
        with torch.no_grad():
            books.observe(books(x), 40, lambda value, operation: value)
        assert_close(books.codewords.view(8, 3), inner.embed.detach().view(8, 3), rtol=1e-6, atol=1e-7)


@pytest.mark.parametrize("count", [3, 4, 5, 8])
def test_levels_are_theirs_but_at_the_outermost_edges(count: int) -> None:
    """They bound by (L - 1)(1 + eps) / 2 and shift by atanh, the paper's code by (1 - eps) and tan: values that lie
    within a hundredth of an edge between two levels may fall on either side."""
    package = pytest.importorskip("vector_quantize_pytorch")
    theirs = package.FSQ(levels=[count]).double()
    z = draws(4000, 1) * 2
    half = count // 2
    ours = levels(z, [count]) / half
    found = theirs.quantize(z)
    width = (count - 1) / 2
    shift = math.atanh(0.5 / (width * 1.001)) if count % 2 == 0 else 0.0
    place = (z + shift).tanh() * width - (0.5 if count % 2 == 0 else 0.0)
    clear = ((place - place.floor() - 0.5).abs() > 0.02).squeeze(1)
    assert clear.double().mean() > 0.9
    assert_close(ours[clear], found[clear].detach(), rtol=1e-12, atol=1e-12)
