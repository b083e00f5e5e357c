"""A command as it is typed."""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from commands import Command
from hydra.core.singleton import Singleton

from aelab.cli import train as cli


@pytest.fixture
def command(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Iterator[Command]:
    """``command(*words)``: status and lines on stderr of ``scripts/train.py``, or of another program, in tmp_path."""
    place = tmp_path / "here"
    place.mkdir()
    monkeypatch.chdir(place)
    root = logging.getLogger()
    hydra_state, handlers, level = Singleton.get_state(), root.handlers[:], root.level

    def given(*words: str, program: Callable[[], int] = cli.train) -> tuple[int, list[str]]:
        monkeypatch.setenv("HYDRA_FULL_ERROR", "0")
        monkeypatch.setattr(sys, "argv", ["train.py", *words])
        capsys.readouterr()
        try:
            status = program()
        except SystemExit as end:
            status = int(str(end.code))
        finally:
            Singleton.set_state(hydra_state)
            for handler in root.handlers:
                if handler not in handlers:
                    handler.close()
            root.handlers[:], root.level = handlers, level
        return status, capsys.readouterr().err.splitlines()

    yield given
