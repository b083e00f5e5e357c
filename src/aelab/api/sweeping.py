"""A sweep, and runs that are there, side by side in Python."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from aelab.api.comparison import Comparison
from aelab.api.program import finished
from aelab.api.words import words_of


def sweep(overrides: Sequence[str] = (), /, **keys: Any) -> Comparison:
    """Train every combination of what has several values, as ``aelab sweep`` does, and compare what is there.

    The same launcher (runs that can share a stack are fitted together), the same directories and W&B runs: what is
    complete is not trained again. It is a program of its own, whose messages appear here; a run that fails costs only
    itself and is in ``unfinished``.

    ``overrides``: words of the command line, ``["data=digits", "seed=range(3)"]``. ``keys``: the same as ``key=value``;
    a tuple or a range has several values, ``model=("vae", "rae"), seed=range(3)``, a list is one. ``sweep``: the folder
    under ``outputs/``, whose runs are all compared.

    Raises UserError, one line, where nothing could be begun; KeyboardInterrupt where it was stopped.
    """
    return compare(finished(["train", "-m", *words_of(overrides, keys, several=True)], "sweep"))


def compare(*directories: str | Path, best: str | None = None) -> Comparison:
    """The runs under directories side by side. ``best``: the metric of the validation part that chooses among them,
    like ``max:retrieval/val_map``; None: the one that chose each run's weights.

    Raises UserError where there are no runs.
    """
    from aelab.comparison.groups import gather

    return Comparison(**vars(gather([Path(directory) for directory in directories], best)))
