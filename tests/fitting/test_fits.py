"""Every variant, and every choice of every other group, goes through what a user's run goes through."""

from __future__ import annotations

from pathlib import Path

import hydra
import pytest
import torch
from omegaconf import DictConfig
from tiny_runs import Composer, compose_tiny
from torch import Tensor
from variants import SHAPE, SIZES, TRAINED, choices

from aelab.building.build import build_data, build_model, monitor_of
from aelab.config.objects import conf_dir
from aelab.fitting.run import run
from aelab.runs.checkpoints import load_checkpoint
from aelab.runs.history_file import read_rows
from aelab.runs.identity import register_resolver, run_id


class Fit:
    """A tiny run of a variant, done for real."""

    def __init__(self, outputs: Path, variant: str, *overrides: str) -> None:
        extra = ["model.mean_activation=running"] if variant == "sparse_kl" else []  # it keeps a buffer
        self.config = compose_tiny(outputs, f"model={variant}", *SIZES, "trainer.max_epochs=3", *extra, *overrides)
        self.value = run(self.config, [])
        self.directory = outputs / self.config.sweep / run_id(self.config)

    def checkpoint(self) -> dict[str, Tensor]:
        content = load_checkpoint(self.directory / "checkpoints" / "last.ckpt")
        state: dict[str, Tensor] = content["state_dict"]
        return state

    def bytes(self) -> bytes:
        return b"".join(value.numpy().tobytes() for value in self.checkpoint().values())


@pytest.fixture(scope="module", params=TRAINED)
def fit(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Fit:
    return Fit(tmp_path_factory.mktemp(request.param), request.param)


def test_state_is_restored_exactly(fit: Fit) -> None:
    data = build_data(fit.config)
    x = data.examples("test", limit=40)
    state = fit.checkpoint()
    models = [build_model(fit.config, SHAPE) for _ in range(2)]
    assert set(state) == set(models[0].state_dict())
    for model in models:
        model.load_state_dict(state)
        model.eval()
    for name, value in models[0].state_dict().items():
        assert torch.equal(value, state[name]) and value.dtype == state[name].dtype, name
    assert torch.equal(models[0].encode(x), models[1].encode(x))
    losses = [model.objective(x, torch.Generator().manual_seed(1)).loss for model in models]
    assert torch.equal(*losses)
    for name, buffer in models[0].named_buffers():
        assert not torch.equal(buffer, build_model(fit.config, SHAPE).get_buffer(name)), "training moves it"


def test_error_falls(fit: Fit) -> None:
    data = build_data(fit.config)
    x = data.examples("val")
    untrained = build_model(fit.config, SHAPE, data.examples("train")).eval()
    start = untrained.error(untrained.network.decode(untrained.encode(x)), x).mean().item()
    rows = read_rows(fit.directory / "metrics.jsonl")
    assert [row["epoch"] for row in rows] == [0, 1, 2]
    monitor = monitor_of(fit.config)
    if monitor == "val/error":
        assert rows[-1]["val/error"] < 0.9 * start
        assert rows[-1]["train/error"] < rows[0]["train/error"]
    assert rows[-1][monitor] < rows[0][monitor] and rows[-1]["train/loss"] < rows[0]["train/loss"]
    assert fit.value == pytest.approx(min(row[monitor] for row in rows), rel=1e-6)


def test_same_seed_same_bytes(fit: Fit, tmp_path: Path) -> None:
    again = Fit(tmp_path, fit.config.model.name, "trainer.steps_per_execution=1")  # a matter of speed only
    assert again.bytes() == fit.bytes()
    assert again.value == fit.value
    assert read_rows(again.directory / "metrics.jsonl") == read_rows(fit.directory / "metrics.jsonl")
    other = Fit(tmp_path, fit.config.model.name, "seed=1")
    assert other.bytes() != fit.bytes()
    assert other.directory != again.directory


# --- every choice of the other groups ---

OF_TEXTS = ("one_hot", "recurrent", "seq2seq", "transformer")
TEXTS = ("data=smiles", "data.source=drawn", "data.train_size=200")
DATA = {**dict.fromkeys(OF_TEXTS, TEXTS), "conv1d": ("data=windows", "data.source=drawn")}
STEPPED = [
    (group, name)
    for group in ("network", "optimizer", "scheduler", "initialization", "callbacks")
    for name in choices(group)
]


@pytest.mark.parametrize("group, name", STEPPED, ids=["=".join(pair) for pair in STEPPED])
def test_every_choice_takes_a_step(compose: Composer, group: str, name: str) -> None:
    assert 0 < run(compose(*DATA.get(name, ()), f"{group}={name}", "trainer.max_epochs=1"), []) < float("inf")


def composed(*overrides: str) -> DictConfig:
    """Without the sizes of tiny runs, which not every network has."""
    register_resolver()
    with hydra.initialize_config_dir(str(conf_dir()), version_base="1.3"):
        return hydra.compose("train", list(overrides))


@pytest.mark.parametrize("name", choices("experiment"))
def test_every_experiment_composes(name: str) -> None:
    assert run_id(composed(f"experiment={name}"))


@pytest.mark.parametrize("name", choices("trainer"))
def test_every_trainer_composes(compose: Composer, name: str) -> None:
    config = compose(f"trainer={name}")
    assert config.trainer.name == name
    assert run_id(config) == run_id(compose()), "the machine is no part of a run's identity"


@pytest.mark.parametrize("name", choices("debug"))
def test_every_debug_preset_runs(compose: Composer, name: str) -> None:
    config = compose(f"debug={name}")
    assert config.logger.name == "none"
    assert run(config, []) > 0


def test_overfit_really_overfits(compose: Composer, tmp_path: Path) -> None:
    larger = ("network.code_size=12", "network.hidden=[64]", "optimizer.lr=5e-3", "trainer.max_epochs=80")
    config = compose("debug=overfit", *larger)
    run(config, [])
    rows = read_rows(tmp_path / "runs" / run_id(config) / "metrics.jsonl")
    assert rows[-1]["train/error"] < 0.1 * rows[0]["train/error"]
    assert rows[-1]["val/error"] > 2 * rows[-1]["train/error"]


@pytest.mark.parametrize("precision", ["32-true", "64-true", "bf16-mixed"])
def test_precision_and_clipping(compose: Composer, precision: str) -> None:
    common = (f"trainer.precision={precision}", "optimizer=sgd", "optimizer.lr=1e-3")
    free = run(compose(*common), [])
    clipped = run(compose(*common, "trainer.gradient_clip_val=1e-6"), [])
    assert 0 < free < clipped  # clipped to nothing it hardly learns
