"""The transformer without a bottleneck: padding changes nothing, and what it writes is what it was shown to give."""

from __future__ import annotations

import pytest
import torch

from aelab.networks import Seq2Seq
from aelab.networks.drawn_anew import draw_anew
from aelab.networks.generation import beam, write


@pytest.fixture
def network() -> Seq2Seq:
    torch.manual_seed(0)
    return Seq2Seq((12,), 16, 1, 2, 20).double()


@pytest.fixture
def x() -> torch.Tensor:
    x = torch.randint(4, 20, (5, 12), generator=torch.Generator().manual_seed(1))
    x[:, 6], x[:, 7:], x[2, 4], x[2, 5:] = 2, 0, 2, 0
    return x


def test_padding_changes_nothing(network: Seq2Seq, x: torch.Tensor) -> None:
    code = network.encode(x)
    assert code.shape == (5, network.code_size) == (5, 12 * 16)
    torch.testing.assert_close(network.encode(x[:, :7]), code, atol=1e-12, rtol=0)
    torch.testing.assert_close(network.encode(x[2:3, :5]), code[2:3], atol=1e-12, rtol=0)
    alone = network.decode_towards(code[2:3], x[2:3, :5])
    torch.testing.assert_close(network.decode_towards(code, x)[2:3, :5], alone, atol=1e-12, rtol=0)


def test_what_is_written_is_what_teacher_forcing_gives(network: Seq2Seq, x: torch.Tensor) -> None:
    code = network.encode(x)
    written, by = write(network, code, first=torch.full((5,), 7))
    assert (written[:, 0] == 7).all() and (beam(network, code, 1, torch.full((5,), 7)) == written).all()
    forced = network.decode_towards(code, written)
    forced[..., [0, 1, 3]] = -1e9
    kept = written != 0
    torch.testing.assert_close(forced[kept], by[kept], atol=1e-12, rtol=0)


def test_nothing_is_left_of_weights_that_are_drawn_anew(network: Seq2Seq) -> None:
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.fill_(7.0)
    draw_anew(network, network, 0)
    assert not any((parameter == 7).any() for parameter in network.parameters())
    first = [parameter.clone() for parameter in network.parameters()]
    draw_anew(network, network, 0)
    assert all(torch.equal(one, other) for one, other in zip(first, network.parameters(), strict=True))
