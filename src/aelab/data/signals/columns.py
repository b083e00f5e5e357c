"""Series from columns of a table: which is the time, which tells anomalies, and what each point is."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from aelab.config.pasted import pasted
from aelab.data.files.user_files import pick
from aelab.errors import UserError

if TYPE_CHECKING:
    import pandas as pd

TIMES = ("time", "timestamp", "date", "datetime", "timestamps")
LABELS = ("is_anomaly", "anomaly", "label", "labels")
NORMAL = ("0", "0.0", "false", "normal", "no", "")
ANOMALOUS = ("1", "1.0", "true", "anomaly", "anomalous", "abnormal", "yes")
Where = Callable[[int], str]  # what a person calls a row


class Roles(NamedTuple):
    """What each column is for. ``said``: what was found out, for the user to know."""

    time: str | None
    label: str | None
    channels: list[str]
    said: list[str]


def roles(
    names: Sequence[str], time: str | None, label: str | None, columns: Sequence[str] | None, left_out: Sequence[str]
) -> Roles:
    """Columns by their names. A time or label that the user does not name is one that is called so."""
    said: list[str] = []
    found: dict[str, str | None] = {}
    for key, typed, usual in (("time", time, TIMES), ("label", label, LABELS)):
        if typed is not None:
            found[key] = pick(f"data.{key}", typed, names)
            continue
        called = [name for name in names if name.strip().lower() in usual and name not in (columns or ())]
        found[key] = called[0] if called else None
        if called:
            said.append(f"column {called[0]} is read as the {key}, no channel; {pasted('data.columns', list(names))} "
                        "would take all in")  # fmt: skip
    if found["time"] is not None and found["time"] == found["label"]:
        raise UserError(f"data.time={time}: also data.label; leave one of them out")
    beside = (found["time"], found["label"])
    if columns is None:
        channels = [name for name in names if name not in (*beside, *left_out)]
    else:
        channels = list(dict.fromkeys(pick("data.columns", name, names) for name in columns))
        for key, name in found.items():
            if name in channels:
                raise UserError(f"data.{key}={name}: also in data.columns; leave it out of one of them")
    if not channels:
        raise UserError("data.columns: no column is left that could be a channel; a signal needs one of numbers")
    return Roles(found["time"], found["label"], channels, said)


def values_of(frame: pd.DataFrame, channels: Sequence[str], path: str, row: Where, gaps: bool) -> np.ndarray:
    """The channels, float64 ``[T, C]``; UserError, with line and column, for what is no number or, unless ``gaps``,
    lacks."""
    import pandas as pd

    found = np.empty((len(frame), len(channels)))
    for place, name in enumerate(channels):
        column = frame[name]
        numeric = pd.api.types.is_numeric_dtype(column) and not pd.api.types.is_complex_dtype(column)
        numbers = column if numeric else pd.to_numeric(column, errors="coerce")
        odd = (numbers.isna() & column.notna()).to_numpy()
        if odd.any():
            at = int(odd.argmax())
            raise UserError(
                f"data.path={path}: {row(at)} of column {name} is {str(column.iloc[at])!r}, no number; mend it, or "
                f"name the channels, like {pasted('data.columns', [one for one in channels if one != name] or [name])}"
            )
        found[:, place] = numbers.to_numpy(np.float64, na_value=np.nan)
    refuse_gaps(found, channels, path, row, gaps)
    return found


def refuse_gaps(values: np.ndarray, channels: Sequence[str], path: str, row: Where, gaps: bool) -> None:
    """UserError, with line and column, for a value that is infinite, or lacks where that may not be."""
    odd = np.isinf(values) if gaps else ~np.isfinite(values)
    if odd.any():
        at, place = (int(i) for i in np.argwhere(odd)[0])
        what = "is infinite" if np.isinf(values[at, place]) else "has no value"
        fix = "mend it" if gaps or np.isinf(values[at, place]) else "fill it, or use data.missing=mask"
        raise UserError(
            f"data.path={path}: {row(at)} of column {channels[place]} {what} ({int(odd.sum())} such in all); {fix}"
        )


def check_times(column: pd.Series, path: str, row: Where) -> np.ndarray:
    """Times float64 ``[T]`` (of dates: seconds); UserError, with the line, for one that is none or does not come after
    the one before."""
    import pandas as pd

    if pd.api.types.is_numeric_dtype(column):
        times = column.to_numpy(np.float64, na_value=np.nan)
    else:
        dates = pd.to_datetime(column, errors="coerce", utc=True, format="mixed")
        times = np.where(dates.isna(), np.nan, dates.astype("datetime64[ns, UTC]").astype("int64") / 1e9)
    name = column.name
    if (odd := ~np.isfinite(times)).any():
        at = int(odd.argmax())
        raise UserError(
            f"data.time={name} data.path={path}: {row(at)} has {str(column.iloc[at])!r}, no time; mend it, or name "
            "another column"
        )
    check_increasing(times, [str(value) for value in column], str(name), path, row)
    return times


def check_increasing(times: np.ndarray, spelled: Sequence[str], name: str, path: str, row: Where) -> None:
    """UserError for the first time that does not come after the one before."""
    steps = np.diff(times)
    if (steps <= 0).any():
        at = int((steps <= 0).argmax()) + 1
        how = "the same time as" if steps[at - 1] == 0 else "a time before that of"
        raise UserError(
            f"data.time={name} data.path={path}: {row(at)} has {how} the row above it ({spelled[at]} after "
            f"{spelled[at - 1]}); sort the rows by time, one a time, or keep several series in files of their own"
        )


def uneven(times: np.ndarray, name: str) -> list[str]:
    """A line where the steps between times differ, which windows do not see."""
    steps = np.diff(times)
    low, high = (float(end) for end in (steps.min(), steps.max())) if len(steps) else (0.0, 0.0)
    if high <= 1.5 * low:  # less is the rounding of a clock
        return []
    return [f"steps of {name} are from {low:.6g} to {high:.6g}; windows count rows and take them as even"]


def anomalous_of(column: pd.Series, path: str, row: Where) -> np.ndarray:
    """Which points are anomalies, bool ``[T]``; UserError, with the line, for a label that says neither."""
    spelled = column.map(lambda value: "" if value != value else str(value).strip().lower())
    known = spelled.isin((*NORMAL, *ANOMALOUS)).to_numpy()
    if not known.all():
        at = int((~known).argmax())
        raise UserError(
            f"data.label={column.name} data.path={path}: {row(at)} is {str(column.iloc[at])!r}; of each point it says "
            "0 or 1, normal or anomaly"
        )
    return np.asarray(spelled.isin(ANOMALOUS).to_numpy())
