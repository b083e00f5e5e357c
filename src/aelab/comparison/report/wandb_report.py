"""A sweep's spec as a W&B report and a workspace, made and pushed with wandb-workspaces."""

import json
from collections.abc import Iterable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any
from unicodedata import category

from aelab.comparison.report.wandb_spec import Axis, Panel, Section, Spec
from aelab.comparison.report.wandb_summary import Logged
from aelab.errors import UserError
from aelab.machines.atomic_files import write_whole

MISSING = 'the report needs wandb-workspaces: pip install "aelab[report]"'
_SYMBOLS = {"So", "Sk", "Sm", "Sc", "Cs"}  # which the name of a workspace cannot have
WIDTH = 12  # of a panel, in W&B's grid of 24 columns
HEIGHT = 8
COLUMNS = 2


def push_report(spec: Spec, logged: Logged, note: Path) -> tuple[str, str]:
    """Save the report and the workspace of a sweep whose summary is in W&B; their addresses.

    ``note``: remembers them, so that the next push changes these two instead of adding two more.
    Raises UserError where wandb-workspaces is not installed.
    """
    try:
        report = build_report(spec, logged)
        workspace = build_workspace(spec, logged)
    except ImportError as error:
        raise UserError(MISSING) from error
    before = _before(note, logged)
    report.id = before.get("report", "")
    workspace._internal_id = before.get("workspace", "")
    workspace._internal_name = before.get("view", "")
    saved: list[Any] = []
    for view in (report, workspace):
        try:
            saved.append(view.save())
        except Exception:
            if not before:
                raise
            note.unlink(missing_ok=True)  # one of them was deleted there
            return push_report(spec, logged, note)
    names = {"report": report.id, "workspace": workspace._internal_id, "view": workspace._internal_name}
    write_whole(note, json.dumps({"entity": logged.entity, "project": logged.project} | names) + "\n")
    return str(report.url), str(workspace.url)


def _before(note: Path, logged: Logged) -> dict[str, str]:
    with suppress(OSError, ValueError):
        known = json.loads(note.read_text())
        if (known["entity"], known["project"]) == (logged.entity, logged.project):
            return dict(known)
    return {}


def build_report(spec: Spec, logged: Logged) -> Any:
    """The report as an object of wandb-workspaces."""
    import wandb_workspaces.reports.v2 as wr

    blocks: list[Any] = [wr.P(spec.text)]
    for section in spec.sections:
        runs = wr.Runset(
            entity=logged.entity,
            project=logged.project,
            name="summary" if section.over_summary else "runs",
            filters=_of_summary(spec) if section.over_summary else _of_runs(spec),
        )
        blocks += [wr.H2(section.title), *([wr.P(section.text)] if section.text else [])]
        blocks.append(wr.PanelGrid(runsets=[runs], panels=_panels(section)))
    return wr.Report(entity=logged.entity, project=logged.project, title=spec.title[:128], blocks=blocks, width="fluid")


def build_workspace(spec: Spec, logged: Logged) -> Any:
    """The same panels over the sweep's runs and its summary, as a saved view of the project."""
    import wandb_workspaces.workspaces as ws

    sections = [ws.Section(name=section.title, panels=_panels(section), is_open=True) for section in spec.sections]
    return ws.Workspace(
        entity=logged.entity,
        project=logged.project,
        name="".join("_" if category(letter) in _SYMBOLS else letter for letter in spec.title),
        sections=sections,
        settings=ws.WorkspaceSettings(x_axis="epoch"),
        runset_settings=ws.RunsetSettings(filters=f"Metric('Group') in {_literal(spec.sweeps)}"),
    )


def _of_runs(spec: Spec) -> str:
    return f"Metric('Group') in {_literal(spec.sweeps)} and Metric('JobType') == 'train'"


def _of_summary(spec: Spec) -> str:
    return f"Metric('ID') == '{spec.summary}'"


def _literal(words: Iterable[str]) -> str:
    """A list of strings in W&B's language of filters, which knows neither quotes nor = within them, but escapes."""
    known = ("".join(c if c.isalnum() or c in "_-./ " else f"\\U{ord(c):08x}" for c in word) for word in words)
    return "[" + ", ".join(f"'{word}'" for word in known) + "]"


def _panels(section: Section) -> list[Any]:
    import wandb_workspaces.reports.v2 as wr

    built = [_panel(panel) for panel in section.panels]
    for index, panel in enumerate(built):
        panel.layout = wr.Layout(x=WIDTH * (index % COLUMNS), y=HEIGHT * (index // COLUMNS), w=WIDTH, h=HEIGHT)
    return built


def _panel(panel: Panel) -> Any:
    import wandb_workspaces.reports.v2 as wr

    match panel.kind:
        case "chart":
            assert panel.chart
            return wr.CustomChart(
                query={"summaryTable": {"tableKey": f"{panel.chart.key}_table"}},
                chart_name="wandb/line/v0",
                chart_fields={"x": panel.chart.x, "y": "value", "stroke": "line"},
                chart_strings={"title": panel.title},
            )
        case "scatter":
            x, y = panel.axes
            return wr.ScatterPlot(title=panel.title, x=_metric(x), y=_metric(y), log_x=x.log)
        case "bars":
            return wr.BarPlot(title=panel.title, metrics=_names(panel.axes))
        case "lines":
            return wr.LinePlot(title=panel.title, x="epoch", y=_names(panel.axes))
        case "parallel":
            columns = [
                wr.ParallelCoordinatesPlotColumn(metric=_metric(axis), display_name=axis.label) for axis in panel.axes
            ]
            return wr.ParallelCoordinatesPlot(title=panel.title, columns=columns)
        case "comparer":
            return wr.RunComparer(diff_only="split")
        case "media":
            return wr.MediaBrowser(title=panel.title, media_keys=list(panel.media), num_columns=3)


def _metric(axis: Axis) -> Any:
    import wandb_workspaces.reports.v2 as wr

    return wr.Config(axis.name) if axis.config else wr.SummaryMetric(axis.name)


def _names(axes: Sequence[Axis]) -> list[Any]:
    return [axis.name for axis in axes]
