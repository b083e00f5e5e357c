"""Dictionaries against SAELens: the same weights and examples give the same loss, and the same gradient, to 1e-12.

SAELens brings half of Hugging Face with it, so that it has an environment of its own: ``make test-peers``.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from tiny_runs import compose_tiny
from torch import Tensor
from torch.testing import assert_close

from aelab.building.build import build_model
from aelab.objectives.randomness import seeded_generator

pytestmark = pytest.mark.slow

VALUES, UNITS = 6, 24


def ours(variant: str, *overrides: str) -> Any:
    config = compose_tiny(
        Path("nowhere"), f"model={variant}", "network=linear", "network.hidden=[]", f"network.code_size={UNITS}",
        "model.unit_norm=false", *overrides,
    )  # fmt: skip
    model = build_model(config, (VALUES,), torch.randn(50, VALUES, generator=seeded_generator(1, 0))).double()
    draw = seeded_generator(2, 0)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(0.1 * torch.randn(parameter.shape, generator=draw, dtype=torch.float64))
    return model


def theirs(kind: str, model: Any, **settings: Any) -> Any:
    """Their training model with our weights; of ``model`` the dictionary, without what only some variants have."""
    package = pytest.importorskip("sae_lens")
    config = getattr(package, f"{kind}TrainingSAEConfig")(d_in=VALUES, d_sae=UNITS, dtype="float64", **settings)
    sae = getattr(package, f"{kind}TrainingSAE")(config)
    encoder, decoder = model.network.encoder_layers[0], model.network.decoder_layers[0]
    with torch.no_grad():
        sae.W_enc.copy_(encoder.weight.mT)
        sae.W_dec.copy_(decoder.weight.mT)
        sae.b_dec.copy_(decoder.bias)
        getattr(sae, "b_gate" if kind == "Gated" else "b_enc").copy_(encoder.bias)
    return sae


def step(sae: Any, x: Tensor, dead: Tensor | None = None, **coefficients: float) -> Any:
    from sae_lens.saes.sae import TrainStepInput

    given = {"sae_in": x, "coefficients": coefficients, "dead_neuron_mask": dead, "n_training_steps": 0}
    return sae.training_forward_pass(TrainStepInput(**given, is_logging_step=False))


def examples() -> Tensor:
    return torch.randn(40, VALUES, dtype=torch.float64, generator=seeded_generator(0, 0))


def check(model: Any, sae: Any, ours_loss: Tensor, theirs_loss: Tensor, decoder: bool = True) -> None:
    assert_close(ours_loss, theirs_loss, rtol=1e-12, atol=1e-12)
    ours_loss.backward()
    theirs_loss.backward()
    layers = model.network.encoder_layers[0], model.network.decoder_layers[0]
    bias = sae.b_gate if hasattr(sae, "b_gate") else sae.b_enc
    pairs = [(layers[0].weight.grad, sae.W_enc.grad.mT), (layers[0].bias.grad, bias.grad)]
    pairs += [(layers[1].weight.grad, sae.W_dec.grad.mT), (layers[1].bias.grad, sae.b_dec.grad)] if decoder else []
    for one, other in pairs:
        assert_close(one, other, rtol=1e-11, atol=1e-12)


def test_relu_l1_is_their_standard() -> None:
    model = ours("relu_l1", "model.weight=0.3")
    sae = theirs("Standard", model)
    x = examples()
    check(model, sae, model.objective(x).loss, step(sae, x, l1=0.3).loss)


@pytest.mark.parametrize("variant, kind", [("top_k", "TopK"), ("batch_top_k", "BatchTopK")])
def test_the_k_largest_are_theirs(variant: str, kind: str) -> None:
    model = ours(variant, "model.k=5")
    sae = theirs(kind, model, k=5, rescale_acts_by_decoder_norm=False)
    x = examples()
    found = step(sae, x)
    terms = model.objective(x)
    assert_close(terms.encoding.code, found.feature_acts.to_dense(), rtol=1e-12, atol=1e-12)
    check(model, sae, terms.loss, found.loss)


def test_what_dead_units_add_is_theirs() -> None:
    """Theirs is scaled down where fewer than half as many units as values are dead; here more are. It also takes
    negative z of dead units as they are, ours their ReLU, as Gao et al. do: here they are positive."""
    model = ours("top_k", "model.k=5", "model.auxiliary_weight=0.25", "model.dead_after=1")
    sae = theirs("TopK", model, k=5, rescale_acts_by_decoder_norm=False, aux_loss_coefficient=0.25)
    dead = torch.arange(UNITS) % 4 == 0
    model.idle.copy_(dead)
    with torch.no_grad():
        model.network.encoder_layers[0].bias[dead] += 20
        sae.b_enc[dead] += 20
    x = examples()
    check(model, sae, model.objective(x).loss, step(sae, x, dead).loss)


def test_jump_relu_is_theirs_and_thresholds_learn_alike() -> None:
    """They learn theta, we its logarithm, as the paper: our gradient is theta times theirs."""
    model = ours("jump_relu", "model.weight=0.2", "model.bandwidth=0.5")
    with torch.no_grad():
        model.log_threshold.copy_(torch.linspace(0.25, 1, UNITS).double().log())
    sae = theirs(
        "JumpReLU", model, jumprelu_bandwidth=0.5, jumprelu_sparsity_loss_mode="step", jumprelu_ste_to_input=False
    )
    with torch.no_grad():
        sae.threshold.copy_(model.threshold())  # kept in single precision
        model.log_threshold.copy_(sae.threshold.double().log())
    x = examples()
    check(model, sae, model.objective(x).loss, step(sae, x, l0=0.2).loss)
    wanted = model.threshold() * sae.threshold.grad.double()
    assert_close(model.log_threshold.grad, wanted, rtol=1e-6, atol=1e-7)


def test_gated_has_their_loss_and_holds_the_decoder_as_the_paper_does() -> None:
    """The gates' own error decodes with the decoder held fixed (eq. 8), theirs with it learning: its gradient differs,
    the encoder's does not. Their penalty has the atoms' norms in it, so these are 1 here."""
    model = ours("gated", "model.weight=0.3")
    with torch.no_grad():
        decoder = model.network.decoder_layers[0]
        decoder.weight.div_(decoder.weight.norm(dim=0))
    sae = theirs("Gated", model)
    with torch.no_grad():
        sae.r_mag.copy_(model.log_scale)
        sae.b_mag.copy_(model.shift + model.log_scale.exp() * model.network.encoder_layers[0].bias)
    x = examples()
    terms, found = model.objective(x), step(sae, x, l1=0.3)
    assert_close(terms.encoding.code, found.feature_acts, rtol=1e-12, atol=1e-12)
    assert_close(terms.loss, found.loss, rtol=1e-12, atol=1e-12)
    terms.loss.backward()
    found.loss.backward()
    assert not torch.allclose(decoder.weight.grad, sae.W_dec.grad.mT)
    assert_close(model.shift.grad, sae.b_mag.grad, rtol=1e-11, atol=1e-12)
