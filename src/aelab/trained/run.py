"""A trained run given back for use on arrays."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, overload

import numpy as np
import torch
from torch import Tensor

from aelab.data.preprocessing import PIXELS, Preprocessing
from aelab.data.tables.restored import restored
from aelab.errors import UserError
from aelab.evaluation.measures.anomaly_scores import scores_by, squared_errors
from aelab.models import Autoencoder
from aelab.runs.record import open_record
from aelab.trained.asked import asked
from aelab.trained.beside_rows import given_values
from aelab.trained.frames import as_frame, columns_of, values_of
from aelab.trained.generative import Generative
from aelab.trained.given_arrays import as_tensor, check_bytes
from aelab.trained.imputing import Imputing
from aelab.trained.model_coder import ModelCoder
from aelab.trained.run_page import in_words, page
from aelab.trained.scoring import Scoring, kept_scoring
from aelab.trained.signals import as_signal, errors_of_signal, threshold_of_signals
from aelab.trained.texts import as_texts, check_scored, symbols_of

if TYPE_CHECKING:
    import pandas as pd

    Values = np.ndarray | Tensor | pd.DataFrame


class Run(Generative, Imputing):
    """A trained model with its data's preprocessing: ``encode``, ``decode``, ``reconstruct``, ``anomaly_score`` and
    ``is_anomaly`` of arrays, and of frames with the columns of the table it was trained on.

    ``model``: the module with its best weights, in evaluation mode. ``manifest``: the run's record.
    ``preprocessing``: what its data went through before the model saw them, and these arrays do.
    """

    def __init__(
        self,
        directory: Path,
        manifest: dict[str, Any],
        model: Autoencoder,
        preprocessing: Preprocessing,
        replica: int = 0,
    ) -> None:
        self.directory = directory
        self.manifest = manifest
        self.model = model
        self.shape = tuple(manifest["data"]["shape"])
        self.preprocessing = preprocessing
        self.replica = replica

    def encode(self, x: Values, given: Any = None) -> np.ndarray:
        """Examples ``[N, *shape]`` or ``[N, D]`` to codes ``[N, code_size]``. ``given``: as ``sample`` takes it; None:
        the columns of a frame."""
        return self.apply(self.model.encode, self.whole(x, given))

    def decode(self, code: np.ndarray | Tensor, given: Any = None) -> np.ndarray:
        """Codes ``[N, code_size]`` to examples ``[N, *shape]``, on the scale of the data; of a run with ``data.given``
        with what is ``given`` beside each, as ``sample`` takes it."""
        values = as_tensor(code).float()
        size = self.model.network.code_size
        if values.ndim != 2 or values.shape[1] != size:
            raise UserError(
                f"{self.directory}: this run's codes have {size} values, [N, {size}]; "
                f"the array has shape {list(values.shape)}"
            )
        beside = given_values(self, given, len(values))
        if beside is None:
            return self._restored(self.apply(self.model.decode, values))
        rows = torch.cat([values, beside], 1)
        return self._restored(self.apply(lambda part: self.model.decode(part[:, :size], part[:, size:]), rows))

    @overload
    def reconstruct(self, x: np.ndarray | Tensor, given: Any = None) -> np.ndarray: ...

    @overload
    def reconstruct(self, x: pd.DataFrame, given: Any = None) -> pd.DataFrame: ...

    def reconstruct(self, x: Values, given: Any = None) -> np.ndarray | pd.DataFrame:
        """Examples to their reconstructions ``[N, *shape]``, on the scale of the data (images: [0, 1]).

        Of a frame a frame: its index, and its columns that the run knows, in its order; of categories the likeliest
        (see ``restored``). ``given``: as ``encode`` takes it.
        """
        found = self.apply(self.model.reconstruct, self.whole(x, given))
        frame = as_frame(x)
        if frame is None:
            return self._restored(found)
        values = self.preprocessing.restore(torch.from_numpy(found)).double().numpy()
        return restored(columns_of(self, frame), values, frame)

    def anomaly_score(self, x: Values, given: Any = None) -> np.ndarray:
        """How anomalous examples ``[N, *shape]`` or ``[N, D]`` are, ``[N]``, by the score the run was evaluated by.

        That is ``evaluation.anomaly_detection.score``, with what it remembers of the training part; of a run without
        this evaluation their squared errors, summed over values. On the scale that the model sees: a standardised
        table's values count in standard deviations. ``given``: as ``encode`` takes it.

        Of a run on windows of signals also the points of a whole signal ``[T, channels]``, ``[T]``: their squared
        error, summed over channels, the mean over all windows that cover a point.
        """
        check_scored(self.preprocessing, self.directory)
        if (signal := as_signal(self, x)) is not None:
            return np.asarray(errors_of_signal(self, signal).sum(1))
        rows = self.whole(x, given).numpy()
        known = self.scoring
        if known is None:
            return squared_errors(self.coder.values(rows), self.coder.reconstruct(rows))
        return scores_by(known.score, self.coder, known.statistics, rows)

    def is_anomaly(self, x: Values, given: Any = None) -> np.ndarray:
        """Which examples score above the run's ``threshold``, bool ``[N]``; UserError where it has none."""
        if as_signal(self, x) is not None and (threshold := threshold_of_signals(self)) is not None:
            return self.anomaly_score(x) > threshold
        known = self.scoring
        if known is None or as_signal(self, x) is not None:
            name = "signal_anomalies" if as_signal(self, x) is not None else "anomaly_detection"
            raise UserError(
                f"{self.directory}: this run has no threshold; ask for one with "
                f"python scripts/evaluate.py run={self.directory} evaluation={name}"
            )
        return self.anomaly_score(x, given) > known.threshold

    @cached_property
    def scoring(self) -> Scoring | None:
        """The score, its statistics and threshold, of the evaluation ``anomaly_detection``; None without it."""
        network = self.model.network
        return kept_scoring(self.directory, self.manifest, self.replica, network.code_size, network.input_size)

    def evaluate(self, name: str, *, force: bool = False, **settings: Any) -> pd.DataFrame:
        """Ask what the code is good for, ``run.evaluate("retrieval", k=50)``: a row for each metric of the run and of
        its baselines, with 95 % intervals. What was measured before with these settings is not repeated, unless
        ``force``.

        ``settings``: keys of the evaluation. Raises UserError where the run or its data cannot answer.
        """
        found = asked(self.directory, name, settings, force)
        self.manifest = open_record(self.directory)
        self.__dict__.pop("scoring", None)
        return found

    def __repr__(self) -> str:
        return in_words(self.directory, self.manifest)

    def _repr_html_(self) -> str:
        return page(self.directory, self.manifest)

    @property
    def coder(self) -> ModelCoder:
        return ModelCoder(self.model, str(self.directory))

    def prepared(self, x: Values) -> Tensor:
        """Examples as the model sees them: float32 ``[N, D]``, NaN where a gap is not filled or is left out; texts as
        symbols."""
        if (texts := as_texts(self.preprocessing, x)) is not None:
            return symbols_of(self.preprocessing, texts, self.model.network.input_size, self.directory)
        frame = as_frame(x)
        try:
            values = as_tensor(x) if frame is None else torch.from_numpy(values_of(self, frame))
        except UserError as error:
            raise error if frame is not None else UserError(f"{self.directory}: {error}") from error
        last = (*self.shape[1:], self.shape[0]) if len(self.shape) == 3 else None
        if self.manifest["config"]["data"].get("channels_last") and values.shape[1:] == last != self.shape:
            values = values.movedim(-1, 1)  # as the run's own array has them
        size = self.model.network.input_size
        if not values.ndim or _without_ones(values.shape[1:]) not in ((size,), _without_ones(self.shape)):
            raise UserError(
                f"{self.directory}: this run takes examples of shape {list(self.shape)} or {size} values, "
                f"[N, ...]; the array has shape {list(values.shape)}"
            )
        if self.preprocessing.kind == PIXELS:
            check_bytes(values, self.preprocessing.white, self.directory)
        prepared: Tensor = self.preprocessing(values.reshape(len(values), size))
        return prepared

    def whole(self, x: Values, given: Any = None) -> Tensor:
        """The same, where nothing lacks (with ``data.missing=mask`` not all), with what is given behind them; UserError
        else, naming the first."""
        prepared = self.prepared(x)
        without = prepared.isnan()
        odd = prepared.isinf() | (without.all(1, keepdim=True) if self.preprocessing.gaps else without)
        if odd.any():
            row, place = odd.nonzero()[0].tolist()
            columns = self.preprocessing.columns
            where = f"value {place}" if columns is None else f"column {columns.names[place]}"
            raise UserError(
                f"{self.directory}: NaN or infinite values in {int(odd.any(1).sum())} of {len(odd)} examples, first in "
                f"{where} of example {row} (counted from 0); leave them out, or train with data.missing=mean or mask"
            )
        beside = given_values(self, given, len(prepared), as_frame(x))
        return prepared if beside is None else torch.cat([prepared, beside], 1)

    def _restored(self, values: np.ndarray) -> np.ndarray:
        if self.preprocessing.vocabulary is not None:
            return np.array(self.preprocessing.vocabulary.texts(values), dtype=object)
        restored = self.preprocessing.restore(torch.from_numpy(values)).float()
        return restored.numpy().reshape(-1, *self.shape)

    @torch.no_grad()
    def apply(self, function: Any, values: Tensor, batch: int = 4096) -> np.ndarray:
        """A function of the model, of so many examples at a time."""
        return torch.cat([function(part.to(self.model.device)).cpu() for part in values.split(batch)]).numpy()


def _without_ones(shape: Sequence[int]) -> tuple[int, ...]:
    return tuple(size for size in shape if size != 1)
