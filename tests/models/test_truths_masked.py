"""Masked and one-class: the conditional mean, whole patches, the scale of the error, a centre that is held."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from tiny_runs import compose_tiny
from torch import Tensor
from torch.testing import assert_close

from aelab.building.build import build_model
from aelab.errors import UserError
from aelab.models import MaskedAutoencoder, OneClassAutoencoder
from aelab.objectives.masks import Masks
from aelab.objectives.randomness import seeded_generator


def masked(*overrides: str, shape: tuple[int, ...] = (6,)) -> MaskedAutoencoder:
    config = compose_tiny(Path("nowhere"), "model=masked", *overrides)
    model = build_model(config, shape, torch.randn(20, *shape).flatten(1)).double()
    assert isinstance(model, MaskedAutoencoder)
    return model


def test_one_mask_and_a_linear_network_give_the_conditional_mean(monkeypatch: pytest.MonkeyPatch) -> None:
    """The least error of what is hidden is tr(S_mm - S_mo S_oo^-1 S_om), the trace of the conditional covariance."""
    generator = seeded_generator(0, 0)
    x = torch.randn(80, 6, dtype=torch.float64, generator=generator) @ torch.randn(6, 6, generator=generator).double()
    x = x - x.mean(0)
    hidden, seen = [1, 4], [0, 2, 3, 5]
    s = x.mT @ x / len(x)
    wanted = (
        s[hidden][:, hidden] - s[hidden][:, seen] @ torch.linalg.solve(s[seen][:, seen], s[seen][:, hidden])
    ).trace()
    model = masked("network=linear", "network.hidden=[]", "network.code_size=4")
    mask = torch.zeros(6, dtype=torch.bool).index_fill(0, torch.tensor(hidden), True)
    kept = torch.tensor(seen)
    monkeypatch.setattr(Masks, "split", lambda _, draws: (mask.expand(len(draws), -1), kept.expand(len(draws), -1)))
    optimizer = torch.optim.LBFGS(
        model.parameters(), max_iter=400, line_search_fn="strong_wolfe", tolerance_change=1e-14
    )

    def closure() -> Tensor:
        optimizer.zero_grad()
        loss = model.objective(x).loss
        loss.backward()
        return loss

    optimizer.step(closure)  # type: ignore[arg-type]
    assert model.objective(x).error.item() * 2 / 6 == pytest.approx(wanted.item(), rel=1e-5)


def test_what_is_hidden_is_a_share_of_each_example_and_the_error_is_on_the_scale_of_all() -> None:
    model = masked("model.share=0.34")
    x = torch.randn(500, 6, dtype=torch.float64)
    terms = model.objective(x, seeded_generator(0, 0))
    hidden = terms.encoding.parts["hidden"]
    assert (hidden.sum(1) == 2).all() and hidden.double().mean(0).sub(1 / 3).abs().max() < 0.08
    output = model.output(terms.encoding.code)
    assert_close(terms.error, ((output - x).square() * hidden).sum(1).mean() * 3)
    assert_close(terms.encoding.code, model.network.encode(x * ~hidden))
    model.eval()
    first, again = model.evaluate(x), model.evaluate(x)
    assert torch.equal(first.penalties["masked_error"], again.penalties["masked_error"])
    assert_close(first.error, (model.reconstruct(x) - x).square().sum(1)), "that of whole examples"


def test_patches_are_hidden_whole_in_all_channels() -> None:
    model = masked("model.patch=3", "model.share=0.5", shape=(2, 8, 7))
    x = torch.rand(5, 112, dtype=torch.float64)
    hidden = model.infer(x, seeded_generator(0, 0)).parts["hidden"].view(5, 2, 8, 7)
    assert torch.equal(hidden[:, 0], hidden[:, 1])
    patches = [hidden[:, 0, i : i + 3, j : j + 3].flatten(1) for i in (0, 3, 6) for j in (0, 3, 6)]
    assert all(torch.equal(patch.all(1), patch.any(1)) for patch in patches)
    assert (torch.stack([patch.all(1) for patch in patches]).sum(0) == 4).all()


@pytest.mark.parametrize(
    ("overrides", "told"),
    [
        (("model.share=0",), "model.share=0"),
        (("model.share=1",), "model.share=1"),
        (("model.patch=2",), "model.patch=2: .* use model.patch=null"),
    ],
)
def test_what_cannot_be_meant_is_one_line(overrides: tuple[str, ...], told: str) -> None:
    with pytest.raises(UserError, match=told):
        masked(*overrides)


def test_a_patch_that_covers_the_picture_is_refused() -> None:
    with pytest.raises(UserError, match=r"model.patch=8: one patch covers the picture"):
        masked("model.patch=8", shape=(1, 8, 8))


def test_one_class_is_the_distance_to_the_first_mean_code_and_biases_stay_zero() -> None:
    config: Any = compose_tiny(Path("nowhere"), "model=one_class", "network.activation=tanh")
    x = torch.randn(20, 6) + 1
    model = build_model(config, (6,), x).double()
    assert isinstance(model, OneClassAutoencoder)
    x = x.double()
    code = model.encode(x)
    plain = code.mean(0).float()
    kept = plain.abs() >= 0.1
    assert_close(model.centre[kept].float(), plain[kept]) and (model.centre.abs() >= 0.1 - 1e-6).all()
    terms = model.objective(x)
    assert_close(terms.penalties["penalty"], (code - model.centre).square().sum(1).mean())
    assert_close(terms.error, (x.float().mean(0).double() - x).square().sum(1).mean(), rtol=1e-5, atol=1e-6)
    terms.loss.backward()
    learning = [name for name, parameter in model.named_parameters() if parameter.grad is not None]
    assert learning == ["network.encoder_layers.0.weight", "network.encoder_layers.1.weight"]
    assert all((layer.bias == 0).all() for layer in model.network.encoder_layers)
