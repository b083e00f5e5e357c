"""Runs with replicas, from the config to the manifest and the pictures."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from tiny_runs import Composer

from aelab.errors import UserError
from aelab.fitting.decomposing import decompositions
from aelab.fitting.replication import Replication
from aelab.fitting.run import run

PICTURES = ("largest_bias", "largest_variance", "bias_map", "variance_map")


def manifest_of(compose: Composer, *overrides: str) -> dict[str, Any]:
    """The manifest of one run, trained under a folder of its own."""
    config = compose("data.batch_size=64", *overrides)
    run(config, list(overrides))
    (path,) = Path(config.paths.outputs, config.sweep).glob("*/manifest.json")
    return json.loads(path.read_text()) | {"directory": path.parent}


def check_sum(metrics: dict[str, float]) -> None:
    """The decomposition is one of the error, to 1e-9, and knows its uncertainty."""
    parts = metrics["test/bias2"] + metrics["test/variance"] + metrics.get("test/noise", 0.0)
    assert parts == pytest.approx(metrics["test/error"], abs=1e-9)
    assert metrics["test/variance"] > 0
    for name in ("error", "bias2", "variance"):
        both = np.hypot(metrics[f"test/{name}_se_examples"], metrics[f"test/{name}_se_replicas"])
        assert 0 < metrics[f"test/{name}_se"] == pytest.approx(both)


def test_a_run_with_replicas_tells_bias_and_variance(compose: Composer, capsys: pytest.CaptureFixture[str]) -> None:
    manifest = manifest_of(compose, "replicas=bootstrap", "replicas.count=3")
    check_sum(manifest["metrics"])
    assert {"val/error", "train/error", "test/pca_error"} <= manifest["metrics"].keys()
    replicas = manifest["replicas"]
    assert (replicas["plan"], replicas["count"], replicas["test_inputs"]) == ("bootstrap", 3, "clean")
    assert replicas["diverged"] == [] and manifest["status"] == "complete"
    for name in PICTURES:
        (path,) = (manifest["directory"] / "pictures").glob(f"{name}*.png")
        pixels = np.asarray(Image.open(path).convert("L"), dtype=float)
        assert pixels.max() > 50 and pixels.std() > 5, f"{name} is black"
    curves = [json.loads(line) for line in (manifest["directory"] / "metrics.jsonl").read_text().splitlines()]
    assert all("val/bias2" in row and "val/variance" in row for row in curves)

    metrics = manifest["metrics"]
    told = f"test/error {metrics['test/error']:.4g}, bias² {metrics['test/bias2']:.4g}, variance "
    assert told in capsys.readouterr().out
    run(compose("data.batch_size=64", "replicas=bootstrap", "replicas.count=3"), [])
    assert "complete already" in capsys.readouterr().out
    assert json.loads((manifest["directory"] / "manifest.json").read_text())["timings"]["attempts"] == 1


def test_nested_replicas_split_the_variance(compose: Composer) -> None:
    manifest = manifest_of(compose, "replicas=nested", "replicas.data_sets=3", "replicas.initializations=2")
    metrics = manifest["metrics"]
    check_sum(metrics)
    total = metrics["test/variance_data"] + metrics["test/variance_init"]
    assert total == pytest.approx(metrics["test/variance"], abs=1e-9)
    assert metrics["test/variance_init"] > 0 and metrics["test/variance_init_se"] > 0
    assert manifest["replicas"]["count"] == 6


def test_partitions_are_averaged(compose: Composer) -> None:
    """Each partition is decomposed by itself; the run's figures are the means, with the spread as their error."""
    overrides = ("data.batch_size=64", "replicas=disjoint", "replicas.count=3", "replicas.partitions=2")
    config = compose(*overrides, "sweep=alone")
    replication = Replication(config, Path(config.paths.outputs) / "alone")
    fitted = replication.fit(None)
    apart = decompositions(replication, fitted)
    metrics = manifest_of(compose, *overrides)["metrics"]
    assert metrics["test/bias2"] + metrics["test/variance"] == pytest.approx(metrics["test/error"], abs=1e-9)
    variances = [result.variance for result in apart]
    assert len(variances) == 2
    assert metrics["test/variance"] == pytest.approx(np.mean(variances), rel=1e-6)
    assert metrics["test/variance_se_replicas"] == pytest.approx(abs(np.diff(variances)[0]) / 2, rel=1e-6)


def test_cross_entropy_has_a_noise_floor(compose: Composer) -> None:
    metrics = manifest_of(compose, "replicas=bootstrap", "replicas.count=3", "error=cross_entropy")["metrics"]
    check_sum(metrics)
    assert metrics["test/noise"] > 1  # grey values: the entropy of a digit, in nats


def test_a_corrupted_test_input_is_another_error_and_is_recorded(compose: Composer) -> None:
    overrides = ("replicas=initializations", "replicas.count=3", "corruption=gaussian", "corruption.std=0.5")
    clean = manifest_of(compose, *overrides, "sweep=clean")
    corrupted = manifest_of(compose, *overrides, "replicas.corrupt_test=true", "sweep=corrupted")
    assert clean["replicas"]["test_inputs"] == "clean"
    assert corrupted["replicas"]["test_inputs"] == "gaussian"
    check_sum(corrupted["metrics"])
    assert corrupted["metrics"]["test/error"] > clean["metrics"]["test/error"]
    assert corrupted["run_id"] != clean["run_id"]


def test_last_weights_are_those_of_the_end(compose: Composer) -> None:
    """With a rate that spoils the second epoch, the best weights are those of the first and the last are not."""
    overrides = (
        "replicas=bootstrap",
        "data=subspace",
        "data.train_size=40",
        "data.batch_size=20",
        "data.test_examples=200",
    )
    overrides += ("network.hidden=[64]", "trainer.max_epochs=40", "optimizer.lr=0.01")
    best = manifest_of(compose, *overrides, "sweep=best")["metrics"]
    last = manifest_of(compose, *overrides, "replicas.weights=last", "sweep=last")["metrics"]
    assert last["train/error"] < best["train/error"] and last["val/error"] > best["val/error"]
    check_sum(last)


def test_disjoint_parts_of_generated_data_agree_with_fresh_draws(compose: Composer) -> None:
    """At equal set size, a linear network's bias and variance are the same within the intervals of both plans."""
    common = ("data=subspace", "data.size=10", "data.latent=3", "data.test_examples=500", "data.train_examples=1138")
    common += (
        "network=linear",
        "network.hidden=[]",
        "network.code_size=3",
        "trainer.max_epochs=60",
        "optimizer.lr=0.01",
    )
    common += ("replicas.weights=last", "replicas.count=16")
    parts = manifest_of(compose, *common, "replicas=disjoint", "sweep=disjoint")
    draws = manifest_of(compose, *common, "replicas=fresh", "data.train_size=64", "sweep=fresh")
    assert parts["data"]["sizes"]["train"] // 16 == draws["data"]["sizes"]["train"] == 64
    for name in ("error", "bias2", "variance"):
        a, b = (manifest["metrics"][f"test/{name}"] for manifest in (parts, draws))
        # the test examples are the same, so only the replicas' part of the uncertainty separates the two
        errors = [manifest["metrics"][f"test/{name}_se_replicas"] for manifest in (parts, draws)]
        assert abs(a - b) < 2.2 * np.hypot(*errors), f"{name}: {a} against {b}"
        assert np.hypot(*errors) < 0.35 * b, "an interval so wide tells nothing"


def test_the_choice_of_weights_is_checked(compose: Composer) -> None:
    with pytest.raises(UserError, match=r"replicas\.weights=first: choose best or last"):
        Replication(compose("replicas=bootstrap", "replicas.weights=first"), Path())
