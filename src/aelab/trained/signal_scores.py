"""How anomalous the points of new signals are, series by series, and which of their channels say so."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from aelab.data.signals.files import ARRAYS, WANTED, Reading, files_of
from aelab.data.signals.series import Series
from aelab.errors import UserError
from aelab.trained.run import Run
from aelab.trained.signals import channels_of, errors_of_signal, threshold_of_signals
from aelab.trained.unseen.protocol import named

if TYPE_CHECKING:
    import pandas as pd


class SignalScores:
    """The scores of the points of the series at ``path``, a file or a folder of such, as ``frames`` of a series each.

    ``threshold``, ``contributors``: as in ``Scores``, channels being what contributes. ``typed``: keys of data that the
    user names; only ``key``, of an .npz, means something here.
    """

    def __init__(
        self, run: Run, path: Path, typed: Mapping[str, Any], threshold: float | None, contributors: int | None
    ) -> None:
        if not path.exists():
            raise UserError(f"path={path}: nothing is there (seen from {Path.cwd()}); name {WANTED}")
        for key, value in typed.items():
            if key != "key":
                raise UserError(f"data.{key}={value}: a signal has no such thing; leave it out")
        self.run = run
        self.path = path
        self.own = threshold is None
        self.threshold = threshold_of_signals(run) if threshold is None else threshold
        self.channels = channels_of(run)
        most = len(self.channels) if len(self.channels) > 1 else 0
        self.contributors = min(most, 3 if contributors is None else contributors)
        self.told: list[str] = []
        self.points = self.above = self.without = 0
        settings = run.manifest["config"]["data"]
        self.time = settings.get("time")
        self.key = typed.get("key") or settings.get("key")

    def frames(self) -> Iterator[pd.DataFrame]:
        """Points in the order of the file.

        Columns: ``series``, where there are several; ``row``, counted from 0; ``anomaly_score``; ``is_anomaly`` where
        there is a threshold; ``column_1``, ``share_1``, ... of the channels that contribute most.
        """
        import pandas as pd

        with named(self.path):
            files = files_of(self.path)
        for file in files:
            series = self._read(file)
            errors = errors_of_signal(self.run, series.values)
            scores = errors.sum(1)
            found: dict[str, Any] = {"series": series.name} if len(files) > 1 else {}
            found |= {"row": np.arange(len(scores)), "anomaly_score": scores}
            self.points += len(scores)
            self.without += int(np.isnan(scores).sum())
            if self.threshold is not None:
                above = scores > self.threshold
                self.above += int(above.sum())
                found["is_anomaly"] = pd.arrays.BooleanArray(above, np.isnan(scores))
            yield pd.DataFrame(found | self._contributors(errors))

    def _read(self, file: Path) -> Series:
        array = file.suffix.lower() in ARRAYS
        time = None if self.time is None else str(self.time)
        columns = None if array else self.channels
        gaps = self.run.preprocessing.gaps
        key = self.key if file.suffix.lower() == ".npz" else None
        reading = Reading(None if array else time, None, columns, key, gaps, self._told, labelled=False)
        with named(file):
            series = reading.one(file)
        if len(series.channels) != len(self.channels):
            raise UserError(
                f"path={file}: {len(series.channels)} channels, and the run was trained on {len(self.channels)} "
                f"({', '.join(self.channels)})"
            )
        return series

    def _told(self, *lines: str) -> None:
        self.told += [f"path={self.path}: {line}" for line in lines if "no channel" not in line]

    def _contributors(self, errors: np.ndarray) -> dict[str, Any]:
        order = np.argsort(-errors, axis=1, kind="stable")[:, : self.contributors]
        total = errors.sum(1, keepdims=True)
        shares = np.take_along_axis(errors, order, 1) / np.where(total == 0, 1, total)
        names = np.array(self.channels, dtype=object)
        found: dict[str, Any] = {}
        for place in range(self.contributors):
            found |= {f"column_{place + 1}": names[order[:, place]], f"share_{place + 1}": shares[:, place]}
        return found

    def said(self, target: Path) -> list[str]:
        """What was written, and what the user should know of it."""
        lines = list(self.told)
        if self.without:
            lines.append(f"no score for {self.without} of {self.points} points, of which nothing is known")
        if self.threshold is None:
            lines.append(
                "no threshold was recorded, so no point is called an anomaly: where the run's data have labels, python "
                f"scripts/evaluate.py run={self.run.directory} evaluation=signal_anomalies records one; else name one "
                "with threshold=<number>"
            )
            return [*lines, f"{target}: scores (error) of {self.points:,} points"]
        of = "the run's threshold" if self.own else "the threshold"
        share = self.above / max(1, self.points - self.without)
        return [
            *lines,
            f"{target}: scores (error) of {self.points:,} points; {self.above:,} of them ({share:.1%}) above {of}, "
            f"{self.threshold:.6g}",
        ]
