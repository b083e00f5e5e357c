"""What a run leaves behind when it goes wrong: one clear line, the status, and the last good checkpoint."""

from __future__ import annotations

import math
import resource
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import pytorch_lightning as pl
import torch
from interruption import interrupt_after
from run_files import directory_of, manifest_of, outcome
from tiny_runs import Composer, compose_tiny

from aelab.fitting.run import RunFailed, run
from aelab.machines.slurm import requeue
from aelab.runs import manifest as manifest_module
from aelab.runs.checkpoints import load_checkpoint
from aelab.runs.history_file import read_rows

GROWING = (  # a learning rate that explodes after the first epochs
    "optimizer=sgd",
    "optimizer.lr=1e-3",
    "scheduler=cosine",
    "scheduler._target_=torch.optim.lr_scheduler.ExponentialLR",
    "~scheduler.T_max",
    "+scheduler.gamma=1e5",
)


@contextmanager
def files_no_larger_than(size: int) -> Iterator[None]:
    """A disk that is full, as far as this process can tell."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@pytest.mark.parametrize("batch_size", [128, 5000], ids=["within an epoch", "at the last step of an epoch"])
def test_diverging_run_fails_and_keeps_the_last_good_checkpoint(compose: Composer, batch_size: int) -> None:
    config = compose(*GROWING, f"data.batch_size={batch_size}", "trainer.max_epochs=9")
    with pytest.raises(RunFailed, match=r"failed: the .* not finite in epoch \d; lower optimizer.lr") as caught:
        run(config, [])
    assert "\n" not in str(caught.value)
    manifest = manifest_of(config)
    assert manifest["status"] == "failed"
    assert "not finite" in manifest["error"]["message"] and "Traceback" in manifest["error"]["trace"]
    rows = read_rows(directory_of(config) / "metrics.jsonl")
    assert 1 <= len(rows) < 9 and all(math.isfinite(row["val/error"]) for row in rows)
    for name in ("last", "best"):
        checkpoint = load_checkpoint(directory_of(config) / "checkpoints" / f"{name}.ckpt")
        assert all(value.isfinite().all() for value in checkpoint["state_dict"].values())
        assert checkpoint["epoch"] < len(rows)


def test_diverging_from_the_start_leaves_no_checkpoint(compose: Composer) -> None:
    config = compose("optimizer=sgd", "optimizer.lr=1e20")
    with pytest.raises(RunFailed, match="not finite in epoch 0"):
        run(config, [])
    assert not list(directory_of(config).rglob("*.ckpt"))


def test_full_disk_costs_nothing_old(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, keyboard: None) -> None:
    whole, full = (
        compose_tiny(tmp_path / name, "trainer.max_epochs=4", "network.hidden=[128]") for name in ("whole", "full")
    )
    run(whole, [])
    with monkeypatch.context() as patch:
        interrupt_after(2, patch)
        with pytest.raises(KeyboardInterrupt):
            run(full, [])
    last = directory_of(full) / "checkpoints" / "last.ckpt"
    before = last.read_bytes()
    with files_no_larger_than(len(before) // 2):
        with pytest.raises(RunFailed, match=r"failed: .*\.ckpt: could not be written .*free some space") as caught:
            run(full, [])
        assert "\n" not in str(caught.value)
        assert manifest_of(full)["status"] == "failed"
    assert last.read_bytes() == before
    assert load_checkpoint(last)["epoch"] == 1
    assert sorted(path.name for path in last.parent.iterdir()) == ["before.ckpt", "best.ckpt", "last.ckpt"]
    run(full, [])
    assert outcome(full) == outcome(whole)


def test_disk_too_full_for_a_manifest_still_names_the_reason(
    compose: Composer, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = compose()
    write = manifest_module.Manifest.write

    def no_space(self: Any) -> None:
        if self.record["status"] == "failed":
            raise OSError(28, "No space left on device")
        write(self)

    def broken(*arguments: Any, **settings: Any) -> None:
        raise RuntimeError("the true reason")

    monkeypatch.setattr(manifest_module.Manifest, "write", no_space)
    monkeypatch.setattr(pl.Trainer, "fit", broken)
    with pytest.raises(RunFailed, match="the true reason"):
        run(config, [])


@pytest.mark.parametrize("damage", ["truncated", "noise", "empty", "a list", "a checkpoint of something else"])
def test_damaged_checkpoint_is_named(
    compose: Composer, monkeypatch: pytest.MonkeyPatch, keyboard: None, damage: str
) -> None:
    config = compose()
    with monkeypatch.context() as patch:
        interrupt_after(1, patch)
        with pytest.raises(KeyboardInterrupt):
            run(config, [])
    last = directory_of(config) / "checkpoints" / "last.ckpt"
    content = last.read_bytes()
    match damage:
        case "truncated":
            last.write_bytes(content[: len(content) // 2])
        case "noise":
            last.write_bytes(bytes(range(256)) * 100)
        case "empty":
            last.write_bytes(b"")
        case "a list":
            torch.save([1, 2, 3], last)
        case _:
            torch.save({"weight": torch.zeros(3)}, last)
    with pytest.raises(RunFailed, match=r"last\.ckpt: corrupt or not a checkpoint of aelab .*force=true") as caught:
        run(config, [])
    assert "\n" not in str(caught.value)
    assert manifest_of(config)["status"] == "failed"
    run(compose("force=true"), [])
    assert manifest_of(config)["status"] == "complete"


def test_torn_checkpoint_falls_back_to_the_one_before(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, keyboard: None, caplog: pytest.LogCaptureFixture
) -> None:
    whole, torn = (compose_tiny(tmp_path / name, "trainer.max_epochs=5") for name in ("whole", "torn"))
    run(whole, [])
    with monkeypatch.context() as patch:
        interrupt_after(3, patch)
        with pytest.raises(KeyboardInterrupt):
            run(torn, [])
    last = directory_of(torn) / "checkpoints" / "last.ckpt"
    last.write_bytes(last.read_bytes()[:1000])
    run(torn, [])
    assert outcome(torn) == outcome(whole)
    told = [record.getMessage() for record in caplog.records if record.levelname == "WARNING"]
    assert any("last.ckpt: corrupt" in line and "going on from" in line and "before.ckpt" in line for line in told)


def test_slurm_is_asked_to_run_the_job_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    scontrol = tmp_path / "scontrol"
    scontrol.write_text(f'#!/bin/sh\necho "$@" >> {tmp_path}/asked\n')
    scontrol.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    requeue()
    assert not (tmp_path / "asked").exists(), "no SLURM job, nobody is asked"
    monkeypatch.setenv("SLURM_JOB_ID", "17")
    requeue()
    monkeypatch.setenv("SLURM_ARRAY_JOB_ID", "15")
    monkeypatch.setenv("SLURM_ARRAY_TASK_ID", "2")
    requeue()
    monkeypatch.setenv("SLURM_PROCID", "1")
    requeue()
    assert (tmp_path / "asked").read_text() == "requeue 17\nrequeue 15_2\n"
    monkeypatch.setenv("SLURM_PROCID", "0")
    scontrol.write_text("#!/bin/sh\necho no such job >&2; exit 1\n")
    requeue()
    assert "SLURM job 15_2 could not be put back into the queue: no such job" in capfd.readouterr().err


def test_a_batch_that_does_not_fit_is_told_with_its_size(compose: Composer, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: Any, **__: Any) -> None:
        raise RuntimeError("[enforce fail at alloc_cpu.cpp:114] DefaultCPUAllocator: can't allocate memory: you tried")

    monkeypatch.setattr("pytorch_lightning.Trainer.fit", full)
    with pytest.raises(
        RunFailed, match=r"data.batch_size=128: a batch of examples of 1 x 8 x 8 values does not fit the"
    ):
        run(compose("data=digits", "data.batch_size=128"), [])
