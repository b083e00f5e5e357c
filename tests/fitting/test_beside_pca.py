"""PCA beside a run: of each replica's own rows, with a bias² and a variance of its own; intervals of single models."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose
from run_files import directory_of
from tiny_runs import compose_tiny

from aelab.building.build import build_data
from aelab.comparison.groups import gather
from aelab.comparison.paired import difference_to_pca
from aelab.comparison.table import tabulate
from aelab.fitting.beside_pca import ReplicaPCA
from aelab.fitting.replication import Replication
from aelab.fitting.run import run
from aelab.objectives.errors import SquaredError
from aelab.replicas import decompose
from aelab.runs.per_example import read_contributions

COUNT = 4
SIZE = 4


def rebuilt(train: np.ndarray, test: np.ndarray, size: int = SIZE) -> np.ndarray:
    """By the singular vectors of the rows less their mean."""
    mean = train.mean(0)
    directions = np.linalg.svd(train - mean, full_matrices=False)[2][:size]
    return mean + (test - mean) @ directions.T @ directions


@pytest.fixture(scope="module")
def bootstrap(tmp_path_factory: pytest.TempPathFactory) -> tuple[Any, Path, dict[str, Any]]:
    outputs = tmp_path_factory.mktemp("pca")
    config = compose_tiny(outputs, "replicas=bootstrap", f"replicas.count={COUNT}", "data.batch_size=64")
    run(config, [])
    directory = directory_of(config)
    return config, directory, json.loads((directory / "manifest.json").read_text())


def test_each_replica_s_pca_has_its_own_rows(bootstrap: tuple[Any, Path, dict[str, Any]]) -> None:
    config, directory, manifest = bootstrap
    replication = Replication(config, Path())
    train, test = (replication.data.examples(part).double().numpy() for part in ("train", "test"))
    predictions = np.stack([rebuilt(train[rows], test) for rows in replication.assignment.rows])
    expected = decompose(torch.from_numpy(predictions), torch.from_numpy(test))
    metrics = manifest["metrics"]
    for name in ("error", "bias2", "variance"):
        assert metrics[f"test/pca_{name}"] == pytest.approx(getattr(expected, name), rel=1e-9)
        ends = [metrics[f"test/pca_{name}_{end}"] for end in ("low", "high")]
        assert_allclose(ends, expected.interval(name), rtol=1e-6)
    assert metrics["test/pca_variance"] > 0
    assert metrics["test/pca_error"] == pytest.approx(metrics["test/pca_bias2"] + metrics["test/pca_variance"])
    kept = read_contributions(directory)
    assert kept is not None
    assert_allclose(kept.left_out["pca_variance"], expected.left_out["variance"], rtol=1e-9)
    for name in ("error", "bias2", "variance"):
        found = difference_to_pca({"0": kept}, name)
        assert found is not None and found.units == COUNT
        assert found.value == pytest.approx(metrics[f"test/{name}"] - metrics[f"test/pca_{name}"], rel=1e-5)


def test_the_table_and_the_summary_have_it(
    bootstrap: tuple[Any, Path, dict[str, Any]], capsys: pytest.CaptureFixture[str]
) -> None:
    _, directory, manifest = bootstrap
    [table] = tabulate(gather([directory]))
    row = dict(zip(table.headings, table.rows[0].cells, strict=True))
    assert row["test/pca_variance"] != "—" and row["test/pca_bias2"] != "—"
    assert manifest["status"] == "complete"


def test_replicas_of_the_same_rows_share_it(tmp_path: Path) -> None:
    config = compose_tiny(tmp_path, "replicas=initializations", "replicas.count=3")
    linear = ReplicaPCA.of(Replication(config, tmp_path), SquaredError())
    assert linear is not None and len(linear.fitted) == 1
    x = torch.rand(5, 64)
    outputs = linear.predict(3)(x, x)
    assert outputs.shape == (3, 5, 64) and (outputs == outputs[0]).all()
    nested = compose_tiny(tmp_path, "replicas=nested", "replicas.data_sets=3", "replicas.initializations=2")
    linear = ReplicaPCA.of(Replication(nested, tmp_path), SquaredError())
    assert linear is not None and len(linear.fitted) == 3
    outputs = linear.predict(3)(x, x)
    assert (outputs[0] == outputs[1]).all() and not (outputs[1] == outputs[2]).all()


def test_fresh_replicas_have_that_of_their_fresh_rows(tmp_path: Path) -> None:
    small = ("data=subspace", "data.size=6", "data.latent=2", "data.train_examples=60", "data.test_examples=30")
    config = compose_tiny(tmp_path, "replicas=fresh", "replicas.count=3", "data.batch_size=16", *small)
    replication = Replication(config, tmp_path)
    linear = ReplicaPCA.of(replication, SquaredError())
    assert linear is not None
    fresh = replication.data.values["fresh"].double().numpy().reshape(3, -1, 6)
    test = replication.data.examples("test").double()
    expected = np.stack([rebuilt(rows, test.numpy(), 2) for rows in fresh])
    assert_allclose(linear.predict(2)(test, test), expected, atol=1e-6)


def test_a_single_model_s_error_has_an_interval(tmp_path: Path) -> None:
    config = compose_tiny(tmp_path, "error=cross_entropy")
    run(config, [])
    directory = directory_of(config)
    metrics = json.loads((directory / "manifest.json").read_text())["metrics"]
    kept = read_contributions(directory)
    assert kept is not None
    size = len(build_data(config).examples("test"))
    for metric, name in (("error", "error"), ("mse", "mse"), ("pca_error", "pca")):
        values = kept.examples[name].astype(np.float64)
        half = 1.966 * values.std(ddof=1) / np.sqrt(size)  # t of 358 degrees of freedom
        ends = [metrics[f"test/{metric}_{end}"] for end in ("low", "high")]
        assert_allclose(ends, (values.mean() - half, values.mean() + half), rtol=1e-3)
        assert metrics[f"test/{metric}"] == pytest.approx(values.mean(), rel=1e-5)
    [table] = tabulate(gather([directory]))
    row = dict(zip(table.headings, table.rows[0].cells, strict=True))
    assert "±" in row["test/error"] and "test/pca_error" not in row, "which is squared"
