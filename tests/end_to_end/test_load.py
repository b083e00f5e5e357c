"""Much of everything, or too little: hundreds of jobs, full disks, a clock that is set back."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import pytest
from tiny_runs import TINY

TRAIN = str(Path(__file__).parents[2] / "scripts" / "train.py")


@pytest.mark.slow
def test_200_jobs_wanted_by_four_processes_at_once(tmp_path: Path) -> None:
    """Each is run by one of them, none is lost, and each process ends well."""
    command = [sys.executable, TRAIN, "-m", *TINY, "trainer.max_epochs=1", f"paths.outputs={tmp_path}",
               "seed=range(200)"]  # fmt: skip
    processes = []
    for index in range(4):  # a full pipe that is not read yet would stop a process at a run that another waits for
        with (tmp_path / f"said{index}.txt").open("w") as file:
            processes.append(subprocess.Popen(command, stdout=file, cwd=tmp_path))
    assert [process.wait() for process in processes] == [0] * 4
    said = [(tmp_path / f"said{index}.txt").read_text() for index in range(4)]
    manifests = [json.loads(path.read_text()) for path in tmp_path.glob("runs/*/manifest.json")]
    assert len(manifests) == 200
    assert {manifest["status"] for manifest in manifests} == {"complete"}
    assert {manifest["timings"]["attempts"] for manifest in manifests} == {1}
    assert sorted(manifest["seed"] for manifest in manifests) == list(range(200))
    trained = Counter(line.split("(")[0] for text in said for line in text.splitlines() if line.startswith("test/er"))
    assert sum(trained.values()) == 200, "one line for each, from whoever trained it"
    assert len((tmp_path / "runs" / "comparison.csv").read_text().splitlines()) == 201
    for manifest in manifests:
        rows = (tmp_path / "runs" / manifest["run_id"] / "metrics.jsonl").read_text().splitlines()
        assert len(rows) == 1


def test_a_place_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    command = [sys.executable, TRAIN, *TINY, f"paths.outputs={tmp_path}/file/x"]
    done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path)
    assert done.returncode == 1
    assert done.stderr.count("\n") == 1
    assert "cannot be written (Not a directory); name another folder with paths.outputs=" in done.stderr


# --- disks ---


def in_own_mounts(script: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """Run a shell script that may mount, unseen by anybody else; skips where the kernel does not allow it."""
    if (
        not shutil.which("unshare")
        or subprocess.run(["unshare", "-rm", "mount", "-t", "tmpfs", "x", folder]).returncode
    ):
        pytest.skip("no mounts of one's own here (unshare -rm)")
    train = f"{sys.executable} {TRAIN} {' '.join(TINY)}"
    commands = {"TRAIN": train, "COMPARE": f"{sys.executable} {TRAIN.replace('train.py', 'compare.py')}"}
    environment = {**os.environ, **commands, "D": str(folder)}
    return subprocess.run(["unshare", "-rm", "sh", "-uc", script], capture_output=True, text=True, env=environment)


@pytest.mark.slow
def test_a_disk_that_fills_up_and_gets_room(tmp_path: Path) -> None:
    """The run fails in one line while training; once there is room it ends like one that never lacked any.

    A checkpoint is 3.2 MB, and the second best one is written before the first goes.
    """
    done = in_own_mounts(
        """
        LARGE="network.hidden=[2048] trainer.max_epochs=8 callbacks.pictures_every=0"
        mkdir -p $D/full && mount -t tmpfs -o size=5m x $D/full
        $TRAIN $LARGE paths.outputs=$D/full 2> $D/said; echo $? > $D/status
        cp -r $D/full/runs $D/then
        mount -o remount,size=100m $D/full
        $TRAIN $LARGE paths.outputs=$D/full && cp -r $D/full/runs $D/end
        $TRAIN $LARGE paths.outputs=$D/straight
        """,
        tmp_path,
    )
    assert done.returncode == 0, done.stderr
    said = (tmp_path / "said").read_text()
    assert (tmp_path / "status").read_text() == "1\n"
    assert said.count("\n") == 1 and "could not be written" in said and "free some space" in said
    assert not list((tmp_path / "then").rglob("*.part")) + list((tmp_path / "then").rglob("*.tmp"))
    ends = [next((tmp_path / name).glob("*/manifest.json")) for name in ("end", "straight/runs")]
    ours, theirs = (json.loads(path.read_text()) for path in ends)
    assert ours["status"] == "complete" and ours["metrics"] == theirs["metrics"]
    assert ours["timings"]["attempts"] == 2
    assert (ends[0].parent / "metrics.jsonl").read_text() == (ends[1].parent / "metrics.jsonl").read_text()


@pytest.mark.slow
def test_a_read_only_directory_is_read(tmp_path: Path) -> None:
    done = in_own_mounts(
        """
        $TRAIN paths.outputs=$D/outputs
        mount --bind $D/outputs $D/outputs && mount -o remount,ro,bind $D/outputs
        $TRAIN paths.outputs=$D/outputs seed=1 2> $D/train
        echo $? >> $D/train
        $COMPARE $D/outputs/runs 2> $D/compare
        echo $? >> $D/compare
        $COMPARE $D/outputs/runs --status && $COMPARE $D/outputs/runs --output $D/report
        """,
        tmp_path,
    )
    assert done.returncode == 0, done.stderr
    train, status = (tmp_path / "train").read_text().splitlines()
    assert status == "1" and "(Read-only file system); name another folder with paths.outputs=" in train
    compare, status = (tmp_path / "compare").read_text().splitlines()
    assert status == "2" and "--output DIR puts the report elsewhere" in compare
    assert "1 run: 1 complete" in done.stdout and (tmp_path / "report" / "report.html").exists()


# --- the clock ---


@pytest.mark.slow
def test_a_sweep_while_the_clock_is_set_back(tmp_path: Path) -> None:
    """By a year in the middle of it, then killed, and by another year before it goes on."""
    library = next(Path("/usr/lib").glob("**/libfaketimeMT.so.1"), None)
    if library is None:
        pytest.skip("libfaketime is not installed")
    clock = tmp_path / "clock"
    fake = {"LD_PRELOAD": str(library), "FAKETIME_TIMESTAMP_FILE": str(clock), "FAKETIME_NO_CACHE": "1",
            "FAKETIME_DONT_FAKE_MONOTONIC": "1"}  # fmt: skip
    command = [sys.executable, TRAIN, "-m", *TINY, "corruption=gaussian", "trainer.max_epochs=150",
               "trainer.steps_per_execution=1", "seed=0,1,2"]  # fmt: skip
    ours, plain = (tmp_path / name / "runs" for name in ("ours", "plain"))
    clock.write_text("+0d")
    with subprocess.Popen([*command, f"paths.outputs={ours.parent}"], env={**os.environ, **fake}) as sweep:
        while not any(line.count(b"\n") > 5 for line in (p.read_bytes() for p in ours.glob("*/metrics.jsonl"))):
            time.sleep(0.05)
        clock.write_text("-365d")
        while len(list(ours.glob("*/metrics.jsonl"))) < 2:
            time.sleep(0.05)
        time.sleep(1)
        sweep.send_signal(signal.SIGKILL)
    clock.write_text("-730d")
    done = subprocess.run(
        [*command, f"paths.outputs={ours.parent}"], env={**os.environ, **fake}, capture_output=True, text=True
    )
    assert done.returncode == 0 and "3 runs: 3 complete." in done.stdout, done.stdout + done.stderr
    assert subprocess.run([*command, f"paths.outputs={plain.parent}"]).returncode == 0
    years = set()
    for theirs in plain.glob("*/manifest.json"):
        pair = [json.loads((folder / theirs.parent.name / "manifest.json").read_text()) for folder in (ours, plain)]
        assert pair[0]["metrics"] == pair[1]["metrics"]
        rows = [(folder / theirs.parent.name / "metrics.jsonl").read_text() for folder in (ours, plain)]
        assert rows[0] == rows[1] and rows[0].count("\n") == 150
        assert 0 < pair[0]["timings"]["fit_s"] <= pair[0]["timings"]["total_s"] < 600
        years |= {pair[0]["timings"][when][:4] for when in ("started", "finished")}
    assert len(years) > 1, "the clock was set back"
