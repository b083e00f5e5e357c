"""The coders and the data of a finished run, as evaluations take them: float32 arrays in, float32 arrays out."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from aelab.building.build import build_data
from aelab.data.module import PARTS, PLACES, DataModule
from aelab.data.preprocessing import SYMBOLS
from aelab.data.windows import Windows
from aelab.errors import UserError
from aelab.evaluation.measures.timeline import Timeline
from aelab.evaluation.protocol import Examples, Part
from aelab.models import Autoencoder
from aelab.objectives.batch import Batch
from aelab.runs.history_file import read_rows
from aelab.runs.identity import recorded
from aelab.trained.loading import load_run
from aelab.trained.model_coder import ModelCoder
from aelab.trained.run import Run

VALUES = 2**28  # of one part that are held in memory, 1 GiB; a larger part is sampled


class TrainedCoder(ModelCoder):
    """A trained model as a coder.

    ``target_activation``: the mean activation its penalty aims at; ``weight_decay``: the L2 penalty's weight of each
    code unit ``[H]``; ``noise``: the standard deviation of the Gaussian noise it was trained with; each None where
    there is none. ``steps``: of the optimiser, that training took.
    """

    def __init__(self, model: Autoencoder, name: str, steps: int = 0) -> None:
        super().__init__(model, name)
        self.steps = steps
        self.activation: str = model.code_activation_name
        self.target_activation = model.aimed_activation()
        decay = model.decay_of_units()
        std = getattr(model.corruption, "std", None)
        self.weight_decay = None if decay is None else decay.cpu().numpy()
        self.noise = None if std is None else float(std)

    def filters(self) -> np.ndarray | None:
        """The first layer's weights as pictures of the input: ``[units, *shape of a patch]``; or None."""
        found = self.model.network.filters()
        return None if found is None else found.float().cpu().numpy()

    def jacobian(self, x: np.ndarray) -> np.ndarray:
        """Derivatives ``[N, H, D]`` of the code at examples ``[N, D]``, with what is given behind held fixed."""
        return self._derivatives(self.model.encode, x)

    def reconstruction_jacobian(self, x: np.ndarray) -> np.ndarray:
        """Derivatives ``[N, D, D]`` of the reconstruction at examples ``[N, D]``."""
        return self._derivatives(self.model.reconstruct, x)

    def _derivatives(self, function: Callable[[Tensor], Tensor], x: np.ndarray) -> np.ndarray:
        columns = []
        for part in np.array_split(x, max(1, len(x) // 64)):
            values = torch.from_numpy(part).to(self.model.device).requires_grad_()
            found = function(values).sum(0)
            rows = [torch.autograd.grad(value, values, retain_graph=True)[0] for value in found]
            columns.append(self.values(torch.stack(rows, 1).cpu().numpy()))
        return np.concatenate(columns)


def trained_coders(run: Run) -> list[list[TrainedCoder]]:
    """The coders of a run: for each setting of varied hyperparameters its replicas that have not diverged."""
    directory = run.directory
    on_gpu = run.manifest["config"]["trainer"].get("accelerator") != "cpu" and torch.cuda.is_available()
    device = "cuda" if on_gpu else "cpu"
    record = run.manifest.get("replicas")
    steps = max((int(row.get("step", -1)) + 1 for row in read_rows(directory / "metrics.jsonl")), default=0)
    if not isinstance(record, dict):
        return [[TrainedCoder(run.model.to(device), str(directory), steps)]]
    settings = max(1, len(record.get("settings") or []))
    count = record["count"]
    diverged = set(record.get("diverged") or [])
    kept = [[m for m in range(s * count, (s + 1) * count) if m not in diverged] for s in range(settings)]
    return [
        [
            TrainedCoder(load_run(directory, device, replica).model, f"{directory} replica {replica}", steps)
            for replica in some
        ]
        for some in kept
    ]


def data_of(run: Run) -> DataModule:
    """The data a run was trained on; UserError where they are gone or no longer the same.

    They are only read: what a manifest names may be a place of somebody else's choice.
    """
    directory = run.directory
    manifest = run.manifest
    config = recorded(directory, manifest)
    known_by = manifest["data"].get("fingerprints") or {}
    if set(known_by) != set(PARTS):
        raise UserError(f"{directory}: manifest.json does not tell which data these are; train again with force=true")
    for key in PLACES:  # as they were seen from where the run was started
        place = manifest["data"].get(key)
        if isinstance(place, str) and config.data.get(key) is not None and Path(place).exists():
            config.data[key] = place
    try:
        data = build_data(config, fetch=False, known=run.preprocessing)
    except Exception as error:  # whatever constructors and readers make of values that no run has
        raise UserError(f"{directory}: the data of this run cannot be read ({error})") from error
    for part, known in known_by.items():
        if data.fingerprint(part) != known:
            raise UserError(
                f"{directory}: the {part} part of data={data.name} is not what the run was trained on; bring the "
                "data back, or train again with force=true"
            )
    known_given = (manifest["data"].get("given") or {}).get("fingerprints")
    if data.preprocessing.given is not None and data.describe()["given"]["fingerprints"] != known_given:
        raise UserError(
            f"{directory}: what is given beside the examples of data={data.name} is not what it was in training; bring "
            "the data back, or train again with force=true"
        )
    return data


def examples_of(run: Run) -> Examples:
    """The data a run was trained on, as its model sees them, of large parts a sample; UserError as ``data_of``."""
    data = data_of(run)
    train, val, test = (_part(data, part) for part in ("train", "val", "test"))
    grey_levels = all(x.dtype == np.uint8 for some in data.pictures.values() for x in some.values())
    whole = data.pictures if grey_levels else {}  # else they were filtered, and their patches scaled on their own
    kind = "symbols" if data.preprocessing.kind == SYMBOLS else "numbers"
    vocabulary = data.preprocessing.vocabulary
    return Examples(
        train,
        val,
        test,
        data.shape,
        data.name,
        data.split_seed,
        whole,
        data.truth(),
        kind,
        spell=vocabulary.texts if vocabulary else None,
        rows={part: _rows(data, part) for part in PARTS} if vocabulary else {},
        columns=_columns(data),
        filled_in=data.preprocessing.fill is not None,
        timelines=_timelines(data),
        levels=_levels(data),
    )


def _timelines(data: DataModule) -> dict[str, Timeline]:
    """Where windows lie in time; of none where a part is so large that it is sampled."""
    if not isinstance(data, Windows) or any(data.size(part) > _limit(data) for part in PARTS):
        return {}
    return {part: data.timeline(part) for part in PARTS}


def _rows(data: DataModule, part: str) -> np.ndarray:
    return np.asarray(data.origin(part)["row"])[data.chosen(part, _limit(data)).numpy()]


def _limit(data: DataModule) -> int:
    return max(1, VALUES // int(np.prod(data.shape)))


def _columns(data: DataModule) -> np.ndarray | None:
    columns = data.preprocessing.columns
    return None if columns is None else np.repeat(np.arange(len(columns)), [column.width for column in columns])


def _levels(data: DataModule) -> dict[str, tuple[int, tuple[str, ...]]]:
    found: dict[str, tuple[int, tuple[str, ...]]] = {}
    first = 0
    for column in data.preprocessing.given or ():
        if column.levels is not None:
            found[column.name] = first, column.levels
        first += column.width
    return found


def _part(data: DataModule, part: str) -> Part:
    limit = _limit(data)
    labels = data.labels.get(part)
    chosen = data.chosen(part, limit).numpy()
    rows = data.wide_rows(part, limit)
    batch = Batch(rows) if data.layout is None else data.layout.apart(rows)
    x = batch.x.cpu().numpy()
    given = None if batch.given is None else batch.given.cpu().numpy()
    named = None if labels is None else np.asarray(labels)[chosen]
    if not data.preprocessing.gaps:
        return Part(x, named, given=given)
    observed = ~np.isnan(x)
    return Part(np.where(observed, x, np.float32(0)), named, observed, given)
