"""Killed just before any change to a file, whatever was under way: the same command gives what it always gives."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[1] / "support" / "kill_points.py"


@pytest.mark.slow
def test_a_kill_before_any_change_to_a_file_costs_nothing(tmp_path: Path) -> None:
    """``python tests/support/kill_points.py FOLDER 1`` tries every change there is, in ten minutes."""
    command = [sys.executable, str(SCRIPT), str(tmp_path), "0.1"]
    done = subprocess.run(command, env={**os.environ, "WANDB_SILENT": "true"}, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    told = json.loads((tmp_path / "told.json").read_text())
    assert {name: found["wrong"] for name, found in told.items() if found["wrong"]} == {}
    assert len(told) == 8 and all(found["tried"] == found["killed"] > 0 for found in told.values())
    assert sum(found["changes"] for found in told.values()) > 300
