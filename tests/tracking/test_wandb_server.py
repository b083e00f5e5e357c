"""W&B online, through its own client against a stand-in server: what arrives, and what an outage costs."""

from __future__ import annotations

import gc
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import wandb
from stand_in_wandb import KEY, StandInServer
from tiny_runs import TINY, compose_tiny
from wandb_log import read_log

from aelab.fitting.run import RunFailed, RunInterrupted, run
from aelab.models import Autoencoder
from aelab.runs.history_file import read_rows
from aelab.runs.identity import run_id
from aelab.tracking import wandb_client
from aelab.tracking.naming import columns
from aelab.tracking.wandb_run import WandbRun

SECRET = "hush-hush-4711"
ONLINE = ("logger=wandb", "sweep=mirror", "logger.init_timeout=3", "logger.finish_timeout=2")


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[StandInServer]:
    """A server, and an environment that leads W&B's client to it."""
    monkeypatch.setattr(wandb_client, "_out_of_reach", False)
    monkeypatch.setattr(sys, "argv", ["train.py", f"hydra.sweeper.storage=postgresql://me:{SECRET}@host/db"])
    wandb.teardown()
    with StandInServer(appends=True) as server:
        for name, value in server.environment.items():
            monkeypatch.setenv(name, value)
        for name in ("DATABASE_PASSWORD", "SLURM_TOKEN"):
            monkeypatch.setenv(name, SECRET)
        yield server
        server.delay, server.status = 0.0, 200
        wandb.teardown()


def manifest_of(outputs: Path) -> tuple[Path, dict[str, Any]]:
    [path] = outputs.glob("mirror/*/manifest.json")
    return path.parent, json.loads(path.read_text())


def after_epoch(monkeypatch: pytest.MonkeyPatch, epoch: int, happens: Callable[[], object]) -> None:
    """Let something happen when an epoch has been logged."""
    log = WandbRun.epoch

    def epoch_and_more(self: WandbRun, row: dict[str, Any]) -> None:
        log(self, row)
        if row["epoch"] == epoch:
            happens()

    monkeypatch.setattr(WandbRun, "epoch", epoch_and_more)


def sync(server: StandInServer, *folders: Path) -> None:
    command = [str(Path(sys.executable).with_name("wandb")), "sync", "--include-online", *map(str, folders)]
    subprocess.run(command, env=os.environ | server.environment, cwd=folders[0], check=True, timeout=120)


def is_whole(server: StandInServer, directory: Path, manifest: dict[str, Any]) -> None:
    """Whether the server has the run's rows once each, its config and its final metrics."""
    [found] = server.runs.values()
    rows = read_rows(directory / "metrics.jsonl")
    told = [row for row in found.history if "val/error" in row]
    assert [row["epoch"] for row in told] == [row["epoch"] for row in rows]
    assert [row["val/error"] for row in told] == [row["val/error"] for row in rows]
    assert found.values() == columns(manifest["config"])
    assert {name: found.summary.get(name) for name in manifest["metrics"]} == manifest["metrics"]


def test_a_run_is_named_grouped_and_whole_and_no_secret_leaves(server: StandInServer, tmp_path: Path) -> None:
    run(compose_tiny(tmp_path, *ONLINE, "logger.tags=[mine]", "logger.upload_checkpoint=true"), [])
    wandb.teardown()
    directory, manifest = manifest_of(tmp_path)
    is_whole(server, directory, manifest)
    [found] = server.runs.values()
    assert (found.name, found.project, found.exit_code) == (directory.name, "aelab", 0)
    assert (found.fields["groupName"], found.fields["jobType"]) == ("mirror", "train")
    assert set(found.fields["tags"]) == {"undercomplete", "digits", "mine"}
    pictures = {row["pictures/reconstructions"]["path"] for row in found.history if "pictures/reconstructions" in row}
    assert pictures and all(server.blobs[f"{found.name}/{path}"].startswith(b"\x89PNG") for path in pictures)
    [artifact] = server.artifacts.values()
    assert artifact["committed"] and server.blobs["artifacts/0/best.ckpt"]
    assert not server.unknown

    files = [path for path in tmp_path.rglob("*") if path.is_file() and not path.is_symlink()]
    assert any(path.suffix == ".wandb" for path in files)
    kept = {str(path): path.read_bytes() for path in files}
    sent = {f"request {index}": body for index, body in enumerate(server.bodies)}
    assert b"val/error" in b"".join(sent.values())
    for secret in (KEY, SECRET):
        assert not [name for name, content in (kept | sent).items() if secret.encode() in content]
    assert not [name for name in sent.values() if b"def run" in name], "no code"


def test_a_failed_run_is_failed_there(server: StandInServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Autoencoder, "test_step", lambda *_: 1 / 0)
    with pytest.raises(RunFailed, match="division by zero"):
        run(compose_tiny(tmp_path, *ONLINE), [])
    [found] = server.runs.values()
    assert found.exit_code == 1 and len(found.history) == 2


def test_an_interrupted_run_is_marked_and_goes_on_where_it_was(
    server: StandInServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = compose_tiny(tmp_path, *ONLINE, "trainer.max_epochs=6")
    with monkeypatch.context() as patch, pytest.raises(RunInterrupted):
        after_epoch(patch, 2, lambda: os.kill(os.getpid(), signal.SIGTERM))
        run(config, [])
    [found] = server.runs.values()
    assert found.exit_code == wandb_client.INTERRUPTED
    assert [row["epoch"] for row in found.history] == [0, 1, 2]
    [before] = (tmp_path / "wandb").glob("run-*")
    run(config, [])
    assert found.exit_code == 0
    is_whole(server, *manifest_of(tmp_path))
    assert [row["_step"] for row in found.history] == list(range(7))
    assert not before.exists() and len(list((tmp_path / "wandb").glob("run-*"))) == 1


@pytest.mark.parametrize("outage", ["gone", pytest.param("broken", marks=pytest.mark.slow), "slow"])
def test_an_outage_costs_no_more_than_the_timeout_and_loses_nothing(
    server: StandInServer,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
    outage: str,
) -> None:
    def begin() -> None:
        if outage == "gone":
            server.stop()
        server.status = 500 if outage == "broken" else 200
        server.delay = 30.0 if outage == "slow" else 0.0

    ended: list[float] = []
    finish = WandbRun.finish
    monkeypatch.setattr(WandbRun, "finish", lambda *told: (ended.append(time.monotonic()), finish(*told)))
    after_epoch(monkeypatch, 1, begin)
    began = time.monotonic()
    run(compose_tiny(tmp_path, *ONLINE, "trainer.max_epochs=40"), [])
    assert 2 <= time.monotonic() - ended[0] < 20, "logger.finish_timeout is 2 s; W&B's client would wait for ever"
    directory, manifest = manifest_of(tmp_path)
    assert manifest["status"] == "complete" and len(read_rows(directory / "metrics.jsonl")) == 40
    told = [line for line in capfd.readouterr().err.splitlines() if line.startswith("W&B")]
    [folder] = (tmp_path / "wandb").glob("run-*")
    assert len(told) == 1 and f"wandb sync --include-online {folder}" in told[0]
    [file] = folder.glob("*.wandb")
    log = read_log(file)
    assert [row["epoch"] for row in log.history] == list(range(41))
    assert {name: log.summary[name] for name in manifest["metrics"]} == manifest["metrics"]

    wandb.teardown()
    server.status, server.delay = 200, 0.0
    if outage == "gone":
        server.start()
    server.appends = False
    sync(server, folder)
    is_whole(server, directory, manifest)
    assert began < ended[0]


@pytest.mark.parametrize(
    "state", ["gone", *(pytest.param(state, marks=pytest.mark.slow) for state in ("broken", "slow")), "refuses the key"]
)
def test_without_an_answer_at_the_start_runs_are_kept_offline(
    server: StandInServer, tmp_path: Path, capfd: pytest.CaptureFixture[str], state: str
) -> None:
    server.delay = 30.0 if state == "slow" else 0.0
    server.status = {"broken": 500, "refuses the key": 401}.get(state, 200)
    if state == "gone":
        server.stop()
    began = time.monotonic()
    run(compose_tiny(tmp_path, *ONLINE), [])
    assert time.monotonic() - began < 30, "logger.init_timeout is 3 s, and W&B's own 90 s"
    seen = len(server.bodies)
    run(compose_tiny(tmp_path, *ONLINE, "seed=1"), [])
    assert len(server.bodies) == seen, "one run has found out for all of this process"
    told = [line for line in capfd.readouterr().err.splitlines() if line.startswith(("W&B", "wandb"))]
    assert len(told) == 1, told
    assert f"wandb sync {tmp_path}/wandb/offline-run-*" in told[0] and KEY not in told[0]
    folders = list((tmp_path / "wandb").glob("*run-*"))
    folders = [folder for folder in folders if not folder.is_symlink()]
    assert len(folders) == 2 and all(folder.name.startswith("offline-run-") for folder in folders)
    for folder in folders:
        [file] = folder.glob("*.wandb")
        assert len(read_log(file).history) == 3

    if state == "gone":
        server.start()
    server.status, server.delay = 200, 0.0
    if state != "slow":
        sync(server, *folders)
        assert {found.exit_code for found in server.runs.values()} == {0} and len(server.runs) == 2


def test_a_client_that_dies_takes_no_run_with_it(
    server: StandInServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    def kill_service() -> None:
        for process in [found for found in gc.get_objects() if type(found) is subprocess.Popen]:
            if "wandb-core" in str(process.args) and process.poll() is None:
                process.kill()
                process.wait()
        time.sleep(0.3)

    with monkeypatch.context() as patch:
        after_epoch(patch, 0, kill_service)
        run(compose_tiny(tmp_path, *ONLINE, "logger.mode=offline"), [])
    directory, manifest = manifest_of(tmp_path)
    assert manifest["status"] == "complete" and len(read_rows(directory / "metrics.jsonl")) == 2
    assert "the run goes on" in capfd.readouterr().err
    run(compose_tiny(tmp_path, *ONLINE, "logger.mode=offline", "seed=1"), [])
    [file] = (tmp_path / "wandb").glob(f"offline-run-*-{run_id(compose_tiny(tmp_path, 'seed=1'))}/*.wandb")
    assert read_log(file).exit_code == 0


@pytest.mark.slow
def test_a_signal_ends_the_program_at_once_also_in_an_outage(server: StandInServer, tmp_path: Path) -> None:
    program = [sys.executable, str(Path(__file__).parents[2] / "scripts" / "train.py")]
    endless = (
        *TINY[:-3],
        "callbacks.pictures_every=0",
        *ONLINE,
        "trainer.max_epochs=100000",
        "logger.finish_timeout=60",
    )
    started = subprocess.Popen([*program, *endless, f"paths.outputs={tmp_path}"], env=os.environ | server.environment)
    while not list(tmp_path.glob("mirror/*/metrics.jsonl")):
        assert started.poll() is None
        time.sleep(0.1)
    server.delay = 30.0
    time.sleep(1)
    began = time.monotonic()
    started.send_signal(signal.SIGTERM)
    assert started.wait(60) == 128 + signal.SIGTERM
    assert time.monotonic() - began < 5
    directory, manifest = manifest_of(tmp_path)
    assert manifest["status"] == "interrupted"
    [file] = (tmp_path / "wandb").glob("run-*/*.wandb")
    told = [row["epoch"] for row in read_log(file).history]
    assert told == [row["epoch"] for row in read_rows(directory / "metrics.jsonl")][: len(told)] and len(told) > 1
