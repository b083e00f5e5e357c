"""What an evaluation is: a question asked of codes and reconstructions, of the autoencoder and its baselines alike.

Pure functions of arrays: nothing here knows Lightning, Hydra or W&B.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import NamedTuple, Protocol

import numpy as np

from aelab.errors import UserError
from aelab.evaluation.measures.timeline import Timeline


class Coder(Protocol):
    """Anything that turns examples ``[N, D]`` into codes ``[N, H]`` and back; a trained run, PCA, the raw values."""

    code_size: int

    def encode(self, x: np.ndarray) -> np.ndarray: ...

    def decode(self, code: np.ndarray) -> np.ndarray: ...

    def reconstruct(self, x: np.ndarray) -> np.ndarray: ...


class Part(NamedTuple):
    """One part of a data set: examples ``x`` ``[N, D]`` as the model sees them, ``labels`` ``[N]`` or None.

    ``observed``: which values are known, bool ``[N, D]``; the others are 0 in ``x``. None: all. ``given``: what the run
    is given beside each, float32 ``[N, G]``; None: nothing.
    """

    x: np.ndarray
    labels: np.ndarray | None
    observed: np.ndarray | None = None
    given: np.ndarray | None = None

    @property
    def known(self) -> np.ndarray:
        """``x`` with NaN where a value is not known."""
        return self.x if self.observed is None else np.where(self.observed, self.x, np.float32(np.nan))

    def rows_for(self, coder: Coder, known: bool = False) -> np.ndarray:
        """``x``, or ``known``, as a coder takes it, with what it is given behind."""
        x = self.known if known else self.x
        if self.given is None or not getattr(coder, "takes_given", False):
            return x
        return np.concatenate([x, self.given], 1)


class Examples(NamedTuple):
    """The data of a run: its parts, the shape of one example and a seed for what an evaluation draws.

    ``pictures``: for each part, by name, the whole pictures uint8 ``[C, H, W]`` that its examples are patches of; empty
    where they are no patches. ``truth``: arrays that the generator of generated data is made of, by name. ``kind``: of
    the values: ``numbers``, or ``symbols``, of which there are no squares, no PCA and no derivatives.
    ``spell``: sequences as texts, where they are some; ``rows``: where in the user's file the examples of each part
    stand, from 0.
    ``columns``: of a table, long ``[D]``, the number of the column that each value is of; None: each is one of its own.
    ``filled_in``: whether means stand where no value was known. ``levels``: of given columns that are categories, by
    name: the first of its values in ``given``, and a name for each of them.
    ``timelines``: where the windows of each part lie in time, by part; empty where examples are none.
    """

    train: Part
    val: Part
    test: Part
    shape: tuple[int, ...]
    name: str
    seed: int = 0
    pictures: Mapping[str, Mapping[str, np.ndarray]] = MappingProxyType({})
    truth: Mapping[str, np.ndarray] = MappingProxyType({})
    kind: str = "numbers"
    spell: Callable[[np.ndarray], list[str]] | None = None
    rows: Mapping[str, np.ndarray] = MappingProxyType({})
    columns: np.ndarray | None = None
    filled_in: bool = False
    timelines: Mapping[str, Timeline] = MappingProxyType({})
    levels: Mapping[str, tuple[int, Sequence[str]]] = MappingProxyType({})

    def require_labels(self) -> None:
        """Raises UserError where a part has no labels."""
        if any(part.labels is None for part in (self.train, self.val, self.test)):
            raise UserError(f"data={self.name}: this evaluation needs labels and there are none; use data with labels")

    def require_images(self) -> None:
        """Raises UserError where examples are not pictures ``[channels, height, width]``."""
        if len(self.shape) != 3:
            raise UserError(
                f"data={self.name}: this evaluation needs pictures, [channels, height, width], and examples here have "
                f"shape {list(self.shape)}"
            )


class Score(NamedTuple):
    """One figure: its value and, where known, a 95 % confidence interval over the test examples.

    ``share``: whether it lies between 0 and 1 by its nature, so that the ends of its interval do, too.

    ``parts``: what each test example contributes, by which the difference of two methods on the same examples has an
    interval: an array ``[n]`` for each independent sample of examples (one, or anomalies and normal ones), such that
    the variance of the figure is the sum of ``var(part) / n``. Empty where that is not known.
    """

    metric: str
    value: float
    low: float | None = None
    high: float | None = None
    share: bool = False
    parts: tuple[np.ndarray, ...] = ()


class Curve(NamedTuple):
    """``y`` ``[n]`` against ``x`` ``[n]``, their names, and which axes are logarithmic: ``x``, ``y``, ``xy``."""

    x: np.ndarray
    y: np.ndarray
    x_name: str
    y_name: str
    logarithmic: str = ""


class Evaluation(Protocol):
    """One of ``conf/evaluation``; hyperparameters are its constructor's arguments.

    ``measure``: scores of one coder. ``baselines``: scores of the methods that stand beside it, by name (``pca``,
    ``raw``, ...), which do not depend on the coder. ``pictures``: uint8 ``[height, width, 3]`` by name,
    or 4 of what is drawn on no paper (images/ink.py).
    Raise UserError where the data cannot answer the question.

    ``facts`` (what is printed beside), ``curves`` (of one coder, by name, which a comparison draws of all runs in one
    figure), ``across`` (scores of the coders of several replicas together) and ``statistics`` (arrays of one coder, by
    name, which are kept in the run) may be there, too. So may ``needs``, what a run must have to be asked, which is
    checked before it is trained: ``numbers`` (values that are no symbols), ``filters`` (a first layer that can be
    drawn), ``jacobian`` (a code that can be differentiated), ``likelihood`` (a model with log p(x)), ``codewords`` (a
    code that is made of some), ``texts`` (symbols that stand for text), ``writes`` (a network that writes one symbol
    after the other), ``time`` (windows of signals). ``check_texts`` is asked of the parts' texts, and ``check_time`` of
    the test part's timeline, before training, too. ``kept_in``: the file of ``statistics``. ``over``: what intervals
    are for, where that is not other test examples. With ``of_network`` what stands beside it depends on the run's
    network. ``takes_gaps``: whether it can be asked of data of which some values are not known.
    """

    def measure(self, coder: Coder, data: Examples) -> list[Score]: ...

    def baselines(self, data: Examples, code_size: int) -> Mapping[str, list[Score]]: ...

    def pictures(self, coder: Coder, data: Examples) -> Mapping[str, np.ndarray]: ...
