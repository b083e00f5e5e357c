"""Whole signals that a run on windows is given: cut as its own were, and scored point by point."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from aelab.errors import UserError
from aelab.evaluation.measures.timeline import cut, whole
from aelab.evaluation.signal_anomalies import SignalAnomalies, squares_over_points
from aelab.runs.array_file import read_arrays
from aelab.trained.frames import as_frame
from aelab.trained.given_arrays import as_tensor

if TYPE_CHECKING:
    from aelab.trained.run import Run

EVALUATION = "signal_anomalies"
LIMIT = 2**20  # bytes of the file with thresholds


def is_on_signals(run: Run) -> bool:
    """Whether a run was trained on windows ``[channels, time]`` of signals."""
    window = run.manifest["config"]["data"].get("window")
    return len(run.shape) == 2 and type(window) is int and run.shape[1] == window


def as_signal(run: Run, x: Any) -> np.ndarray | None:
    """A signal ``[T, channels]`` as float64, of an array like that, ``[T]`` of one channel, or a frame with the run's
    channels; None for anything else, such as windows, and for a run that is on none.

    Raises UserError for a frame without them.
    """
    if not is_on_signals(run):
        return None
    frame = as_frame(x)
    if frame is not None:
        names = list(channels_of(run))
        lacking = [name for name in names if name not in frame.columns]
        if lacking:
            raise UserError(f"{run.directory}: the frame has no column {', '.join(lacking)}, a channel of this run")
        x = frame[names].to_numpy(np.float64)
    channels = run.shape[0]
    shape = np.shape(x)
    if len(shape) == 1 and channels == 1:
        return as_tensor(x).double().numpy()[:, None]
    if len(shape) == 2 and shape[1] == channels:
        return as_tensor(x).double().numpy()
    return None


def channels_of(run: Run) -> tuple[str, ...]:
    """The names of the channels that a run was trained on."""
    names = run.manifest["data"].get("channels")
    return tuple(map(str, names if isinstance(names, list) and len(names) == run.shape[0] else range(run.shape[0])))


def errors_of_signal(run: Run, signal: np.ndarray) -> np.ndarray:
    """Squared errors ``[T, channels]`` of the points of a signal ``[T, channels]``, each the mean over the windows that
    cover it; on the scale that the model sees. NaN where nothing is known, with ``data.missing=mask``.

    Raises UserError where the signal is shorter than a window, or has no value where the run needs one.
    """
    window = run.shape[1]
    if len(signal) < window:
        raise UserError(
            f"{run.directory}: a signal of {len(signal)} points, and this run's windows have {window}; give at "
            "least so many"
        )
    gaps = run.preprocessing.gaps
    odd = np.isinf(signal) if gaps else ~np.isfinite(signal)
    if odd.any():
        point, channel = (int(place) for place in np.argwhere(odd)[0])
        several = f"{int(odd.any(1).sum())} of {len(signal)} points"
        raise UserError(
            f"{run.directory}: NaN or infinite values in {several}, first in channel {channels_of(run)[channel]} of "
            f"point {point} (counted from 0); mend them, or train with data.missing=mask"
        )
    stride = run.manifest["config"]["data"].get("stride")
    stride = stride if type(stride) is int and 0 < stride <= window else 1
    timeline = whole(signal, "", window, stride, channels_of(run))
    x = run.prepared(cut(signal, window, stride)).numpy()
    return squares_over_points(run.coder, x, timeline)


def threshold_of_signals(run: Run) -> float | None:
    """The threshold of the run's points, as its evaluation ``signal_anomalies`` found it; None without it."""
    if EVALUATION not in (run.manifest.get("evaluations") or {}):
        return None
    prefix = f"{run.replica}.{SignalAnomalies.score}."
    found = read_arrays(run.directory, SignalAnomalies.kept_in, prefix, LIMIT).get("threshold")
    if found is None or found.shape != (1,) or found.dtype.kind != "f" or not np.isfinite(found).all():
        raise UserError(
            f"{run.directory}: its threshold is not in {SignalAnomalies.kept_in}; measure it again: python "
            f"scripts/evaluate.py run={run.directory} evaluation={EVALUATION} force=true"
        )
    return float(found[0])
