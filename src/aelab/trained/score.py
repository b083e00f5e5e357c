"""New examples scored by a trained run into one file."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from aelab.building.progress import waiting
from aelab.errors import UserError
from aelab.trained.run import Run
from aelab.trained.scores import Scores
from aelab.trained.signal_scores import SignalScores
from aelab.trained.signals import is_on_signals
from aelab.trained.table_out import check_outside, check_target, table_out
from aelab.trained.unseen.opening import open_unseen

SUFFIXES = (".csv", ".parquet")


def score(
    run: Run,
    path: Path,
    output: Path | None = None,
    typed: Mapping[str, Any] | None = None,
    threshold: float | None = None,
    contributors: int | None = None,
    codes: bool = False,
    force: bool = False,
) -> list[str]:
    """Write the scores of what lies at ``path`` to ``output``, or ``<run>/scores/<name>.csv``; lines about it.

    ``typed``: keys of data that the user names instead of the run's. ``threshold`` to ``codes``: see ``Scores``.
    ``force``: replace a file that is there.

    Raises UserError, and leaves no file, where the examples are not the run's kind or the file cannot be written.
    """
    target = output or run.directory / "scores" / f"{path.resolve().name.partition('.')[0] or 'scores'}.csv"
    check_target("output", target, SUFFIXES, force, path)
    check_outside("output", target, path if output else None)
    scores: Scores | SignalScores
    if is_on_signals(run):
        if codes:
            raise UserError("codes=true: codes are of windows, and points are scored; leave it out, or use export")
        said: list[str] = []
        scores = SignalScores(run, path, typed or {}, threshold, contributors)
    else:
        unseen = open_unseen(run, path, typed or {})
        said = unseen.said
        scores = Scores(run, unseen, threshold, contributors, codes)
    with waiting(f"scoring {path}"), table_out("output", target) as write:
        for frame in scores.frames():
            write(frame)
        lines = scores.said(target)
    return [*said, *lines]
