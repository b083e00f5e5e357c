"""A run that was killed has one history in W&B: every epoch once, offline, after sync, and online."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from stand_in_backend import Run
from stand_in_wandb import StandInServer
from wandb_log import read_log

from aelab.runs.history_file import read_rows
from aelab.tracking.naming import columns

pytestmark = pytest.mark.slow


def synced(server: StandInServer, *folders: Path, flags: tuple[str, ...] = ()) -> None:
    """Upload W&B's folders as its users do."""
    command = [str(Path(sys.executable).with_name("wandb")), "sync", *flags, *map(str, folders)]
    told = subprocess.run(
        command, env=os.environ | server.environment, cwd=folders[0], capture_output=True, text=True, timeout=120
    )
    said = (told.stdout + told.stderr).replace("pictures/errors", "")
    assert told.returncode == 0 and "rror" not in said, said


class Killed:
    """What is left of two runs that were killed: on disk, and on the server of the one that was online."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.server = StandInServer(appends=True)  # the harder of the two things that a server may do
        with self.server:
            script = [sys.executable, str(Path(__file__).parents[1] / "support" / "wandb_killed.py"), str(folder)]
            subprocess.run([*script, json.dumps(self.server.environment)], check=True, timeout=400)
        self.told = json.loads((folder / "told.json").read_text())

    def directory(self, mode: str) -> Path:
        [manifest] = (self.folder / mode / "runs").glob("*/manifest.json")
        return manifest.parent

    def manifest(self, mode: str) -> dict[str, Any]:
        return dict(json.loads((self.directory(mode) / "manifest.json").read_text()))

    def wandb_folder(self, mode: str) -> Path:
        [folder] = (self.folder / mode / "wandb").glob("*run-*-*")
        return folder


@pytest.fixture(scope="module")
def killed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Killed]:
    yield Killed(tmp_path_factory.mktemp("killed"))


def is_whole(history: list[dict[str, Any]], directory: Path) -> None:
    """Whether rows in W&B are those of metrics.jsonl, each once and in order, with the pictures that are due."""
    rows = read_rows(directory / "metrics.jsonl")
    count = json.loads((directory / "manifest.json").read_text())["config"]["trainer"]["max_epochs"]
    assert [row["epoch"] for row in rows] == list(range(count))
    *epochs, final = history
    assert [row["_step"] for row in history] == list(range(count + 1))
    for told, row in zip(epochs, rows, strict=True):
        assert told["trainer/global_step"] == row.pop("step")
        assert {name: told[name] for name in row} == row
        assert ("pictures/reconstructions" in told) == (row["epoch"] % 3 == 2)
    assert {"pictures/reconstructions", "pictures/filters", "pictures/code"} <= final.keys()


def is_mirrored(run: Run, manifest: dict[str, Any]) -> None:
    assert run.values() == columns(manifest["config"])
    assert {name: run.summary[name] for name in manifest["metrics"]} == manifest["metrics"]
    assert run.exit_code == 0


def test_both_were_killed_and_came_to_their_end(killed: Killed) -> None:
    for mode in ("offline", "online"):
        told = killed.told[mode]
        assert told["end"] == 0 and told["kills"] == told["all"] > 1
        assert told["then"] == [-signal.SIGKILL, "complete"], "and once more, when only W&B lacked its end"
        assert killed.manifest(mode)["timings"]["attempts"] == told["kills"] + 1
    assert killed.manifest("offline")["metrics"] == killed.manifest("online")["metrics"]


@pytest.mark.parametrize("mode", ["offline", "online"])
def test_the_files_of_the_last_attempt_hold_the_whole_run(killed: Killed, mode: str) -> None:
    folder, manifest = killed.wandb_folder(mode), killed.manifest(mode)
    [file] = folder.glob("*.wandb")
    log = read_log(file)
    is_whole(log.history, killed.directory(mode))
    assert {key: value for key, value in log.config.items() if key != "_wandb"} == columns(manifest["config"])
    assert {name: log.summary[name] for name in manifest["metrics"]} == manifest["metrics"]
    for row in log.history:
        if "pictures/reconstructions" in row:
            assert (folder / "files" / row["pictures/reconstructions"]["path"]).stat().st_size > 0


def test_sync_gives_one_history_however_often(killed: Killed) -> None:
    folder, directory = killed.wandb_folder("offline"), killed.directory("offline")
    with StandInServer() as server:
        synced(server, folder)
        synced(server, folder, flags=("--include-synced",))
        [run] = server.runs.values()
        is_whole(run.history, directory)
        is_mirrored(run, killed.manifest("offline"))
        assert run.fields["groupName"] == "runs"
        shown = [name for name in server.blobs if "pictures/reconstructions" in name]
        assert len(shown) == 12 // 3 + 1
    assert not server.unknown


def test_online_the_server_has_one_history(killed: Killed) -> None:
    [run] = killed.server.runs.values()
    is_whole(run.history, killed.directory("online"))
    is_mirrored(run, killed.manifest("online"))
    assert not killed.server.unknown
