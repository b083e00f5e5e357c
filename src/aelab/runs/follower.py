"""What a run tells whoever follows it, such as its W&B run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol


class Follower(Protocol):
    """Shows elsewhere what a run's directory holds; nothing that happens to it may harm the run."""

    def epoch(self, row: Mapping[str, Any]) -> None:
        """An epoch's metrics have been written."""

    def epochs(self) -> None:
        """Metrics of several epochs have been written."""

    def pictures(self, paths: Sequence[Path]) -> None:
        """Pictures have been written."""
