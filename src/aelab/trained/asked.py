"""An evaluation that a finished run is asked for in Python."""

from __future__ import annotations

import io
from collections.abc import Mapping
from contextlib import redirect_stdout
from pathlib import Path
from typing import TYPE_CHECKING, Any

from aelab.config.explain import explain
from aelab.config.objects import composing
from aelab.config.pasted import typed
from aelab.errors import UserError
from aelab.machines.quiet import quiet
from aelab.runs.claim import claim
from aelab.runs.record import open_record

if TYPE_CHECKING:
    import pandas as pd


def asked(directory: Path, name: str, settings: Mapping[str, Any], force: bool) -> pd.DataFrame:
    """Measure what is not measured yet, as ``aelab evaluate`` does; the rows of the run and of its baselines.

    ``settings``: keys of ``conf/evaluation/<name>.yaml``. Raises UserError where there is no such evaluation or key, or
    the run cannot answer.
    """
    import hydra
    import pandas as pd

    from aelab.trained.evaluate import evaluate_later

    words = [f"evaluation={name}", *(f"evaluation.{name}.{key}={typed(value)}" for key, value in settings.items())]
    try:
        with composing():
            config = hydra.compose("evaluate", words)
    except Exception as error:
        raise UserError(explain(error)) from error
    quiet()
    with claim(directory), redirect_stdout(io.StringIO()):
        evaluate_later(directory, config.evaluation, wandb=False, force=force)
    return pd.DataFrame(open_record(directory)["evaluations"][name]["rows"])
