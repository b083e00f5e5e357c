"""What a run's directory knows of its W&B run: the folder of its files, and whether it was closed."""

from __future__ import annotations

from pathlib import Path

from aelab.tracking.atomic import write_whole

_OPEN = "open"


class Note:
    """A small file: the name of the folder under ``wandb/``, then ``open`` while the W&B run lacks its end.

    Then the names of folders that this one replaces, as long as they may still be there. Notes of earlier versions
    hold one name.
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    def exists(self) -> bool:
        return self.path.exists()

    def folders(self) -> list[str]:
        """Names of the folders, the present one first."""
        return [line for line in self._lines() if line != _OPEN]

    def is_open(self) -> bool:
        """Whether a process left the W&B run before all was handed over."""
        return _OPEN in self._lines()

    def opened(self, folder: str, replaced: list[str]) -> None:
        write_whole(self.path, "\n".join([folder, _OPEN, *replaced]))

    def closed(self) -> None:
        if folders := self.folders():
            write_whole(self.path, folders[0])

    def _lines(self) -> list[str]:
        try:
            return self.path.read_text().split("\n")
        except (OSError, ValueError):
            return []
