"""Every evaluation in conf/evaluation, found unasked, keeps one contract."""

from __future__ import annotations

import json
import math
import re
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from earlier import varied_run
from omegaconf import DictConfig, OmegaConf
from PIL import Image
from run_files import directory_of
from tiny_runs import compose_tiny

from aelab.cli import evaluate as evaluation_cli
from aelab.comparison.runs import read_runs
from aelab.config.objects import conf_dir
from aelab.errors import UserError
from aelab.fitting.run import RunFailed, run
from aelab.runs.identity import run_id
from aelab.runs.manifest import read_manifest
from aelab.trained.evaluate import evaluate

EVALUATIONS = sorted(path.stem for path in (conf_dir() / "evaluation").glob("*.yaml"))
NEEDS = {  # what its question takes beyond a tiny run
    "anomaly_detection": ("data.one_class=3", "data.batch_size=32"),
    "linear_theory": ("network=linear", "network.hidden=[]"),
    "score_field": ("data=mixture", "data.train_examples=300", "corruption=gaussian", "corruption.std=0.5"),
    "dictionary": ("data=dictionary", "data.train_examples=300", "data.test_examples=100"),
    "likelihood": ("model=vae",),
    "collapse": ("model=vae",),
    "codewords": ("model=vq_vae", "model.entries=8"),
    "disentanglement": ("data=sprites", "data.train_size=300"),
    "signal_anomalies": ("data=windows", "data.source=drawn", "data.stride=8"),
    "two_views": ("data=parallel_bags", "data.source=drawn", "data.size=40"),
}
LESS = {  # of what takes long
    "disentanglement": ("examples=200", "trees=2"),
    "imputation": ("rates=[30]", "rounds=[1,2]", "neighbours=[5]", "components=[4]"),
}
ELSEWHERE = {"drug_discovery", "machine_translation"}  # of texts: end_to_end/test_texts.py, test_translation.py
OF_NUMBERS = [name for name in EVALUATIONS if name not in ELSEWHERE]
WITHOUT_PICTURES = {"two_views"}
REPLICAS = ("replicas=initializations", "replicas.count=2")


@pytest.fixture(scope="module")
def outputs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("evaluated")


@pytest.fixture(autouse=True)
def _few_turns(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("aelab.evaluation.baselines.imputers.TURNS", 2)


def trained(outputs: Path, *overrides: str) -> Path:
    config = compose_tiny(outputs, *overrides)
    run(config, [])
    return directory_of(config)


def wanted(name: str, *overrides: str) -> DictConfig:
    less = [f"evaluation.{name}.{setting}" for setting in LESS.get(name, ())]
    chosen: DictConfig = compose_tiny(Path("nowhere"), f"evaluation={name}", *less, *overrides).evaluation
    return chosen


def manifest_of(directory: Path) -> dict[str, Any]:
    found = read_manifest(directory)
    assert found is not None
    return found


@pytest.mark.parametrize("name", OF_NUMBERS)
def test_a_run_gets_rows_metrics_and_pictures(outputs: Path, name: str, capsys: pytest.CaptureFixture[str]) -> None:
    directory = trained(outputs, *NEEDS.get(name, ()))
    metrics = evaluate(directory, wanted(name))
    record = manifest_of(directory)
    entry = record["evaluations"][name]
    assert entry["config"] == OmegaConf.to_container(wanted(name)[name]) and entry["seconds"] > 0
    assert entry["config"]["name"] == name
    methods = list(dict.fromkeys(row["method"] for row in entry["rows"]))
    assert methods[0] == record["config"]["model"]["name"]
    assert any("pca" in method or method == "cca" for method in methods[1:]), "a linear method stands beside it"
    for row in entry["rows"]:
        assert set(row) - {"over"} == {"method", "metric", "value", "low", "high", "replicas"} and row["replicas"] == 1
        assert math.isfinite(row["value"]), row
        assert row["low"] is None or row["low"] - 1e-9 <= row["value"] <= row["high"] + 1e-9, row
        key = f"{name}/{row['metric']}" + ("" if row["method"] == methods[0] else f"_{row['method']}")
        assert metrics[key] == record["metrics"][key] == row["value"]
    [told] = read_runs(directory)
    assert metrics.items() <= told.metrics.items(), "a comparison sees them"
    pictures = list((directory / "pictures").glob(f"{name}_*.png"))
    assert bool(pictures) == (name not in WITHOUT_PICTURES)
    assert all(np.asarray(Image.open(path)).std() > 1 for path in pictures)
    printed = capsys.readouterr().out
    assert all(method in printed for method in methods)


@pytest.mark.parametrize("name", OF_NUMBERS)
def test_replicas_give_means_with_intervals(outputs: Path, name: str) -> None:
    directory = trained(outputs, *REPLICAS, *NEEDS.get(name, ()))
    evaluate(directory, wanted(name))
    record = manifest_of(directory)
    rows, method = record["evaluations"][name]["rows"], record["config"]["model"]["name"]
    own = [row for row in rows if row["method"] == method]
    assert own and all(row["replicas"] == 2 for row in own)
    assert any(row["low"] < row["value"] < row["high"] for row in own)
    assert all(row["replicas"] == 1 for row in rows if row["method"] != method)


@pytest.mark.parametrize("name", EVALUATIONS)
def test_it_has_a_recipe_and_a_place_in_the_docs(name: str) -> None:
    recipes = [path.read_text() for path in (conf_dir() / "experiment").rglob("*.yaml")]
    assert any(re.search(rf"override /evaluation: .*\b{name}\b", recipe) for recipe in recipes)
    assert f"`{name}`" in (Path(__file__).parents[2] / "docs" / "evaluation.md").read_text()


def test_settings_of_a_run_of_an_earlier_version_are_told_apart(tmp_path: Path) -> None:
    directory = varied_run(tmp_path)
    evaluate(directory, wanted("code_health"))
    record = manifest_of(directory)
    l0 = {
        (row["setting"], row["values"]["network.code_size"]): row["value"]
        for row in record["evaluations"]["code_health"]["rows"]
        if (row["method"], row["metric"]) == ("denoising", "l0")
    }
    assert list(l0) == [(0, 2), (1, 3), (2, 2), (3, 3)] and l0[0, 2] <= 2 < l0[1, 3] <= 3
    settings = record["replicas"]["settings"]
    assert [setting["metrics"]["code_health/l0"] for setting in settings] == list(l0.values())
    best = min(settings, key=lambda setting: setting["metrics"]["val/error"])
    assert record["metrics"]["code_health/l0"] == best["metrics"]["code_health/l0"]


def test_training_evaluates_once_and_its_identity_stays(outputs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    config = compose_tiny(outputs, "seed=7", "evaluation=[code_health]")
    plain = compose_tiny(outputs, "seed=7")
    assert run_id(config) == run_id(plain)
    run(plain, [])
    directory = directory_of(config)
    before = manifest_of(directory)
    assert "evaluations" not in before
    monkeypatch.setattr("aelab.fitting.run.fit_and_test", None)  # whoever trains again fails
    run(config, [])
    first = manifest_of(directory)
    assert first["timings"] == before["timings"] and "code_health/l0" in first["metrics"]
    monkeypatch.setattr("aelab.trained.evaluate._measure", None)  # whoever measures again fails
    run(config, [])
    assert manifest_of(directory) == first
    with pytest.raises(TypeError):
        evaluate(directory, wanted("code_health", "evaluation.code_health.threshold=0.1"))
    with pytest.raises(TypeError):
        evaluate(directory, wanted("code_health"), force=True)


def test_another_evaluation_than_the_recipes_own(outputs: Path) -> None:
    config = compose_tiny(outputs, "experiment=retrieval", "evaluation=code_health", "data=digits", "seed=5")
    config.replicas.count = 2
    assert set(config.evaluation) == {"code_health", "retrieval"}
    run(config, [])
    assert list(manifest_of(directory_of(config))["evaluations"]) == ["code_health"]


def test_an_evaluation_that_fails_leaves_the_run_complete(outputs: Path) -> None:
    config = compose_tiny(outputs, "seed=8", "evaluation=retrieval", "evaluation.retrieval.k=[100000]")
    with pytest.raises(RunFailed, match=r"failed: evaluation.retrieval.k=\[100000\]: must be 1 to 1293"):
        run(config, [])
    assert manifest_of(directory_of(config))["status"] == "complete"


def test_a_run_without_its_data_says_so(tmp_path: Path) -> None:
    np.save(tmp_path / "own.npy", np.random.default_rng(0).random((60, 9), dtype=np.float32))
    directory = trained(tmp_path, "data=arrays", f"data.path={tmp_path}/own.npy", "data.batch_size=8")
    with pytest.raises(UserError, match="evaluation=retrieval: data=arrays: this evaluation needs labels"):
        evaluate(directory, wanted("retrieval"))
    np.save(tmp_path / "own.npy", np.random.default_rng(1).random((60, 9), dtype=np.float32))
    with pytest.raises(UserError, match="the train part of data=arrays is not what the run was trained on"):
        evaluate(directory, wanted("code_health"))
    (tmp_path / "own.npy").unlink()
    with pytest.raises(UserError, match=r"the data of this run cannot be read \(data.path="):
        evaluate(directory, wanted("code_health"))


# --- the command line ---


def command(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> int:
    monkeypatch.setattr(sys, "argv", ["evaluate.py", *arguments])
    for name, value in {"HYDRA_FULL_ERROR": "0", "OMP_WAIT_POLICY": "PASSIVE"}.items():  # which the command sets
        monkeypatch.setenv(name, value)
    return evaluation_cli.main()


def test_the_command_evaluates_and_names_the_run(
    outputs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    directory = trained(outputs, "seed=9")
    monkeypatch.chdir(tmp_path)
    arguments = (f"run={directory}", "evaluation=[code_health,retrieval]", "evaluation.retrieval.k=[3]")
    assert command(monkeypatch, *arguments) == 0
    printed = capsys.readouterr().out.splitlines()
    assert printed[-1] == f"run: {directory}" and any("precision_at_3" in line for line in printed)
    assert list(manifest_of(directory)["evaluations"]) == ["code_health", "retrieval"]
    assert command(monkeypatch, *arguments) == 0
    assert capsys.readouterr().out.count("measured already") == 2
    assert not list(tmp_path.iterdir()), "nothing is left where the command was typed"


@pytest.mark.parametrize(
    "arguments, line",
    [
        (("evaluation=code_health",), "run: name the directory of a finished run"),
        (("run=nowhere", "evaluation=code_health"), "run=nowhere: no run here"),
        (("run=nowhere",), f"evaluation: choose one or a list of {', '.join(EVALUATIONS)}"),
        (
            ("run=nowhere", "evaluation=retrieve"),
            "evaluation=retrieve: no such choice, did you mean retrieval?; choose",
        ),
        (("run=nowhere", "evaluation=retrieval", "evaluation.retrieval.n=1"), "evaluation.retrieval.n=1: unknown key"),
    ],
)
def test_the_command_refuses_in_one_line(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    arguments: tuple[str, ...],
    line: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    assert command(monkeypatch, *arguments) == 1
    captured = capsys.readouterr()
    assert not captured.out and len(captured.err.splitlines()) == 1 and captured.err.startswith(line), captured.err
    assert not list(tmp_path.iterdir())


def test_an_unfinished_run_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any) -> None:
    (tmp_path / "manifest.json").write_text(json.dumps({"status": "failed", "metrics": {}}))
    assert command(monkeypatch, f"run={tmp_path}", "evaluation=code_health") == 1
    assert "the run is failed; run its command again" in capsys.readouterr().err
