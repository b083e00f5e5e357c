"""Run directories as training leaves them, without training."""

from __future__ import annotations

import copy
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

CONFIG: dict[str, Any] = {
    "sweep": "demo",
    "force": False,
    "paths": {"outputs": "outputs", "data": "data"},
    "logger": {"name": "wandb", "project": "aelab"},
    "model": {"_target_": "aelab.models.Undercomplete", "name": "undercomplete"},
    "network": {"_target_": "aelab.networks.MLP", "code_size": 16, "hidden": [256, 64], "tied": False},
    "error": {"_target_": "aelab.objectives.SquaredError", "name": "squared"},
    "corruption": {"name": "none"},
    "data": {"_target_": "aelab.data.MNIST5k", "name": "mnist5k", "batch_size": 128, "split_seed": 0},
    "trainer": {"name": "cpu", "max_epochs": 3},
}
SPARSE = {"_target_": "aelab.models.Sparse", "name": "sparse_l1", "weight": 0.1}
CODES = (2, 4, 8, 16)
MASKING = {"name": "masking", "probability": 0.3}
HOSTILE = '<script>alert(1)</script>" onload="x" $\\frac{ [red]b[/] \x1b[31m\n\u202e =1+1 \ud800'


def configured(changes: Mapping[str, Any]) -> dict[str, Any]:
    """The config with dotted keys changed; a dictionary replaces a group."""
    config = copy.deepcopy(CONFIG)
    for dotted, value in changes.items():
        *parents, last = dotted.split(".")
        node = config
        for parent in parents:
            node = node[parent]
        node[last] = value
    return config


def write_run(
    directory: Path,
    changes: Mapping[str, Any] | None = None,
    metrics: Mapping[str, float] | None = None,
    seed: int = 0,
    status: str = "complete",
    overrides: Sequence[str] = (),
    curve: Sequence[float] = (),
    **manifest: Any,
) -> Path:
    """Write a manifest and, for a curve, metrics.jsonl."""
    directory.mkdir(parents=True)
    config = configured(changes or {}) | {"seed": seed}
    config["data"]["seed"] = seed
    written = {
        "status": status,
        "run_id": directory.name,
        "sweep": config["sweep"],
        "seed": seed,
        "overrides": list(overrides),
        "config": config,
        "metrics": dict(metrics or {}),
        "parameters": 438000,
        "timings": {"started": "2026-01-01T00:00:00", "fit_s": 12.5},
        "error": None,
    }
    (directory / "manifest.json").write_text(json.dumps(written | manifest))
    rows = [
        {"epoch": epoch, "step": 31 * epoch, "val/error": value, "train/error": 0.9 * value}
        for epoch, value in enumerate(curve)
    ]
    if rows:
        (directory / "metrics.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return directory


def write_sweep(folder: Path, codes: Sequence[int] = CODES) -> Path:
    """Two variants over code sizes with a decomposed error."""
    for model in ("undercomplete", "contractive"):
        for code in codes:
            bias2, variance = 40 / code, 0.4 * code
            ends = {"test/bias2_low": bias2 - 0.2, "test/bias2_high": bias2 + 0.2}
            ends |= {"test/variance_low": 0.8 * variance, "test/variance_high": 1.25 * variance}
            metrics = ends | {
                "test/error": bias2 + variance, "test/error_se": 0.2, "test/pca_error": 50 / code,
                "test/bias2": bias2, "test/bias2_se": 0.1, "test/variance": variance, "test/variance_se": 0.1,
            }  # fmt: skip
            changes = {"model": {"name": model}, "network.code_size": code}
            write_run(folder / f"{model}-{code:08}", changes, metrics, curve=[9.0, bias2 + variance])
    return folder
