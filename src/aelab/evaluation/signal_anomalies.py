"""Finding what is unlike the training time in a signal, point by point and event by event."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from aelab.errors import UserError
from aelab.evaluation.anomaly_detection import pca_beside
from aelab.evaluation.baselines.signals import change, matrix_profile, window_distance
from aelab.evaluation.images.signal_sheets import signal_sheet
from aelab.evaluation.measures.events import Found, runs_of, units_of
from aelab.evaluation.measures.in_time import scores_in_time
from aelab.evaluation.measures.timeline import Timeline
from aelab.evaluation.protocol import Coder, Examples, Score

PARTS = ("val", "test")
CHANCES = 100


class SignalAnomalies:
    """How well the errors of windows tell the anomalous points of the test part; training never sees labels.

    The score of a point is the squared error there, summed over channels: the mean over all windows that cover it.

    - ``auroc``, ``average_precision``: over points.
    - ``threshold``: the ``quantile`` of the scores of the validation part, whose labels are not looked at. Points above
      it are flagged: ``precision``, ``recall`` and ``f1`` of points, ``event_precision``, the share of runs of flagged
      points that touch an event, ``event_recall``, the share of events that are touched.
    - ``adjusted_f1``: ``f1`` after point adjustment, which takes a whole event as found where one point of it is. It is
      printed since papers have it, and does not tell methods apart: see ``random`` beside it (Kim et al. 2022).

    Intervals are for other events and other blocks of ``block`` normal points; null: two windows. With a single event
    there are none.

    Beside it, point by point in the same way: PCA of the same code size, the Mahalanobis distance of raw windows, the
    ``matrix_profile``, which is the distance to the nearest window of the training time, how far a point is from the
    one before (``change``), and ``random`` numbers.
    """

    needs = ("numbers", "time")
    kept_in = "signal_score.npz"
    score = "error"
    over = "events and blocks of time"

    def __init__(
        self, quantile: float = 0.99, block: int | None = None, matrix_profile: bool = True, shown: int = 3
    ) -> None:
        if not 0 < quantile < 1:
            raise UserError(f"evaluation.signal_anomalies.quantile={quantile}: must be between 0 and 1")
        if block is not None and block < 1:
            raise UserError(f"evaluation.signal_anomalies.block={block}: must be at least 1 point, or null")
        self.quantile = quantile
        self.block = block
        self.matrix_profile = matrix_profile
        self.shown = shown

    def check_time(self, name: str, timeline: Timeline) -> None:
        """UserError where the test part cannot answer: before training, too."""
        anomalous = timeline.anomalous
        if anomalous is None:
            raise UserError(
                f"data={name}: this evaluation needs to know of each point whether it is anomalous; name a column of 0 "
                "and 1 with data.label=<column>"
            )
        if anomalous.all() or not anomalous.any():
            which = "nothing but anomalous points" if anomalous.any() else "no anomalous point"
            raise UserError(
                f"data={name}: the test part has {which}; move its beginning with data.test_fraction, or name whole "
                "series with data.test=[...]"
            )

    def facts(self, data: Examples) -> dict[str, Any]:
        timeline, anomalous = self._known(data)
        events = len(runs_of(anomalous, timeline.offsets))
        adjusted, plain = self._by_chance(anomalous, timeline.offsets, data.seed)
        words = f"random numbers get {adjusted:.2f} on average, and {plain:.2f} without point adjustment"
        found = {"points": len(anomalous), "anomalous": int(anomalous.sum()), "events": events}
        if events < 2:
            words += "; one event, so no intervals"
        return {"tested": found, "adjusted_f1": words}

    def measure(self, coder: Coder, data: Examples) -> list[Score]:
        return self._scores({part: self._points(coder, data, part) for part in PARTS}, data)

    def baselines(self, data: Examples, code_size: int) -> Mapping[str, list[Score]]:
        self._known(data)
        train = data.train.x
        found = {"pca": self.measure(pca_beside(train, code_size), data)}
        lines = data.timelines
        windows = {part: getattr(data, part).x for part in PARTS}
        series = {part: lines[part].series(x) for part, x in windows.items()}
        distances = {part: window_distance(train, x, lines[part]) for part, x in windows.items()}
        found["mahalanobis"] = self._scores(distances, data)
        if self.matrix_profile:
            known = lines["train"].series(train)
            profiles = {part: matrix_profile(known, lines["train"], series[part], lines[part]) for part in PARTS}
            found["matrix_profile"] = self._scores(profiles, data)
        found["change"] = self._scores({part: change(series[part], lines[part]) for part in PARTS}, data)
        return found | {"random": self._random(data)}

    def statistics(self, coder: Coder, data: Examples) -> dict[str, np.ndarray]:
        """The ``threshold`` ``[1]``: with it a run answers as it was evaluated."""
        return {"threshold": np.array([self._threshold(self._points(coder, data, "val"))])}

    def pictures(self, coder: Coder, data: Examples) -> Mapping[str, np.ndarray]:
        timeline, anomalous = self._known(data)
        scores = self._points(coder, data, "test")
        threshold = self._threshold(self._points(coder, data, "val"))
        series = timeline.series(data.test.x)
        shaped = coder.reconstruct(data.test.x).reshape(len(data.test.x), *data.shape)
        again = np.stack([timeline.over_points(shaped[:, channel]) for channel in range(data.shape[0])], 1)
        offsets = timeline.offsets
        events = runs_of(anomalous, offsets)
        sheets = {}
        stretch = int(np.searchsorted(offsets, events[0, 0], "right")) - 1
        spans = {"signal": (int(offsets[stretch]), int(offsets[stretch + 1]))}
        for number, (begin, behind) in enumerate(events[: self.shown], 1):
            own = int(np.searchsorted(offsets, begin, "right")) - 1
            around = 2 * timeline.window
            spans[f"event_{number}"] = (
                max(int(offsets[own]), begin - around),
                min(int(offsets[own + 1]), behind + around),
            )
        for name, (low, high) in spans.items():
            own = int(np.searchsorted(offsets, low, "right")) - 1
            first = timeline.stretches[own].first + low - int(offsets[own])
            shown = runs_of(anomalous[low:high], np.array([0, high - low]))
            rebuilt = None if name == "signal" else again[low:high]
            sheets[name] = signal_sheet(
                series[low:high], rebuilt, scores[low:high], threshold, shown, first, timeline.channels, self.score
            )
        return sheets

    def _points(self, coder: Coder, data: Examples, part: str) -> np.ndarray:
        """Scores of the points of a part, ``[T]``."""
        self._known(data)
        return point_errors(coder, getattr(data, part).x, data.timelines[part])

    def _random(self, data: Examples) -> list[Score]:
        draw = np.random.default_rng(data.seed)
        return self._scores({part: draw.random(data.timelines[part].points) for part in PARTS}, data)

    def _by_chance(self, anomalous: np.ndarray, offsets: np.ndarray, seed: int) -> tuple[float, float]:
        """The mean ``adjusted_f1`` and ``f1`` of random numbers, over ``CHANCES`` draws."""
        units = units_of(anomalous, offsets, len(anomalous))
        once = np.ones((1, units.total))
        draw = np.random.default_rng(seed)
        found = []
        for _ in range(CHANCES):
            flags = draw.random(len(anomalous)) > self.quantile
            shares = Found.of(flags, anomalous, offsets, units).shares(once, units.events)
            found.append([float(shares[name][0]) for name in ("adjusted_f1", "f1")])
        adjusted, plain = np.mean(found, axis=0)
        return float(adjusted), float(plain)

    def _threshold(self, val: np.ndarray) -> float:
        return float(np.nanquantile(val, self.quantile))

    def _known(self, data: Examples) -> tuple[Timeline, np.ndarray]:
        if "test" not in data.timelines:
            raise UserError(
                f"data={data.name}: this evaluation needs windows of signals, all of them in memory; use data=windows"
            )
        timeline = data.timelines["test"]
        self.check_time(data.name, timeline)
        assert timeline.anomalous is not None
        return timeline, timeline.anomalous

    def _scores(self, points: Mapping[str, np.ndarray], data: Examples) -> list[Score]:
        """Of the scores of the points of both parts."""
        timeline, anomalous = self._known(data)
        if not np.isfinite(points["test"]).all() or np.isinf(points["val"]).any():
            raise UserError("scores are NaN or infinite; train the run again with a lower optimizer.lr")
        block = self.block or 2 * timeline.window
        threshold = self._threshold(points["val"])
        return scores_in_time(points["test"], threshold, anomalous, timeline.offsets, block, data.seed)


def point_errors(coder: Coder, x: np.ndarray, timeline: Timeline) -> np.ndarray:
    """Squared errors of points ``[T]``, summed over channels (see ``squares_over_points``)."""
    return squares_over_points(coder, x, timeline).sum(1)


def squares_over_points(coder: Coder, x: np.ndarray, timeline: Timeline) -> np.ndarray:
    """Squared errors of points ``[T, channels]``, the mean over the windows ``x`` ``[N, D]`` that cover each; NaN in x
    is left out."""
    errors = np.square(coder.reconstruct(x).astype(np.float64) - x)
    shaped = errors.reshape(len(x), len(timeline.channels), timeline.window)
    return np.stack([timeline.over_points(shaped[:, channel]) for channel in range(shaped.shape[1])], 1)
