"""Paired differences: intervals against closed forms and simulation, Holm's adjustment, and what the tool prints."""

from __future__ import annotations

import io
import math
import os
import pickle
import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch
from fake_runs import write_run
from numpy.testing import assert_allclose
from scipy.stats import t, ttest_1samp

from aelab.cli.compare import main
from aelab.comparison.against import paired_differences
from aelab.comparison.groups import gather
from aelab.comparison.paired import Difference, difference, holm
from aelab.errors import UserError
from aelab.fitting.contributions import of_replicas
from aelab.replicas import decompose
from aelab.runs.per_example import FILE, Contributions, read_contributions, write_contributions

NONE = np.zeros(0)
QUANTITIES = ("error", "bias2", "variance")


def replicas(seed: int, count: int = 6, scale: float = 1.0, examples: int = 40) -> tuple[torch.Tensor, torch.Tensor]:
    draw = torch.Generator().manual_seed(seed)
    target = torch.randn(examples, 3, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    return target + scale * torch.randn(count, examples, 3, generator=draw, dtype=torch.float64), target


def test_a_difference_of_decompositions_is_their_difference_and_its_jackknife() -> None:
    one, other = (replicas(seed, scale=scale) for seed, scale in ((2, 1.0), (3, 1.3)))
    results = [decompose(*pair) for pair in (one, other)]
    kept = [{"0": of_replicas([result], range(6))} for result in results]
    for name in QUANTITIES:
        found = difference(kept[0], kept[1], name)
        assert found is not None and (found.examples, found.units) == (40, 6)
        assert_allclose(found.value, getattr(results[0], name) - getattr(results[1], name), rtol=1e-12)
        apart = getattr(results[0].per_example, name) - getattr(results[1].per_example, name)
        assert_allclose(found.se_examples, apart.std().item() / math.sqrt(40))
        without = []
        for left in range(6):
            rest = [k for k in range(6) if k != left]
            some = [getattr(decompose(pair[0][rest], pair[1]), name) for pair in (one, other)]
            without.append(some[0] - some[1])
        assert_allclose(found.se_units, math.sqrt(5 / 6 * np.square(without - np.mean(without)).sum()), rtol=1e-9)


def test_single_models_are_compared_over_examples_and_several_seeds_over_both() -> None:
    draw = np.random.default_rng(0)
    errors = draw.normal(size=(2, 3, 30))
    one, other = ({str(s): Contributions({"error": e}, {}, NONE) for s, e in enumerate(some)} for some in errors)
    lone = difference({"0": one["0"]}, other, "error")
    assert lone is not None and lone.units == 0
    assert_allclose(lone.p_value(), ttest_1samp(errors[0, 0] - errors[1, 0], 0).pvalue, rtol=1e-6)
    several = difference(one, other, "error")
    apart = (errors[0] - errors[1]).mean(1)
    assert several is not None and several.units == 3
    assert_allclose(several.se_units, apart.std(ddof=1) / math.sqrt(3))
    assert difference(one, {"7": other["0"]}, "error") is None, "no seed in common"


def test_replicas_that_are_not_the_same_are_not_paired() -> None:
    kept = {"0": of_replicas([decompose(*replicas(1))], range(6))}
    fewer = {"0": of_replicas([decompose(*replicas(1, count=5))], range(5))}
    assert difference(kept, fewer, "error") is None


def test_holm_s_intervals_leave_out_0_exactly_where_holm_rejects() -> None:
    values = [0.5, 2.1, 2.3, 3.9, 0.1]
    differences = [Difference(value, 1.0, 10_000, 0.0, 0) for value in values]
    found = holm(differences)
    p = [2 * t(9999).sf(value) for value in values]
    assert_allclose([one.p_value() for one in differences], p, rtol=1e-6)
    # Holm: 3.9 at alpha / 5 is rejected; 2.3 at alpha / 4 is not, and so is nothing after it
    assert [one.low > 0 for one in found] == [False, False, False, True, False]
    assert_allclose(found[3].value - found[3].low, t(9999).ppf(1 - 0.05 / 10), rtol=1e-6)
    for index in (0, 1, 2, 4):
        assert_allclose(found[index].high - found[index].value, t(9999).ppf(1 - 0.05 / 8), rtol=1e-6)
    assert holm([]) == []


def write_sweep(folder: Path) -> None:
    for model, offset in (("undercomplete", 0.0), ("contractive", 0.5)):
        for code in (4, 8):
            path = folder / f"{model}{code}"
            metrics = {"test/error": 3.0 + offset, "val/error": 3.0 + offset, "test/pca_error": 2.0}
            write_run(path, {"model": {"name": model}, "network.code_size": code}, metrics)
            errors = 3 + offset + np.sin(np.arange(50.0)) + 0.01 * np.cos(7 * code + np.arange(50.0))
            write_contributions(path, [Contributions({"error": errors, "pca": np.full(50, 2.0)}, {}, NONE)])


def test_compare_prints_and_draws_them(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_sweep(tmp_path)
    assert main([str(tmp_path), "against=undercomplete"]) == 0
    printed = capsys.readouterr().out
    assert "contractive, code_size 4" in printed and "+0.5" in printed and "adjusted by Holm" in printed
    assert (tmp_path / "figures" / "paired-differences.png").is_file()
    assert "Paired differences to the reference" in (tmp_path / "report.html").read_text()
    assert main([str(tmp_path), "against=nonsense"]) == 2
    assert "against=nonsense: no swept key has the value" in capsys.readouterr().err


def test_the_reference_is_the_setting_that_shares_the_other_keys(tmp_path: Path) -> None:
    write_sweep(tmp_path)
    comparison = gather([tmp_path])
    [found] = paired_differences(comparison, "undercomplete")
    pairs = {(one.label, one.reference) for one in found.found}
    assert pairs == {(f"contractive, code_size {code}", f"undercomplete, code_size {code}") for code in (4, 8)}
    [best] = paired_differences(comparison)
    assert len(best.found) == 3 and {one.reference for one in best.found} == {"undercomplete, code_size 4"}
    [pca] = paired_differences(comparison, "pca")
    assert len(pca.found) == 4 and all(one.intervals["error"].low > 0 for one in pca.found)
    [exact] = paired_differences(comparison, "model=undercomplete,code_size=8.0")
    assert {one.reference for one in exact.found} == {"undercomplete, code_size 8"}
    with pytest.raises(UserError, match="against=model=none: no setting"):
        paired_differences(comparison, "model=none")


def test_runs_without_the_file_are_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_sweep(tmp_path)
    (tmp_path / "contractive4" / FILE).unlink()
    assert main([str(tmp_path)]) == 0
    assert "without paired differences: contractive, code_size 4" in capsys.readouterr().out


def test_only_what_a_run_writes_is_read(tmp_path: Path) -> None:
    path = tmp_path / FILE
    good = Contributions({"error": np.arange(3.0)}, {"error": np.arange(4.0)}, np.arange(4))
    write_contributions(tmp_path, [good, good])
    found = read_contributions(tmp_path, 1)
    assert found is not None and found.examples["error"].dtype == np.float32
    assert_allclose(found.left_out["error"], np.arange(4.0))
    assert read_contributions(tmp_path, 2) is None
    content = io.BytesIO()
    np.savez(content, **{"0.error": np.array([{}], dtype=object), "0.units": np.zeros(0)})
    bad = [b"", b"PK\x03\x04", pickle.dumps({}), content.getvalue()]
    for arrays in ({"0.error": np.ones((2, 2))}, {"0.error": np.array([np.nan])}, {"0.units": NONE}):
        other = io.BytesIO()
        np.savez(other, **({"0.units": NONE} | arrays))
        bad.append(other.getvalue())
    for some in bad:
        path.write_bytes(some)
        assert read_contributions(tmp_path) is None
    path.unlink()
    os.mkfifo(path)
    assert read_contributions(tmp_path) is None, "a pipe keeps nobody waiting"


def test_a_small_file_that_unpacks_to_a_large_one_is_not_unpacked(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / FILE, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("0.error.npy", bytes(2**27))
    assert read_contributions(tmp_path) is None
