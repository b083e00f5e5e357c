"""The comparison of finished runs, offline: table, figures, report.html; in W&B, too, where asked."""

import argparse
import io
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Literal, cast

from aelab import __version__
from aelab.errors import UserError, plain
from aelab.tracking.wandb_mode import wandb_mode as resolve_mode

if TYPE_CHECKING:
    from aelab.comparison.figures.figure import SavedFigure
    from aelab.comparison.groups import Comparison
    from aelab.comparison.report.wandb_summary import Logged


class NotPushed(Exception):
    """W&B did not take a report; the reason is its cause."""


def compare(
    directories: Sequence[Path],
    output: Path | None = None,
    wandb_mode: str | None = None,
    wandb_report: bool = False,
    against: str | None = None,
    best: str | None = None,
) -> "Comparison":
    """Compare every run under the directories; the last line printed names the report.

    `output` gets comparison.csv, report.html and figures/. It is the directory itself if there is one, else
    `comparison` in the folder that holds them all. `wandb_mode`: "online", "offline", or None for no W&B.
    `wandb_report`: a report and a workspace there, too. `against`: what paired differences are to (`pca`, or a
    setting); None: the best by validation. `best`: the validation metric that decides which that is.
    """
    from aelab.comparison.against import paired_differences
    from aelab.comparison.differences_table import print_differences
    from aelab.comparison.figures.choice import draw_figures
    from aelab.comparison.groups import gather, over_seeds, rows, write_csv
    from aelab.comparison.printed import print_tables
    from aelab.comparison.report.page import write_report
    from aelab.comparison.verdict import verdict
    from aelab.reproducing.section import paper_sections

    comparison = gather(directories, best)
    output = output or _beside(directories)
    _check_place(output / "figures")
    write_csv(rows(comparison, output), output / "comparison.csv")
    if any(len(group.runs) > 1 for group in comparison.groups):
        write_csv(over_seeds(comparison), output / "comparison_over_seeds.csv")
    differences = paired_differences(comparison, against)
    figures = draw_figures(comparison, output / "figures", differences)
    report = write_report(comparison, figures, output / "report.html", paper_sections(comparison.runs))
    print_tables(comparison)
    print(*verdict(comparison), sep="\n")
    print_differences(differences)
    problem = None
    if wandb_mode:
        from aelab.comparison.report.wandb_summary import log_summary

        mode = cast(Literal["online", "offline"], wandb_mode)
        logged = log_summary(comparison, figures, _wandb_home(output), mode, *_project(comparison))
        if logged.link:
            print(f"W&B: {plain(logged.link)}")
        if wandb_report:
            problem = _push_report(comparison, figures, logged, output)
    print(f"report: {plain(str(report))}", flush=True)
    if problem:
        raise NotPushed("logged to W&B, but without a report there") from problem
    return comparison


def main(argv: Sequence[str] | None = None) -> int:
    """The command line; returns the exit status. Runs that failed are rows, not a failure here."""
    parser = argparse.ArgumentParser(
        prog="aelab compare",
        description="Compare finished runs: a table, curves and one self-contained report.html, offline.",
        epilog="example: aelab compare outputs/demo wandb=true",
    )
    parser.add_argument("--version", action="version", version=f"aelab {__version__}")
    parser.add_argument("directories", nargs="+", type=Path, metavar="DIR", help="a folder that holds runs")
    parser.add_argument("--status", action="store_true", help="only say what is running, done and failed")
    parser.add_argument("--watch", action="store_true", help="the same, over and over until nothing runs")
    parser.add_argument("--output", type=Path, metavar="DIR", help="where the report goes")
    parser.add_argument(
        "--wandb",
        choices=["true", "false", "online", "offline"],
        help="log it as one W&B run, too, with a report and a workspace: --wandb or wandb=true, online where there "
        "is an API key",
    )
    parser.add_argument(
        "--against",
        metavar="SETTING",
        help="what paired differences are to: against=pca, against=model=undercomplete, against=network.code_size=16; "
        "otherwise the best by validation",
    )
    parser.add_argument(
        "--best",
        metavar="WAY:METRIC",
        help="what is best: best=max:retrieval/val_map, best=min:val/loss; a metric of the validation part, otherwise "
        "the one that chose each run's weights",
    )
    words = sys.argv[1:] if argv is None else argv
    chosen = parser.parse_args([_as_option(word) for word in words])
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="replace")  # a terminal without ★ is no reason to stop
    if chosen.watch:
        from aelab.cli.watching import watch

        return watch(chosen.directories)
    if chosen.status:
        from aelab.comparison.status import print_status

        print_status(chosen.directories)
        return 0
    try:
        compare(chosen.directories, chosen.output, _mode(chosen.wandb), True, chosen.against, chosen.best)
    except UserError as problem:
        return _complain(str(problem), 2)
    except OSError as problem:
        return _complain(f"{problem}; --output DIR puts the report elsewhere", 2)
    except NotPushed as problem:
        return _complain(f"{problem}: {problem.__cause__}", 1)
    except Exception as problem:
        if not type(problem).__module__.startswith("wandb"):
            raise
        return _complain(f"written, but not logged to W&B: {problem}; wandb=offline needs no account", 1)
    return 0


def _project(comparison: "Comparison") -> tuple[str, str | None]:
    """The project and the entity that the runs are in."""
    for run in comparison.runs:
        if run.config.get("logger.project"):
            return str(run.config["logger.project"]), run.config.get("logger.entity")
    return os.environ.get("WANDB_PROJECT", "aelab"), None


def _push_report(
    comparison: "Comparison", figures: "Sequence[SavedFigure]", logged: "Logged", output: Path
) -> Exception | None:
    """A report and a workspace, where there is a server for them and what makes them is installed.

    Returns what went wrong on the way: the comparison itself is there.
    """
    from aelab.comparison.report.wandb_report import push_report
    from aelab.comparison.report.wandb_spec import report_spec

    if not logged.online:
        print("no W&B report: the runs are kept offline; sync them, then compare again with wandb=online")
        return None
    try:
        report, workspace = push_report(report_spec(comparison, figures), logged, output / ".report.json")
    except UserError as missing:
        print(f"no W&B report: {missing}")
        return None
    except Exception as problem:
        return problem
    print(f"W&B report: {report}", f"W&B workspace: {workspace}", sep="\n")
    return None


def _as_option(word: str) -> str:
    """`wandb=true`, `against=...` and `best=...`, as on the command line of training, and a bare `--wandb`."""
    known = ("wandb=", "against=", "best=")
    return "--wandb=true" if word == "--wandb" else f"--{word}" if word.startswith(known) else word


def _mode(asked: str | None) -> str | None:
    if asked == "true":
        return resolve_mode("auto")
    return None if asked == "false" else asked


def _complain(problem: str, status: int) -> int:
    print(f"compare: {plain(problem)}", file=sys.stderr)
    return status


def _beside(directories: Sequence[Path]) -> Path:
    if len(directories) == 1:
        return directories[0]
    return Path(os.path.commonpath([directory.resolve() for directory in directories])) / "comparison"


def _check_place(figures: Path) -> None:
    """Who sends runs may have put a link where the figures go."""
    if figures.is_symlink():
        raise UserError(
            f"{figures}: a link, which is not followed; remove it, or put the report elsewhere with --output"
        )


def _wandb_home(output: Path) -> Path:
    """Where the runs' own W&B folders lie: outputs/ for the sweep outputs/demo."""
    output = output.resolve()
    return output if (output / "wandb").is_dir() else output.parent
