"""The trained run in a directory, opened: weights and plain values are read, and nothing is executed."""

from __future__ import annotations

import math
from pathlib import Path

from torch import Tensor

from aelab.building.build import build_model
from aelab.errors import UserError
from aelab.objectives.batch import Layout
from aelab.runs.checkpoints import load_checkpoint
from aelab.runs.identity import recorded
from aelab.runs.record import open_record
from aelab.trained.recorded import recorded_preprocessing
from aelab.trained.run import Run
from aelab.trained.settings import select


def load_run(directory: str | Path, device: str = "cpu", replica: int = 0) -> Run:
    """The trained run in a directory. Nothing in it is executed: weights and plain values are all that is read.

    ``replica``: which one, of a run with ``replicas=...``; with varied hyperparameters the first setting's
    replicas come first.

    Raises UserError where the directory holds no complete run or its checkpoint cannot be read.
    """
    directory = Path(directory)
    try:
        return _opened(directory, device, replica)
    except UserError as error:
        raise UserError(error) from None  # what caused it may quote the run, which a terminal would obey


def _opened(directory: Path, device: str, replica: int) -> Run:
    manifest = open_record(directory)
    config = recorded(directory, manifest)
    checkpoint = load_checkpoint(directory / "checkpoints" / "best.ckpt")
    state = checkpoint["state_dict"]
    if not isinstance(state, dict) or not all(
        isinstance(name, str) and isinstance(value, Tensor) for name, value in state.items()
    ):
        raise UserError(f"{directory}: its checkpoint holds no weights by name; train the run again with force=true")
    if "replicas" in checkpoint:
        members = {name.partition(".")[0] for name in state}
        if checkpoint["replicas"] != len(members):
            raise UserError(f"{directory}: its checkpoint has {len(members)} replicas and says otherwise")
        select(directory, config, manifest.get("replicas") or {}, len(members), replica)
        prefix = f"{replica}."
        state = {name.removeprefix(prefix): value for name, value in state.items() if name.startswith(prefix)}
    elif replica:
        raise UserError(f"replica={replica}: {directory} is one model; it was not trained with replicas=...")
    shape = tuple(manifest["data"]["shape"])
    preprocessing = recorded_preprocessing(directory, config, checkpoint, math.prod(shape))
    given = preprocessing.given
    layout = None if given is None else Layout(math.prod(shape), given.size)
    try:
        model = build_model(config, shape, layout=layout)
    except UserError:
        raise
    except Exception as error:  # whatever constructors make of values that no run has
        raise UserError(f"{directory}: the config in manifest.json cannot be built ({_reason(error)})") from error
    try:
        model.load_state_dict(state)
    except Exception as error:
        raise UserError(f"{directory}: the checkpoint does not fit the manifest's model ({_reason(error)})") from error
    return Run(directory, manifest, model.to(device).eval(), preprocessing, replica)


def _reason(error: Exception) -> str:
    return str(error) or type(error).__name__
