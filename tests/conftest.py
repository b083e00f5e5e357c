"""Fixtures of all tests; what they call by name is in tests/support."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import environment  # noqa: F401  (before torch)
import pytest
from tiny_runs import Composer, compose_tiny


@pytest.fixture
def compose(tmp_path: Path) -> Composer:
    """``compose(*overrides)``: the config of a tiny run under this test's own folder."""
    return lambda *overrides: compose_tiny(tmp_path, *overrides)


@pytest.fixture
def keyboard() -> Iterator[None]:
    """Lightning ignores Ctrl-C for good once it was interrupted; pytest should not."""
    handler = signal.getsignal(signal.SIGINT)
    yield
    signal.signal(signal.SIGINT, handler)


@pytest.fixture(autouse=True)
def _a_checkpoint_every_epoch(monkeypatch: pytest.MonkeyPatch) -> None:
    """Tiny epochs would be over before the next one is due."""
    monkeypatch.setattr("aelab.runs.checkpoints.SECONDS_BETWEEN", 0.0)


@pytest.fixture(autouse=True)
def _wandb_environment() -> Iterator[None]:
    """Variables that a run sets for W&B end with the test."""
    before = {name: value for name, value in os.environ.items() if name.startswith("WANDB_")}
    yield
    for name in [name for name in os.environ if name.startswith("WANDB_")]:
        del os.environ[name]
    os.environ.update(before)
