"""What W&B gets, read back from the files of its own client, offline: a faithful wandb_run and nothing more."""

from __future__ import annotations

import json
import logging
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import pytorch_lightning as pl
import wandb
from hydra.core.singleton import Singleton
from PIL import Image
from stand_in_wandb import StandInServer
from tiny_runs import TINY, compose_tiny
from wandb_log import Log, read_log

from aelab.building.build import build_data
from aelab.cli import train as cli
from aelab.fitting.run import run
from aelab.runs.history_file import read_rows
from aelab.runs.pictures import EXAMPLES
from aelab.tracking.naming import columns
from aelab.tracking.wandb_mode import wandb_mode

SIZES = (3, 6, 5)  # code sizes of the jobs; the one in the middle fails


class Sweep:
    """A finished multirun: its status, its folder of runs and what W&B recorded of each, by code size."""

    def __init__(self, outputs: Path, status: int) -> None:
        self.outputs = outputs
        self.status = status
        folders = sorted((outputs / "wandb").glob("*run-*"))
        self.summaries = [folder for folder in folders if "-summary-" in folder.name]
        self.folders = [folder for folder in folders if folder not in self.summaries]
        manifests = [json.loads(path.read_text()) for path in (outputs / "mirror").glob("*/manifest.json")]
        self.manifests = {m["config"]["network"]["code_size"]: m for m in manifests}
        self.logs: dict[int, Log] = {}
        self.media: dict[int, Path] = {}
        for folder in self.folders:
            [file] = folder.glob("*.wandb")
            log = read_log(file)
            self.logs[log.config["network"]["code_size"]] = log
            self.media[log.config["network"]["code_size"]] = folder / "files" / "media"

    def directory(self, size: int) -> Path:
        return self.outputs / "mirror" / str(self.manifests[size]["run_id"])


@pytest.fixture(scope="module")
def sweep(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sweep]:
    """One multirun in this process, with Hydra's and W&B's own state put back afterwards."""
    outputs = tmp_path_factory.mktemp("outputs")
    hydra_state, handlers, level = Singleton.get_state(), logging.root.handlers[:], logging.root.level
    with pytest.MonkeyPatch.context() as patch:
        for name in ("WANDB_DATA_DIR", "WANDB_CACHE_DIR"):
            patch.setenv(name, str(outputs / ".wandb-staging"))
        patch.setenv("HYDRA_FULL_ERROR", "0")
        arguments = [*TINY, "logger=wandb", "logger.tags=[mine]", "callbacks.pictures_every=1", "sweep=mirror",
                     f"paths.outputs={outputs}", f"network.code_size={','.join(map(str, SIZES))}"]  # fmt: skip
        patch.setattr(sys, "argv", ["train.py", "-m", *arguments])
        fit = pl.Trainer.fit

        def fit_but_one(self: pl.Trainer, model: Any, **settings: Any) -> None:
            if model.network.code_size == SIZES[1]:
                raise RuntimeError("pulled the plug")
            fit(self, model, **settings)

        patch.setattr(pl.Trainer, "fit", fit_but_one)
        with pytest.raises(SystemExit) as stopped:
            sys.exit(cli.train())
        yield Sweep(outputs, stopped.value.code)
    wandb.teardown()
    Singleton.set_state(hydra_state)
    for handler in logging.root.handlers:
        handler.close()
    logging.root.handlers[:] = handlers
    logging.root.setLevel(level)


def test_one_folder_a_run_under_one_roof(sweep: Sweep) -> None:
    assert sweep.status == 1
    assert {size: m["status"] for size, m in sweep.manifests.items()} == {3: "complete", 6: "failed", 5: "complete"}
    assert len(sweep.folders) == 3 and all(folder.name.startswith("offline-run-") for folder in sweep.folders)
    assert set(sweep.logs) == set(SIZES)
    assert not list((sweep.outputs / "mirror").rglob("*wandb*"))
    [summary] = sweep.summaries
    [file] = summary.glob("*.wandb")
    run = read_log(file).run
    assert (run.run_group, run.job_type) == ("mirror", "summary"), "the comparison is a run beside them"


@pytest.mark.parametrize("size", SIZES)
def test_run_is_named_grouped_and_configured(sweep: Sweep, size: int) -> None:
    log, manifest = sweep.logs[size], sweep.manifests[size]
    assert log.run.run_id == manifest["run_id"]
    assert log.run.display_name == f"undercomplete · code {size} · digits · hidden 16 · seed 0"
    assert (log.run.run_group, log.run.job_type, log.run.project) == ("mirror", "train", "aelab")
    assert set(log.run.tags) == {"undercomplete", "digits", "mine"}
    config = {key: value for key, value in log.config.items() if key != "_wandb"}
    assert config == columns(manifest["config"]) and "${" not in json.dumps(config)


@pytest.mark.parametrize("size", [3, 5])
def test_curves_have_the_epoch_on_x(sweep: Sweep, size: int) -> None:
    log = sweep.logs[size]
    rows = read_rows(sweep.directory(size) / "metrics.jsonl")
    assert [row["epoch"] for row in rows] == [0, 1]
    for name in ("train/error", "train/penalty", "train/loss", "val/error", "val/mse", "val/fvu", "val/loss"):
        logged = {row["epoch"]: row[name] for row in log.history if name in row}
        assert logged == {row["epoch"]: row[name] for row in rows}, "the final test adds no point to it"
    defined = {metric.name or metric.glob_name: metric for metric in log.metrics}
    axes = {name: metric.step_metric for name, metric in defined.items()}
    assert axes["train/*"] == axes["val/*"] == axes["val/error"] == axes["pictures/*"] == "epoch"
    assert defined["val/error"].summary.min


def test_summary_and_exit_code(sweep: Sweep) -> None:
    for size in (3, 5):
        log, metrics = sweep.logs[size], sweep.manifests[size]["metrics"]
        assert log.exit_code == 0
        assert {name: log.summary[name] for name in metrics} == metrics
        assert "test/pca_error" in metrics
    assert sweep.logs[6].exit_code == 1
    assert not [name for name in sweep.logs[6].summary if name.startswith("test/")]


@pytest.mark.parametrize("size", [3, 5])
def test_pictures_show_what_they_should(sweep: Sweep, size: int) -> None:
    log, directory = sweep.logs[size], sweep.directory(size)
    for name, count in (("reconstructions", 3), ("filters", 1), ("code", 1)):
        shown = [row for row in log.history if f"pictures/{name}" in row]
        assert len(shown) == count and all("epoch" in row for row in shown)
        last = shown[-1][f"pictures/{name}"]
        assert last["_type"] == "image-file"
        sent = np.asarray(Image.open(sweep.media[size].parent / last["path"]))
        assert sent.max() > 100 and sent.std() > 10, "not black"
        np.testing.assert_array_equal(sent, np.asarray(Image.open(directory / "pictures" / f"{name}.png")))
    reconstructions = np.asarray(Image.open(directory / "pictures" / "reconstructions.png"))
    scale = 56 // 8
    small = reconstructions[scale // 2 :: scale, scale // 2 :: scale]
    data = build_data(compose_tiny(sweep.outputs))
    shown = data.examples("test", limit=EXAMPLES)
    pixels = (shown[0].reshape(8, 8) * 255).round().numpy().astype(np.uint8)
    np.testing.assert_array_equal(small[1:9, 1:9], pixels)
    assert not np.array_equal(small[10:18, 1:9], pixels) and small[10:18, 1:9].std() > 10


def test_nothing_large_goes_up_unasked(sweep: Sweep) -> None:
    for size in SIZES:
        assert not {"artifact", "use_artifact", "link_artifact"} & sweep.logs[size].kinds
    files = [path for folder in sweep.folders for path in folder.rglob("*") if path.is_file()]
    assert not [path for path in files if path.suffix in (".ckpt", ".pt", ".h5")]
    assert sum(path.stat().st_size for path in files) < 1_000_000
    watched = [key for row in sweep.logs[3].history for key in row if key.startswith(("gradients", "parameters"))]
    assert not watched, "gradient watching is off by default"


def test_checkpoint_goes_up_and_gradients_are_watched_when_asked(sweep: Sweep, tmp_path: Path) -> None:
    config = compose_tiny(tmp_path, "logger=wandb", "logger.upload_checkpoint=true", "logger.watch=true",
                          "trainer.steps_per_execution=1", "data.batch_size=10")  # fmt: skip
    run(config, [])
    [file] = tmp_path.glob("wandb/offline-*/*.wandb")
    log = read_log(file)
    patience = time.monotonic() + 20  # W&B's own process writes an artifact's record when it gets to it
    while "artifact" not in log.kinds and time.monotonic() < patience:
        time.sleep(0.2)
        log = read_log(file)
    assert "artifact" in log.kinds
    assert [key for row in log.history for key in row if key.startswith("gradients/")]


@pytest.mark.parametrize(
    "environment, netrc, mode",
    [
        ({}, None, "offline"),
        ({"WANDB_API_KEY": "k" * 40}, None, "online"),
        ({}, "machine api.wandb.ai\n login user\n password secret\n", "online"),
        ({}, "machine example.org\n login user\n password secret\n", "offline"),
        ({"WANDB_BASE_URL": "http://own.server:8080"}, "machine own.server login user password x\n", "online"),
        ({"WANDB_BASE_URL": "http://own.server"}, "machine api.wandb.ai login user password x\n", "offline"),
        ({}, "this is no netrc", "offline"),
        ({"WANDB_API_KEY": "k" * 40, "WANDB_MODE": "offline"}, None, "offline"),
    ],
)
def test_online_only_with_credentials(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, environment: dict[str, str], netrc: str | None, mode: str
) -> None:
    path = tmp_path / "netrc"
    if netrc is not None:
        path.write_text(netrc)
        path.chmod(0o600)
    monkeypatch.setenv("NETRC", str(path))
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert wandb_mode("auto") == mode
    assert [wandb_mode(asked) for asked in ("online", "offline")] == ["online", "offline"]


def test_log_reader_refuses_a_broken_log(sweep: Sweep, tmp_path: Path) -> None:
    [file] = sweep.folders[0].glob("*.wandb")
    broken: Any = bytearray(file.read_bytes())
    broken[40] ^= 1
    (tmp_path / "x.wandb").write_bytes(broken)
    with pytest.raises(AssertionError):
        read_log(tmp_path / "x.wandb")


def test_the_agent_of_a_sweep_is_told_of_a_run_done_already(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    config = compose_tiny(tmp_path, "logger=wandb")
    value = run(config, [])
    wandb.teardown()  # the agent starts a process for each trial
    monkeypatch.setenv("WANDB_SWEEP_ID", "sweep1")
    monkeypatch.setenv("WANDB_RUN_ID", "trial7")
    assert run(config, []) == value
    [file] = tmp_path.glob("wandb/offline-*/run-trial7.wandb")
    log = read_log(file)
    assert log.summary["val/error"] == value
    assert log.exit_code == 0


def test_sync_gives_as_many_runs_as_jobs_in_one_group(sweep: Sweep) -> None:
    with StandInServer() as server:
        command = [str(Path(sys.executable).with_name("wandb")), "sync", *map(str, sweep.folders + sweep.summaries)]
        environment = dict(os.environ) | server.environment
        environment.pop("WANDB_SERVICE", None)  # of a client of this process that is gone
        told = subprocess.run(command, env=environment, cwd=sweep.outputs, timeout=120, capture_output=True, text=True)
        assert told.returncode == 0, told.stderr
        summary = server.runs.pop(next(name for name in server.runs if name.startswith("summary-")))
        assert set(server.runs) == {str(manifest["run_id"]) for manifest in sweep.manifests.values()}
        assert {run.fields["groupName"] for run in (summary, *server.runs.values())} == {"mirror"}
        for size in (3, 5):
            run, manifest = server.runs[sweep.manifests[size]["run_id"]], sweep.manifests[size]
            assert run.values() == columns(manifest["config"])
            assert {name: run.summary[name] for name in manifest["metrics"]} == manifest["metrics"]
            assert [row["epoch"] for row in run.history if "val/error" in row] == [0, 1]
        assert server.runs[sweep.manifests[6]["run_id"]].exit_code == 1
    assert not server.unknown
