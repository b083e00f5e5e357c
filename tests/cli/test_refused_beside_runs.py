"""What is there stays when a command is refused: an earlier run, one under way, folders."""

from __future__ import annotations

import json
import threading
from pathlib import Path

import pytest
import torch
from commands import QUICK, Command, left
from run_files import directory_of
from tiny_runs import TINY, compose_tiny

from aelab.runs.claim import claim
from aelab.runs.refused import forget


def contents(directory: Path) -> dict[str, bytes]:
    """All of a run but what Hydra writes of each command."""
    files = (path for path in directory.rglob("*") if path.is_file() and ".hydra" not in path.parts)
    return {str(path.relative_to(directory)): path.read_bytes() for path in files if path.name != ".lock"}


@pytest.mark.skipif(torch.cuda.is_available(), reason="needs a machine without a GPU")
def test_an_earlier_run_stays_as_it_is(command: Command) -> None:
    assert command(*TINY) == (0, [])
    [directory] = Path("outputs/runs").glob("*/")
    before = contents(directory)
    assert command(*TINY, "trainer=gpu")[0] == 0, "complete already, wherever it was trained"
    status, [line] = command(*TINY, "trainer=gpu", "force=true")
    assert status == 1 and "there is none here" in line
    assert contents(directory) == before, "refused before it starts over"
    record = json.loads((directory / "manifest.json").read_text())
    (directory / "manifest.json").write_text(json.dumps(record | {"status": "interrupted"}))
    before = contents(directory)
    assert command(*TINY, "trainer=gpu")[0] == 1
    assert contents(directory) == before


def test_a_run_that_another_process_is_at_is_left_to_it(command: Command) -> None:
    directory = directory_of(compose_tiny(Path("outputs")))
    with claim(directory):
        status, [line] = command(*TINY, "+nonsense=1")
        assert status == 1 and "unknown key" in line, "another run"
        status, [line] = command(*TINY)
        assert status == 1 and "held by process" in line
        assert directory.is_dir()


def test_who_waits_for_a_run_that_is_refused_gets_a_directory_of_its_own(tmp_path: Path) -> None:
    directory, had = tmp_path / "run", []

    def second() -> None:
        with claim(directory, wait=True):
            had.append((directory / ".lock").exists())

    with claim(directory):
        waiting = threading.Thread(target=second)
        waiting.start()
        waiting.join(0.3)
        for path in directory.iterdir():  # as forget does, which has the claim
            path.unlink()
        directory.rmdir()
    waiting.join()
    assert had == [True]
    forget(directory)
    assert not directory.exists()


def test_folders_that_were_there_stay(command: Command) -> None:
    Path("outputs/runs").mkdir(parents=True)
    assert command(*QUICK, "network.code_size=abc")[0] == 1
    assert left() == ["outputs", "outputs/runs"]
