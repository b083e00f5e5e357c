"""Tables of ADBench (Han et al. 2022), a benchmark of anomaly detection: most rows normal, some not."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from aelab.data.module import DataModule
from aelab.data.source import Source
from aelab.errors import UserError
from aelab.machines.regular_files import open_regular

WHERE = "https://github.com/Minqi824/ADBench, folder adbench/datasets/Classical"
NAMES = np.array(["normal", "anomaly"])


class ADBench(DataModule):
    """Rows ``[D]`` of ``<root>/adbench/<number>_<table>.npz``, labelled ``normal`` or ``anomaly``.

    Every part has its share of both; ``one_class=normal`` leaves the anomalies out of training and validation.
    """

    stratified = True
    unused = ("path",)

    def __init__(self, table: str = "cardio", root: str = "data", **settings: Any) -> None:
        super().__init__(**settings)
        self.table = table
        self.folder = Path(root).expanduser() / "adbench"

    def read(self) -> Source:
        path = self._path()
        try:
            with open_regular(path) as file, np.load(file, allow_pickle=False) as content:
                x = content["X"].astype(np.float64)
                y = content["y"].astype(int).reshape(-1)
        except Exception as error:  # a damaged header leads numpy to anything
            raise UserError(f"{path}: damaged or no table of ADBench ({error}); fetch it again: {WHERE}") from error
        if len(x) != len(y) or not np.isin(y, (0, 1)).all():
            raise UserError(f"{path}: {len(x)} rows need as many labels y of 0 and 1; fetch it again: {WHERE}")
        return Source(x, NAMES[y])

    def _path(self) -> Path:
        """The table's file; UserError, saying what to fetch, where it is not there."""
        files = {path.stem.partition("_")[2]: path for path in sorted(self.folder.glob("*_*.npz"))}
        if self.table not in files:
            there = f"there are {', '.join(files)}" if files else "there is no table at all"
            raise UserError(
                f"data.table={self.table}: no *_{self.table}.npz in {self.folder}, {there}; fetch it: {WHERE}"
            )
        return files[self.table]
