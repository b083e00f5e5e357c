"""The rows of metrics.jsonl: reading, averaging over replicas, replacing."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from aelab.tracking.atomic import write_whole


def read_rows(path: Path) -> list[dict[str, Any]]:
    """Rows of a metrics file; a line torn by a crash is left out."""
    rows = []
    for line in path.read_text().splitlines() if path.exists() else []:
        try:
            row = json.loads(line)
        except ValueError:
            continue
        if isinstance(row, dict) and isinstance(row.get("epoch"), int):
            rows.append(row)
    return rows


def mean_history(paths: Sequence[Path], weights: Sequence[int]) -> list[dict[str, Any]]:
    """Rows of several metrics files as one: the weighted mean of every metric, epoch by epoch."""
    gathered: dict[int, list[tuple[int, dict[str, Any]]]] = {}
    for path, weight in zip(paths, weights, strict=True):
        for row in read_rows(path):
            gathered.setdefault(row["epoch"], []).append((weight, row))
    rows = []
    for epoch, parts in sorted(gathered.items()):
        total = sum(weight for weight, _ in parts)
        names = [name for name in parts[0][1] if all(name in row for _, row in parts)]
        rows.append(
            {name: sum(weight * row[name] for weight, row in parts) / total for name in names} | {"epoch": epoch}
        )
    return rows


def write_rows(path: Path, rows: Sequence[dict[str, Any]]) -> None:
    """Replace a metrics file."""
    write_whole(path, "".join(json.dumps(row) + "\n" for row in rows))
