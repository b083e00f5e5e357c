"""Contraction ratios against closed forms; curves of evaluations from the manifest into a figure of all runs."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import numpy as np
import pytest
import torch
from earlier import varied_run
from fake_runs import write_run
from tiny_runs import Composer, compose_tiny

from aelab.building.build import build_model
from aelab.cli.compare import compare
from aelab.comparison.runs import read_runs
from aelab.errors import UserError
from aelab.evaluation.baselines.linear import RawCoder
from aelab.evaluation.contraction import Contraction
from aelab.evaluation.protocol import Examples, Part
from aelab.trained.coder import TrainedCoder
from aelab.trained.evaluate import evaluate

SIZE = 12


def examples() -> Examples:
    x = np.random.default_rng(0).random((900, SIZE), dtype=np.float32)
    return Examples(Part(x[:100], None), Part(x[100:150], None), Part(x[150:], None), (SIZE,), "cube")


def test_a_scaled_code_has_its_scale_at_every_distance() -> None:
    class Thrice(RawCoder):
        def encode(self, x: np.ndarray) -> np.ndarray:
            return 3 * x

    for score in Contraction(examples=50).measure(Thrice(SIZE), examples()):
        assert score.value == pytest.approx(3, rel=1e-4)
    curve = Contraction(radii=[0.5, 2.0]).curves(Thrice(SIZE), examples())["ratio"]
    assert curve.x[[0, -1]].tolist() == pytest.approx([0.5, 2.0]) and np.allclose(curve.y, 3, rtol=1e-4)


def test_pca_keeps_the_share_of_a_random_direction() -> None:
    """E |P u|^2 = code size / values, and the ratio is the same at all distances."""
    near, far = Contraction(radii=[0.5, 5.0]).baselines(examples(), 6)["pca"]
    assert near.value == pytest.approx(far.value, rel=1e-4)
    assert near.value == pytest.approx(np.sqrt(6 / SIZE), rel=0.04)


def test_near_by_it_is_the_jacobian_and_far_away_a_sigmoid_is_full(compose: Composer) -> None:
    config = compose("network.hidden=[]", "network.code_size=5", "model.code_activation=sigmoid")
    coder = TrainedCoder(build_model(config, (SIZE,), torch.randn(20, SIZE)).eval(), "somewhere")
    data, question = examples(), Contraction(radii=[0.01, 1e4], examples=700)
    near, far = question._ratios(coder, data, question.radii)
    mean_square = (coder.jacobian(data.test.x).astype(float) ** 2).sum((1, 2)).mean() / SIZE
    assert (near**2).mean() == pytest.approx(mean_square, rel=0.08)
    assert far.max() <= np.sqrt(5) / 1e4


@pytest.mark.parametrize("radii", [[], [0.0, 1.0]])
def test_radii_are_above_zero(radii: list[float]) -> None:
    with pytest.raises(UserError, match=r"evaluation.contraction.radii=.*must be one or more numbers above 0"):
        Contraction(radii)


def test_curves_of_replicas_and_settings_reach_the_comparison(tmp_path: Path) -> None:
    directory = varied_run(tmp_path)
    evaluate(directory, compose_tiny(tmp_path, "evaluation=[contraction,code_health]").evaluation)
    told = json.loads((directory / "manifest.json").read_text())["evaluations"]["code_health"]["curves"]
    assert [len(one["spectrum"]["x"]) for one in told] == [2, 3, 2, 3]
    runs = read_runs(directory)
    assert [len(one.curves["code_health/spectrum"].points) for one in runs] == [2, 3, 2, 3]
    assert runs[0].curves["contraction/ratio"] != runs[1].curves["contraction/ratio"]


def test_one_figure_has_the_curves_of_all_runs(tmp_path: Path) -> None:
    for kind, seed, y in (("undercomplete", 0, [4.0, 2.0]), ("undercomplete", 1, [2.0, 4.0]), ("k_sparse", 0, [1, 1])):
        curve = {"x": [1, 2], "y": y, "x_name": "rank", "y_name": "singular value", "logarithmic": "y"}
        write_run(
            tmp_path / f"{kind}{seed}",
            {"model": {"name": kind}},
            {"test/error": 1.0},
            seed,
            evaluations={"code_health": {"curves": [{"spectrum": curve, "torn": {"x": 3}, "odd": [1]}]}},
        )
    write_run(tmp_path / "other", {"model": {"name": "other"}}, {"test/error": 2.0}, evaluations={"retrieval": {}})
    compare([tmp_path])
    with (tmp_path / "figures" / "code_health-spectrum.csv").open() as file:
        rows = list(csv.DictReader(file))
    found = {(row["line"], float(row["x"])): (float(row["mean"]), int(row["seeds"])) for row in rows}
    assert found == {
        ("undercomplete", 1): (3, 2),
        ("undercomplete", 2): (3, 2),
        ("k_sparse", 1): (1, 1),
        ("k_sparse", 2): (1, 1),
    }
    assert "Code health: spectrum" in (tmp_path / "report.html").read_text()
