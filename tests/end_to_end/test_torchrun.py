"""Two machines, pretended by two agents of torchrun on this one, train one model: the same as one process does."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
from pathlib import Path

import pytest
import torch
import two_processes
from tiny_runs import TINY, compose_tiny
from two_processes import DIVERGING, GOOD

from aelab.fitting.run import run
from aelab.runs.checkpoints import load_checkpoint
from aelab.runs.history_file import read_rows
from aelab.runs.identity import run_id

pytestmark = pytest.mark.slow

OVERRIDES = (*TINY, *two_processes.OVERRIDES)


def test_sweep_on_two_nodes(tmp_path: Path) -> None:
    """The first job fails, the second is there already, the third runs and equals the run of one process."""
    done_before = compose_tiny(tmp_path, *OVERRIDES, f"optimizer.lr={GOOD}", "seed=1")
    run(done_before, [])
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [
        sys.executable, "-m", "torch.distributed.run", "--nnodes=2", "--nproc-per-node=1", "--rdzv-backend=c10d",
        f"--rdzv-endpoint=127.0.0.1:{port}", str(Path(__file__).parents[2] / "scripts" / "train.py"),
        "-m", *OVERRIDES, "trainer=ddp_cpu", "trainer.devices=1", "trainer.num_nodes=2", "logger=wandb",
        f"paths.outputs={tmp_path}", f"optimizer.lr={DIVERGING},{GOOD}", "seed=1,0",
    ]  # fmt: skip
    nodes = [
        subprocess.Popen(command, cwd=tmp_path, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        for _ in range(2)
    ]
    said = "\n".join(node.communicate(timeout=120)[0] for node in nodes)
    assert sorted(node.returncode for node in nodes) == [1, 1], said
    assert said.count("4 runs: 2 complete, 2 failed.") == 1
    assert said.count("complete already") == 1
    good = compose_tiny(tmp_path, *OVERRIDES, f"optimizer.lr={GOOD}")
    directory = tmp_path / "runs" / run_id(good)
    assert said.count(f"run: {directory}") == 1, "of two processes one speaks"
    assert len(list(tmp_path.rglob("manifest.json"))) == 4
    assert len(list((tmp_path / "wandb").glob(f"offline-run-*{directory.name}"))) == 1

    run(compose_tiny(tmp_path / "one", *OVERRIDES, f"optimizer.lr={GOOD}"), [])
    reference = tmp_path / "one" / "runs" / directory.name
    manifests = [json.loads((folder / "manifest.json").read_text()) for folder in (directory, reference)]
    assert manifests[0]["metrics"] == pytest.approx(manifests[1]["metrics"], rel=1e-6)  # logged in float32
    for row, other in zip(*(read_rows(folder / "metrics.jsonl") for folder in (directory, reference)), strict=True):
        assert row == pytest.approx(other, rel=1e-6)
    best = (folder / "checkpoints" / "best.ckpt" for folder in (directory, reference))
    ours, theirs = (load_checkpoint(path)["state_dict"] for path in best)
    for key, value in ours.items():
        torch.testing.assert_close(value, theirs[key], rtol=1e-8, atol=1e-10)
