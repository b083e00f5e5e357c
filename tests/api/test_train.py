"""``aelab.train``: the run of the command line, and a process that is as it was."""

from __future__ import annotations

import logging
import os
import random
import signal
import subprocess
import sys
import warnings
from pathlib import Path
from typing import Any

import hydra
import numpy as np
import pytest
import torch
from hydra.core.global_hydra import GlobalHydra
from hydra.core.hydra_config import HydraConfig
from hydra.core.utils import JobRuntime
from hydra.version import getbase
from tiny_runs import TINY, compose_tiny

import aelab
from aelab.api.program import finished
from aelab.building.progress import Progress
from aelab.runs.identity import run_id
from aelab.runs.manifest import marks, read_manifest

WORDS = list(TINY)


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_a_run_is_that_of_its_config_and_is_trained_once(here: Path) -> None:
    run = aelab.train(WORDS, seed=3)
    assert run.directory == Path("outputs/runs") / run_id(compose_tiny(here, "seed=3"))
    before = marks(run.directory)
    again = aelab.train([*WORDS, "seed=3"])
    assert again.directory == run.directory and marks(run.directory) == before
    assert run.encode(np.zeros((2, 64), np.float32)).shape == (2, 4)
    assert run.manifest["overrides"] == [*WORDS, "seed=3"]
    assert "test/error" in repr(run) and "<table>" in run._repr_html_()
    found = run.evaluate("code_health")
    assert {"undercomplete", "pca"} <= set(found.method) and run.manifest["evaluations"]
    with pytest.raises(aelab.UserError, match=r"evaluation=code_heath: no such choice, did you mean code_health\?"):
        run.evaluate("code_heath")
    assert {"manifest.json", "train.log", ".hydra"} <= {path.name for path in run.directory.iterdir()}


@pytest.mark.parametrize(
    "keys, line",
    [
        ({"model": "vea"}, r"^model=vea: no such choice, did you mean vae\?"),
        ({"optimizer": {"lr": -1}}, r"^optimizer\.lr=-1: must be a number above 0"),
        ({"data": "arrays", "data.path": "none.npy"}, r"none\.npy"),
    ],
)
def test_a_wrong_config_is_one_line_and_leaves_nothing(here: Path, keys: dict[str, Any], line: str) -> None:
    with pytest.raises(aelab.UserError, match=line) as refused:
        aelab.train(WORDS, **keys)
    assert "\n" not in str(refused.value)
    assert not list(here.iterdir())


def test_a_run_that_fails_is_one_line_and_recorded(here: Path) -> None:
    with pytest.raises(aelab.UserError, match="failed: the error is not finite"):
        aelab.train([*WORDS, "optimizer=sgd"], **{"optimizer.lr": 1e20})
    [path] = here.glob("outputs/runs/*")
    assert (read_manifest(path) or {})["status"] == "failed"
    assert "Traceback" in (path / "train.log").read_text()


def test_nothing_of_it_is_left_in_the_process(here: Path) -> None:
    class Kept:
        def __init__(self) -> None:
            self.environment = dict(os.environ)
            self.handlers = logging.getLogger().handlers[:], logging.getLogger("aelab").handlers[:]
            self.filters = warnings.filters[:]
            self.signals = [signal.getsignal(one) for one in (signal.SIGINT, signal.SIGTERM, signal.SIGUSR1)]
            self.argv = sys.argv[:]
            self.drawn = torch.get_rng_state().tolist(), random.getstate(), np.random.get_state()[1].tolist()  # type: ignore[union-attr]
            self.deterministic = torch.are_deterministic_algorithms_enabled()
            self.place = os.getcwd()

    before = vars(Kept())
    aelab.train([*WORDS, "logger=wandb", "trainer.deterministic=true"])
    assert vars(Kept()) == before


def test_within_an_application_of_hydra(here: Path) -> None:
    (here / "own").mkdir()
    (here / "own" / "mine.yaml").write_text("a: 1\n")
    with hydra.initialize_config_dir(str(here / "own"), job_name="mine", version_base="1.2"):
        HydraConfig.instance().set_config(hydra.compose("mine", return_hydra_config=True))
        try:
            outer, cfg = GlobalHydra.instance().hydra, HydraConfig.instance().cfg
            aelab.train(WORDS)
            assert GlobalHydra.instance().hydra is outer and HydraConfig.instance().cfg is cfg
            assert str(getbase()) == "1.2" and JobRuntime.instance().get("name") == "mine"
            assert hydra.compose("mine", ["a=2"]) == {"a": 2}
        finally:
            HydraConfig.instance().cfg = None


def test_ctrl_c_leaves_a_run_that_the_same_call_resumes(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shown = Progress.on_validation_end

    def stop(self: Progress, trainer: Any, module: Any) -> None:
        shown(self, trainer, module)
        if trainer.current_epoch == 2:
            signal.raise_signal(signal.SIGINT)

    handler = signal.getsignal(signal.SIGINT)
    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt, match="the same call resumes outputs/runs/"):
        patch.setattr(Progress, "on_validation_end", stop)
        aelab.train(WORDS, trainer={"max_epochs": 6})
    assert signal.getsignal(signal.SIGINT) is handler
    [path] = here.glob("outputs/runs/*")
    assert (read_manifest(path) or {})["status"] == "interrupted"
    run = aelab.train(WORDS, trainer={"max_epochs": 6})
    assert run.manifest["status"] == "complete" and run.manifest["timings"]["attempts"] == 2
    assert len((path / "metrics.jsonl").read_text().splitlines()) == 6


def test_a_program_that_cannot_begin_is_one_line(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(aelab.UserError, match=r"^model=vea: no such choice"):
        finished(["train", *WORDS, "model=vea"], "run")
    assert capsys.readouterr().err.startswith("model=vea")


@pytest.mark.slow
def test_the_command_line_skips_what_python_trained(here: Path) -> None:
    run = aelab.train(WORDS)
    before = marks(run.directory)
    done = subprocess.run([sys.executable, "-m", "aelab", "train", *WORDS], capture_output=True, text=True)
    assert done.stdout.splitlines()[-1] == f"run: {run.directory}" and "complete already" in done.stdout
    assert marks(run.directory) == before


@pytest.mark.slow
def test_a_run_of_several_processes_is_a_program(here: Path) -> None:
    run = aelab.train(WORDS, trainer="ddp_cpu")
    assert run.manifest["status"] == "complete" and run.encode(np.zeros((1, 64), np.float32)).shape == (1, 4)
