"""An autoencoder as a scikit-learn transformer."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Self

import numpy as np
import torch
from omegaconf import DictConfig, OmegaConf
from sklearn.base import BaseEstimator, ClassNamePrefixFeaturesOutMixin, TransformerMixin
from sklearn.utils import Tags, check_array, check_random_state
from sklearn.utils.validation import check_is_fitted, validate_data

from aelab.building.build import build_model, check_range
from aelab.building.fit import Fit, Member
from aelab.config.checking import check
from aelab.config.explain import explain
from aelab.config.objects import composing, instantiate
from aelab.data.arrays import has_channels_last
from aelab.data.batches.pieces import tensors_of
from aelab.data.extent import extent_of
from aelab.data.flat_values import coarse_values
from aelab.data.memory import InMemory
from aelab.errors import UserError
from aelab.evaluation.measures.anomaly_scores import SCORERS, scores_by, squared_errors, statistics_of
from aelab.machines.quiet import quiet
from aelab.pretraining import is_wanted, pretrain
from aelab.replicas.best import BestWeights
from aelab.trained.given_arrays import only_numbers
from aelab.trained.model_coder import ModelCoder

QUANTILE = 0.95  # of the validation part's errors, as in evaluation.anomaly_detection
FLOATS = (np.float64, np.float32)


class Autoencoder(ClassNamePrefixFeaturesOutMixin, TransformerMixin, BaseEstimator):
    """Any autoencoder of ``conf/`` as a transformer: examples ``[N, D]`` to codes ``[N, code_size]`` and back.

    ``model``, ``network``: choices of the config groups. ``code_size``: values of a code. ``hidden``: widths (channels
    of ``network="conv"``), outermost first, or None for the network's own. ``shape``: of one example, like (1, 28, 28),
    for ``network="conv"``; examples stay flat. ``max_epochs``: the weights of the epoch with the lowest error on the
    validation part, a ``validation_fraction`` of the examples, are kept. ``standardize``: train on, and count errors
    in, standard deviations of each value. ``anomaly_score``: what ``score_samples`` and ``is_anomaly`` go by, a
    ``score`` of ``evaluation=anomaly_detection``. ``overrides``: what else to change, as on the command line of
    ``scripts/train.py``: ``["corruption=gaussian", "data.train_size=50"]``. ``random_state``: an integer is ``seed``.

    Trains in float32; answers are computed in float64 and have the dtype of the input. Fitted: ``config_``, the whole
    config as plain containers; ``weights_``; ``validation_error_``, per example; ``threshold_`` of ``is_anomaly``;
    ``statistics_``, what the score remembers of the training part; ``n_features_in_``, ``feature_names_in_``.

    Raises UserError, a ValueError, where the config cannot be built.
    """

    def __init__(
        self,
        model: str = "undercomplete",
        network: str = "mlp",
        *,
        code_size: int = 8,
        hidden: Sequence[int] | None = None,
        shape: Sequence[int] | None = None,
        max_epochs: int = 100,
        batch_size: int = 32,
        learning_rate: float = 3e-3,
        standardize: bool = True,
        validation_fraction: float = 0.1,
        anomaly_score: str = "error",
        overrides: Sequence[str] = (),
        random_state: Any = None,
    ) -> None:
        self.model = model
        self.network = network
        self.code_size = code_size
        self.hidden = hidden
        self.shape = shape
        self.max_epochs = max_epochs
        self.batch_size = batch_size
        self.learning_rate = learning_rate
        self.standardize = standardize
        self.validation_fraction = validation_fraction
        self.anomaly_score = anomaly_score
        self.overrides = overrides
        self.random_state = random_state

    def fit(self, X: Any, y: Any = None) -> Self:
        """Train on examples ``[N, D]``, at least 2; ``y`` is ignored."""
        if self.anomaly_score not in SCORERS:
            raise UserError(f"anomaly_score={self.anomaly_score}: choose among {', '.join(SCORERS)}")
        X = validate_data(self, only_numbers(X), dtype=FLOATS, ensure_min_samples=2)
        config = self._config()
        data = self._data(config, X)
        best = BestWeights()
        with warnings.catch_warnings():
            quiet()
            fit = Fit([Member(config)], data, best)
            if is_wanted(config):
                with TemporaryDirectory() as folder:
                    pretrain(config, fit.model, data, Path(folder))
            fit.run()
        state = best.state or fit.model.state_dict()
        self.weights_ = {name: value.detach().cpu().double() for name, value in state.items()}
        self.validation_error_ = None if best.errors is None else best.errors.item()
        self.config_ = OmegaConf.to_container(config)
        self._shape = data.shape
        self._preprocessing = data.preprocessing
        self._restore()
        train, held_out = (data.examples(part).cpu().double().numpy() for part in ("train", "val"))
        self.statistics_ = dict(statistics_of(self.anomaly_score, self._coder, train))
        self.threshold_ = float(np.quantile(self._scores(held_out), QUANTILE))
        return self

    def transform(self, X: Any) -> np.ndarray:
        """Codes ``[N, code_size]`` of examples ``[N, D]``."""
        X = self._validated(X)
        return self._coder.encode(self._scaled(X)).astype(X.dtype, copy=False)

    def inverse_transform(self, X: Any) -> np.ndarray:
        """Reconstructions ``[N, D]`` from codes ``[N, code_size]``, on the scale of the examples."""
        check_is_fitted(self)
        X = check_array(X, dtype=FLOATS)
        if X.shape[1] != self._n_features_out:
            raise UserError(
                f"X: codes have {self._n_features_out} values, [N, {self._n_features_out}], not {X.shape[1]}"
            )
        values = torch.from_numpy(self._coder.decode(X))
        return self._preprocessing.restore(values).numpy().astype(X.dtype, copy=False)

    def score_samples(self, X: Any) -> np.ndarray:
        """Minus the ``anomaly_score`` of each example, ``[N]``, else its squared error, summed over values: the lower,
        the more anomalous."""
        return -self._scores(self._scaled(self._validated(X)))

    def is_anomaly(self, X: Any) -> np.ndarray:
        """Which examples score above ``threshold_``, bool ``[N]``: 95 % of the validation part's are below."""
        return -self.score_samples(X) > self.threshold_

    def score(self, X: Any, y: Any = None) -> float:
        """Minus the mean squared error of an example: 0 is a perfect reconstruction, greater is better."""
        values = self._scaled(self._validated(X))
        return -float(squared_errors(values, self._coder.reconstruct(values)).mean())

    @property
    def _coder(self) -> ModelCoder:
        return ModelCoder(self._model, type(self).__name__, np.float64)

    def _scores(self, values: np.ndarray) -> np.ndarray:
        return scores_by(self.anomaly_score, self._coder, self.statistics_, values)

    @property
    def _n_features_out(self) -> int:
        return int(self._model.network.code_size)

    def _config(self) -> DictConfig:
        seed = self.random_state
        if not isinstance(seed, (int, np.integer)):
            seed = check_random_state(seed).randint(2**31)
        own = [f"model={self.model}", f"network={self.network}", f"network.code_size={self.code_size}"]
        if self.hidden is not None:
            own.append(f"network.hidden=[{','.join(map(str, self.hidden))}]")
        own += [f"trainer.max_epochs={self.max_epochs}", f"optimizer.lr={self.learning_rate}", f"seed={seed}"]
        own += [f"data.batch_size={self.batch_size}", f"data.val_fraction={self.validation_fraction}"]
        own += [f"data.standardize={str(self.standardize).lower()}", f"data.split_seed={seed}"]
        config: DictConfig = OmegaConf.create(composed(tuple(own) + tuple(self.overrides)))
        check(config, self.overrides)
        for key, value, allowed in (
            ("data", config.data.name, "arrays"),
            ("replicas", config.replicas.name, "none"),
            ("trainer.devices", config.trainer.devices, 1),
            ("data.missing", config.data.missing, None),
            ("data.given", config.data.given, None),
            ("data.weight", config.data.weight, None),
        ):
            if value != allowed:
                raise UserError(
                    f"overrides: {key}={value} is not for an estimator, which has {key}={allowed}; leave it out"
                )
        return config

    def _data(self, config: DictConfig, X: np.ndarray) -> InMemory:
        kept = ("batch_size", "val_fraction", "split_seed", "train_size", "standardize", "seed")
        if self.shape is not None:
            if np.prod(self.shape) != X.shape[1]:
                raise UserError(f"shape={tuple(self.shape)}: X has {X.shape[1]} values an example")
            if has_channels_last(self.shape):
                first = (self.shape[2], *self.shape[:2])
                raise UserError(f"shape={tuple(self.shape)}: channels come first; transpose the images, shape={first}")
            X = X.reshape(len(X), *self.shape)
        data = InMemory(X, **{key: config.data[key] for key in kept})
        data.setup()
        if not self.standardize:
            names = getattr(self, "feature_names_in_", None)
            for line in coarse_values(extent_of(tensors_of(X.reshape(len(X), -1))), names):
                warnings.warn(f"X: {line.replace('data.standardize=true', 'standardize=True')}", stacklevel=3)
        check_range(instantiate("error", config.error), "arrays", data, ("train", "val"))
        return data

    def _restore(self) -> None:
        """The model from its config and weights, which are all that a pickle holds of it."""
        config: DictConfig = OmegaConf.create(self.config_)  # type: ignore[assignment]
        self._model = build_model(config, self._shape).double()
        self._model.load_state_dict(self.weights_)
        self._model.eval()

    def _validated(self, X: Any) -> np.ndarray:
        check_is_fitted(self)
        found: np.ndarray = validate_data(self, only_numbers(X), dtype=FLOATS, reset=False)
        return found

    def _scaled(self, X: np.ndarray) -> np.ndarray:
        return self._preprocessing.exactly(torch.from_numpy(X.astype(np.float64))).numpy()

    def __getstate__(self) -> dict[str, Any]:
        return {key: value for key, value in super().__getstate__().items() if key != "_model"}

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__(state)
        if "weights_" in state:
            self._restore()

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.transformer_tags.preserves_dtype = ["float64", "float32"]
        return tags


@lru_cache(maxsize=128)
def composed(overrides: tuple[str, ...]) -> dict[str, Any]:
    """The config of ``conf/train.yaml`` with overrides, as plain containers; UserError where one is wrong."""
    import hydra

    if wrong := [override for override in overrides if override.startswith(("data=", "logger="))]:
        raise UserError(f"overrides: {wrong[0]}: an estimator is given its data and tracks nothing; leave it out")
    always = ["data=arrays", "logger=none", "callbacks.pictures_every=0"]
    try:
        with composing():
            config = hydra.compose("train", [*always, *overrides])
        plain: Any = OmegaConf.to_container(config, resolve=True)
    except Exception as error:
        raise UserError(explain(error)) from error
    found: dict[str, Any] = plain
    return found
