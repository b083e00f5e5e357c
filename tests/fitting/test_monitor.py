"""One key says by which metric weights are chosen: the best of a run, of each replica, of a layer, and when to stop."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from omegaconf import OmegaConf
from run_files import directory_of, manifest_of
from tiny_runs import Composer, compose_tiny

from aelab.building.build import monitor_of
from aelab.errors import UserError
from aelab.fitting.run import RunFailed, run
from aelab.models import Autoencoder, WeightDecayAutoencoder
from aelab.runs.checkpoints import load_checkpoint
from aelab.runs.history_file import read_rows
from aelab.runs.identity import run_id

# a penalty so strong that the loss falls while the error rises
CROSSING = ("model=weight_decay", "model.weight=0.5", "optimizer.lr=3e-2", "trainer.max_epochs=8")


def best_epoch(directory: Path) -> int:
    return int(load_checkpoint(directory / "checkpoints" / "best.ckpt")["epoch"])


def lowest(directory: Path, metric: str) -> int:
    rows = read_rows(directory / "metrics.jsonl")
    return min(range(len(rows)), key=lambda epoch: rows[epoch][metric])


def test_the_best_epoch_is_that_of_the_monitor(tmp_path: Path) -> None:
    found = {}
    for metric in ("val/error", "val/loss"):
        config = compose_tiny(tmp_path, *CROSSING, *([] if metric == "val/error" else [f"monitor={metric}"]))
        value = run(config, [])
        directory = directory_of(config)
        found[metric] = best_epoch(directory)
        assert found[metric] == lowest(directory, metric)
        assert manifest_of(config)["monitor"] == metric
        assert value == manifest_of(config)["metrics"][metric] == run(config, [])
    assert found["val/error"] < found["val/loss"], "else this shows nothing"


@pytest.mark.parametrize("metric", ["val/error", "val/loss"])
def test_replicas_are_chosen_by_it(metric: str, compose: Composer) -> None:
    config = compose(*CROSSING, "replicas=bootstrap", "replicas.count=2", f"monitor={metric}")
    value = run(config, [])
    assert manifest_of(config)["metrics"][metric] == value


def test_early_stopping_watches_it(tmp_path: Path) -> None:
    lengths = {}
    for metric in ("val/error", "val/loss"):
        stopping = ("callbacks=early_stopping", "callbacks.early_stopping=2", f"monitor={metric}")
        config = compose_tiny(tmp_path, *CROSSING, "trainer.max_epochs=15", "scheduler=none", "optimizer.lr=1e-3",
                              "data.batch_size=128", *stopping)  # fmt: skip
        run(config, [])
        lengths[metric] = len(read_rows(directory_of(config) / "metrics.jsonl"))
    assert lengths["val/error"] < lengths["val/loss"]


def test_a_variant_says_its_own_and_the_key_wins(compose: Composer, monkeypatch: pytest.MonkeyPatch) -> None:
    assert monitor_of(compose()) == Autoencoder.monitor == "val/error"
    monkeypatch.setattr(WeightDecayAutoencoder, "monitor", "val/loss")
    assert monitor_of(compose("model=weight_decay")) == "val/loss"
    assert monitor_of(compose("model=weight_decay", "monitor=val/mse")) == "val/mse"


def test_a_metric_that_is_none_is_named(compose: Composer) -> None:
    with pytest.raises(RunFailed, match=r"monitor=val/eror: no such metric; choose among val/error, val/fvu"):
        run(compose("monitor=val/eror"), [])


@pytest.mark.parametrize("error", ["bernoulli", "cross_entropy"])
def test_a_bound_is_not_minimised_whether_there_is_one_or_not(error: str, compose: Composer) -> None:
    config = compose("model=vae", f"error={error}", "data.binarize=threshold", "monitor=val/elbo")
    with pytest.raises(
        (RunFailed, UserError), match=r"monitor=val/elbo: the higher, the better, .* use val/loss"
    ) as caught:
        run(config, [])
    assert "\n" not in str(caught.value)


def test_the_default_changes_no_name(compose: Composer) -> None:
    """Runs from before have no such key."""
    config: Any = compose()
    name = run_id(config)
    OmegaConf.set_struct(config, False)
    del config["monitor"]
    assert run_id(config) == name != run_id(compose("monitor=val/loss"))
