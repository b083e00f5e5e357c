"""Windows of signals: series of points in time, cut into pieces of the same length."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor

from aelab.data.files.user_files import pick, user_path
from aelab.data.flat_values import flat_values
from aelab.data.module import PARTS, DataModule
from aelab.data.preprocessing import NUMBERS, Preprocessing
from aelab.data.signals.drawn import drawn_series
from aelab.data.signals.files import WANTED, Reading
from aelab.data.signals.packaged import PACKAGED, packaged_series
from aelab.data.signals.series import Series, check_spans, spans
from aelab.data.source import Source
from aelab.errors import UserError
from aelab.evaluation.measures.timeline import Stretch, Timeline, cut, starts

LARGEST = 2**31  # values of all windows
NAMES = np.array(["normal", "anomaly"])  # of a window: without an anomalous point, or with one


class Windows(DataModule):
    """Windows ``[channels, window]`` of series ``[time, channels]``, standardised by the training time, channel by
    channel.

    ``path``: .csv, .parquet, .npy or .npz, or a folder of such, a series each, which no window crosses. Without one
    ``source``: a series of the package aeon (``ecg``, ``bleeding``, ``daphnet``), or ``drawn``, by a rule.
    ``window``: points of an example. ``stride``: points from one to the next; one more ends with the last point.
    ``columns``: the channels; null: all but time and label. ``time``: a column that must rise from row to row.
    ``label``: a column that says 0 or 1, normal or anomaly, of each point; no input. ``key``: the array of an .npz.
    ``test``: names of the files that are the test part; without it the last ``test_fraction`` of the time of each
    series. The last ``val_fraction`` of what is left is validated with; so no point is in two parts.
    ``missing``: gaps are an error, or, with ``mask``, stay out of errors and metrics.
    """

    unused = ("split_seed",)

    def __init__(
        self,
        window: int = 64,
        stride: int = 1,
        columns: Sequence[str | int] | str | int | None = None,
        time: str | int | None = None,
        label: str | int | None = None,
        key: str | None = None,
        test: Sequence[str] | str | None = None,
        source: Literal["ecg", "bleeding", "daphnet", "drawn"] = "ecg",
        missing: str | None = None,
        **settings: Any,
    ) -> None:
        super().__init__(**settings)
        check_window(window, stride)
        self.window = window
        self.stride = stride
        several = [columns] if isinstance(columns, (str, int)) else columns
        self.columns = None if several is None else [str(name) for name in several]
        self.time = None if time is None else str(time)
        self.label = None if label is None else str(label)
        self.key = key
        self.test = [test] if isinstance(test, str) else test
        self.source = source
        self.missing = missing if missing is None else pick("data.missing", missing, ("mask",))
        self.stretches: dict[str, list[Stretch]] = {part: [] for part in PARTS}
        self.training_time: list[np.ndarray] = []
        self.channels: tuple[str, ...] = ()

    def label_advice(self) -> str:
        return "name a column that says 0 or 1 of each point with data.label=<column>"

    def read(self) -> Source:
        found = self._series()
        self.channels = found[0].channels
        tested = self._tested(found)
        self._check_size(found)
        x: list[np.ndarray] = []
        labels: list[np.ndarray] = []
        origin: dict[str, list[np.ndarray]] = {"series": [], "row": []}
        given: list[np.ndarray] = []
        for series in found:
            for part, (first, behind) in self._spans(series, tested).items():
                flags = None if series.anomalous is None else series.anomalous[first:behind]
                values = series.values[first:behind]
                at = starts(len(values), self.window, self.stride)
                x.append(cut(values, self.window, self.stride))
                if flags is not None:
                    labels.append(NAMES[cut(flags[:, None], self.window, self.stride).any((1, 2)).astype(int)])
                origin["series"].append(np.full(len(at), series.name))
                origin["row"].append(series.first + first + at)
                given.append(np.full(len(at), part))
                self.stretches[part].append(Stretch(series.name, series.first + first, len(values), flags))
                if part == "train":
                    self.training_time.append(values)
        self.given = np.concatenate(given)
        self._tell(found)
        return Source(
            np.concatenate(x), np.concatenate(labels) if labels else None, kind=NUMBERS, gaps=self.missing == "mask",
            origin={name: np.concatenate(parts) for name, parts in origin.items()},
        )  # fmt: skip

    def _series(self) -> list[Series]:
        if self.path is not None:
            path = user_path(self.name, self.path, WANTED)
            return Reading(self.time, self.label, self.columns, self.key, self.missing == "mask", self.say).series(path)
        if self.source == "drawn":
            return [drawn_series(0)]
        return packaged_series(self.name, pick("data.source", self.source, PACKAGED))

    def _tested(self, found: Sequence[Series]) -> set[str] | None:
        """The series that are the test part, where whole ones are."""
        names = [series.name for series in found]
        wanted = self.test
        if wanted is None and self.path is None and self.source in PACKAGED:
            wanted = PACKAGED[self.source].test
        if wanted is None:
            return None
        chosen = {pick("data.test", name, names) for name in wanted}
        if len(chosen) == len(names) or not chosen:
            what = "every series" if chosen else "no series"
            raise UserError(f"data.test={list(wanted)}: {what} would be tested; name some of {', '.join(names)}")
        return chosen

    def _spans(self, series: Series, tested: set[str] | None) -> dict[str, tuple[int, int]]:
        """First point and that behind the last, of the parts that the series has."""
        count = len(series.values)
        for key, value in (("data.val_fraction", self.val_fraction), ("data.test_fraction", self.test_fraction)):
            if not 0 < value < 1:
                raise UserError(f"{key}={value}: a share of the time, between 0 and 1; a part would be empty")
        if tested is not None and series.name in tested:
            check_spans(series, {"train": (0, count), "val": (0, count)}, self.window, False)
            return {"test": (0, count)}
        found = spans(count, self.val_fraction, 0 if tested else self.test_fraction)
        check_spans(series, found, self.window, tested is None)
        return {part: span for part, span in found.items() if span[1] > span[0]}

    def _check_size(self, found: Sequence[Series]) -> None:
        """UserError where windows, which overlap, would take much more memory than the series do."""
        windows = sum(len(series.values) // self.stride for series in found)
        values = windows * self.window * len(self.channels)
        if values > LARGEST:
            enough = min(self.window, -(-self.stride * values // LARGEST))
            raise UserError(
                f"data.stride={self.stride}: {windows:,} windows of {self.window} x {len(self.channels)} values take "
                f"{values / 2**27:,.0f} GiB; use data.stride={enough} or more"
            )

    def _tell(self, found: Sequence[Series]) -> None:
        points = {part: sum(stretch.length for stretch in self.stretches[part]) for part in PARTS}
        told = ", ".join(f"{part} {count}" for part, count in points.items())
        self.say(f"{len(found)} series of {len(self.channels)} channel(s); points by time: {told}")

    def _fit(self, chunks: Callable[[], Iterator[Tensor]], fills: bool, weight: np.ndarray | None = None) -> None:
        """Offset and scale of each channel, over the points of the training time, once each."""
        time = [torch.from_numpy(np.ascontiguousarray(values)) for values in self.training_time]
        self.training_time = []
        points = Preprocessing(gaps=self.missing == "mask")
        points.fit(lambda: time, standardizes=True)
        assert points.extent is not None and points.offset is not None and points.scale is not None
        if (points.extent.low == points.extent.high).all():
            raise UserError(
                f"data={self.name}: {', '.join(self.channels)} never changes in the training time, so there is nothing "
                "to learn; name other channels with data.columns, or another series"
            )
        if self.standardize and self.preprocessing.offset is None:
            self.preprocessing.offset = points.offset.repeat_interleave(self.window)
            self.preprocessing.scale = points.scale.repeat_interleave(self.window)
        self.say(*flat_values(points.extent, self.channels, self.standardize))

    def timeline(self, part: str) -> Timeline:
        """Where the examples of a part lie in time."""
        stretches = self.stretches[part]
        begins = {stretch.name: i for i, stretch in enumerate(stretches)}
        offsets = np.cumsum([0, *(stretch.length for stretch in stretches)])
        origin = self.origin(part)
        own = np.array([begins[name] for name in origin["series"].tolist()], dtype=np.int64)
        first = np.array([stretch.first for stretch in stretches])
        start = np.asarray(origin["row"]) - first[own] + offsets[own]
        return Timeline(tuple(stretches), start, self.window, self.channels)

    def describe(self) -> dict[str, Any]:
        """Sizes, shape, content fingerprints, and the points of each part."""
        points = {part: sum(stretch.length for stretch in self.stretches[part]) for part in PARTS}
        return super().describe() | {"channels": list(self.channels), "points": points}


def check_window(window: int, stride: int) -> None:
    """UserError for windows that are none."""
    if window < 2:
        raise UserError(f"data.window={window}: must be at least 2 points; for single ones use data=table")
    if stride < 1:
        raise UserError(f"data.stride={stride}: must be at least 1 point, up to data.window={window}")
    if stride > window:
        raise UserError(
            f"data.stride={stride}: more than data.window={window}, so that points between would be in no window; use "
            f"data.stride={window} or less"
        )
