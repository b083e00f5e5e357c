"""What the manifests of a sweep say of runs whose process died without a word."""

from __future__ import annotations

import json
import time
from pathlib import Path

from omegaconf import DictConfig

from aelab.machines.atomic_files import write_whole
from aelab.machines.worker import Died
from aelab.runs.claim import Held, claim
from aelab.runs.identity import resolved
from aelab.runs.manifest import FILE, Manifest, leave, now, read_manifest, state

PATIENCE_S = 6.0
"""Seconds for which children of a dead process may hold its lock; a loader's look for their parent every five."""


def deaths(directory: Path) -> list[list[str]]:
    """The overrides of the runs of a sweep whose processes died."""
    found = []
    for path in directory.glob(f"*/{FILE}"):
        manifest = read_manifest(path.parent) or {}
        kind = (manifest.get("error") or {}).get("type")
        if (manifest.get("status") == "failed" and kind == Died.__name__) or state(path.parent, manifest) == "died":
            found.append(list(manifest.get("overrides") or ()))
    return found


def record_death(directory: Path, config: DictConfig, overrides: list[str], death: Died) -> None:
    """Make ``failed`` of a run whose process is gone, unless it had its result or somebody else is at it by now."""
    deadline = time.monotonic() + PATIENCE_S
    while True:
        try:
            with claim(directory):
                _record(directory, config, overrides, death)
            return
        except Held:
            if time.monotonic() > deadline:
                leave(directory)
                return
            time.sleep(0.2)


def _record(directory: Path, config: DictConfig, overrides: list[str], death: Died) -> None:
    record = read_manifest(directory)
    if record is None:  # it died before it wrote one
        record = Manifest(directory, directory.name, resolved(config), overrides).record
    if record.get("status") == "complete":
        return
    record |= {"status": "failed", "error": {"type": Died.__name__, "message": str(death), "trace": ""}}
    record.setdefault("timings", {})["finished"] = now()
    write_whole(directory / FILE, json.dumps(record, indent=1, allow_nan=True) + "\n")
