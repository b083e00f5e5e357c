"""A line of each model through the runs of a sweep, one metric against another."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from fake_runs import SPARSE, write_run
from PIL import Image

from aelab.comparison.frontier import draw, points
from aelab.comparison.groups import gather
from aelab.errors import UserError

SCRIPT = Path(__file__).parents[2] / "scripts" / "frontier.py"


def test_points_are_means_over_seeds_in_order(tmp_path: Path) -> None:
    sweep = tmp_path / "sweep"
    for number, (weight, seed, l0, nmse) in enumerate([(0.2, 0, 4.0, 0.5), (0.1, 0, 8.0, 0.2), (0.1, 1, 10.0, 0.4)]):
        metrics = {"test/error": 1.0, "dictionary/l0": l0, "dictionary/nmse": nmse}
        write_run(sweep / f"sparse{number}", {"model": SPARSE | {"weight": weight}}, metrics, seed=seed)
    write_run(sweep / "plain", metrics={"test/error": 1.0})
    lines = points(gather([sweep]).groups, "dictionary/l0", "dictionary/nmse")
    assert list(lines) == ["sparse_l1"]
    np.testing.assert_allclose(lines["sparse_l1"], [(4, 0.5), (9, 0.3)])
    assert np.asarray(Image.open(draw(lines, "x", "y", sweep))).std() > 1
    with pytest.raises(UserError, match="no complete run has both dictionary/l0 and nothing"):
        points(gather([sweep]).groups, "dictionary/l0", "nothing")
    told = subprocess.run([sys.executable, SCRIPT, sweep], capture_output=True, text=True, check=True).stdout
    assert told.startswith("sparse_l1: (4, 0.5)  (9, 0.3)\nfigure: ")
