"""Series as people have them: tables and arrays, one series a file."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from aelab.data.files.user_files import pick, unreadable
from aelab.data.signals.columns import (
    anomalous_of,
    check_increasing,
    check_times,
    refuse_gaps,
    roles,
    uneven,
    values_of,
)
from aelab.data.signals.series import Series
from aelab.errors import UserError
from aelab.machines.regular_files import open_regular

WANTED = "a .csv, .parquet, .npy or .npz file of points in time, or a folder of such files, a series each"
ARRAYS = (".npy", ".npz")
Say = Callable[..., None]


class Reading:
    """How files are read. ``time``, ``label``, ``columns``, ``key``, ``gaps``: as in ``data.windows.Windows``.
    ``labelled``: whether labels are looked at."""

    def __init__(
        self,
        time: str | None,
        label: str | None,
        columns: Sequence[str] | None,
        key: str | None,
        gaps: bool,
        say: Say,
        labelled: bool = True,
    ) -> None:
        self.time = time
        self.label = label
        self.columns = columns
        self.key = key
        self.gaps = gaps
        self.say = say
        self.labelled = labelled

    def series(self, path: Path) -> list[Series]:
        """All series of a file or a folder, by name; UserError where there are none, or their channels differ."""
        found = [self.one(file) for file in files_of(path)]
        first = found[0]
        for other in found[1:]:
            if other.channels != first.channels:
                raise UserError(
                    f"data.path={path}: {other.name} has the channels {', '.join(other.channels)}, and {first.name} "
                    f"{', '.join(first.channels)}; name those of all with data.columns"
                )
        if len({one.name for one in found}) < len(found):
            raise UserError(f"data.path={path}: two files have the same name up to its ending; rename one")
        labelled = [one.anomalous is not None for one in found]
        if any(labelled) and not all(labelled):
            without = found[labelled.index(False)].name
            raise UserError(f"data.path={path}: {without} has no column that tells anomalies, and others have; add one")
        return found

    def one(self, path: Path) -> Series:
        """The series in a file."""
        return self._array(path) if path.suffix.lower() in ARRAYS else self._table(path)

    def _table(self, path: Path) -> Series:
        from aelab.data.tables.format import Format
        from aelab.data.tables.frames import open_table
        from aelab.data.tables.saved_index import is_saved_index

        table = open_table(path, Format())
        left_out = [*table.set_aside, *(name for name in table.nameless if is_saved_index(table, name))]
        found = roles(table.names, self.time, self.label, self.columns, left_out)
        if not self.labelled:
            found = found._replace(label=None)
        beside = [name for name in (found.time, found.label) if name is not None]
        [frame] = table.frames(None, [*found.channels, *beside], [found.label] if found.label else [])
        where = str(path)
        self.say(*table.said, *(f"{path.name}: {line}" for line in found.said))
        if frame.empty:
            raise UserError(f"data.path={path}: no rows below the names of the columns")
        values = values_of(frame, found.channels, where, table.row, self.gaps)
        if found.time is not None:
            self.say(*(f"{path.name}: {line}" for line in uneven(check_times(frame[found.time], where, table.row),
                                                                found.time)))  # fmt: skip
        anomalous = None if found.label is None else anomalous_of(frame[found.label], where, table.row)
        return Series(_stem(path), values, tuple(found.channels), anomalous, f"data.path={path}")

    def _array(self, path: Path) -> Series:
        try:
            with open_regular(path) as file:
                content = np.load(file, allow_pickle=False)
                arrays = {"": content} if isinstance(content, np.ndarray) else dict(content)
        except Exception as error:  # a damaged header leads numpy to anything
            raise unreadable(path, error) from error
        x, label, time = self._chosen(path, arrays)
        values = x[:, None] if x.ndim == 1 else x
        if values.ndim != 2 or not values.size or values.dtype.kind not in "biuf":
            raise UserError(
                f"data.path={path}: an array {list(x.shape)} of {x.dtype}; a signal is numbers [time, channels] "
                "or [time]"
            )
        channels = tuple(map(str, range(values.shape[1])))
        values = values.astype(np.float64)
        refuse_gaps(values, channels, str(path), _row, self.gaps)
        if self.columns is not None:
            chosen = [int(pick("data.columns", name, channels)) for name in self.columns]
            values = values[:, chosen]
            channels = tuple(channels[place] for place in chosen)
        if time is not None:
            times = time.astype(np.float64)
            called = self.time or "time"
            if times.shape != (len(values),) or not np.isfinite(times).all():
                raise UserError(f"data.time={called} data.path={path}: needs a time of each of {len(values)} points")
            check_increasing(times, list(map(str, times)), called, str(path), _row)
        return Series(
            _stem(path),
            values,
            channels,
            _flags(label if self.labelled else None, len(values), path),
            f"data.path={path}",
        )

    def _chosen(
        self, path: Path, arrays: dict[str, np.ndarray]
    ) -> tuple[np.ndarray, np.ndarray | None, np.ndarray | None]:
        """The signal, its labels and its times, of the arrays of a file."""
        if "" in arrays:
            for key, value in (("key", self.key), ("label", self.label), ("time", self.time)):
                if value is not None:
                    raise UserError(f"data.{key}={value}: a .npy holds one array; use an .npz, or leave it out")
            return arrays[""], None, None
        names = list(arrays)
        label = self._named("label", self.label, names, ("y", "label"))
        time = self._named("time", self.time, names, ("t", "time"))
        others = [name for name in names if name not in (label, time)]
        signal = self._named("key", self.key, others, ("x", "X"))
        if signal is None and len(others) != 1:
            raise UserError(f"data.key: {path} holds {', '.join(names) or 'nothing'}; name the signal with data.key")
        x = arrays[signal or others[0]]
        return x, None if label is None else arrays[label], None if time is None else arrays[time]

    def _named(self, key: str, typed: str | None, names: Sequence[str], usual: Sequence[str]) -> str | None:
        """The array that is named, or is called as such usually are."""
        if typed is not None:
            return pick(f"data.{key}", typed, names)
        return next((name for name in usual if name in names), None)


def files_of(path: Path) -> list[Path]:
    """The files of series: itself, or those of a folder, by name; UserError where there are none."""
    if path.is_file():
        return [path]
    from aelab.data.tables.frames import ARROW, EXCEL, PACKED, TEXT

    kinds = (*ARRAYS, *ARROW, *EXCEL, *TEXT)
    found = sorted(
        file for file in path.iterdir()
        if file.is_file() and not file.name.startswith(("_", "."))
        and any(suffix.lower() in kinds for suffix in file.suffixes)
        and file.suffix.lower() in (*kinds, *PACKED)
    )  # fmt: skip
    if not found:
        raise UserError(f"data.path={path}: a folder without a series in it; name {WANTED}")
    return found


def _stem(path: Path) -> str:
    return path.name.partition(".")[0]


def _row(index: int) -> str:
    return f"row {index} (counted from 0)"


def _flags(label: np.ndarray | None, count: int, path: Path) -> np.ndarray | None:
    if label is None:
        return None
    flat = label.reshape(-1)
    if len(flat) != count or flat.dtype.kind not in "biuf" or not np.isin(flat, (0, 1)).all():
        raise UserError(
            f"data.label data.path={path}: labels {list(label.shape)} of {label.dtype}; {count} of 0 or 1 are needed"
        )
    return flat.astype(bool)
