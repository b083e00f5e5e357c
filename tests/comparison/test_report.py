"""What a comparison shows: figures, the page, the summary in W&B."""

from __future__ import annotations

import csv
import json
import re
from pathlib import Path

import numpy as np
import pytest
import wandb
from fake_runs import HOSTILE, MASKING, SPARSE, write_run, write_sweep
from html_page import Page
from PIL import Image

from aelab.cli.compare import compare, main
from aelab.comparison.figures.choice import draw_figures, drawings
from aelab.comparison.figures.scale import Scale, scale_of
from aelab.comparison.figures.style import DARK, _apart
from aelab.comparison.groups import gather
from aelab.comparison.report.embedding import embed
from aelab.comparison.report.wandb_summary import log_summary, summary_id


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([2, 4, 8, 64], Scale(2, 1 - 1.2 * 5 / 3)),
        ([8, 32], Scale()),
        ([10, 20, 30], Scale()),
        ([0.001, 0.01, 0.1], Scale(10, -3 - 1.2)),
        ([0, 0.001, 0.01, 0.1], Scale(10, -3 - 1.2)),
        ([-1, 1, 100], Scale()),
        ([5], Scale()),
    ],
)
def test_the_scale_follows_from_the_values(values: list[float], expected: Scale) -> None:
    found = scale_of(values)
    assert found.base == expected.base and found.zero == pytest.approx(expected.zero)
    assert [found.place(value) for value in values] == sorted(found.place(value) for value in values)


def test_labels_keep_their_distance_and_move_little() -> None:
    assert _apart([0.1, 0.5, 0.9], 0.1) == pytest.approx([0.1, 0.5, 0.9])
    assert _apart([0.5, 0.5], 0.1) == pytest.approx([0.45, 0.55])
    crowded = _apart([0.97, 0.98, 0.99, 1.0], 0.1)
    assert crowded == pytest.approx([0.7, 0.8, 0.9, 1.0])


def test_every_figure_is_kept_as_pictures_and_numbers(tmp_path: Path) -> None:
    figures = draw_figures(gather([write_sweep(tmp_path)]), tmp_path / "figures")
    names = [figure.drawing.name for figure in figures]
    assert names == ["bias-variance-vs-network.code_size", "error-vs-network.code_size", "curves"]
    for figure in figures:
        light, dark = (np.asarray(Image.open(path).convert("RGB")) for path in (figure.light, figure.dark))
        assert light.shape == dark.shape and tuple(light[0, -1]) == (255, 255, 255)
        assert "#{:02x}{:02x}{:02x}".format(*dark[0, -1]) == DARK.paper
        assert 5 < light.std() < 100 and len(np.unique(light.reshape(-1, 3), axis=0)) > 20
        assert figure.svg.read_text().startswith("<?xml") and "<svg" in figure.svg.read_text()
    with figures[0].csv.open() as file:
        row = next(row for row in csv.DictReader(file) if row["metric"] == "test/bias2" and row["x"] == "4.0")
    assert row["panel"] == "contractive" and float(row["mean"]) == 10
    assert float(row["high"]) - float(row["low"]) == pytest.approx(0.4)
    assert "test examples and replicas" in figures[0].drawing.caption and "PCA" in figures[1].drawing.caption


def test_choices_that_are_not_numbers_are_bars(tmp_path: Path) -> None:
    for name, error in (("none", 5.0), ("masking", 4.0)):
        write_run(tmp_path / name, {"corruption": MASKING | {"name": name}}, {"test/error": error})
    (drawing,) = drawings(gather([tmp_path]))
    assert drawing.name == "error-by-choice" and [row["line"] for row in drawing.rows] == ["masking", "none"]


def test_a_variant_without_the_swept_key_is_a_level(tmp_path: Path) -> None:
    write_run(tmp_path / "plain", metrics={"test/error": 5.0})
    for weight in (0, 0.01, 0.1, 1):
        write_run(tmp_path / f"w{weight}", {"model": SPARSE | {"weight": weight}}, {"test/error": 4 + weight})
    (drawing,) = drawings(gather([tmp_path]))
    assert drawing.name == "error-vs-model.weight" and "Dotted" in drawing.caption
    assert [(row["line"], row["x"]) for row in drawing.rows][-1] == ("undercomplete", None)


def test_figures_say_when_they_leave_something_out(tmp_path: Path) -> None:
    for code in range(1, 13):
        metrics = {"test/error": 20.0 - code}
        write_run(tmp_path / f"c{code}", {"network.code_size": code}, metrics, curve=[9, 8])
    *_, curves = drawings(gather([tmp_path]))
    assert "7 of 12 configurations are drawn" in curves.caption
    assert {row["line"] for row in curves.rows} == {f"code_size {code}" for code in range(6, 13)}


def test_odd_numbers_do_not_break_a_figure(tmp_path: Path) -> None:
    values = [0.0, -1e-9, float("nan"), 1e12, float("inf"), 1e-12]
    for index, value in enumerate(values):
        metrics = {f"test/{name}": value for name in ("error", "bias2", "variance", "bias2_se", "pca_error")}
        write_run(tmp_path / f"r{index}", {"network.code_size": index}, metrics, curve=[value, value])
    compare([tmp_path])
    assert (tmp_path / "figures" / "bias-variance-vs-network.code_size.png").exists()


def test_the_page_needs_nothing_but_itself(tmp_path: Path) -> None:
    for seed in (0, 1, 2):
        metrics = {"test/error": 4.0 + seed, "test/pca_error": 10.0}
        write_run(tmp_path / f"s{seed}", metrics=metrics, seed=seed)
    error = {"type": "ValueError", "message": "loss is nan", "trace": "Traceback: here\n  it is"}
    changes = {"network.code_size": 8}
    write_run(tmp_path / "bad", changes, status="failed", error=error, overrides=["a=1 2"])
    pictures = tmp_path / "s0" / "pictures"
    pictures.mkdir()
    Image.new("L", (20, 10), 77).save(pictures / "reconstructions.png")
    (pictures / "code.png").write_bytes(b"no picture")
    compare([tmp_path])
    page = Page(tmp_path / "report.html")
    assert "script" not in page.tags and "link" not in page.tags
    sources = [value for name, value in page.attributes if name in ("src", "srcset")]
    assert sources and all(source.startswith("data:image/png") for source in sources)
    for told in (
        "4 runs: 3 complete, 1 failed.", "mean of 3 seeds), 50% below PCA",
        "Mean ± 95 % t-interval over 3 seeds", "loss is nan", "Traceback: here\n  it is",
        "python scripts/train.py 'a=1 2'", "Reconstructions: ",
        "code.png cannot be shown",
    ):  # fmt: skip
        assert told in page.text
    assert "prefers-color-scheme: dark" in (tmp_path / "report.html").read_text()


def test_hostile_names_stay_text(tmp_path: Path) -> None:
    for index in range(3):
        changes = {"model": {"name": HOSTILE, HOSTILE: index}, "network.code_size": index, "sweep": HOSTILE}
        metrics = {"test/error": 3.0 + index, "test/pca_error": 4.0, HOSTILE: 1.0}
        trace = {"type": HOSTILE, "message": HOSTILE, "trace": HOSTILE}
        write_run(tmp_path / f"r{index}", changes, metrics, curve=[2, 1], run_id=HOSTILE, error=trace,
                  status=HOSTILE if index == 2 else "complete", overrides=[HOSTILE])  # fmt: skip
    pictures = tmp_path / "r0" / "pictures"
    pictures.mkdir()
    Image.new("L", (9, 9)).save(pictures / '"><script>alert(2).png')
    compare([tmp_path])
    page = Page(tmp_path / "report.html")
    assert "script" not in page.tags and not [name for name, _ in page.attributes if name.startswith("on")]
    assert "<script>alert(1)</script>" in page.text and "\u202e" not in page.text
    assert all(re.fullmatch(r"[\w.-]+", path.name) for path in (tmp_path / "figures").iterdir())


def test_thirty_runs_with_large_pictures_fit_in_five_megabytes(tmp_path: Path) -> None:
    noise = np.random.default_rng(0).integers(0, 255, (400, 400, 3), dtype=np.uint8)
    Image.fromarray(noise).save(tmp_path / "noise.png")
    for index in range(30):
        run = write_run(tmp_path / f"r{index}", {"network.code_size": index}, {"test/error": 1.0 * index})
        (run / "pictures").mkdir()
        for name in ("reconstructions", "filters", "code"):
            (run / "pictures" / f"{name}.png").hardlink_to(tmp_path / "noise.png")
    compare([tmp_path])
    page = Page(tmp_path / "report.html")
    assert (tmp_path / "report.html").stat().st_size < 5_000_000
    assert page.tags.count("details") == 30 and page.tags.count("img") >= 90
    assert ("open", "") not in page.attributes


def test_a_picture_that_is_small_enough_is_embedded_as_it_is(tmp_path: Path) -> None:
    Image.new("L", (10, 10), 128).save(tmp_path / "a.png")
    found = embed((tmp_path / "a.png").read_bytes(), 10_000)
    assert found is not None and found.width == 10 and found.uri.startswith("data:image/png;base64,iVBOR")
    assert embed(b"no PNG", 10_000) is None


def test_the_summary_run_holds_table_charts_and_pictures_that_are_not_black(tmp_path: Path) -> None:
    sweep = write_sweep(tmp_path / "demo")
    assert main([str(sweep), "wandb=offline"]) == 0
    (run,) = (tmp_path / "wandb").glob(f"offline-run-*-{summary_id('demo')}")
    media = run / "files" / "media"
    pictures = list(media.glob("images/**/*.png"))
    assert len(pictures) == 3
    for picture in pictures:
        assert np.asarray(Image.open(picture).convert("L")).mean() > 150
    (table,) = media.glob("table/comparison_*.table.json")
    content = json.loads(table.read_text())
    assert len(content["data"]) == 8 and "test/error" in content["columns"]
    charts = [json.loads(path.read_text()) for path in media.glob("table/charts/bias-variance*.json")]
    assert [chart["columns"][:3] for chart in charts] == 2 * [["network.code_size", "line", "value"]]
    assert {row[1] for row in charts[0]["data"]} == {"error", "bias²", "variance"}


def test_a_summary_that_fails_is_finished_as_failed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    codes: list[int | None] = []
    finish = wandb.Run.finish

    def fail(*_: object, **__: object) -> None:
        raise RuntimeError("disk full")

    def noted(run: wandb.Run, exit_code: int | None = None) -> None:
        codes.append(exit_code)
        finish(run, exit_code)

    monkeypatch.setattr(wandb.Run, "log", fail)
    monkeypatch.setattr(wandb.Run, "finish", noted)
    write_run(tmp_path / "demo" / "a", metrics={"test/error": 1.0})
    with pytest.raises(RuntimeError, match="disk full"):
        log_summary(gather([tmp_path]), [], tmp_path, mode="offline")
    assert codes == [1]
