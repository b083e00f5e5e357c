"""The user's own table where it does not fit in memory: written once as rows, read batch by batch."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from aelab.data.frames import as_labels, read_chunks
from aelab.data.loader import Batches, EpochOrder
from aelab.data.pieces import Pieces
from aelab.data.row_file import RowFile, write_rows
from aelab.data.source import check_finite
from aelab.data.splits import fingerprint
from aelab.data.table import Table
from aelab.data.user_files import pick, user_path
from aelab.errors import UserError

CHUNK = 8 * 2**20  # bytes of float32 that are held at a time


class StreamedTable(Table):
    """As ``Table``, and the same numbers; only labels and one chunk of rows are ever in memory.

    ``cache``: folder of the rows, which are written when the table is first used or has changed.
    """

    resident = False
    unused = ("categorical",)
    missing_choices = ("error", "drop", "mean")

    def __init__(self, cache: str, **settings: Any) -> None:
        super().__init__(**settings)
        self.cache = Path(cache)
        self.rows: dict[str, np.ndarray] = {}
        self.file: RowFile

    def setup(self, stage: str | None = None) -> None:
        if self.rows:
            return
        path = user_path(self.name, self.path, "a .csv or .parquet file")
        told = path.stat()
        asked = (str(path.resolve()), told.st_size, told.st_mtime_ns, self.columns, self.label, self.missing)
        rows = self.cache / f"{hashlib.blake2b(repr(asked).encode(), digest_size=8).hexdigest()}.f32"
        if not rows.with_suffix(".json").exists():
            if not self.fetches:
                raise UserError(
                    f"data.cache={self.cache}: the rows of {path} are not there; train once more to write them"
                )
            print(f"data={self.name}: writing the rows of {path} to {rows}, once", flush=True)
            write_rows(rows, self._chunks(path))
        self.file = RowFile(rows)
        self.shape = (self.file.columns,)
        for part, chosen in self._split(len(self.file), self.file.labels).items():
            self.rows[part] = chosen
            if self.file.labels is not None:
                self.labels[part] = self.file.labels[chosen]
        self._measure()

    def _chunks(self, path: Path) -> Iterator[tuple[np.ndarray, np.ndarray | None]]:
        first = 0
        for frame in read_chunks(path, CHUNK):
            label = None if self.label is None else pick("data.label", self.label, frame.columns)
            columns = self._wanted(frame, label)
            frame = self._without_gaps(frame[[*columns, label] if label else columns])
            with np.errstate(over="ignore"):
                x = frame[columns].to_numpy(np.float32, na_value=np.nan)
            check_finite(x, self.name, nan_too=self.missing != "mean", first=first)
            first += len(x)
            yield x, None if label is None else as_labels(frame[label])
        if first < 2:
            raise UserError(f"data={self.name}: {first} example(s) in {path}; at least 2 are needed")

    def _measure(self) -> None:
        """Means, to fill gaps with, and the standardisation, both of the training part, chunk by chunk."""
        total, count = np.zeros(self.file.columns), np.zeros(self.file.columns)
        low, high = np.full(self.file.columns, np.inf), np.full(self.file.columns, -np.inf)
        for x in self._train():
            total += np.nansum(x, 0)
            count += (~np.isnan(x)).sum(0)
            low, high = np.fmin(low, np.fmin.reduce(x)), np.fmax(high, np.fmax.reduce(x))
        if not count.all():
            value = int(np.argmin(count))
            raise UserError(
                f"data={self.name}: value {value} (counted from 0) is missing in the whole training part, so "
                "it has no mean; leave it out or use data.missing=drop"
            )
        self.filling = total / count
        if not self.standardize:
            return
        squares = sum(
            (np.square(np.where(np.isnan(x), 0, x - self.filling)).sum(0) for x in self._train()), np.zeros(1)
        )
        scale = np.sqrt(squares / self.size("train"))
        self.mean, self.scale = torch.from_numpy(self.filling), torch.from_numpy(np.where(low == high, 1, scale))

    def _train(self) -> Iterator[np.ndarray]:
        """The training part in double precision, a chunk at a time."""
        rows, size = self.rows["train"], self._rows_at_a_time()
        return (self.file.take(rows[start : start + size]).astype(np.float64) for start in range(0, len(rows), size))

    def size(self, part: str) -> int:
        return len(self.rows[part])

    def fingerprint(self, part: str) -> str:
        """16 hex digits that name the table's content and which of its rows these are."""
        named = np.frombuffer(f"{self.file.digest}{fingerprint(self.rows[part])}".encode(), np.uint8)
        return fingerprint(named)

    def examples(self, part: str, limit: int | None = None) -> Tensor:
        """As floats ``[n, D]``, read now: name a limit where a part may not fit in memory."""
        return self.take(part, self.chosen(part, limit))

    def pieces(self, part: str, limit: int) -> Pieces:
        rows = self.chosen(part, limit)
        return Pieces(len(rows), self.file.columns, lambda some: self.take(part, rows[some]))

    def take(self, part: str, rows: Tensor) -> Tensor:
        """Rows of a part, long of any shape, as float32 ``[*rows.shape, D]``: filled and standardised."""
        x = self.file.take(self.rows[part][rows.numpy()])
        flat = x.reshape(-1, self.file.columns)
        for start in range(0, len(flat), self._rows_at_a_time()):
            some = flat[start : start + self._rows_at_a_time()]
            if self.missing == "mean":
                np.copyto(some, self.filling, where=np.isnan(some), casting="same_kind")
            if self.mean is not None and self.scale is not None:
                some[:] = (some - self.mean.numpy()) / self.scale.numpy()
        return torch.from_numpy(x)

    def _rows_at_a_time(self) -> int:
        return max(1, CHUNK // (4 * self.file.columns))

    def _loader(self, part: str, order: EpochOrder | Tensor, batch_size: int) -> RowLoader:
        trainer = self.trainer
        ranks = (0, 1) if trainer is None else (trainer.global_rank, trainer.world_size)
        return RowLoader(self, part, order, batch_size, *ranks)


class RowLoader(Batches):
    """Iterates float batches ``[B, D]`` of a part, read as they are needed."""

    def __init__(self, table: StreamedTable, part: str, *batches: Any) -> None:
        super().__init__(*batches)
        self.table = table
        self.part = part

    def __iter__(self) -> Iterator[Tensor]:
        return (self.table.take(self.part, rows) for rows in super().__iter__())
