"""A run answers with the score it was evaluated by, and its threshold flags the share that was printed."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose
from tiny_runs import Composer

import aelab
from aelab.building.build import build_data
from aelab.errors import UserError
from aelab.evaluation.measures.anomaly_scores import SCORERS
from aelab.fitting.run import run
from aelab.runs.per_example import read_contributions
from aelab.sklearn import Autoencoder
from aelab.trained.export import export
from aelab.trained.scoring import FILE


def trained(compose: Composer, *overrides: str) -> tuple[Path, dict[str, Any], np.ndarray, np.ndarray]:
    """The directory and manifest of a run on one digit; the raw test examples, and which of them are anomalies."""
    config = compose("data=digits", "data.one_class=0", *overrides)
    run(config, [])
    (path,) = Path(config.paths.outputs, config.sweep).glob("*/manifest.json")
    data = build_data(config)
    x = data.preprocessing.restore(data.examples("test")).numpy()
    return path.parent, json.loads(path.read_text()), x, np.asarray(data.labels["test"]).astype(str) != "0"


def rates(flagged: np.ndarray, anomaly: np.ndarray) -> dict[str, float]:
    return {"recall": flagged[anomaly].mean(), "false_positive_rate": flagged[~anomaly].mean()}


@pytest.mark.parametrize(
    "score", [pytest.param(name, marks=[pytest.mark.slow] if name != "error_and_distance" else []) for name in SCORERS]
)
def test_an_onnx_file_flags_the_printed_share(compose: Composer, score: str) -> None:
    runtime = pytest.importorskip("onnxruntime")
    pytest.importorskip("onnxscript")
    asked = ("evaluation=[anomaly_detection]", f"evaluation.anomaly_detection.score={score}")
    directory, manifest, x, anomaly = trained(compose, *asked)
    found = aelab.load_run(directory)
    line = export(found, "onnx", "anomaly_score")
    threshold = float(line.rpartition(" ")[2])
    session = runtime.InferenceSession(directory / "exports" / "anomaly_score.onnx", providers=["CPUExecutionProvider"])
    [scores] = session.run(None, {"x": x.astype(np.float32).reshape(-1, *found.shape)})
    assert_allclose(scores, found.anomaly_score(x), rtol=1e-4, atol=1e-4 * np.abs(scores).max())
    for name, rate in rates(scores > threshold, anomaly).items():
        assert rate == pytest.approx(manifest["metrics"][f"anomaly_detection/{name}"], abs=1e-12)


@pytest.mark.parametrize("score", list(SCORERS))
def test_the_share_flagged_is_the_printed_rate(
    compose: Composer, score: str, capsys: pytest.CaptureFixture[str]
) -> None:
    asked = ("evaluation=[anomaly_detection]", f"evaluation.anomaly_detection.score={score}")
    directory, manifest, x, anomaly = trained(compose, *asked)
    found = aelab.load_run(directory)
    flagged = found.is_anomaly(x)
    metrics = manifest["metrics"]
    for name, rate in rates(flagged, anomaly).items():
        assert rate == pytest.approx(metrics[f"anomaly_detection/{name}"], abs=1e-12)
    apart = {(row["method"], row["metric"]): row for row in manifest["evaluations"]["anomaly_detection"]["differences"]}
    for method in ("pca", "mahalanobis", "knn"):
        area = metrics["anomaly_detection/auroc"] - metrics[f"anomaly_detection/auroc_{method}"]
        row = apart.get((method, "auroc"))
        assert row is None or (row["value"] == pytest.approx(area) and row["low"] < area < row["high"])
    assert any(metric == "auroc" for _, metric in apart), "the run minus its baselines, in pairs"
    assert "minus each (paired, on the same test examples" in " ".join(capsys.readouterr().out.split())
    assert read_contributions(directory, evaluation="anomaly_detection") is not None
    scores = found.anomaly_score(x)
    assert ((scores > metrics["anomaly_detection/threshold"]) == flagged).all()
    line = export(found, "torch_export", "anomaly_score")
    assert f"scores above {found.scoring.threshold!r}" in line  # type: ignore[union-attr]
    module: Any = torch.export.load(directory / "exports" / "anomaly_score.pt2").module()
    assert_allclose(
        module(torch.from_numpy(x).float().reshape(-1, *found.shape)).detach().numpy(), scores, rtol=1e-4, atol=1e-4
    )


def test_every_replica_has_a_threshold_of_its_own(compose: Composer) -> None:
    asked = ("evaluation=[anomaly_detection]", "evaluation.anomaly_detection.score=mahalanobis")
    directory, manifest, x, anomaly = trained(
        compose, "replicas=bootstrap", "replicas.count=2", "data.batch_size=32", *asked
    )
    runs = [aelab.load_run(directory, replica=replica) for replica in (0, 1)]
    thresholds = [one.scoring.threshold for one in runs]  # type: ignore[union-attr]
    assert thresholds[0] != thresholds[1]
    assert np.mean(thresholds) == pytest.approx(manifest["metrics"]["anomaly_detection/threshold"])
    rates = [one.is_anomaly(x)[~anomaly].mean() for one in runs]
    assert np.mean(rates) == pytest.approx(manifest["metrics"]["anomaly_detection/false_positive_rate"])


def test_a_run_that_was_never_asked_has_the_squared_error_and_no_threshold(compose: Composer) -> None:
    directory, _, x, _ = trained(compose)
    found = aelab.load_run(directory)
    apart = found.reconstruct(x).reshape(len(x), -1) - x.reshape(len(x), -1)
    assert_allclose(found.anomaly_score(x), np.square(apart).sum(1), rtol=1e-4)
    with pytest.raises(UserError, match="has no threshold; ask for one with"):
        found.is_anomaly(x)


def test_statistics_that_are_gone_or_strange_are_said_to_be(compose: Composer) -> None:
    asked = ("evaluation=[anomaly_detection]", "evaluation.anomaly_detection.score=mahalanobis")
    directory, _, x, _ = trained(compose, *asked)
    with np.load(directory / FILE) as arrays:
        kept = dict(arrays)
    first = "0.mahalanobis."
    odd = {"mean": kept[f"{first}mean"][:-1], "threshold": np.array([np.nan]), "precision": np.ones(3)}
    another = {name.replace("mahalanobis", "error"): values for name, values in kept.items()}
    for strange in (*(kept | {first + name: values} for name, values in odd.items()), another):
        np.savez(directory / FILE, **strange)
        with pytest.raises(UserError, match=r"what its anomaly score .* force=true"):
            aelab.load_run(directory).anomaly_score(x)
    (directory / FILE).unlink()
    with pytest.raises(UserError, match="measure it again: python"):
        aelab.load_run(directory).is_anomaly(x)


def test_scikit_learn_s_threshold_is_of_its_own_score() -> None:
    x = np.random.default_rng(0).normal(size=(200, 5))
    fitted = Autoencoder(code_size=2, hidden=[8], max_epochs=3, random_state=0, validation_fraction=0.5).fit(x)
    assert ((-fitted.score_samples(x) > fitted.threshold_) == fitted.is_anomaly(x)).all()
    assert 0 < fitted.is_anomaly(x).mean() < 0.2
