"""The life of a run: recorded, skipped, resumed to the bit, started over, and every way it can end."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
import pytorch_lightning as pl
import torch
from interruption import interrupt_after
from run_files import directory_of, manifest_of, outcome
from tiny_runs import Composer, compose_tiny

from aelab.errors import UserError
from aelab.fitting.run import run
from aelab.runs.claim import claim
from aelab.runs.history_file import read_rows
from aelab.runs.identity import run_id

# noise, a schedule that looks at val/error, an annealed k and a buffer: all that a resumed run must find again
DEMANDING = (
    "model=k_sparse",
    "model.k=2",
    "corruption=gaussian",
    "scheduler=plateau",
    "scheduler.patience=1",
    "callbacks=early_stopping",
    "callbacks.early_stopping=100",
)


def test_manifest_tells_all_and_the_run_is_skipped_when_done(
    compose: Composer, capsys: pytest.CaptureFixture[str]
) -> None:
    config = compose()
    value = run(config, ["data=digits"])
    manifest = manifest_of(config)
    assert {"status", "run_id", "config", "metrics", "versions", "git", "data", "timings", "error"} <= set(manifest)
    assert (manifest["status"], manifest["error"]) == ("complete", None)
    assert manifest["run_id"] == directory_of(config).name
    assert manifest["overrides"] == ["data=digits"]
    assert manifest["config"]["network"]["code_size"] == 4
    assert "${" not in json.dumps(manifest["config"])
    assert manifest["versions"]["torch"] == torch.__version__.partition("+")[0]
    assert {"data_s", "fit_s", "test_s", "total_s", "started", "finished"} <= set(manifest["timings"])
    assert sorted(manifest["data"]["sizes"]) == ["test", "train", "val"]
    assert len(set(manifest["data"]["fingerprints"].values())) == 3
    parts = {
        f"{part}/{name}" for part in ("train", "val", "test") for name in ("error", "mse", "fvu", "penalty", "loss")
    }
    assert parts | {"test/pca_error"} <= set(manifest["metrics"])
    assert manifest["metrics"]["val/error"] == value
    assert not [path.name for path in directory_of(config).rglob(".*") if path.name != ".lock"]
    capsys.readouterr()
    assert run(config, []) == value
    assert capsys.readouterr().out.startswith("complete already: test/error")
    assert manifest_of(config) == manifest


def test_force_starts_over(compose: Composer, monkeypatch: pytest.MonkeyPatch) -> None:
    config = compose()
    run(config, [])
    first = outcome(config)
    stray = directory_of(config) / "pictures" / "stray.png"
    stray.write_bytes(b"of the run before")
    fits: list[object] = []
    fit = pl.Trainer.fit
    monkeypatch.setattr(pl.Trainer, "fit", lambda self, *a, **k: (fits.append(k["ckpt_path"]), fit(self, *a, **k)))
    run(compose("force=true"), [])
    assert fits == [None], "trained again, from no checkpoint"
    assert outcome(config) == first
    assert not stray.exists()


@pytest.mark.parametrize("epoch, terminated", [(0, False), (2, True), (3, False), (5, False)])
def test_resume_after_an_interrupt_changes_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, keyboard: None, epoch: int, terminated: bool
) -> None:
    whole, broken = (compose_tiny(tmp_path / name, *DEMANDING, "trainer.max_epochs=6") for name in ("whole", "broken"))
    run(whole, [])
    with monkeypatch.context() as patch:
        interrupt_after(epoch, patch, terminated)
        with pytest.raises(KeyboardInterrupt, match=r"interrupted; the same command resumes .*k_sparse-digits-"):
            run(broken, [])
    assert manifest_of(broken)["status"] == "interrupted"
    assert len(read_rows(directory_of(broken) / "metrics.jsonl")) == epoch + 1
    run(broken, [])
    assert outcome(broken) == outcome(whole)
    assert [row["epoch"] for row in outcome(broken)[2]] == list(range(6))
    assert manifest_of(broken)["timings"]["attempts"] == 2


def test_resume_after_the_last_epoch_only_tests(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, keyboard: None
) -> None:
    whole, broken = (compose_tiny(tmp_path / name, *DEMANDING) for name in ("whole", "broken"))
    run(whole, [])
    with monkeypatch.context() as patch:
        patch.setattr(pl.Trainer, "test", lambda *a, **k: (_ for _ in ()).throw(KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            run(broken, [])
    run(broken, [])
    assert outcome(broken) == outcome(whole)


def test_claim_ends_with_its_owner(tmp_path: Path) -> None:
    with claim(tmp_path), pytest.raises(UserError, match=f"held by process {os.getpid()}"), claim(tmp_path):
        pass
    with claim(tmp_path):
        pass


@pytest.mark.parametrize(
    "same",
    [
        "paths.outputs=elsewhere",
        "paths.data=elsewhere",
        "logger=wandb",
        "trainer.devices=2",
        "trainer=gpu",
        "trainer=ddp",
        "sweep=another",
        "force=true",
        "callbacks.pictures_every=7",
    ],
)
def test_identity_without_what_cannot_change_the_result(compose: Composer, same: str) -> None:
    assert run_id(compose(same)) == run_id(compose())


@pytest.mark.parametrize(
    "other",
    [
        "seed=1",
        "network.code_size=5",
        "optimizer.lr=0.002",
        "data.batch_size=64",
        "data.split_seed=1",
        "trainer.max_epochs=3",
        "trainer.precision=64-true",
        "trainer.gradient_clip_val=1",
        "callbacks.early_stopping=3",
        "corruption=masking",
        "initialization=xavier",
        "network.output_activation=sigmoid",
    ],
)
def test_identity_with_what_can(compose: Composer, other: str) -> None:
    assert run_id(compose(other)) != run_id(compose())
