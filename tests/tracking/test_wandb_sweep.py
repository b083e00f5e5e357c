"""A W&B Sweep by docs/wandb_sweep.yaml, from ``wandb sweep`` to the agent's runs, against the stand-in server."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from stand_in_wandb import StandInServer
from tiny_runs import TINY

from aelab.cli.train import without_hyphens

ROOT = Path(__file__).parents[2]
TRIALS = [
    {"network.code_size": 3, "optimizer.lr": 0.002, "model": "denoising"},
    {"network.code_size": 5, "optimizer.lr": 0.001},
]


def test_hyphened_arguments_are_key_and_value_and_hydras_own_stay() -> None:
    given = [
        "--network.code_size=8",
        "--model=vae",
        "-m",
        "--cfg=job",
        "--config-dir=own",
        "--help",
        "seed=1",
        "--hydra/launcher=basic",
    ]
    kept = [
        "network.code_size=8",
        "model=vae",
        "-m",
        "--cfg=job",
        "--config-dir=own",
        "--help",
        "seed=1",
        "hydra/launcher=basic",
    ]
    assert without_hyphens(given) == kept


@pytest.mark.slow
@pytest.mark.parametrize("given", ["${args_no_hyphens}", "${args}"])
def test_an_agent_trains_what_the_server_asks_for(tmp_path: Path, given: str) -> None:
    sweep = yaml.safe_load((ROOT / "docs" / "wandb_sweep.yaml").read_text())
    assert "${args_no_hyphens}" in sweep["command"] and sweep["metric"]["name"] == "val/error"
    command = [given if word == "${args_no_hyphens}" else word for word in sweep["command"]]
    tiny = [word for word in TINY if not word.startswith(("logger", "network.code_size"))]
    sweep["command"] = [*command, *tiny, f"paths.outputs={tmp_path}"]
    config = tmp_path / "sweep.yaml"
    config.write_text(yaml.safe_dump(sweep))
    programs = Path(sys.executable).parent
    with StandInServer(appends=True) as server:
        server.trials = [dict(trial) for trial in TRIALS]
        environment = (
            os.environ | server.environment | {"PATH": f"{programs}:{os.environ['PATH']}", "WANDB_DIR": str(tmp_path)}
        )

        def wandb(*words: str) -> str:
            done = subprocess.run(
                [str(programs / "wandb"), *words],
                env=environment,
                cwd=ROOT,
                capture_output=True,
                text=True,
                timeout=240,
            )
            assert done.returncode == 0, done.stderr
            return done.stderr

        told = wandb("sweep", "--project", "aelab", str(config))
        [agent] = re.findall(r"wandb agent (\S+)", told)
        wandb("agent", "--count", str(len(TRIALS)), agent)
        runs = [json.loads(path.read_text()) for path in tmp_path.glob("found_by_wandb/*/manifest.json")]
        found = {(run["config"]["network"]["code_size"], run["config"]["model"]["name"]) for run in runs}
        assert found == {(3, "denoising"), (5, "undercomplete")} and {run["status"] for run in runs} == {"complete"}
        assert not server.trials
        # an agent gives each run its id; which of ours it is, its name tells
        by_code = {run["config"]["network"]["code_size"]: run["metrics"]["val/error"] for run in runs}
        assert set(server.runs) == {"trial0", "trial1"}
        for trial in server.runs.values():
            [size] = re.findall(r" code (\d+) ", trial.fields["displayName"])
            assert trial.summary["val/error"] == by_code.pop(int(size)) and trial.exit_code == 0
