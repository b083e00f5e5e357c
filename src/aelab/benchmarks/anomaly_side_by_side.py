"""AUROC of methods of anomaly detection on the same splits of several tables, settings chosen on validation rows.

For each split a method has one setting for all tables: that of the highest mean AUROC on their validation rows, 7 % of
each table with their labels. Test rows are looked at with that setting alone.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator, Sequence

import numpy as np
from scipy.special import stdtrit
from sklearn.metrics import roc_auc_score

from aelab.benchmarks.anomaly_methods import Method, Scores, Split, methods, split_of
from aelab.benchmarks.timing import Row, silenced

BOTH = "ours + isolation forest"
LEAST = 1e-12

Found = dict[str, list[Scores]]  # by setting


def side_by_side(tables: Sequence[str], splits_of: Sequence[int]) -> Iterator[Row]:
    """Of the splits by these seeds: a row for each table and method, then means over tables and differences to ours.

    Of a mean over tables the interval is over splits, the tables fixed; of a difference there are two: over splits, and
    over tables, had others of their kind been taken.
    """
    known = methods()
    areas: dict[str, list[list[float]]] = {name: [] for name in (*known, BOTH)}  # [split][table]
    chosen: dict[str, list[str]] = {name: [] for name in areas}
    seconds = dict.fromkeys(areas, 0.0)
    for seed in splits_of:
        splits = [split_of(table, seed) for table in tables]
        found = {name: _timed(method, splits, name, seconds) for name, method in known.items()}
        pairs = zip(found["ours"], found["isolation forest"], strict=True)
        found[BOTH] = [_sums(*both) for both in pairs]
        for name, per_table in found.items():
            setting = _best(per_table, splits)
            chosen[name].append(setting)
            areas[name].append([_area(one[setting], split) for one, split in zip(per_table, splits, strict=True)])
    values = {name: np.array(each) for name, each in areas.items()}
    for index, table in enumerate(tables):
        yield from (_row(table, name, each[:, index]) for name, each in values.items())
    group = f"mean of {len(tables)} tables"
    for name, each in values.items():
        told = ", ".join(f"{setting} ({count})" for setting, count in Counter(chosen[name]).most_common() if setting)
        yield _row(group, f"{name}{told and f': {told}'}", each.mean(1), seconds[name])
    for first in ("ours", BOTH):
        for name in [name for name in values if name not in ("ours", BOTH)]:
            apart = values[first] - values[name]
            yield _row(group, f"{first} minus {name}, over splits", apart.mean(1))
            yield _row(group, f"{first} minus {name}, over tables", apart.mean(0))


def _timed(method: Method, splits: Sequence[Split], name: str, seconds: dict[str, float]) -> list[Found]:
    began = time.process_time()
    with silenced():
        found = [method(split) for split in splits]
    seconds[name] += time.process_time() - began
    return found


def _sums(ours: Found, forest: Found) -> Found:
    """Logarithms of both scores, each less its mean and over its deviation on the validation rows, added."""
    [other] = forest[""]
    return {
        setting: [Scores(*(a + b for a, b in zip(_scaled(one), _scaled(other), strict=True))) for one in scores]
        for setting, scores in ours.items()
    }


def _scaled(scores: Scores) -> Scores:
    val, test = (np.log(np.maximum(part, LEAST)) for part in scores)
    spread = float(val.std()) or 1.0
    return Scores((val - val.mean()) / spread, (test - val.mean()) / spread)


def _best(per_table: Sequence[Found], splits: Sequence[Split]) -> str:
    """The setting with the highest mean AUROC on validation rows, of tables that have anomalies there."""

    def merit(setting: str) -> float:
        told = [
            np.mean([roc_auc_score(split.val_anomaly, one.val) for one in found[setting]])
            for found, split in zip(per_table, splits, strict=True)
            if split.val_anomaly.any() and not split.val_anomaly.all()
        ]
        return float(np.mean(told))

    return max(per_table[0], key=merit)


def _area(scores: Sequence[Scores], split: Split) -> float:
    return float(np.mean([roc_auc_score(split.anomaly, one.test) for one in scores]))


def _row(group: str, name: str, areas: np.ndarray, seconds: float = 0.0) -> Row:
    """The mean with its t-interval; splits share rows, so that over them it is a little too narrow."""
    mean = float(np.mean(areas))
    n = len(areas)
    half = float(stdtrit(n - 1, 0.975) * np.std(areas, ddof=1) / np.sqrt(n)) if n > 1 else 0.0
    note = f"AUROC {mean:.3f} ({mean - half:.3f} to {mean + half:.3f})"
    row = {"name": f"AUROC, {group}: {name}", "median_s": seconds, "ratio": None, "against": None, "n": n}
    return {**row, "auroc": mean, "low": mean - half, "high": mean + half, "note": note}
