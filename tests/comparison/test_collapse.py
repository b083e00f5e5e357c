"""Bias², variances and the rate against the weight, beside the linear VAE's."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from fake_runs import SPARSE, write_run
from PIL import Image

from aelab.comparison.collapse import LINEAR, OURS, draw, rows
from aelab.comparison.groups import gather
from aelab.errors import UserError

SCRIPT = Path(__file__).parents[2] / "scripts" / "collapse.py"


def test_a_row_for_each_weight_with_what_is_known(tmp_path: Path) -> None:
    sweep = tmp_path / "sweep"
    for number, weight in enumerate((1.0, 0.1)):
        metrics = {"test/error": 1.0} | {metric: weight + place for place, metric in enumerate(OURS.values())}
        if number:
            metrics |= dict.fromkeys(LINEAR.values(), 0.5)
        write_run(sweep / f"vae{number}", {"model": SPARSE | {"weight": weight}}, metrics)
    found = rows(gather([sweep]).groups)
    assert [row.weight for row in found] == [0.1, 1.0]
    assert found[0].ours["bias²"] == 1.1 and found[0].linear == dict.fromkeys(LINEAR, 0.5) and not found[1].linear
    assert np.asarray(Image.open(draw(found, sweep))).std() > 1
    told = subprocess.run([sys.executable, SCRIPT, sweep], capture_output=True, text=True, check=True).stdout
    assert told.startswith("0.1: error of a drawn code 0.100 (linear 0.500), bias² 1.100") and "figure: " in told
    with pytest.raises(UserError, match=r"no complete run has model.weight and"):
        rows([])
