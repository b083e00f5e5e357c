"""What a run's directory knows of its W&B run: the folder of its files, and whether it was closed."""

from __future__ import annotations

from pathlib import Path

from aelab.machines.atomic_files import write_whole

FILE = ".mirror"  # in a run's directory
_OPEN = "open"
_OVER = "over"


class Note:
    """A small file: the name of the folder under ``wandb/`` on its first line, then what is to be known of it.

    ``open``: the W&B run lacks its end. ``over``: the run was started over, so the W&B run is to begin anew, too. Other
    lines name folders that this one replaces, as long as they may still be there. Notes of earlier versions hold one
    name.
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    def folders(self) -> list[str]:
        """Names of the folders, the present one first."""
        return [line for line in self._lines() if line not in (_OPEN, _OVER)]

    def goes_on(self) -> bool:
        """Whether there is a W&B run to add to."""
        return bool(self.folders()) and _OVER not in self._lines()

    def is_open(self) -> bool:
        """Whether a process left the W&B run before all was handed over."""
        return _OPEN in self._lines()

    def opened(self, folder: str, replaced: list[str]) -> None:
        write_whole(self.path, "\n".join([folder, _OPEN, *replaced]))

    def closed(self) -> None:
        if folders := self.folders():
            write_whole(self.path, folders[0])

    def started_over(self) -> None:
        if folders := self.folders():
            write_whole(self.path, "\n".join([*folders, _OVER]))

    def _lines(self) -> list[str]:
        try:
            return self.path.read_text().split("\n")
        except (OSError, ValueError):
            return []
