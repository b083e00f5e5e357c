"""trainer=fsdp: weights, gradients and optimiser states shared out over GPUs."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from pytorch_lightning.strategies import StrategyRegistry
from tiny_runs import TINY, compose_tiny

from aelab import load_run
from aelab.runs.identity import run_id


def test_config_names_a_strategy_and_no_other_run(tmp_path: Path) -> None:
    config = compose_tiny(tmp_path, "trainer=fsdp")
    assert config.trainer.strategy in StrategyRegistry.available_strategies()
    assert run_id(config) == run_id(compose_tiny(tmp_path)), "who does the work is no part of a run's identity"


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_training_with_fsdp_equals_training_without(tmp_path: Path) -> None:
    train = [sys.executable, str(Path(__file__).parents[2] / "scripts" / "train.py"), *TINY]
    found = []
    for trainer in ("gpu", "fsdp"):
        outputs = tmp_path / trainer
        done = subprocess.run(
            [*train, f"trainer={trainer}", "trainer.devices=1", f"paths.outputs={outputs}"],
            capture_output=True, text=True, cwd=tmp_path,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        directory = outputs / "runs" / run_id(compose_tiny(outputs))
        found.append(json.loads((directory / "manifest.json").read_text())["metrics"])
        assert load_run(directory).encode(torch.rand(3, 1, 8, 8)).shape == (3, 4)
    assert found[0] == pytest.approx(found[1], rel=1e-3)
