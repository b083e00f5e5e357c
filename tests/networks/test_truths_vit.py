"""ViT: patches and places in order, its attention PyTorch's, masked pictures seen by their visible patches alone."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from omegaconf import OmegaConf
from torch import nn
from torch.testing import assert_close
from variants import composed, load

from aelab.building.build import build_model
from aelab.errors import UserError
from aelab.models import MaskedAutoencoder
from aelab.networks import ViT
from aelab.networks.activations import activation
from aelab.networks.transformer_layers import TransformerBlock
from aelab.objectives.randomness import seeded_generator

EXACT = {"rtol": 1e-11, "atol": 1e-12}


@pytest.fixture(autouse=True)
def _seed() -> None:
    torch.manual_seed(0)


def masked(patch: int) -> Any:
    config = composed("masked").copy()
    config.model.patch = patch
    config.network = OmegaConf.merge(load("network", "vit"), {"width": 8, "blocks": 1, "heads": 2, "code_size": 5})
    return build_model(config, (1, 8, 8), torch.rand(20, 64)).double()


def test_a_block_is_that_of_pytorch() -> None:
    ours = TransformerBlock(8, 2, activation("gelu")).double()
    theirs = nn.TransformerEncoderLayer(8, 2, 32, 0.0, "gelu", batch_first=True, norm_first=True).double()
    pairs = {
        "self_attn.in_proj": ours.asked, "self_attn.out_proj": ours.answered, "linear1": ours.wider,
        "linear2": ours.narrower,
    }  # fmt: skip
    state = {}
    for name, layer in pairs.items():
        joint = "_" if name.endswith("in_proj") else "."
        state |= {f"{name}{joint}weight": layer.weight.data, f"{name}{joint}bias": layer.bias.data}
    for number, norm in enumerate(ours.norms, 1):
        norm.gain.data, norm.shift.data = torch.rand(8).double(), torch.rand(8).double()
        state |= {f"norm{number}.weight": norm.gain.data, f"norm{number}.bias": norm.shift.data}
    theirs.load_state_dict(state)
    x = torch.randn(3, 5, 8, dtype=torch.float64)
    assert_close(ours(x), theirs(x), **EXACT)


def test_patches_are_cut_and_put_back_in_order() -> None:
    """With the embedding and its inverse the identity, tokens are patches, row by row, and a picture comes back."""
    network = ViT((3, 8, 12), 4, patch=4, width=48, blocks=1, heads=2).double()
    network.from_patch.weight.data, network.from_patch.bias.data = torch.eye(48).double(), torch.zeros(48).double()
    x = torch.randn(2, 3, 8, 12, dtype=torch.float64)
    tokens = network.tokens(x.flatten(1)) - network.places
    assert_close(tokens[:, 4], x[:, :, 4:8, 4:8].flatten(1), **EXACT)
    network.decoder = nn.ModuleList()
    network.decoded = nn.Identity()  # type: ignore[assignment]
    network.to_patch.weight.data, network.to_patch.bias.data = torch.eye(48).double(), torch.zeros(48).double()
    network.from_code.forward = lambda code: code  # type: ignore[method-assign]
    network.places = tokens[0]
    assert_close(network.decode(torch.zeros(1, 48).double())[0], x[0].flatten(), **EXACT)


def test_what_is_hidden_does_not_reach_the_code() -> None:
    model = masked(4)
    assert isinstance(model, MaskedAutoencoder)
    x = torch.rand(6, 64, dtype=torch.float64)
    encoding = model.train().infer(x, seeded_generator(0, 0))
    hidden = encoding.parts["hidden"]
    other = torch.where(hidden, torch.rand_like(x), x)
    assert_close(model.infer(other, seeded_generator(0, 0)).code, encoding.code, **EXACT)
    seen = (~hidden).unflatten(-1, (2, 4, 2, 4)).transpose(-3, -2).flatten(-2).any(-1).flatten(1)
    order = seen.double().argsort(dim=1, descending=True, stable=True)[:, : int(seen[0].sum())]
    assert_close(model.network.visible(x, order), encoding.code, **EXACT)
    everything = torch.arange(4).expand(6, 4)
    assert_close(model.network.visible(x, everything), model.network.encode(x), **EXACT)


def test_masks_of_other_patches_are_seen_as_zeros() -> None:
    model = masked(2)
    x = torch.rand(6, 64, dtype=torch.float64)
    encoding = model.train().infer(x, seeded_generator(0, 0))
    assert_close(encoding.code, model.network.encode(x.masked_fill(encoding.parts["hidden"], 0)), **EXACT)


@pytest.mark.parametrize(
    "settings, told",
    [
        ({"patch": 3}, r"network.patch=3: pictures of 8 x 8 pixels are not whole patches; .* 1, 2, 4, 8, like .*=2"),
        ({"width": 10, "heads": 4}, "network.width=10 network.heads=4: a token is whole heads; use network.width=12"),
        ({"blocks": 0}, "network.blocks=0 network.heads=4: must be 1 or more"),
        ({"shape": (64,)}, r"network=vit: needs images .* \[64\]; use network=mlp"),
    ],
)
def test_bad_settings_are_told_in_one_line(settings: dict[str, Any], told: str) -> None:
    with pytest.raises(UserError, match=told) as caught:
        ViT(**{"shape": (1, 8, 8), "code_size": 4, **settings})
    assert "\n" not in str(caught.value)
