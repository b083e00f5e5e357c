"""Data sets that torchvision downloads: found in its layout, fetched whole or not at all."""

from __future__ import annotations

import os
import socket
import tempfile
from http.client import HTTPException
from pathlib import Path
from typing import Any

from aelab.data.module import DataModule
from aelab.errors import UserError
from aelab.machines.folders import made


class Downloaded(DataModule):
    """A data set whose files lie under ``root`` in torchvision's layout, or are downloaded there.

    A subclass names its ``files`` (relative to root), says in ``advice`` how to place them by hand, and
    downloads them in ``fetch``.
    """

    files: tuple[str, ...]
    timeout = 10.0  # seconds without an answer before a server counts as absent

    def __init__(self, root: str = "data", **settings: Any) -> None:
        super().__init__(**settings)
        self.root = Path(root).expanduser()

    def fetch(self, folder: str) -> None:
        """Download the files into ``folder`` in torchvision's layout and verify their checksums."""
        raise NotImplementedError

    def advice(self) -> str:
        """How to place the files by hand."""
        raise NotImplementedError

    def find(self, file: str) -> Path | None:
        """Where a file of ``files`` lies, or None."""
        return path if (path := self.root / file).is_file() else None

    def prepare_data(self) -> None:
        """Download what is absent; UserError where that fails."""
        absent = self._absent()
        if not absent:
            return
        before = socket.getdefaulttimeout()
        socket.setdefaulttimeout(self.timeout)
        try:
            self._download()
        except (OSError, HTTPException, RuntimeError) as error:  # urllib's (an OSError), http's, torchvision's
            reason = " ".join(str(error).split())
            raise UserError(
                f"data={self.name}: {absent} is not in {self.root} and could not be downloaded "
                f"({reason}); {self.advice()}"
            ) from error
        finally:
            socket.setdefaulttimeout(before)

    def _absent(self) -> str | None:
        return next((file for file in self.files if self.find(file) is None), None)

    def _download(self) -> None:
        """Into a folder of its own, then file by file into place: what bears its name is whole."""
        with made(self.root), tempfile.TemporaryDirectory(prefix=".download-", dir=self.root) as folder:
            self.fetch(folder)
            for path in sorted(p for p in Path(folder).rglob("*") if p.is_file()):
                target = self.root / path.relative_to(folder)
                target.parent.mkdir(parents=True, exist_ok=True)
                os.replace(path, target)

    def require_files(self) -> None:
        """UserError where a file is absent: ``prepare_data`` was not called or the files have gone."""
        if absent := self._absent():
            raise UserError(f"data={self.name}: {absent} is not in {self.root}; {self.advice()}")


def damaged(path: Path, what: str) -> UserError:
    """The error of a file or folder whose content cannot be what its name says."""
    return UserError(f"{path}: damaged or cut short ({what}); delete it and run again to download it anew")
