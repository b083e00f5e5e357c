"""K replicas in one fit are K models: equal to each trained alone, whatever the plan, the variant or the mode."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest
import torch
from omegaconf import DictConfig, OmegaConf
from tiny_runs import Composer
from torch import Tensor
from variants import TRAINED

from aelab.building.build import build_data
from aelab.building.fit import Fit, Member
from aelab.data.module import DataModule
from aelab.errors import UserError
from aelab.fitting.replication import Fitted, Replication
from aelab.fitting.run import run
from aelab.machines.quiet import quiet
from aelab.replicas.best import BestWeights
from aelab.replicas.plans import Bootstrap, Disjoint, Fresh, Initializations, Nested, Subsample

EXACT = ("trainer.precision=64-true", "data.train_size=320", "data.batch_size=16", "trainer.max_epochs=10")  # 200 steps


def fit(config: DictConfig) -> tuple[Replication, Fitted]:
    quiet()
    torch.set_num_threads(1)
    replication = Replication(config, Path(config.paths.outputs) / config.replicas.mode)
    return replication, replication.fit(None)


def _difference(a: dict[str, Tensor], b: dict[str, Tensor]) -> float:
    assert a.keys() == b.keys()
    return max((a[name].double() - b[name].double()).abs().max().item() for name in a)


def largest_difference(a: Fitted, b: Fitted) -> float:
    return max(_difference(x, y) for x, y in zip(a.states, b.states, strict=True))


def fitted_state(member: Member, data: DataModule) -> dict[str, Tensor]:
    fit = Fit([member], data, BestWeights())
    fit.run()
    fit.keep_best()
    return fit.states()[0]


def fitted_apart(compose: Composer, settings: Sequence[tuple[str, ...]]) -> float:
    """How far two replicas of each setting, all in one fit, lie from the same, each fitted by itself."""
    torch.set_num_threads(1)
    plan = ("replicas=bootstrap", "replicas.count=2")
    plans = [Replication(compose(*EXACT, *plan, *setting), Path()) for setting in settings]
    members = [member for replication in plans for member in replication.members(range(2))]
    data = plans[0].data
    together = Fit(members, data, BestWeights())
    together.run()
    together.keep_best()
    states = together.states()
    return max(_difference(state, fitted_state(member, data)) for state, member in zip(states, members, strict=True))


def both_modes(compose: Composer, *overrides: str) -> tuple[Fitted, Fitted]:
    fitted = []
    for mode in ("stacked", "sequential"):
        replication, result = fit(compose(*EXACT, "replicas.count=3", f"replicas.mode={mode}", *overrides))
        assert len(replication.chunks) == (1 if mode == "stacked" else len(result.states))
        fitted.append(result)
    return fitted[0], fitted[1]


@pytest.mark.parametrize("variant", TRAINED)
def test_each_replica_equals_the_model_trained_alone(compose: Composer, variant: str) -> None:
    """Same rows, same seed, the ordinary path: weights after 200 steps and every metric agree to 1e-10."""
    overrides = ["replicas=bootstrap", f"model={variant}"]
    overrides += ["model.k=2"] if variant in ("k_sparse", "top_k", "batch_top_k") else []
    stacked, alone = both_modes(compose, *overrides)
    assert largest_difference(stacked, alone) < 1e-10
    for name, values in alone.metrics.items():
        torch.testing.assert_close(stacked.metrics[name], values, rtol=0, atol=1e-9)
    spread = torch.stack([state["network.encoder_layers.0.weight"] for state in stacked.states]).std(0).mean()
    assert spread > 1e-3, "replicas of different seeds and rows must differ"


@pytest.mark.parametrize("corruption", ["gaussian", "salt_and_pepper"])
@pytest.mark.parametrize("network", ["mlp", "conv"])
def test_noise_is_each_replicas_own(compose: Composer, corruption: str, network: str) -> None:
    extra = ("network.hidden=[4]", "trainer.max_epochs=3") if network == "conv" else ()
    stacked, alone = both_modes(
        compose, f"network={network}", "replicas=initializations", f"corruption={corruption}", *extra
    )
    assert largest_difference(stacked, alone) < 1e-10


def test_estimated_contraction_probes_are_each_replicas_own(compose: Composer) -> None:
    stacked, alone = both_modes(
        compose, "replicas=bootstrap", "model=contractive", "model.method=probe", "model.probes=2"
    )
    assert largest_difference(stacked, alone) < 1e-10


@pytest.mark.parametrize(
    "settings",
    [
        [("model.weight=0.0",), ("model.weight=0.01",), ("model.weight=1.0",)],
        [("optimizer.lr=0.001",), ("optimizer.lr=0.01",)],
        [("corruption.std=0.0", "model.weight=0.1"), ("corruption.std=0.5", "model.weight=0.01")],
        [("network.code_size=2",), ("network.code_size=4",), ("network.code_size=7",)],
    ],
)
def test_members_of_one_fit_may_differ(compose: Composer, settings: list[tuple[str, ...]]) -> None:
    settings = [("model=sparse_l1", "corruption=gaussian", *setting) for setting in settings]
    assert fitted_apart(compose, settings) < 1e-10


@pytest.mark.parametrize("variant", ["undercomplete", "sparse_kl", "contractive"])
def test_padded_codes_equal_the_smaller_model(compose: Composer, variant: str) -> None:
    """Zero padding to the widest code, from the unpadded initialisation, changes nothing: 1e-12."""
    own = (f"model={variant}", "trainer.max_epochs=5")
    assert fitted_apart(compose, [(*own, "network.code_size=2"), (*own, "network.code_size=6")]) < 1e-12


def test_per_replica_clipping_equals_lone_clipping(compose: Composer) -> None:
    stacked, alone = both_modes(compose, "replicas=bootstrap", "trainer.gradient_clip_val=0.05")
    assert largest_difference(stacked, alone) < 1e-10


def test_each_replica_lowers_its_learning_rate_where_it_would_alone(compose: Composer) -> None:
    plateau = ("scheduler=plateau", "scheduler.patience=0", "+scheduler.threshold=0.05", "trainer.max_epochs=12")
    stacked, alone = both_modes(compose, "replicas=bootstrap", *plateau)
    assert largest_difference(stacked, alone) < 1e-10
    [model] = stacked.models
    rates = [scheduler.optimizer.param_groups[0]["lr"] for scheduler in model.lr_schedulers().replicas]  # type: ignore[union-attr]
    assert len(set(rates)) > 1, f"they fall at different epochs: {rates}"


def test_chunks_and_processes_change_nothing(compose: Composer) -> None:
    results = []
    for name, extra in {
        "one": (),
        "chunks": ("replicas.chunk=2",),
        "processes": ("trainer.devices=2",),
    }.items():
        config = compose(
            *EXACT, "replicas=bootstrap", "replicas.count=5", "trainer.max_epochs=3", f"sweep={name}", *extra
        )
        OmegaConf.update(config, "paths.outputs", f"{config.paths.outputs}/{name}")
        results.append(fit(config))
    assert [len(replication.chunks) for replication, _ in results] == [1, 3, 2]
    for _, fitted in results[1:]:
        assert largest_difference(results[0][1], fitted) < 1e-10


def test_a_diverged_replica_is_named_and_poisons_no_other(compose: Composer) -> None:
    configs = [compose(*EXACT, f"optimizer.lr={rate}") for rate in ("0.001", "1e200", "0.001")]
    data = build_data(configs[0])
    best = BestWeights()
    together = Fit([Member(config, seed=seed) for seed, config in enumerate(configs)], data, best)
    together.run()
    together.keep_best()
    assert best.finite() == [True, False, True]
    for seed, state in ((0, together.states()[0]), (2, together.states()[2])):
        assert _difference(state, fitted_state(Member(configs[0], seed=seed), data)) < 1e-10


def test_initializations_are_the_runs_with_the_next_seeds(compose: Composer) -> None:
    _, fitted = fit(compose("replicas=initializations", "replicas.count=2", "replicas.mode=stacked", "seed=5"))
    config = compose("seed=6")
    run(config, [])
    checkpoint = next(Path(config.paths.outputs).glob("runs/*/checkpoints/best.ckpt"))
    alone = torch.load(checkpoint, weights_only=True)["state_dict"]
    for name, value in alone.items():
        torch.testing.assert_close(fitted.states[1][name], value, rtol=0, atol=1e-5)


def test_plans_assign_what_they_say() -> None:
    rows = Bootstrap(count=20).assign(400, 0).rows
    assert rows.shape == (20, 400)
    distinct = torch.tensor([len(row.unique()) for row in rows]).double().mean() / 400
    assert abs(distinct - (1 - torch.exp(torch.tensor(-1.0)))) < 0.02
    half = Subsample(count=3, fraction=0.25).assign(400, 0).rows
    assert half.shape == (3, 100) and all(len(row.unique()) == 100 for row in half)
    parts = Disjoint(count=4, partitions=2).assign(403, 0)
    assert parts.rows.shape == (8, 100) and parts.partitions == [0] * 4 + [1] * 4
    assert len(parts.rows[:4].unique()) == len(parts.rows[4:].unique()) == 400
    same = Initializations(count=3).assign(10, 7)
    assert same.seeds == [7, 8, 9] and (same.rows == torch.arange(10)).all()
    nested = Nested(data_sets=3, initializations=2).assign(50, 0)
    assert nested.data_sets == [0, 0, 1, 1, 2, 2] and len(set(nested.seeds)) == 6
    assert (nested.rows[0] == nested.rows[1]).all() and not (nested.rows[0] == nested.rows[2]).all()
    assert (Bootstrap(count=2, seed=1).assign(50, 0).rows != Bootstrap(count=2, seed=2).assign(50, 0).rows).any()
    assert len(set(Fresh(count=3).generator_seeds())) == 3


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        (("replicas=bootstrap", "replicas.count=1"), "replicas.count=1: one model has no variance"),
        (
            ("replicas=disjoint", "replicas.count=100", "data.batch_size=128"),
            "data.batch_size=128: each replica has only",
        ),
        (("replicas=nested", "replicas.initializations=1"), "replicas.initializations=1: a nested plan"),
        (("replicas=fresh",), "data=digits: not generated"),
        (
            (
                "replicas=bootstrap",
                "replicas.mode=stacked",
                "scheduler=plateau",
                "optimizer=sgd",
                "optimizer._target_=torch.optim.Rprop",
            ),
            "replicas.mode=stacked",
        ),
        (("replicas=bootstrap", "replicas.mode=stacked", "callbacks=early_stopping"), "replicas.mode=stacked"),
    ],
)
def test_bad_plans_are_refused_in_one_line(compose: Composer, overrides: tuple[str, ...], message: str) -> None:
    with pytest.raises(UserError, match=message.replace("[", r"\[")) as error:
        Replication(compose(*overrides), Path())
    assert "\n" not in str(error.value)
