"""What is called complete is complete: moved folders, flipped bits, removed files, taken locks, repeated force."""

from __future__ import annotations

import errno
import fcntl
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
import pytorch_lightning as pl
import torch
from interruption import interrupt_after
from run_files import directory_of, manifest_of, outcome
from tiny_runs import Composer, compose_tiny

from aelab.errors import UserError
from aelab.fitting.run import RunFailed, run
from aelab.runs import claim as claims
from aelab.runs import heartbeat
from aelab.runs.checkpoints import last_intact, load_checkpoint
from aelab.runs.claim import Held, Lost, check_owned, claim, is_held
from aelab.runs.heartbeat import Heartbeat
from aelab.runs.history_file import read_rows
from aelab.trained.evaluate import evaluate

LATER_WORSE = ("optimizer=sgd", "optimizer.lr=5e-3", "scheduler=cosine",
               "scheduler._target_=torch.optim.lr_scheduler.ExponentialLR", "~scheduler.T_max",
               "+scheduler.gamma=2")  # fmt: skip
"""The learning rate grows, so that the best epoch lies in the middle."""


# --- a folder that is moved ---


@pytest.mark.parametrize("more", [(), ("replicas=bootstrap", "replicas.count=2")], ids=["one model", "replicas"])
def test_a_run_that_is_moved_between_kill_and_resume_has_the_same_result(
    more: tuple[str, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, keyboard: None
) -> None:
    settings = ("trainer.max_epochs=6", *LATER_WORSE, *more)
    straight = compose_tiny(tmp_path / "straight", *settings)
    run(straight, [])
    errors = [row["val/error"] for row in read_rows(directory_of(straight) / "metrics.jsonl")]
    assert 0 < errors.index(min(errors)) < 4 or more, "else a forgotten best score would not show"
    with monkeypatch.context() as patch:
        interrupt_after(5, patch)
        with pytest.raises(KeyboardInterrupt):
            run(compose_tiny(tmp_path / "before", *settings), [])
    shutil.move(tmp_path / "before", tmp_path / "after")
    moved = compose_tiny(tmp_path / "after", *settings)
    run(moved, [])
    assert outcome(moved) == outcome(straight)
    assert manifest_of(moved)["metrics"] == manifest_of(straight)["metrics"]


@pytest.mark.parametrize(
    "more", [(), ("callbacks=early_stopping",), ("scheduler=plateau",), ("replicas=bootstrap", "replicas.count=2")]
)
def test_nothing_in_a_checkpoint_names_a_place(more: tuple[str, ...], tmp_path: Path) -> None:
    config = compose_tiny(tmp_path / "unmistakable", *more)
    run(config, [])
    found = list((tmp_path / "unmistakable").rglob("*.ckpt"))
    assert len(found) >= 2
    assert not [path.name for path in found if b"unmistakable" in path.read_bytes()]


def test_a_run_interrupted_by_an_earlier_version_keeps_its_best_score(
    compose: Composer, monkeypatch: pytest.MonkeyPatch, keyboard: None, tmp_path: Path
) -> None:
    """Lightning's own class wrote paths beside the score."""
    settings = ("trainer.max_epochs=6", *LATER_WORSE)
    straight, config = compose_tiny(tmp_path / "straight", *settings), compose(*settings)
    run(straight, [])
    with monkeypatch.context() as patch:
        interrupt_after(5, patch)
        with pytest.raises(KeyboardInterrupt):
            run(config, [])
    last = directory_of(config) / "checkpoints" / "last.ckpt"
    checkpoint = torch.load(last, weights_only=True)
    [key] = [key for key in checkpoint["callbacks"] if key.startswith("ModelCheckpoint")]
    callback = pl.callbacks.ModelCheckpoint(
        dirpath="/elsewhere", filename="best", monitor="val/error", mode="min", save_on_train_epoch_end=True
    )
    assert key == callback.state_key
    checkpoint["callbacks"][key] = callback.state_dict() | checkpoint["callbacks"][key]
    torch.save(checkpoint, last)
    run(config, [])
    assert outcome(config) == outcome(straight)


# --- bits ---


def flipped(path: Path, bit: int) -> None:
    content = bytearray(path.read_bytes())
    content[bit // 8] ^= 1 << bit % 8
    path.write_bytes(content)


def same(one: Any, other: Any) -> bool:
    if isinstance(one, torch.Tensor):
        return torch.equal(one, other)
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(same(one[key], other[key]) for key in one)
    if isinstance(one, list):
        return len(one) == len(other) and all(map(same, one, other))
    return bool(one == other)


def test_a_flipped_bit_anywhere_in_a_checkpoint_is_noticed_or_harmless(compose: Composer, tmp_path: Path) -> None:
    config = compose()
    run(config, [])
    best = directory_of(config) / "checkpoints" / "best.ckpt"
    wanted, copy = load_checkpoint(best), tmp_path / "copy.ckpt"
    draw, noticed = random.Random(0), 0
    for _ in range(400):
        shutil.copy(best, copy)
        flipped(copy, draw.randrange(8 * best.stat().st_size))
        try:
            assert same(load_checkpoint(copy), wanted)
        except UserError as error:
            noticed += 1
            assert "force=true" in str(error) and "\n" not in str(error)
    assert noticed > 200, "most of a checkpoint is content"


def test_a_flipped_bit_in_last_costs_one_checkpoint_and_in_best_names_the_fix(
    compose: Composer, monkeypatch: pytest.MonkeyPatch, keyboard: None, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    straight, config = (compose_tiny(tmp_path / name, "trainer.max_epochs=4") for name in ("straight", "flipped"))
    run(straight, [])
    with monkeypatch.context() as patch:
        interrupt_after(3, patch)
        with pytest.raises(KeyboardInterrupt):
            run(config, [])
    checkpoints = directory_of(config) / "checkpoints"
    weight = (checkpoints / "last.ckpt").read_bytes().find(next(iter(weights(checkpoints / "last.ckpt"))))
    flipped(checkpoints / "last.ckpt", 8 * (weight + 5))
    assert last_intact(directory_of(config)) == checkpoints / "before.ckpt"
    assert "does not match its checksum" in caplog.text
    run(config, [])
    assert outcome(config) == outcome(straight)
    weight = (checkpoints / "best.ckpt").read_bytes().find(next(iter(weights(checkpoints / "best.ckpt"))))
    flipped(checkpoints / "best.ckpt", 8 * (weight + 5))
    with pytest.raises(UserError, match=r"best\.ckpt: corrupt .*force=true"):
        load_checkpoint(checkpoints / "best.ckpt")


def weights(path: Path) -> list[bytes]:
    return [value.numpy().tobytes() for value in torch.load(path, weights_only=True)["state_dict"].values()]


# --- what is gone ---


def test_a_complete_run_without_its_weights_says_so(compose: Composer, capsys: pytest.CaptureFixture[str]) -> None:
    config = compose()
    run(config, [])
    best = directory_of(config) / "checkpoints" / "best.ckpt"
    best.unlink()
    capsys.readouterr()
    run(config, [])
    said = capsys.readouterr().out
    assert f"its weights, {best}, are gone" in said and "force=true" in said
    asked = compose("evaluation=code_health").evaluation
    with pytest.raises(UserError, match=r"no such checkpoint; train the run again with force=true"):
        evaluate(directory_of(config), asked)
    run(compose("force=true"), [])
    evaluate(directory_of(config), asked)


def test_best_weights_that_vanish_while_training_are_not_replaced_by_the_last(
    compose: Composer, monkeypatch: pytest.MonkeyPatch, keyboard: None
) -> None:
    config = compose("trainer.max_epochs=6", *LATER_WORSE)
    with monkeypatch.context() as patch:
        interrupt_after(4, patch)
        with pytest.raises(KeyboardInterrupt):
            run(config, [])
    (directory_of(config) / "checkpoints" / "best.ckpt").unlink()
    with pytest.raises(RunFailed, match=r"best\.ckpt: the best weights, .* were removed .*force=true"):
        run(config, [])


def after_epoch(count: int, monkeypatch: pytest.MonkeyPatch, act: Any) -> None:
    """Call ``act`` behind the rows of ``count`` epochs."""
    from aelab.runs.history import History

    original, done = History.on_train_epoch_end, []

    def hooked(self: Any, *arguments: Any) -> None:
        original(self, *arguments)
        done.append(1)
        if len(done) == count:
            act(self.path)

    monkeypatch.setattr(History, "on_train_epoch_end", hooked)


def cut(path: Path) -> None:
    path.write_text(path.read_text()[:-20])


@pytest.mark.parametrize("act", [Path.unlink, cut, lambda path: path.write_text("")], ids=["removed", "cut", "emptied"])
def test_rows_that_somebody_takes_are_put_back_and_said(
    act: Any, compose: Composer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    straight, config = compose_tiny(tmp_path / "straight", "trainer.max_epochs=5"), compose("trainer.max_epochs=5")
    run(straight, [])
    with monkeypatch.context() as patch:
        after_epoch(3, patch, act)
        with pytest.raises(RunFailed, match=r"metrics\.jsonl: was removed or changed .* the same command goes on"):
            run(config, [])
    assert manifest_of(config)["status"] == "failed"
    run(config, [])
    assert outcome(config) == outcome(straight)


def test_rows_that_are_gone_when_a_run_goes_on_are_missed(
    compose: Composer, monkeypatch: pytest.MonkeyPatch, keyboard: None
) -> None:
    config = compose("trainer.max_epochs=4")
    with monkeypatch.context() as patch:
        interrupt_after(3, patch)
        with pytest.raises(KeyboardInterrupt):
            run(config, [])
    rows = directory_of(config) / "metrics.jsonl"
    rows.write_text("".join(rows.read_text().splitlines(keepends=True)[1:]))
    with pytest.raises(RunFailed, match=r"the rows of 1 epochs, from epoch 0 on, are gone; .*force=true"):
        run(config, [])


# --- who owns a directory ---


def test_a_lock_that_is_removed_stops_the_run(compose: Composer, monkeypatch: pytest.MonkeyPatch) -> None:
    config = compose("trainer.max_epochs=5")
    with monkeypatch.context() as patch:
        after_epoch(2, patch, lambda path: path.with_name(".lock").unlink())
        with pytest.raises(RunFailed, match=r"\.lock: was removed .* the same command goes on"):
            run(config, [])
    assert manifest_of(config)["status"] == "running", "another process may be at it, so nothing is written"
    assert len(read_rows(directory_of(config) / "metrics.jsonl")) == 2
    run(config, [])
    assert manifest_of(config)["status"] == "complete"


def test_a_lock_that_is_replaced_keeps_the_first_process_from_writing(tmp_path: Path) -> None:
    with claim(tmp_path):
        check_owned(tmp_path / "checkpoints" / "last.ckpt")
        check_owned(tmp_path.parent / "elsewhere")
        (tmp_path / ".lock").unlink()
        (tmp_path / ".lock").touch()
        with pytest.raises(Lost):
            check_owned(tmp_path / "checkpoints" / "last.ckpt")
    check_owned(tmp_path / "checkpoints" / "last.ckpt")


@pytest.mark.parametrize("number", [errno.ENOLCK, errno.EOPNOTSUPP, errno.ENOSYS])
def test_a_file_system_without_locks_is_named(number: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: Any) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(fcntl, "flock", refuse)
    with pytest.raises(UserError, match=r"\.lock: cannot be locked \(.*paths\.outputs=") as caught, claim(tmp_path):
        pass
    assert "\n" not in str(caught.value)
    assert not is_held(tmp_path)


ANOTHER = """
import fcntl, sys, time
from pathlib import Path
fcntl.flock = lambda *_: None  # a file system that grants every lock to everybody
from aelab.runs.claim import Held, claim
try:
    with claim(Path(sys.argv[1])):
        print("mine", flush=True)
        time.sleep(float(sys.argv[2]))
except Held as held:
    print(held, flush=True)
"""


def another(directory: Path, seconds: float) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", ANOTHER, str(directory), str(seconds)], stdout=subprocess.PIPE, text=True
    )


def test_where_locks_do_nothing_a_heartbeat_keeps_the_second_process_out(tmp_path: Path) -> None:
    with another(tmp_path, 60) as first:
        assert first.stdout and first.stdout.readline() == "mine\n"
        assert is_held(tmp_path)
        with another(tmp_path, 0) as second:
            assert second.stdout and f"held by process {first.pid} on" in second.stdout.read()
        first.send_signal(signal.SIGKILL)
        first.wait()
    assert not is_held(tmp_path), "of a process that is gone nobody waits"
    with another(tmp_path, 0) as third:
        assert third.stdout and third.stdout.read() == "mine\n"
    assert not (tmp_path / heartbeat.FILE).exists()


def test_a_process_of_another_machine_is_alive_if_its_heartbeat_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(heartbeat, "BEAT_S", 0.2)
    with monkeypatch.context() as patch:
        patch.setattr(heartbeat, "_machine", lambda: "another boot of another machine")
        theirs = Heartbeat(tmp_path)
    with theirs:
        with pytest.raises(Held, match="held by process"), claim(tmp_path):
            pass
        assert is_held(tmp_path)
    with claim(tmp_path):
        assert (tmp_path / heartbeat.FILE).exists()
    (tmp_path / heartbeat.FILE).write_text(json.dumps({"machine": "gone", "host": "gone", "process": 1}))
    began = time.monotonic()
    with claim(tmp_path):
        assert 0.3 < time.monotonic() - began < 5, "long enough to see that nothing beats"
    assert not (tmp_path / heartbeat.FILE).exists()


def test_whose_run_was_taken_learns_of_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(heartbeat, "BEAT_S", 0.05)
    with claim(tmp_path):
        (tmp_path / heartbeat.FILE).write_text(json.dumps({"machine": "b", "host": "b", "process": 7}))
        deadline = time.monotonic() + 10
        while not claims._owned[tmp_path].heartbeat.stolen and time.monotonic() < deadline:
            time.sleep(0.02)
        with pytest.raises(Lost, match=r"process 7 on b has taken this run"):
            check_owned(tmp_path / "manifest.json")
    assert (tmp_path / heartbeat.FILE).exists(), "it is the other's"


@pytest.mark.parametrize(
    "content", ["", "{", "[]", '{"machine": 5}', '{"process": "x"}', '{"process": -1}', "\xff\x00", "null"]
)
def test_an_odd_heartbeat_keeps_nobody_out(content: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(heartbeat, "BEAT_S", 0.02)
    (tmp_path / heartbeat.FILE).write_bytes(content.encode("latin-1"))
    with claim(tmp_path):
        pass
    assert not is_held(tmp_path)


# --- force ---


def test_force_starts_over_once_a_submission(
    compose: Composer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, keyboard: None
) -> None:
    """A SLURM job that was put back into the queue gives the same command again."""
    forced, straight = (
        compose("force=true", "trainer.max_epochs=4"),
        compose_tiny(tmp_path / "s", "trainer.max_epochs=4"),
    )
    run(straight, [])
    run(forced, [])
    first = manifest_of(forced)["timings"]["started"]
    monkeypatch.setenv("SLURM_JOB_ID", "41")
    with monkeypatch.context() as patch:
        interrupt_after(2, patch)
        with pytest.raises(KeyboardInterrupt, match="the same command without force=true resumes"):
            run(forced, [])
    epochs: list[int] = []
    with monkeypatch.context() as patch:
        after_epoch(1, patch, lambda path: epochs.append(len(read_rows(path))))
        run(forced, [])
    assert epochs == [3], "it went on"
    manifest = manifest_of(forced)
    assert manifest["timings"]["attempts"] == 2 and manifest["timings"]["started"] != first
    assert outcome(forced) == outcome(straight)
    with monkeypatch.context() as patch:
        after_epoch(1, patch, lambda path: epochs.append(len(read_rows(path))))
        run(forced, [])
    assert epochs == [3, 1], "complete, it is started over by the next command"


def test_force_typed_again_starts_over_and_without_it_resumes(
    compose: Composer, monkeypatch: pytest.MonkeyPatch, keyboard: None
) -> None:
    config = compose("trainer.max_epochs=4")
    forced = compose("trainer.max_epochs=4", "force=true")
    for command, expected in ((forced, 1), (config, 3)):
        monkeypatch.delenv("AELAB_SUBMISSION", raising=False)  # as in a process of its own
        with monkeypatch.context() as patch:
            interrupt_after(2, patch)
            with pytest.raises(KeyboardInterrupt):
                run(forced, [])
        monkeypatch.delenv("AELAB_SUBMISSION", raising=False)
        epochs: list[int] = []
        with monkeypatch.context() as patch:
            after_epoch(1, patch, lambda path, epochs=epochs: epochs.append(len(read_rows(path))))
            run(command, [])
        assert epochs == [expected]


# --- replicas ---


@pytest.mark.parametrize(
    "first, then",
    [
        ("replicas.chunk=3", "replicas.chunk=2"),
        ("replicas.chunk=null", "replicas.chunk=1"),
        ("replicas.chunk=2", "replicas.mode=sequential"),
    ],
)
def test_other_chunks_than_a_run_was_begun_with_are_one_line(
    first: str, then: str, compose: Composer, monkeypatch: pytest.MonkeyPatch, keyboard: None
) -> None:
    plan = ("replicas=bootstrap", "replicas.count=4", "trainer.max_epochs=3")
    with monkeypatch.context() as patch:
        interrupt_after(2, patch)
        with pytest.raises(KeyboardInterrupt):
            run(compose(*plan, first), [])
    with pytest.raises(UserError, match=r"this run was begun with \d replicas in a fit.*force=true") as caught:
        run(compose(*plan, then), [])
    assert "\n" not in str(caught.value)
    run(compose(*plan, first), [])
    assert manifest_of(compose(*plan))["status"] == "complete"


def test_fewer_devices_than_before_change_no_chunks(
    tmp_path: Path, compose: Composer, monkeypatch: pytest.MonkeyPatch, keyboard: None
) -> None:
    plan = ("replicas=bootstrap", "replicas.count=4", "trainer.max_epochs=3")
    straight, config = (
        compose_tiny(tmp_path / "straight", *plan, "replicas.chunk=2"),
        compose(*plan, "replicas.chunk=2"),
    )
    run(straight, [])
    with monkeypatch.context() as patch:
        interrupt_after(2, patch)
        with pytest.raises(KeyboardInterrupt):
            run(config, [])
    run(compose(*plan), [])
    same_parts = [directory_of(one) / "checkpoints" / "best.ckpt" for one in (config, straight)]
    assert weights(same_parts[0]) == weights(same_parts[1])
    assert manifest_of(config)["metrics"] == manifest_of(straight)["metrics"]
