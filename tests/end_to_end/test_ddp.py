"""Two real processes on the CPU give one run, and the same run as one process does."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from tiny_runs import TINY, compose_tiny
from two_processes import DIVERGING, GOOD, OVERRIDES

from aelab.building.build import build_model
from aelab.fitting.run import run
from aelab.runs.checkpoints import load_checkpoint
from aelab.runs.history_file import read_rows
from aelab.runs.identity import run_id

ROOT = Path(__file__).parents[2]


def test_multirun_of_two_processes_each(tmp_path: Path) -> None:
    """The first job fails on both processes; the second still runs and equals the run of one process."""
    outputs = tmp_path / "two = 2"  # a name that a shell and Hydra would both like quoted
    done = subprocess.run(
        [
            sys.executable, str(ROOT / "scripts" / "train.py"), "-m", *TINY, *OVERRIDES, "trainer=ddp_cpu",
            f"paths.outputs='{outputs}'", f"optimizer.lr={DIVERGING},{GOOD}",
        ],
        cwd=tmp_path, capture_output=True, text=True, env=dict(os.environ),
    )  # fmt: skip
    assert done.returncode == 1, done.stderr
    common = (*OVERRIDES, "trainer=ddp_cpu", f"paths.outputs='{outputs}'")
    failed, good = (
        outputs / "runs" / run_id(compose_tiny(outputs, *common, f"optimizer.lr={lr}")) for lr in (DIVERGING, GOOD)
    )

    said = done.stdout.splitlines()
    assert said.count(f"run: {good}") == 1, "of two processes one speaks"
    assert said[-1] == f"sweep: {outputs}/runs"
    errors = [line for line in done.stderr.splitlines() if "not finite" in line]
    assert len(errors) == 1 and errors[0].startswith(f"{failed}: failed: the error is not finite in epoch 0")
    assert not [line for line in done.stderr.splitlines() if "Traceback" in line or "Warning" in line]

    runs = sorted(path.parent for path in outputs.rglob("manifest.json"))
    assert runs == sorted([failed, good])
    assert sorted(path for path in (outputs / "runs").iterdir() if path.is_dir()) == sorted(
        [failed, good, outputs / "runs" / "figures"]
    )
    assert [path.name for path in tmp_path.iterdir()] == [outputs.name], "no stray directory of the second process"
    manifests = {path: json.loads((path / "manifest.json").read_text()) for path in runs}
    assert {path: manifest["status"] for path, manifest in manifests.items()} == {failed: "failed", good: "complete"}

    alone = compose_tiny(tmp_path / "one", *OVERRIDES, f"optimizer.lr={GOOD}")
    assert run_id(alone) == good.name, "how many processes do the work is no part of a run's identity"
    run(alone, [])
    reference = tmp_path / "one" / "runs" / good.name
    rows, expected = (read_rows(folder / "metrics.jsonl") for folder in (good, reference))
    assert len(rows) == len(expected) == 2
    for row, other in zip(rows, expected, strict=True):
        assert row == pytest.approx(other, rel=1e-6)  # logged in float32
    metrics = json.loads((reference / "manifest.json").read_text())["metrics"]
    assert manifests[good]["metrics"] == pytest.approx(metrics, rel=1e-6)
    for name in ("best", "last"):
        weights, others = (load_checkpoint(d / "checkpoints" / f"{name}.ckpt")["state_dict"] for d in (good, reference))
        for key, value in weights.items():
            torch.testing.assert_close(value, others[key], rtol=1e-8, atol=1e-10)


@pytest.mark.slow
def test_a_signal_to_one_process_stops_both_and_nothing_is_lost(tmp_path: Path) -> None:
    """Lightning's own handler of SIGTERM would wait half an hour for a process that waits for this one."""
    overrides = (*OVERRIDES, "corruption=gaussian", "trainer=ddp_cpu", "trainer.max_epochs=80")

    def start(outputs: str) -> subprocess.Popen[str]:
        command = [sys.executable, str(ROOT / "scripts" / "train.py"), *TINY, *overrides, f"paths.outputs={outputs}"]
        with (tmp_path / "said.txt").open("w") as file:
            return subprocess.Popen(command, cwd=tmp_path, text=True, stdout=subprocess.DEVNULL, stderr=file)

    straight, stopped = (tmp_path / "runs" / folder for folder in ("straight", "stopped"))
    processes = [start(str(folder)) for folder in (straight, stopped)]
    name = run_id(compose_tiny(stopped, *overrides))
    rows = stopped / "runs" / name / "metrics.jsonl"
    deadline = time.monotonic() + 90
    while not (rows.exists() and rows.stat().st_size) and time.monotonic() < deadline:
        time.sleep(0.05)
    processes[1].send_signal(signal.SIGTERM)
    told = time.monotonic()
    assert processes[1].wait(timeout=30) == 128 + signal.SIGTERM
    assert time.monotonic() - told < 10, "5 s, and as much again on a busy machine"
    said = (tmp_path / "said.txt").read_text().splitlines()
    assert said[-1].startswith("interrupted; the same command resumes")
    assert json.loads((rows.parent / "manifest.json").read_text())["status"] == "interrupted"
    assert 1 <= len(read_rows(rows)) < 80
    resumed = start(str(stopped))
    assert [process.wait(timeout=120) for process in (processes[0], resumed)] == [0, 0]
    ours, theirs = (read_rows(folder / "runs" / name / "metrics.jsonl") for folder in (stopped, straight))
    assert ours == theirs
    assert len(ours) == 80


def test_processes_see_noise_of_their_own(monkeypatch: pytest.MonkeyPatch) -> None:
    model = build_model(compose_tiny(Path("nowhere")), (1, 8, 8))
    model.trainer = SimpleNamespace(current_epoch=0)  # type: ignore[assignment]
    seeds = []
    for rank in (0, 1):
        monkeypatch.setattr(torch.distributed, "is_initialized", lambda: True)
        monkeypatch.setattr(torch.distributed, "get_rank", lambda rank=rank: rank)
        model.on_train_epoch_start()
        assert isinstance(model.generator, torch.Generator)
        seeds.append(model.generator.initial_seed())
    monkeypatch.undo()
    model.on_train_epoch_start()
    assert isinstance(model.generator, torch.Generator)
    assert seeds[0] == model.generator.initial_seed() != seeds[1]


STATES = {
    "idle": ("model=relu_l1", "network=linear", "network.code_size=96", "model.k=8", "model.weight=0.1"),
    "codebooks.sums": ("model=vq_vae", "model.entries=16", "model.size=2", "model.stages=2", "model.dead_after=200"),
    "running_activation": ("model=sparse_kl", "model.mean_activation=running", "model.weight=0"),
}


@pytest.mark.parametrize(
    "state", ["idle", *(pytest.param(state, marks=pytest.mark.slow) for state in STATES if state != "idle")]
)
def test_what_a_variant_remembers_is_of_both_processes(state: str, tmp_path: Path) -> None:
    """Units that only the other process's half of each batch activates are not dead, and means are of the whole."""
    overrides = (*TINY, *STATES[state], *OVERRIDES[1:2], *OVERRIDES[3:], "corruption=none")
    command = [sys.executable, str(ROOT / "scripts" / "train.py"), *overrides, "trainer=ddp_cpu"]
    done = subprocess.run([*command, f"paths.outputs={tmp_path}/two"], capture_output=True, text=True, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    run(compose_tiny(tmp_path / "one", *overrides), [])
    states = []
    for name in ("one", "two"):
        [last] = (tmp_path / name).glob("runs/*/checkpoints/last.ckpt")
        states.append(load_checkpoint(last)["state_dict"])
    assert states[0][state].any(), "else nothing was remembered"
    for key, value in states[0].items():
        torch.testing.assert_close(states[1][key], value, rtol=1e-8, atol=1e-10)
