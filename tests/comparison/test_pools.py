"""Sweeps over several pools of data: means, intervals over pools, and in how many pools a difference stands."""

from __future__ import annotations

import runpy
from pathlib import Path

import numpy as np
import pytest
from fake_runs import write_run
from numpy.testing import assert_allclose
from scipy.stats import t

from aelab.comparison.figures.figure import numeric_keys
from aelab.comparison.groups import gather
from aelab.comparison.pools import over_pools
from aelab.errors import UserError
from aelab.runs.per_example import Contributions, write_contributions

pools = runpy.run_path(str(Path(__file__).parents[2] / "scripts" / "pools.py"))["main"]
APART = {"contractive": (-0.5, -0.4, 0.001)}


def write_sweep(folder: Path) -> None:
    """Two settings on three pools; the difference is clear in two of them and none in the third."""
    noise = np.sin(np.arange(50.0))
    for pool in range(3):
        for model in ("undercomplete", "contractive"):
            offset = APART[model][pool] if model in APART else 0.0
            path = folder / f"{model}{pool}"
            metrics = {"test/error": 3.0 + pool + offset, "val/error": 3.0, "test/pca_error": 2.0}
            write_run(path, {"model": {"name": model}, "data.split_seed": pool}, metrics, fingerprint=f"pool{pool}")
            errors = 3 + pool + offset + noise + (0.01 * np.cos(7 * np.arange(50.0)) if model in APART else 0)
            write_contributions(path, [Contributions({"error": errors}, {}, np.zeros(0))])


def test_means_and_changes_over_pools(tmp_path: Path) -> None:
    write_sweep(tmp_path)
    found = {one.label: one for one in over_pools(gather([tmp_path]), "undercomplete")}
    assert set(found) == {"contractive", "undercomplete"} and not found["undercomplete"].changes
    assert_allclose(found["undercomplete"].levels["test/error"], 4.0)
    change = found["contractive"].changes["error"]
    apart = np.array(APART["contractive"])
    assert_allclose(change.mean, apart.mean(), atol=2e-3)
    assert change.half is not None
    assert_allclose(change.half, t(2).ppf(0.975) * apart.std(ddof=1) / np.sqrt(3), atol=2e-3)
    assert (change.below, change.above, change.pools) == (2, 0, 3)


def test_the_script_prints_a_table(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_sweep(tmp_path)
    assert pools([str(tmp_path), "against=undercomplete"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("| setting | error |") and len(lines) == 4
    [row] = [line for line in lines if line.startswith("| contractive")]
    assert "| 3.700 |" in row and "↓2" in row and "↑" not in row
    assert pools([str(tmp_path)]) == 2


def test_a_key_that_was_not_swept_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_sweep(tmp_path)
    with pytest.raises(UserError, match=r"data\.train_size: not swept over"):
        over_pools(gather([tmp_path]), "undercomplete", "data.train_size")
    assert pools([str(tmp_path), "against=nonsense"]) == 2
    assert "no swept key has the value" in capsys.readouterr().err


def test_pools_are_panels_and_no_axis(tmp_path: Path) -> None:
    write_sweep(tmp_path)
    comparison = gather([tmp_path])
    assert numeric_keys(comparison.groups, comparison.keys) == []
