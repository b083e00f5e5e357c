"""The user's own table where it does not fit in memory: written once as rows, read batch by batch."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from aelab.data.batches.loader import Batches, EpochOrder
from aelab.data.batches.pieces import Pieces
from aelab.data.batches.row_file import OLDER, RowFile, beside, write_rows
from aelab.data.batches.splits import fingerprint
from aelab.data.beside import counted, widened
from aelab.data.files.user_files import user_path
from aelab.data.preprocessing import NUMBERS, Preprocessing
from aelab.data.source import Source, check_finite
from aelab.data.table import Table
from aelab.data.tables.columns import Columns
from aelab.data.tables.frames import WANTED
from aelab.data.tables.parts import files_below
from aelab.data.tables.reading import TableFile
from aelab.data.tables.wanted import Beside, Wanted
from aelab.errors import UserError

CHUNK = 8 * 2**20  # bytes of double precision that are held at a time


class StreamedTable(Table):
    """As ``Table``, and the same numbers; only labels, numbers and ids of rows and a chunk of them are ever in memory.

    ``cache``: folder of the rows, which are written when the table is first used or has changed.
    """

    resident = False

    def __init__(self, cache: str, **settings: Any) -> None:
        super().__init__(**settings)
        self.cache = Path(cache)
        self.rows: dict[str, np.ndarray] = {}
        self.wide: dict[str, Tensor] = {}  # what stands behind the values of each part
        self.file: RowFile

    def setup(self, stage: str | None = None) -> None:
        if self.rows:
            return
        path = user_path(self.name, self.path, WANTED)
        asked: tuple[Any, ...] = (str(path.resolve()), *_state(path), self.columns, self.label)
        asked += (self.missing, *self.categorical)
        if self.format.given():
            asked += (self.format, self.format.skip_rows) if self.format.skip_rows else (self.format,)
        if self.id is not None:
            asked += ("id", self.id)
        if self.given_names or self.weight is not None:
            asked += ("beside", *self.given_names, self.weight)
        rows = self.cache / f"{hashlib.blake2b(repr(asked).encode(), digest_size=8).hexdigest()}.f64"
        if self.known is not None and self.known.raw == "float32" and rows.with_suffix(OLDER).exists():
            rows = rows.with_suffix(OLDER)
        elif not beside(rows, ".json").exists():
            if not self.fetches:
                raise UserError(
                    f"data.cache={self.cache}: the rows of {path} are not there; train once more to write them"
                )
            self._write(path, rows)
        self.file = RowFile(rows)
        about: dict[str, Any] = (
            self.file.about if isinstance(self.file.about, dict) else {"columns": self.file.about or []}
        )
        self.marks = about.get("marks", {})  # which earlier versions did not write
        self.preprocessing = self.known or Preprocessing(NUMBERS, Columns.of_plain(about["columns"]), gaps=self.masks)
        self.shape = (self.file.columns,)
        labels = self.file.array("labels")
        split = self._split(len(self.file), labels)
        weight = None if self.weight is None else self.file.array("weight")
        if weight is not None:
            row = self.file.array("row")
            rows_read = np.arange(len(self.file)) if row is None else row
            split = counted(split, weight, f"data.weight={self.weight} data={self.name}", rows_read)
        for part, chosen in split.items():
            self.rows[part] = chosen
            if labels is not None:
                self.labels[part] = labels[chosen]
        self._fit(self._train, self.fills, None if weight is None else weight[self.rows["train"]])
        if self.given_names or weight is not None:
            self._beside(labels, weight)

    def _beside(self, labels: np.ndarray | None, weight: np.ndarray | None) -> None:
        """Keep what is given, and what each row counts, in memory, to be put behind the values as they are read."""
        every = {name: self.file.array(f"given_{place}") for place, name in enumerate(self.given_names)}
        given = {name: values for name, values in every.items() if values is not None}
        levels = self._levels(given, self.label)
        row = self.file.array("row")
        parts = {}
        for part, chosen in self.rows.items():
            own = {name: values[chosen] for name, values in given.items()}
            origin = {} if row is None else {"row": row[chosen]}
            own_weight = None if weight is None else weight[chosen]
            parts[part] = Source(
                chosen, None if labels is None else labels[chosen], origin=origin, given=own, categorical=levels,
                weight=own_weight,
            )  # fmt: skip
        found = self._fit_given(parts) if given else {}
        for part, some in parts.items():
            self.wide[part] = widened(torch.empty(len(some.x), 0), found.get(part), some.weight)
        self.layout = self._layout(self.file.columns, weight is not None)

    def _write(self, path: Path, rows: Path) -> None:
        """Read the table twice: what its columns are, and its rows as values."""
        table = self._opened(path)
        wanted = self._wanted(table)
        survey = self._survey(table, wanted)
        beside = Beside(table, wanted, set(map(str, self.categorical)))

        def seen() -> Iterator[pd.DataFrame]:
            for frame in self._frames(table, CHUNK, wanted):
                whole = self._whole_rows(survey.see(frame), wanted)
                beside.see(whole)
                yield whole

        found = self._columns(seen(), wanted.columns)
        self._check(survey, path, wanted)
        self.say(*table.said, *survey.said(self.missing))
        print(f"data={self.name}: writing the rows of {path} to {rows}, once", flush=True)
        about = {"columns": found.plain(), "marks": table.marks}
        written = write_rows(rows, self._chunks(path, table, found, wanted, beside), about)
        self.say(*beside.said(written.array("id")))

    def _columns(self, frames: Iterable[pd.DataFrame], columns: Sequence[str]) -> Columns:
        frames = iter(frames)
        found = super()._columns(frames, columns)
        for _ in frames:  # what is known already has looked at none of them
            pass
        return found

    def _chunks(
        self, path: Path, table: TableFile, found: Columns, wanted: Wanted, beside: Beside
    ) -> Iterator[tuple[np.ndarray, dict[str, np.ndarray]]]:
        first = 0
        for read in self._frames(table, CHUNK, wanted):
            frame = self._whole_rows(read, wanted)
            if frame.empty:
                continue
            self._check_rows(frame, table, wanted)
            x = found.values(frame)
            nan_too = not self.fills and not self.masks
            check_finite(x, self.name, nan_too, first, columns=found.names)
            first += len(x)
            yield x, beside.values(frame)
        if first < 2:
            raise UserError(f"data={self.name}: {first} example(s) in {path}; at least 2 are needed")

    def _train(self) -> Iterator[Tensor]:
        """The training part as it was read, a chunk at a time."""
        rows = self.rows["train"]
        size = self._rows_at_a_time()
        return (torch.from_numpy(self.file.take(rows[at : at + size])) for at in range(0, len(rows), size))

    def size(self, part: str) -> int:
        return len(self.rows[part])

    def origin(self, part: str) -> Mapping[str, np.ndarray]:
        chosen = self.rows[part]
        row = self.file.array("row")
        id = self.file.array("id")
        if row is None and self.missing == "drop":
            raise UserError(
                f"data.cache={self.cache}: {self.file.path.name} is of an earlier version and does not tell which rows "
                "of the table were left out; remove it and train once more"
            )
        found = {"row": chosen if row is None else row[chosen]}
        return found if id is None else {**found, "id": id[chosen]}

    def fingerprint(self, part: str) -> str:
        """16 hex digits that name the table's content and which of its rows these are."""
        named = np.frombuffer(
            f"{self.file.digests[self.preprocessing.raw]}{fingerprint(self.rows[part])}".encode(), np.uint8
        )
        weight = self.weights(part)
        return fingerprint(named, b"" if weight is None else weight.numpy().tobytes())

    def examples(self, part: str, limit: int | None = None) -> Tensor:
        """As floats ``[n, D]``, read now: name a limit where a part may not fit in memory."""
        return self._values(part, self.chosen(part, limit))

    def _behind(self, part: str) -> Tensor:
        return self.wide[part]

    def _resident_rows(self, part: str, limit: int | None) -> Tensor:
        return self.take(part, self.chosen(part, limit))

    def pieces(self, part: str, limit: int) -> Pieces:
        rows = self.chosen(part, limit)
        return Pieces(len(rows), self.file.columns, lambda some: self._values(part, rows[some]))

    def take(self, part: str, rows: Tensor) -> Tensor:
        """Rows of a part, long of any shape, as float32 ``[*rows.shape, D]``: filled and standardised, with what stands
        behind the values."""
        values = self._values(part, rows)
        return values if self.layout is None else torch.cat([values, self.wide[part][rows.cpu()]], -1)

    def _values(self, part: str, rows: Tensor) -> Tensor:
        chosen = self.rows[part][rows.numpy().reshape(-1)]
        found = torch.empty(len(chosen), self.file.columns)
        size = self._rows_at_a_time()
        for start in range(0, len(chosen), size):
            some = torch.from_numpy(self.file.take(chosen[start : start + size]))
            found[start : start + size] = self.preprocessing(some)
        return found.reshape(*rows.shape, self.file.columns)

    def _rows_at_a_time(self) -> int:
        return max(1, CHUNK // (8 * self.file.columns))

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


def _state(path: Path) -> tuple[int, ...]:
    """What changes where a file does, or one of a folder."""
    stats = [file.stat() for file in (files_below(path) if path.is_dir() else [path])]
    return tuple(number for stat in stats for number in (stat.st_size, stat.st_mtime_ns))
