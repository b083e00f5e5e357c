"""Shapes, shared weights and first weights of the networks; which key a bad argument is blamed on."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.testing import assert_close

from aelab.errors import UserError
from aelab.evaluation.baselines.pca import fit_pca, pca_error
from aelab.models import (
    Autoencoder,
    ContractiveAutoencoder,
    DenoisingAutoencoder,
    KSparseAutoencoder,
    SparseAutoencoder,
)
from aelab.networks import MLP, CentredMLP, Conv, Network, initialization
from aelab.networks.layers import double, halve
from aelab.objectives import GaussianNoise, MaskingNoise, SaltAndPepper
from aelab.replicas.stacking import stack

EXACT = {"rtol": 1e-12, "atol": 1e-12}
SHAPES = [(1, 8, 8), (3, 8, 8), (1, 7, 5), (3, 1, 9), (2, 13, 4), (1, 28, 28), (3, 1, 1)]


@pytest.fixture(autouse=True)
def _seed() -> None:
    torch.manual_seed(0)


def normal(*shape: int) -> Tensor:
    return torch.randn(*shape, dtype=torch.float64)


# --- shapes ---


@pytest.mark.parametrize("tied", [False, True])
@pytest.mark.parametrize("hidden", [(4,), (4, 3), (2, 3, 4)], ids=str)
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_convolutions_rebuild_any_image(shape: tuple[int, ...], hidden: tuple[int, ...], tied: bool) -> None:
    """The transpose of a strided convolution returns to the size it came from, odd or even."""
    network = Conv(shape, 5, hidden, tied=tied).double()
    x = normal(2, network.input_size)
    assert network.encode(x).shape == (2, 5)
    rebuilt = network.decode(network.encode(x))
    assert rebuilt.shape == x.shape
    assert rebuilt.isfinite().all()


def test_widths_are_mirrored() -> None:
    """An autoencoder's decoder has the encoder's widths in reverse; tied, it has biases only."""
    network = MLP((1, 4, 3), 2, (7, 5))
    assert [tuple(layer.weight.shape) for layer in network.encoder_layers] == [(7, 12), (5, 7), (2, 5)]
    assert [tuple(layer.weight.shape) for layer in network.decoder_layers] == [(5, 2), (7, 5), (12, 7)]
    tied = MLP((1, 4, 3), 2, (7, 5), tied=True)
    assert [len(bias) for bias in tied.decoder_biases] == [5, 7, 12]
    assert not tied.decoder_layers
    assert MLP((3,), 9).encode(torch.ones(4, 3)).shape == (4, 9), "codes may be wider than the input"
    channels = [tuple(layer.weight.shape[:2]) for layer in Conv((3, 8, 8), 2, (4, 6)).encoder_layers[:2]]
    mirrored = [tuple(layer.weight.shape[:2]) for layer in Conv((3, 8, 8), 2, (4, 6)).decoder_layers[1:]]
    assert channels == mirrored[::-1] == [(4, 3), (6, 4)]
    assert network.filters().shape == (7, 1, 4, 3)


@pytest.mark.parametrize("size", [(8, 8), (7, 5), (1, 6)], ids=str)
def test_double_is_the_adjoint_of_halve(size: tuple[int, int]) -> None:
    """Definition of a transpose: <halve(x), y> = <x, double(y)> with the same weight."""
    weight, none = normal(4, 3, 3, 3), torch.zeros(1, dtype=torch.float64)
    x = normal(2, 3, *size)
    halved = halve(x, weight, none.expand(4))
    y = normal(*halved.shape)
    assert_close((halved * y).sum(), (x * double(y, weight, none.expand(3), size)).sum(), **EXACT)


@pytest.mark.parametrize("kind", [MLP, Conv])
def test_tied_decoder_is_the_adjoint_of_the_encoder(kind: Callable[..., Network]) -> None:
    """Tied weights, without biases and activations: <f(x), y> = <x, g(y)>; untied, not so."""
    for tied in (True, False):
        network = kind((2, 7, 6), 5, (4, 3), activation="identity", tied=tied).double()
        for name, parameter in network.named_parameters():
            parameter.requires_grad_("bias" not in name)
            parameter.data.mul_("bias" not in name)
        x, y = normal(3, 84), normal(3, 5)
        difference = ((network.encode(x) * y).sum() - (x * network.decode(y)).sum()).abs()
        assert difference < 1e-12 if tied else difference > 1e-3
    assert {name.split(".")[0] for name, _ in kind((2, 7, 6), 5, (4, 3), tied=True).named_parameters()} == {
        "encoder_layers",
        "decoder_biases",
    }


@pytest.mark.parametrize("tied", [False, True])
@pytest.mark.parametrize("kind", [MLP, Conv])
def test_stacked_networks_compute_as_alone(kind: Callable[..., Network], tied: bool) -> None:
    """K networks over [K, B, D], and over one [B, D] that they share, give what each gives alone."""
    models = [Autoencoder(kind((2, 5, 4), 3, (4, 3), tied=tied).double()) for _ in range(3)]
    for model in models:
        nn.init.normal_(next(p for name, p in model.named_parameters() if "bias" in name))
    together, x = stack(models), normal(3, 6, 40)
    expected = torch.stack([model.reconstruct(x[k]) for k, model in enumerate(models)])
    assert_close(together.reconstruct(x), expected, **EXACT)
    shared = torch.stack([model.reconstruct(x[0]) for model in models])
    assert_close(together.reconstruct(x[0]), shared, **EXACT)


# --- first weights ---


def weights(network: Network) -> list[tuple[Tensor, int, int]]:
    """Each layer's weight as [units, incoming weights], and its fan in and fan out."""
    layers = [(layer.weight.detach(), True) for layer in network.encoder_layers]
    layers += [(layer.weight.detach(), layer.weight.ndim == 2) for layer in network.decoder_layers]
    rows = [w.flatten(1) if rows else w.transpose(0, 1).flatten(1) for w, rows in layers]
    return [(r, r.shape[1], len(r) * w[0, 0].numel()) for r, (w, _) in zip(rows, layers, strict=True)]


NETWORKS = {
    "mlp": lambda: MLP((60,), 30, (90, 40)).double(),
    "tied": lambda: MLP((60,), 30, (90, 40), tied=True).double(),
    "conv": lambda: Conv((3, 8, 8), 30, (16, 32)).double(),
}


@pytest.mark.parametrize("network", NETWORKS)
@pytest.mark.parametrize("scheme", ["xavier", "kaiming"])
def test_uniform_schemes_have_their_variance(scheme: str, network: str) -> None:
    """Glorot & Bengio 2010: variance 2 / (fan in + fan out); He et al. 2015: 2 / fan in; no biases."""
    built = NETWORKS[network]()
    getattr(initialization, scheme)(built, normal(5, built.input_size))
    for weight, fan_in, fan_out in weights(built):
        variance = 2 / (fan_in + fan_out) if scheme == "xavier" else 2 / fan_in
        assert weight.abs().max() <= (3 * variance) ** 0.5
        error = variance * (0.8 / weight.numel()) ** 0.5  # of a uniform variable's mean square
        assert abs(weight.square().mean() - variance) < 4 * error
        assert abs(weight.mean()) < 4 * (variance / weight.numel()) ** 0.5
    assert not any(parameter.any() for name, parameter in built.named_parameters() if "bias" in name)


def test_orthogonal_rows_or_columns() -> None:
    """Saxe et al. 2014: W W' = I, or W' W = I where W has more rows than columns."""
    network = NETWORKS["mlp"]()
    initialization.orthogonal(network, normal(5, 60))
    for weight, _, _ in weights(network):
        narrow = weight if len(weight) <= weight.shape[1] else weight.mT
        assert_close(narrow @ narrow.mT, torch.eye(len(narrow), dtype=torch.float64), **EXACT)


@pytest.mark.parametrize("network", NETWORKS)
def test_sparse_units_have_fifteen_weights(network: str) -> None:
    """Martens 2010: exactly 15 incoming weights a unit, N(0, 1); all of them where there are fewer."""
    built = NETWORKS[network]()
    initialization.sparse(built, normal(5, built.input_size))
    drawn = []
    for weight, fan_in, _ in weights(built):
        assert ((weight != 0).sum(1) == min(15, fan_in)).all()
        drawn.append(weight[weight != 0])
    values = torch.cat(drawn)
    assert abs(values.mean()) < 4 / len(values) ** 0.5
    assert abs(values.square().mean() - 1) < 4 * (2 / len(values)) ** 0.5


@pytest.mark.parametrize("tied", [False, True])
@pytest.mark.parametrize("hidden", [(), (90, 40)], ids=str)
def test_transposed_decoders_rebuild_with_the_encoders_own_directions(hidden: tuple[int, ...], tied: bool) -> None:
    """Gao et al. 2024, A.1: W_dec = W_enc', unit-norm; an empty code of a linear decoder is the data's mean."""
    network, x = MLP((60,), 200, hidden, tied=tied).double(), normal(5, 60)
    initialization.transposed(network, x)
    for encoder, (decoder, _) in zip(network.encoder_layers, reversed(network._decoder()), strict=True):
        assert_close(encoder.weight.norm(dim=-1), torch.ones(len(encoder.weight), dtype=torch.float64), **EXACT)
        assert_close(decoder, encoder.weight.mT, **EXACT)
    assert_close(network.decode(torch.zeros(1, 200, dtype=torch.float64))[0], x.mean(0), **EXACT)


@pytest.mark.parametrize("code_size", [1, 3, 6, 9])
@pytest.mark.parametrize("hidden", [(), (5,), (8, 4)], ids=str)
@pytest.mark.parametrize("tied", [False, True])
def test_pca_start_of_a_linear_network_is_pca(tied: bool, hidden: tuple[int, ...], code_size: int) -> None:
    """Baldi & Hornik 1989: a linear network of narrowest width k starts at the error of PCA with k values."""
    x = normal(50, 6) @ normal(6, 6) + 3
    model = Autoencoder(MLP((6,), code_size, hidden, "identity", tied).double())
    initialization.pca(model.network, x)
    expected = pca_error(fit_pca(x), x, min(code_size, *hidden, 6))
    assert model.objective(x).error.item() == pytest.approx(expected, rel=1e-10, abs=1e-10)


@pytest.mark.parametrize("tied", [False, True])
def test_units_beyond_pca_can_still_learn(tied: bool) -> None:
    """Units that PCA leaves over add nothing at the start but are no dead end: their gradient is not 0."""
    x = normal(50, 6) + 3
    model = Autoencoder(MLP((6,), 9, tied=tied).double(), code_activation="sigmoid")
    initialization.pca(model.network, x)
    layer = (model.network.encoder_layers if tied else model.network.decoder_layers)[0]
    (gradient,) = torch.autograd.grad(model.objective(x).loss, layer.weight)
    assert (gradient[6:] if tied else gradient[:, 6:]).abs().max() > 1e-6


# --- bad arguments ---


def small() -> MLP:
    return MLP((6,), 4)


BAD: list[tuple[str, Callable[[], Any]]] = [
    ("network.code_size=0", lambda: MLP((6,), 0)),
    ("network.hidden=[5, 0]", lambda: MLP((6,), 2, (5, 0))),
    ("network.hidden=[-1]", lambda: Conv((1, 6, 6), 2, (-1,))),
    ("network.hidden=[]", lambda: Conv((1, 6, 6), 2, ())),
    ("network=conv", lambda: Conv((36,), 2)),
    ("network.activation=swish", lambda: MLP((6,), 2, activation="swish")),
    ("network.activation=swish", lambda: Conv((1, 6, 6), 2, activation="swish")),
    ("model.code_activation=swish", lambda: Autoencoder(small(), code_activation="swish")),
    ("model.weight=-1", lambda: Autoencoder(small(), weight=-1)),
    ("model.method=fast", lambda: ContractiveAutoencoder(small(), method="fast")),
    ("model.probes=0", lambda: ContractiveAutoencoder(small(), probes=0)),
    ("model.probes=5", lambda: ContractiveAutoencoder(small(), probes=5)),
    ("model.k=0", lambda: KSparseAutoencoder(small(), k=0)),
    ("model.k=5", lambda: KSparseAutoencoder(small(), k=5)),
    ("model.anneal=1.5", lambda: KSparseAutoencoder(small(), k=2, anneal=1.5)),
    ("model.sparsity=l0", lambda: SparseAutoencoder(small(), sparsity="l0")),
    ("model.code_activation=relu", lambda: SparseAutoencoder(small(), sparsity="kl", code_activation="relu")),
    ("model.target=1", lambda: SparseAutoencoder(small(), target=1)),
    ("model.mean_activation=epoch", lambda: SparseAutoencoder(small(), mean_activation="epoch")),
    ("model.momentum=1", lambda: SparseAutoencoder(small(), momentum=1)),
    ("corruption=none", lambda: DenoisingAutoencoder(small())),
    ("corruption.std=-0.1", lambda: GaussianNoise(-0.1)),
    ("corruption.probability=1.2", lambda: MaskingNoise(1.2)),
    ("corruption.probability=-0.1", lambda: SaltAndPepper(-0.1)),
    ("initialization=transposed", lambda: initialization.transposed(Conv((1, 6, 6), 2), torch.ones(2, 36))),
    ("initialization=pca", lambda: initialization.pca(Conv((1, 6, 6), 2), torch.ones(2, 36))),
]


@pytest.mark.parametrize(("key", "build"), BAD, ids=[f"{i}-{key}" for i, (key, _) in enumerate(BAD)])
def test_bad_arguments_name_their_key(key: str, build: Callable[[], Any]) -> None:
    """No paper: a mistake is a UserError whose one line has the key and the value as they are typed."""
    with pytest.raises(UserError) as raised:
        build()
    assert key in str(raised.value)
    assert "\n" not in str(raised.value)


def test_a_centred_network_codes_the_mean_apart() -> None:
    """Brightness passes unchanged: r(x + c) = r(x) + c, and the rest is an MLP of x less its mean."""
    network, x = CentredMLP((60,), 8, (20,)).double(), normal(5, 60) + 3
    code = network.encode(x)
    assert_close(code[:, 0], x.mean(1), **EXACT)
    again = network.decode(code)
    brighter = network.encode(x + 0.7)
    assert_close(brighter[:, 1:], code[:, 1:], **EXACT)
    assert_close(network.decode(brighter), again + 0.7, **EXACT)
    plain = MLP((60,), 7, (20,)).double()
    plain.load_state_dict(network.state_dict())
    mean = x.mean(1, keepdim=True)
    assert_close(again, plain.decode(plain.encode(x - mean)) + mean, **EXACT)
    assert network.code_weights() is None, "the mean has none"
    with pytest.raises(UserError, match="must be at least 2"):
        CentredMLP((60,), 1)


def test_centred_networks_of_several_code_sizes_stack() -> None:
    models = [Autoencoder(CentredMLP((12,), size, (6,)), code_activation="relu").double() for size in (3, 5)]
    x = normal(2, 7, 12)
    stacked = stack(models)
    rebuilt = torch.func.functional_call(stacked, dict(stacked.named_parameters()), (x,))
    for model, one, again in zip(models, x, rebuilt, strict=True):
        assert_close(again, model.reconstruct(one), **EXACT)
