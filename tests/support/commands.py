"""A command that is given in an empty folder, and what it leaves there."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

QUICK = ("data=digits", "network.hidden=[16]", "network.code_size=4", "trainer.max_epochs=1")
"""With W&B, which must not be started either."""

GROUPS = (
    "model", "network", "corruption", "augmentation", "error", "initialization", "pretraining", "data", "replicas",
    "optimizer", "scheduler", "callbacks", "logger",
)  # fmt: skip

Command = Callable[..., tuple[int, list[str]]]
"""Words to the status and the lines on stderr."""


def left(place: Path = Path()) -> list[str]:
    return sorted(str(path) for path in place.rglob("*"))
