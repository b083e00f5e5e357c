"""Rows that are more than an example: every variant takes given values and weights, or refuses them in one line."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from omegaconf import DictConfig, open_dict
from torch import Tensor
from torch.testing import assert_close
from variants import NETWORKS, SETTINGS, SHAPE, VARIANTS, config_of, numbers

from aelab.building.build import build_model
from aelab.errors import UserError
from aelab.models import Autoencoder
from aelab.models.base.metrics import ReconstructionMetrics
from aelab.objectives.batch import Layout
from aelab.objectives.randomness import seeded_generator
from aelab.replicas.stacking import lone_state, stack

GIVEN = Layout(64, given=3)
WEIGHTED = Layout(64, weighted=True)
ABLE = [network for network in NETWORKS if network != "vit"]
IDS = [f"{v} {s or ''}" for v, s in SETTINGS]
CLOSE = {"rtol": 1e-12, "atol": 1e-12}


def model_of(config: DictConfig, layout: Layout | None, seed: int = 0) -> Autoencoder:
    """A float64 model with weights and noise of its seed."""
    config.seed = seed
    with open_dict(config.data):
        config.data.given = "label"
        config.data.weight = "w"
    rows = torch.rand(20, 64 + (layout.given + layout.weighted if layout else 0))
    return build_model(config, SHAPE, rows, layout=layout).double()


def rows_of(*axes: int, seed: int = 5) -> Tensor:
    """Rows of 64 values and 3 given ones."""
    return torch.rand(*axes, 67, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


def gradients(model: Autoencoder) -> dict[str, Tensor | None]:
    return {name: parameter.grad for name, parameter in model.named_parameters() if parameter.requires_grad}


@pytest.mark.parametrize("variant, settings", SETTINGS, ids=IDS)
@pytest.mark.parametrize("network", ABLE)
def test_given_values_alone_and_stacked(network: str, variant: str, settings: dict[str, Any]) -> None:
    """Both encoder and decoder learn by them, and a stack of replicas does what each would alone."""
    config = config_of(variant, network, settings)
    if variant == "one_class":
        with pytest.raises(UserError, match=r"data\.given=label model=one_class: its encoder could answer by what is"):
            model_of(config, GIVEN)
        return
    seeds = [3, 1, 4]
    lone = [model_of(config, GIVEN, seed) for seed in seeds]
    stacked = stack(lone)
    rows = rows_of(3, 6)
    for training in (True, False):
        for model in (stacked, *lone):
            model.train(training).zero_grad()
        together = stacked.objective(rows, [seeded_generator(seed, 0) for seed in seeds])
        together.loss.sum().backward()
        stacked.observe(together.encoding.detach())
        for k, (model, seed) in enumerate(zip(lone, seeds, strict=True)):
            alone = model.objective(rows[k], seeded_generator(seed, 0))
            alone.loss.backward()
            model.observe(alone.encoding.detach())
            for ours, reference in zip(numbers(together), numbers(alone), strict=True):
                assert_close(ours[k], reference, **CLOSE)
            for name, gradient in gradients(model).items():
                assert gradient is not None and gradient.isfinite().all(), name
                assert_close(gradients(stacked)[name][k], gradient, rtol=1e-11, atol=1e-12)  # type: ignore[index]
            decoder = model.network.to_decoder.weight.grad
            assert decoder is not None and decoder.abs().sum() > 0
    assert not any(layer.network.holds for layer in (stacked, *lone))
    assert_close(lone_state(stacked, 1, lone[1]), lone[1].state_dict(), **CLOSE)


@pytest.mark.parametrize("network", ABLE)
def test_code_and_reconstruction_depend_on_what_is_given(network: str) -> None:
    model = model_of(config_of("undercomplete", network), GIVEN).eval()
    rows = rows_of(6)
    other = torch.cat([rows[:, :64], rows[:, 64:].flip(0)], 1)
    assert (model.encode(rows) - model.encode(other)).abs().amax(1).min() > 1e-6
    code = model.encode(rows)
    again = model.decode(code, rows[:, 64:])
    assert_close(model.reconstruct(rows), again, rtol=0, atol=0)
    assert (model.decode(code, other[:, 64:]) - again).abs().amax(1).min() > 1e-6
    with pytest.raises(UserError, match="takes 3 given values beside each example or code; pass given="):
        model.decode(code)
    with pytest.raises(ValueError, match="rows of 64 values: 64 of an example and 3 given are 67"):
        model.encode(rows[:, :64])


def test_given_values_are_inputs_beside_the_first_layers() -> None:
    """The network is one whose first layers have [x, g] and [code, g] as their inputs."""
    model = model_of(config_of("undercomplete"), GIVEN).eval()
    network: Any = model.network
    rows = rows_of(6)
    x, g = rows[:, :64], rows[:, 64:]
    wide = torch.cat([network.encoder_layers[0].weight, network.to_encoder.weight], 1)
    hidden = network.activation(torch.cat([x, g], 1) @ wide.mT + network.encoder_layers[0].bias)
    code = hidden @ network.encoder_layers[1].weight.mT + network.encoder_layers[1].bias
    assert_close(model.encode(rows), code, **CLOSE)
    wide = torch.cat([network.decoder_layers[0].weight, network.to_decoder.weight], 1)
    hidden = network.activation(torch.cat([code, g], 1) @ wide.mT + network.decoder_layers[0].bias)
    assert_close(
        model.reconstruct(rows), hidden @ network.decoder_layers[1].weight.mT + network.decoder_layers[1].bias, **CLOSE
    )


@pytest.mark.parametrize("network", ["mlp", "linear", "conv"])
def test_contraction_is_that_of_the_example(network: str) -> None:
    """The penalty holds the code still when x moves, not when what is given does."""
    model = model_of(config_of("contractive", network, {"method": "exact"}), GIVEN).eval()
    rows = rows_of(4)
    full = torch.autograd.functional.jacobian(lambda one: model.encode(one[None])[0], rows[1])
    own = torch.autograd.functional.jacobian(
        lambda x: model.encode(torch.cat([x, rows[1, 64:]])[None])[0], rows[1, :64]
    )
    assert_close(full[:, :64], own, **CLOSE)
    one = model.objective(rows[1:2]).penalties["penalty"]
    assert_close(one, own.square().sum(), rtol=1e-10, atol=1e-10)


def test_codes_of_different_sizes_share_a_stack() -> None:
    configs = [config_of("undercomplete", settings={}) for _ in range(2)]
    for config, size in zip(configs, (5, 12), strict=True):
        config.network.code_size = size
    lone = [model_of(config, GIVEN, seed) for seed, config in enumerate(configs)]
    stacked = stack(lone)
    rows = rows_of(2, 6)
    together = stacked.objective(rows)
    for k, model in enumerate(lone):
        assert_close(together.loss[k], model.objective(rows[k]).loss, **CLOSE)


@pytest.mark.parametrize("network", ["vit"])
def test_a_network_that_takes_nothing_beside_refuses(network: str) -> None:
    with pytest.raises(
        UserError, match=rf"data\.given=label network={network}: this network takes nothing beside an ex"
    ):
        model_of(config_of("undercomplete", network), GIVEN)


# --- weights ---


def weighted(variant: str, settings: dict[str, Any], layout: Layout = WEIGHTED) -> Autoencoder | None:
    """A model that takes weights; None of a variant that refuses them in one line."""
    config = config_of(variant, settings=settings)
    try:
        return model_of(config, layout)
    except UserError as error:
        assert str(error).startswith(f"data.weight=w model={variant}: what it learns by is no mean over examples")
        return None


REFUSE = {"batch_top_k", "winner_take_all", "beta_tc", "info_vae", "wae_mmd", "sliced_wasserstein", "factor"}


def test_which_variants_refuse_weights() -> None:
    assert {variant for variant in VARIANTS if weighted(variant, {}) is None} == REFUSE


DRAWN = {"sampling", "error_sampled", "elbo", "discriminator"}  # by noise of which each row has its own
ALWAYS_DRAWN = ("adversarial", "iwae", "denoising", "vae")  # outside training, too
DRAWN_LOSS = (*ALWAYS_DRAWN, "masked", "semantic_hashing", "rae", "contractive")


@pytest.mark.parametrize("variant, settings", SETTINGS, ids=IDS)
def test_whole_weights_are_rows_that_are_repeated(variant: str, settings: dict[str, Any]) -> None:
    """Loss, every penalty, their gradients and what is measured, but for what noise is drawn for each row."""
    model = weighted(variant, settings)
    if model is None:
        return
    x = rows_of(6)[:, :64]
    counts = torch.tensor([1, 2, 3, 1, 4, 1])
    rows = torch.cat([x, counts[:, None]], 1)
    repeated = torch.cat([x.repeat_interleave(counts, 0), torch.ones(12, 1, dtype=torch.float64)], 1)
    state = {name: value.clone() for name, value in model.state_dict().items()}
    for training in (False, True):
        model.train(training)
        found = []
        for these, mean in ((rows, 2.0), (repeated, 1.0)):
            model.load_state_dict(state)
            model.zero_grad()
            model.mean_weight = torch.tensor(mean, dtype=torch.float64)
            terms = model.objective(these, seeded_generator(0, 0))
            terms.loss.backward()
            found.append((terms, {name: None if g is None else g.clone() for name, g in gradients(model).items()}))
            model.observe(terms.encoding.detach())
            found[-1] += ({name: v.clone() for name, v in model.state_dict().items() if name not in ("idle", "used")},)
        (ours, slopes, after), (plain, plain_slopes, plain_after) = found
        noisy = variant in DRAWN_LOSS and (training or variant in ALWAYS_DRAWN)
        if not noisy:
            assert_close(ours.loss, plain.loss, **CLOSE)
            assert_close(slopes, plain_slopes, rtol=1e-11, atol=1e-12)
            revived = "dead_after" in settings  # by how many rows a unit has waited for
            names = {name for name in after if not name.endswith("idle") and not (revived and "codebooks" in name)}
            assert_close({n: after[n] for n in names}, {n: plain_after[n] for n in names}, **CLOSE)
        if not training and variant != "denoising":
            assert_close(ours.error, plain.error, **CLOSE)
            same = set(ours.penalties) - DRAWN - ({"penalty"} if variant == "iwae" else set())
            same -= {"masked_error", "log_error"}
            assert_close({n: ours.penalties[n] for n in same}, {n: plain.penalties[n] for n in same}, **CLOSE)
    model.load_state_dict(state)
    model.eval()
    measured = []
    for these in (rows, repeated):
        metrics = ReconstructionMetrics()
        for some in these.split(4):
            batch = model.apart(some)
            metrics.update(batch.x, model.evaluate(some), batch.weight)
        measured.append(metrics.compute(lambda value: value))
    of_means = {"error", "mse", "fvu", "active_units", "used", "perplexity"}  # penalties of batches are not all means
    assert len(of_means & set(measured[0])) >= 3
    for name in of_means & set(measured[0]):
        assert_close(measured[0][name], measured[1][name], **CLOSE)


@pytest.mark.parametrize("variant, settings", SETTINGS, ids=IDS)
def test_weights_of_one_change_no_bit(variant: str, settings: dict[str, Any]) -> None:
    model = weighted(variant, settings)
    if model is None:
        return
    plain = model_of(config_of(variant, settings=settings), None).float()
    model = model.float()
    plain.load_state_dict(model.state_dict())
    x = rows_of(6)[:, :64].float()
    rows = torch.cat([x, torch.ones(6, 1)], 1)
    model.mean_weight = torch.tensor(1.0, dtype=torch.float64)
    for training in (True, False):
        found = []
        for one, these in ((model, rows), (plain, x)):
            one.train(training).zero_grad()
            terms = one.objective(these, seeded_generator(0, 0))
            terms.loss.backward()
            one.observe(terms.encoding.detach())
            found.append((numbers(terms), gradients(one), one.state_dict()))
        (ours, slopes, state), (reference, plain_slopes, plain_state) = found
        if variant != "vq_vae":  # which sums in another order
            assert all(torch.equal(a, b) for a, b in zip(ours, reference, strict=True))
            assert all(torch.equal(slopes[name], plain_slopes[name]) for name in slopes)  # type: ignore[arg-type]
        assert_close(state, plain_state, rtol=1e-6, atol=1e-7)


def test_batches_of_weighted_rows_have_the_mean_of_all() -> None:
    """The loss of batches of any weights averages to that of the whole: no batch counts more than its rows do."""
    model = weighted("undercomplete", {})
    assert model is not None
    x = rows_of(12)[:, :64]
    weight = torch.linspace(0.1, 5, 12, dtype=torch.float64)[:, None]
    model.mean_weight = weight.mean()
    rows = torch.cat([x, weight], 1)
    whole = model.objective(rows).loss
    parts = torch.stack([model.objective(some).loss for some in rows.split(3)]).mean()
    assert_close(whole, parts, **CLOSE)
    each = model.error(model.reconstruct(rows[:, :64]), x)
    assert_close(whole, (weight[:, 0] * each).sum() / weight.sum(), **CLOSE)


def test_stacked_replicas_have_mean_weights_of_their_own() -> None:
    lone = [model_of(config_of("vae"), WEIGHTED, seed) for seed in range(3)]
    for model, mean in zip(lone, (0.5, 1.0, 3.0), strict=True):
        model.mean_weight = torch.tensor(mean, dtype=torch.float64)
    stacked = stack(lone)
    rows = rows_of(3, 6)[..., :65]
    together = stacked.objective(rows, [seeded_generator(seed, 0) for seed in range(3)])
    for k, model in enumerate(lone):
        alone = model.objective(rows[k], seeded_generator(k, 0))
        assert_close(together.loss[k], alone.loss, **CLOSE)
        assert_close(together.penalties["rate"][k], alone.penalties["rate"], **CLOSE)
