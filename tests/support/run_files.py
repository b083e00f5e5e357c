"""Where a run of a config is on disk, and what it left there."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from omegaconf import DictConfig

from aelab.runs.checkpoints import load_checkpoint
from aelab.runs.history_file import read_rows
from aelab.runs.identity import run_id
from aelab.runs.manifest import read_manifest


def directory_of(config: DictConfig) -> Path:
    return Path(config.paths.outputs) / config.sweep / run_id(config)


def manifest_of(config: DictConfig) -> dict[str, Any]:
    manifest = read_manifest(directory_of(config))
    assert manifest is not None
    return manifest


def outcome(config: DictConfig) -> tuple[bytes, bytes, list[dict[str, Any]], dict[str, float]]:
    """Bytes of the last and the best weights, the history, the final metrics."""
    weights = []
    for name in ("last", "best"):
        state = load_checkpoint(directory_of(config) / "checkpoints" / f"{name}.ckpt")["state_dict"]
        weights.append(b"".join(value.numpy().tobytes() for value in state.values()))
    rows = read_rows(directory_of(config) / "metrics.jsonl")
    return weights[0], weights[1], rows, manifest_of(config)["metrics"]
