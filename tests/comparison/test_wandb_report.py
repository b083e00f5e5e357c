"""The W&B report and workspace of a sweep: what they hold, and that a server gets them."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import wandb
from fake_runs import HOSTILE, write_run, write_sweep
from PIL import Image
from stand_in_wandb import StandInServer

from aelab.cli.compare import main
from aelab.comparison.figures.choice import draw_figures
from aelab.comparison.groups import gather
from aelab.comparison.report.wandb_spec import Spec, report_spec
from aelab.comparison.report.wandb_summary import summary_id
from aelab.tracking import wandb_client

# wandb-workspaces' own
pytestmark = pytest.mark.filterwarnings("ignore:Pydantic V1 style:DeprecationWarning")


@pytest.fixture(scope="module")
def sweep(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = write_sweep(tmp_path_factory.mktemp("outputs") / "demo")
    for run in folder.iterdir():
        (run / "pictures").mkdir()
        for name in ("code", "reconstructions"):
            Image.new("L", (4, 4), 128).save(run / "pictures" / f"{name}.png")
    return folder


@pytest.fixture(scope="module")
def spec(sweep: Path, tmp_path_factory: pytest.TempPathFactory) -> Spec:
    comparison = gather([sweep])
    return report_spec(comparison, draw_figures(comparison, tmp_path_factory.mktemp("figures")))


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[StandInServer]:
    pytest.importorskip("wandb_workspaces", reason="needs aelab[report]")
    monkeypatch.setattr(wandb_client, "_out_of_reach", False)
    wandb.teardown()
    with StandInServer() as server:
        for name, value in server.environment.items():
            monkeypatch.setenv(name, value)
        yield server
        wandb.teardown()


def test_the_spec_has_what_a_sweep_is_looked_at_for(spec: Spec) -> None:
    sections = {section.title: section for section in spec.sections}
    assert list(sections) == ["Bias and variance", "Over seeds and replicas", "Training", "Settings", "Pictures"]
    scatters = [panel for panel in sections["Bias and variance"].panels if panel.kind == "scatter"]
    assert [(x.name, x.config, x.log, y.name) for x, y in (panel.axes for panel in scatters)] == [
        ("network.code_size", True, True, metric) for metric in ("test/error", "test/bias2", "test/variance")
    ]
    charts = [panel.chart for panel in sections["Over seeds and replicas"].panels if panel.chart]
    tradeoffs = [chart for chart in charts if "bias-variance" in chart.key]
    assert [chart.title.rpartition(": ")[2] for chart in tradeoffs] == ["contractive", "undercomplete"]
    drawn = {(line, x): value for x, line, value, *_ in tradeoffs[0].points}
    assert drawn["bias²", 4] == 10 and drawn["variance", 4] == pytest.approx(1.6)
    parallel, comparer = sections["Settings"].panels
    assert [axis.name for axis in parallel.axes] == [
        "model.name", "network.code_size", "test/error", "test/bias2", "test/variance",
    ]  # fmt: skip
    assert comparer.kind == "comparer"
    assert [panel.media for panel in sections["Pictures"].panels] == [("pictures/code",), ("pictures/reconstructions",)]
    assert (spec.sweeps, spec.summary) == (("demo",), summary_id("demo"))


def panels_of(view: dict[str, Any]) -> dict[str, list[dict[str, Any]]]:
    """Panels by heading, of a report or a workspace as a server keeps it."""
    told = json.loads(view["spec"])
    if view["type"] == "project-view":
        sections = told["section"]["panelBankConfig"]["sections"]
        return {section["name"]: section["panels"] for section in sections if section["panels"]}
    found, heading = {}, ""
    for block in told["blocks"]:
        if block["type"] == "heading":
            heading = block["children"][0]["text"]
        if block["type"] == "panel-grid":
            found[heading] = block["metadata"]["panelBankSectionConfig"]["panels"]
    return found


def filters_of(view: dict[str, Any]) -> list[list[tuple[str, Any]]]:
    grids = [block["metadata"] for block in json.loads(view["spec"])["blocks"] if block["type"] == "panel-grid"]
    told = [grid["runSets"][0]["filters"]["filters"] for grid in grids]
    return [[(one["key"]["name"], one["value"]) for one in filters] for filters in told]


def test_a_report_and_a_workspace_are_pushed_and_changed_by_the_next_push(
    server: StandInServer, sweep: Path, spec: Spec, capsys: pytest.CaptureFixture[str]
) -> None:
    for _ in range(2):
        assert main([str(sweep), "wandb=true"]) == 0
        told = capsys.readouterr()
        assert "W&B report: http" in told.out and "W&B workspace: http" in told.out and not told.err
        assert told.out.splitlines()[-1].startswith("report: ")
        assert len(server.views) == 2 and not server.unknown
    report, workspace = server.views.values()
    assert (report["type"], workspace["type"]) == ("runs", "project-view")
    kinds = {
        "scatter": "Scatter Plot", "bars": "Bar Chart", "lines": "Run History Line Plot", "chart": "Vega2",
        "parallel": "Parallel Coordinates Plot", "comparer": "Run Comparer", "media": "Media Browser",
    }  # fmt: skip
    wanted = {section.title: [kinds[panel.kind] for panel in section.panels] for section in spec.sections}
    for view in (report, workspace):
        found = panels_of(view)
        assert {title: [panel["viewType"] for panel in panels] for title, panels in found.items()} == wanted
        assert found["Settings"][0]["config"]["columns"][1]["accessor"] == "config:network.value.code_size"
        assert found["Pictures"][0]["config"]["mediaKeys"] == ["pictures/code"]
    runs, summary = [("group", ["demo"]), ("jobType", "train")], [("name", summary_id("demo"))]
    assert filters_of(report) == [runs, summary, runs, runs, runs]

    [logged] = server.runs.values()
    charted = {key.removesuffix("_table") for row in logged.history for key in row if key.startswith("charts/")}
    charts = {panel.chart.key for section in spec.sections for panel in section.panels if panel.chart}
    assert charts == charted, "every chart of the report finds its table"


def test_a_report_that_was_deleted_is_made_again(server: StandInServer, sweep: Path) -> None:
    assert main([str(sweep), "wandb=true"]) == 0
    before, told = dict(server.views), json.loads((sweep / ".report.json").read_text())
    assert {told["report"], told["workspace"]} == set(before)
    server.deleted |= set(before)
    server.views.clear()
    assert main([str(sweep), "wandb=true"]) == 0
    assert len(server.views) == 2 and not set(server.views) & set(before)


def test_a_sweep_with_a_hostile_name_has_a_report(
    server: StandInServer, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for index, size in enumerate((2, 4)):
        changes = {"sweep": 'it\'s "one" = {2}', "network.code_size": size, "model": {"name": HOSTILE[:60] * index}}
        write_run(tmp_path / "a" / str(index), changes, {"test/error": 1.0 + index})
    assert main([str(tmp_path / "a"), "wandb=true"]) == 0, capsys.readouterr().err
    report, _ = server.views.values()
    assert filters_of(report)[0][0] == ("group", ['it\'s "one" = {2}'])


def test_without_a_server_or_the_extra_a_line_says_so(
    sweep: Path, server: StandInServer, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([str(sweep), "wandb=offline"]) == 0
    assert "no W&B report: the runs are kept offline; sync them" in capsys.readouterr().out
    for name in [name for name in sys.modules if name.startswith("wandb_workspaces")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "wandb_workspaces", None)
    assert main([str(sweep), "wandb=true"]) == 0
    assert 'pip install "aelab[report]"' in capsys.readouterr().out and not server.views


def test_a_report_that_the_server_refuses_is_a_failure_that_loses_nothing(
    sweep: Path, server: StandInServer, capsys: pytest.CaptureFixture[str]
) -> None:
    server.refused.add("upsertView")
    (sweep / "report.html").unlink(missing_ok=True)
    assert main([str(sweep), "wandb=true"]) == 1
    assert "logged to W&B, but without a report there: " in capsys.readouterr().err
    assert (sweep / "report.html").exists() and server.runs
