"""A table as a shop might have it: ids, gaps, categories of words and of numbers, and which rows are odd."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

SETTINGS = ("data=table", "data.id=customer", "data.label=state", "data.missing=indicator",
            "data.categorical=[kind,grade]", "data.batch_size=32", "data.one_class=normal")  # fmt: skip


def customers(rows: int = 240, seed: int = 0) -> pd.DataFrame:
    """``customer`` (text), ``age`` and ``kind`` with gaps, ``seen`` (seconds since 1970), ``grade``, ``state``."""
    random = np.random.default_rng(seed)
    frame = pd.DataFrame(
        {
            "customer": [f"C{index:04d}" for index in random.permutation(rows)],
            "age": random.normal(40, 10, rows).round(1),
            "kind": random.choice(["new", "old", "gone"], rows),
            "seen": 1.7e9 + random.integers(0, 10**6, rows),
            "grade": random.choice([1, 2, 3], rows),
            "state": np.where(random.random(rows) < 0.1, "anomaly", "normal"),
        }
    )
    frame.loc[frame.index % 11 == 3, "age"] = np.nan
    frame.loc[frame.index % 17 == 5, "kind"] = np.nan
    frame.loc[frame["state"] == "anomaly", "age"] += 60
    return frame


def written(folder: Path, frame: pd.DataFrame | None = None, name: str = "customers.csv") -> Path:
    """The table as a file, whose suffix says of what kind."""
    path = folder / name
    frame = customers() if frame is None else frame
    if path.suffix == ".csv":
        frame.to_csv(path, index=False)
    elif path.suffix == ".tsv":
        frame.to_csv(path, index=False, sep="\t")
    elif path.suffix == ".xlsx":
        frame.to_excel(path, index=False)
    else:
        frame.to_parquet(path)
    return path
