"""ResNet: exact in stacks, codes that are maps, sizes that it takes, and its parts against PyTorch's own."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from omegaconf import OmegaConf
from torch import Tensor, nn
from torch.testing import assert_close
from variants import composed, load, numbers

from aelab.building.build import build_model
from aelab.building.settling import settle, values_of_code
from aelab.errors import UserError
from aelab.models import Autoencoder
from aelab.networks import Network, ResNet
from aelab.networks.residual import Attention, GroupNorm, by_channel, by_place
from aelab.objectives.randomness import seeded_generator
from aelab.replicas.stacking import lone_state, stack

EXACT = {"rtol": 1e-11, "atol": 1e-12}
SHAPE = (1, 8, 8)


@pytest.fixture(autouse=True)
def _seed() -> None:
    torch.manual_seed(0)


def normal(*shape: int) -> Tensor:
    return torch.randn(*shape, dtype=torch.float64)


def mapped(variant: str, seed: int = 0, **network: Any) -> Autoencoder:
    """A model whose code is a map [4, 4, 4]."""
    config = composed(variant).copy()
    own = {"widths": [4, 6], "code_size": 4, "code_map": True, **network}
    config.network = OmegaConf.merge(load("network", "resnet"), own)
    config.seed = seed
    return build_model(config, SHAPE, torch.rand(20, 64)).double()


# --- parts ---


@pytest.mark.parametrize("channels", [3, 6, 16])
def test_normalisation_is_that_of_pytorch_alone_and_stacked(channels: int) -> None:
    norms = [GroupNorm(channels).double() for _ in range(3)]
    for norm in norms:
        norm.gain.data, norm.shift.data = normal(channels), normal(channels)
    x = normal(3, 5, channels, 4, 2)
    theirs = []
    for norm, one in zip(norms, x, strict=True):
        reference = nn.GroupNorm(norm.groups, channels).double()
        reference.weight.data, reference.bias.data = norm.gain.data, norm.shift.data
        theirs.append(reference(one))
    together = GroupNorm(channels)
    together.gain.data, together.shift.data = (
        torch.stack([getattr(norm, name).data for norm in norms]) for name in ("gain", "shift")
    )
    assert_close(together(x), torch.stack(theirs), **EXACT)
    assert_close(norms[0](x[0]), theirs[0], **EXACT)


def test_attention_is_that_of_pytorch() -> None:
    ours = Attention(6, 12).double()
    x = normal(5, 6, 3, 4)
    theirs = nn.MultiheadAttention(6, 1, batch_first=True).double()
    theirs.in_proj_weight.data, theirs.in_proj_bias.data = ours.asked.weight.data, ours.asked.bias.data
    theirs.out_proj.weight.data, theirs.out_proj.bias.data = ours.answered.weight.data, ours.answered.bias.data
    places = ours.norm(x).flatten(2).mT
    found = theirs(places, places, places)[0].mT.reshape(x.shape)
    assert_close(ours(x), x + found, **EXACT)


def test_places_and_channels_are_each_others_inverse() -> None:
    x = normal(2, 5, 6, 3, 4)
    assert_close(by_channel(by_place(x), (6, 3, 4)), x, rtol=0, atol=0)
    assert_close(by_place(x)[0, 0, :6], x[0, 0, :, 0, 0], rtol=0, atol=0)


@pytest.mark.parametrize(
    "shape, widths",
    [((3, 32, 32), (4, 8, 8)), ((1, 28, 28), (4, 6, 6)), ((1, 12, 20), (4, 4, 4)), ((3, 256, 256), (2,) * 4)],
)
@pytest.mark.parametrize("code_map", [False, True])
def test_any_size_comes_back(shape: tuple[int, ...], widths: tuple[int, ...], code_map: bool) -> None:
    network = ResNet(shape, 3, widths, code_map=code_map)
    x = torch.rand(2, network.input_size)
    code = network.encode(x)
    places = shape[1] * shape[2] // 4 ** (len(widths) - 1)
    assert code.shape == (2, 3 * (places if code_map else 1)) == (2, network.code_size)
    assert network.decode(code).shape == x.shape
    assert network.multiplications() > 0


def test_a_values_place_is_where_it_comes_from() -> None:
    """Without attention and normalisation over the picture, a change in one corner changes the code's same corner."""
    network = ResNet((1, 16, 16), 2, (2, 2), attention=False, code_map=True).double()
    for norm in (*network.encoder_norms, *network.decoder_norms):
        norm.forward = lambda x: x  # type: ignore[method-assign]
    x = normal(1, 256)
    other = x.clone()
    other[0, -1] += 1
    changed = (network.encode(x) != network.encode(other)).unflatten(-1, (8, 8, 2)).any(-1)[0]
    assert changed[-1, -1] and not changed[:4].any() and not changed[:, :4].any()
    assert network.code_shape == (2, 8, 8)


def test_what_is_computed_again_is_the_same() -> None:
    gradients = []
    for recompute in (False, True):
        torch.manual_seed(0)
        network = ResNet((1, 8, 8), 3, (4, 6), recompute=recompute)
        network.decode(network.encode(torch.linspace(0, 1, 128).view(2, 64))).square().sum().backward()
        gradients.append([parameter.grad for parameter in network.parameters()])
    for one, other in zip(*gradients, strict=True):
        assert_close(one, other, rtol=0, atol=0)


# --- maps ---


@pytest.mark.parametrize("variant", ["undercomplete", "vae", "vq_vae", "fsq", "rae"])
def test_maps_are_equal_alone_and_stacked(variant: str) -> None:
    lone = [mapped(variant, seed) for seed in (3, 1)]
    stacked = stack(lone)
    x = torch.rand(2, 6, 64, dtype=torch.float64)
    for training in (True, False):
        for model in (stacked, *lone):
            model.train(training).zero_grad()
        together = stacked.objective(x, [seeded_generator(seed, 0) for seed in (3, 1)])
        together.loss.sum().backward()
        stacked.observe(together.encoding.detach())
        for k, (model, seed) in enumerate(zip(lone, (3, 1), strict=True)):
            alone = model.objective(x[k], seeded_generator(seed, 0))
            alone.loss.backward()
            model.observe(alone.encoding.detach())
            for ours, reference in zip(numbers(together), numbers(alone), strict=True):
                assert_close(ours[k], reference, **EXACT)
            for name, parameter in model.named_parameters():
                of_all = stacked.get_parameter(name).grad
                assert (parameter.grad is None) == (of_all is None), name
                if of_all is not None:
                    assert_close(of_all[k], parameter.grad, **EXACT)
            for name, value in lone_state(stacked, k, model).items():
                assert_close(value, model.state_dict()[name], **EXACT)


@pytest.mark.parametrize("variant, words", [("vq_vae", (1, 16)), ("fsq", (1, 16))])
def test_a_place_has_a_codeword(variant: str, words: tuple[int, int]) -> None:
    model = mapped(variant)
    assert model.words == words
    x = torch.rand(5, 64, dtype=torch.float64)
    assert model.indices(x).shape == (5, *words)
    with pytest.raises(UserError, match=r"network.code_size=3: a code is whole groups of 4 values; use network.code_s"):
        mapped(variant, code_size=3)


def test_maps_of_several_sizes_share_no_stack() -> None:
    models = [mapped("undercomplete", code_size=size) for size in (2, 4)]
    assert models[0].paddable and not models[0].pads
    with pytest.raises(UserError, match=r"network.code_size: cannot differ within one fit of this model"):
        stack(models)


@pytest.mark.parametrize("variant, size, code_map", [("vq_vae", 4, True), ("fsq", 4, True), ("vae", 32, False)])
def test_the_variant_chooses_the_kind_of_code(variant: str, size: int, code_map: bool) -> None:
    config = composed(variant).copy()
    config.network = load("network", "resnet")
    data: Any = type("Data", (), {"shape": SHAPE, "standardize": False})()
    data.preprocessing = type("Kind", (), {"kind": "pixels", "vocabulary": None})()
    settle(config, data)
    assert (config.network.code_size, config.network.code_map) == (size, code_map)
    assert values_of_code(config, SHAPE) == size * (4 if code_map else 1)


# --- what cannot be meant ---


@pytest.mark.parametrize(
    "shape, settings, told",
    [
        (
            (1, 30, 30),
            {"widths": [4, 4, 8]},
            r"widths=\[4, 4, 8\]: pictures of 30 x 30 pixels cannot be halved 2 times; sides that can are multiples of "
            r"4, like 28 and 32; or use 2 widths, network.widths=\[4,4\]",
        ),
        ((1, 7, 8), {"widths": [4, 4]}, r"7 x 8 .* like 6 and 8 and 10; or use 1 width, network.widths=\[4\]"),
        ((1, 512, 512), {}, "network=resnet: pictures of 512 x 512 pixels, and 256 a side are the most"),
        ((64,), {}, r"needs images \[channels, height, width\] but an example has shape \[64\]"),
        ((1, 8, 8), {"widths": []}, r"network.widths=\[\] network.blocks=1: needs at least one width"),
        ((1, 8, 8), {"blocks": 0}, "network.blocks=0: needs at least one width"),
        ((3, 128, 128), {"widths": [4, 4]}, "network.attention=true .*: compares all 4096 places"),
        ((1, 8, 8), {"activation": "x"}, "network.activation=x: unknown activation"),
    ],
)
def test_bad_settings_are_told_in_one_line(shape: tuple[int, ...], settings: dict[str, Any], told: str) -> None:
    with pytest.raises(UserError, match=told) as caught:
        ResNet(shape, 4, **{"widths": (4, 8), **settings})
    assert "\n" not in str(caught.value)


def test_other_networks_have_codes_without_places() -> None:
    assert Network.places_of_code({}, (1, 8, 8)) == 1
