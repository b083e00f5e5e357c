"""The scikit-learn transformer: scikit-learn's own checks, and that it is the model that train.py trains."""

from __future__ import annotations

import pickle
import warnings
from pathlib import Path
from typing import Any

import hydra
import numpy as np
import pandas as pd
import pytest
from hydra.core.global_hydra import GlobalHydra
from run_files import directory_of
from sklearn.base import clone
from sklearn.datasets import load_digits
from sklearn.decomposition import PCA
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler
from sklearn.utils.estimator_checks import check_estimator, parametrize_with_checks
from tiny_runs import compose_tiny
from variants import TRAINED, VARIANTS

import aelab
from aelab.config.objects import conf_dir
from aelab.errors import UserError
from aelab.fitting.run import run
from aelab.sklearn import Autoencoder

TINY: dict[str, Any] = {"hidden": (8,), "max_epochs": 2, "random_state": 0}


@parametrize_with_checks([Autoencoder(hidden=(8,), max_epochs=2)])
def test_scikit_learns_own_checks(estimator: Any, check: Any) -> None:
    check(estimator)


@pytest.mark.slow
@pytest.mark.parametrize("variant", VARIANTS)
def test_scikit_learns_own_checks_of_every_variant(variant: str) -> None:
    few = (
        ["model.entries=4"] if variant == "vq_vae" else ()
    )  # the checks have 26 examples, and 32 codewords are refused
    check_estimator(Autoencoder(variant, max_epochs=2, overrides=few), on_skip=None)


@pytest.mark.slow
def test_scikit_learns_own_checks_as_it_comes() -> None:
    check_estimator(Autoencoder(), on_skip=None)


@pytest.fixture(scope="module")
def digits() -> np.ndarray:
    return load_digits().data[:300]


@pytest.mark.parametrize("variant", TRAINED)
def test_every_variant_codes_and_decodes(variant: str, digits: np.ndarray) -> None:
    model = Autoencoder(variant, **TINY).fit(digits)
    code = model.transform(digits)
    assert code.shape == (300, 8) and np.isfinite(code).all() and np.ptp(code, axis=0).any()
    assert model.inverse_transform(code).shape == digits.shape
    errors = np.square(model.inverse_transform(code) - digits)[:, digits.std(0) > 0] / digits.var(0)[digits.std(0) > 0]
    assert model.score_samples(digits).shape == (300,) and model.score(digits) < 0
    assert errors.sum(1).mean() == pytest.approx(-model.score(digits), rel=0.2), "errors count standard deviations"


def test_it_is_the_run_that_train_trains(tmp_path: Path) -> None:
    config = compose_tiny(tmp_path, "model=denoising", "seed=7", "data.split_seed=7", "trainer.max_epochs=3")
    run(config, [])
    trained = aelab.load_run(directory_of(config))
    x = load_digits().data.astype(np.float32) / 16
    rows = np.arange(len(x)) % 5 != 0  # which the data set leaves to training and validation
    model = Autoencoder(
        "denoising", code_size=4, hidden=[16], max_epochs=3, standardize=False, random_state=7
    ).fit(x[rows])  # fmt: skip
    np.testing.assert_allclose(model.transform(x), trained.encode(x), rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(model.score_samples(x), -trained.anomaly_score(x), rtol=1e-4)
    assert model.validation_error_ == pytest.approx(trained.manifest["metrics"]["val/error"], rel=1e-5)


def test_linear_autoencoder_learns_what_pca_does() -> None:
    x = np.random.default_rng(0).normal(size=(400, 2)) @ np.random.default_rng(1).normal(size=(2, 6))
    x += 0.1 * np.random.default_rng(2).normal(size=x.shape)
    model = Autoencoder(
        network="linear",
        batch_size=36,
        code_size=2,
        max_epochs=200,
        learning_rate=1e-2,
        standardize=False,
        random_state=0,
        overrides=["scheduler=cosine"],
    ).fit(x)
    pca = PCA(2).fit(x)
    least = np.square(pca.inverse_transform(pca.transform(x)) - x).sum(1).mean()
    assert -model.score(x) == pytest.approx(least, rel=0.02)
    np.testing.assert_allclose(
        model.score_samples(x), -np.square(model.inverse_transform(model.transform(x)) - x).sum(1)
    )


def test_scores_tell_what_does_not_belong() -> None:
    x = np.random.default_rng(0).normal(size=(500, 2)) @ np.random.default_rng(1).normal(size=(2, 6))
    strange = np.random.default_rng(2).normal(size=(100, 6)) * x.std(0)
    model = Autoencoder(code_size=2, hidden=(16,), max_epochs=60, learning_rate=1e-2, random_state=0).fit(x[:400])
    scores = np.concatenate([model.score_samples(x[400:]), model.score_samples(strange)])
    assert roc_auc_score(np.arange(200) < 100, scores) > 0.95


def test_in_a_pipeline_a_search_and_a_pickle(digits: np.ndarray) -> None:
    labels = load_digits().target[:300]
    pipeline = make_pipeline(MinMaxScaler(), Autoencoder("denoising", **TINY), LogisticRegression(max_iter=500))
    grid = {"autoencoder__code_size": [1, 16], "autoencoder__overrides": [(), ("corruption.probability=0.4",)]}
    search = GridSearchCV(pipeline, grid, cv=2).fit(digits, labels)
    assert search.best_params_["autoencoder__code_size"] == 16
    unsupervised = GridSearchCV(Autoencoder(**(TINY | {"max_epochs": 10})), {"code_size": [1, 16]}, cv=2).fit(digits)
    assert unsupervised.best_params_ == {"code_size": 16}
    again = pickle.loads(pickle.dumps(search.best_estimator_))
    np.testing.assert_array_equal(again.predict_proba(digits), search.predict_proba(digits))
    copied = clone(search.best_estimator_)
    assert not hasattr(copied[1], "weights_") and copied[1].get_params() == search.best_estimator_[1].get_params()


def test_names_of_features_and_frames(digits: np.ndarray) -> None:
    frame = pd.DataFrame(digits, columns=[f"p{i}" for i in range(64)])
    model = Autoencoder(code_size=3, **TINY).set_output(transform="pandas")
    code = model.fit_transform(frame)
    assert list(code.columns) == ["autoencoder0", "autoencoder1", "autoencoder2"]
    assert list(model.get_feature_names_out()) == list(code.columns) and model.feature_names_in_[5] == "p5"
    with pytest.raises(ValueError, match="feature names should match"):
        model.transform(frame.rename(columns={"p5": "q"}))


def test_the_same_state_gives_the_same_bytes_and_nothing_is_left(
    digits: np.ndarray, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TMPDIR", str(tmp_path / "tmp"))
    (tmp_path / "tmp").mkdir()
    before = np.random.get_state()[1].copy()  # type: ignore[index]
    first, second = (Autoencoder("semantic_hashing", **TINY).fit(digits) for _ in range(2))
    np.testing.assert_array_equal(first.transform(digits), second.transform(digits))
    other = Autoencoder("semantic_hashing", **(TINY | {"random_state": 1})).fit(digits)
    assert not np.array_equal(first.transform(digits), other.transform(digits))
    np.testing.assert_array_equal(np.random.get_state()[1], before)  # type: ignore[index]
    free = [Autoencoder(**(TINY | {"random_state": None})).fit(digits).transform(digits) for _ in range(2)]
    assert not np.array_equal(*free)
    Autoencoder(overrides=["pretraining=greedy", "pretraining.max_epochs=1"], **TINY).fit(digits)
    assert not list((tmp_path / "tmp").iterdir()) and [path.name for path in tmp_path.iterdir()] == ["tmp"]
    assert capfd.readouterr() == ("", "")


def test_tiny_inputs_and_both_precisions(digits: np.ndarray) -> None:
    for x in (digits[:2], digits[:3, 20:21], np.zeros((5, 2)), digits.astype(np.float32)[::-1, :4][:5]):
        model = Autoencoder(code_size=1, **TINY).fit(x)
        code = model.transform(x[:1])
        assert code.shape == (1, 1) and code.dtype == x.dtype == model.inverse_transform(code).dtype
        assert np.isfinite(model.score(x))


def test_pictures_take_a_shape(digits: np.ndarray) -> None:
    model = Autoencoder(network="conv", shape=(1, 8, 8), hidden=(2,), max_epochs=1, random_state=0)
    assert model.fit_transform(digits).shape == (300, 8)
    with pytest.raises(UserError, match=r"shape=\(1, 8, 9\): X has 64 values an example"):
        model.set_params(shape=(1, 8, 9)).fit(digits)


def test_it_works_inside_another_hydra_application(digits: np.ndarray) -> None:
    with hydra.initialize_config_dir(str(conf_dir()), version_base="1.3"):
        outer = GlobalHydra.instance().hydra
        Autoencoder(code_size=5, **TINY).fit(digits)
        with pytest.raises(UserError):
            Autoencoder("denoise", **TINY).fit(digits)
        assert GlobalHydra.instance().hydra is outer


@pytest.mark.parametrize(
    "settings, message",
    [
        ({"model": "denoise"}, "model=denoise: no such choice, did you mean denoising"),
        ({"network": "conv"}, r"network=conv: needs images \[channels, height, width\]"),
        ({"overrides": ["optimizer.l=3"]}, "optimizer.l=3: unknown key"),
        ({"overrides": ["data=mnist"]}, "overrides: data=mnist: an estimator is given its data"),
        ({"overrides": ["replicas=bootstrap"]}, "overrides: replicas=bootstrap is not for an estimator"),
        ({"overrides": ["trainer=ddp_cpu"]}, "overrides: trainer.devices=2 is not for an estimator"),
        ({"overrides": ["error=cross_entropy"]}, r"error=cross_entropy data=arrays: .* outside \[0, 1\]"),
        ({"code_size": 0}, "network.code_size=0: must be at least 1"),
        ({"validation_fraction": 1.5}, "data.val_fraction=1.5: must be at least 0 and below 1"),
        ({"hidden": (8.5,)}, r"network.hidden=\[8.5\]: must be a list of int"),
        ({"learning_rate": 1e30}, "the error is not finite in epoch 0; lower optimizer.lr"),
    ],
)
def test_what_cannot_be_fitted_is_named(digits: np.ndarray, settings: dict[str, Any], message: str) -> None:
    with pytest.raises(UserError, match=message):
        Autoencoder(**(TINY | settings)).fit(digits)


def test_codes_of_another_size_are_refused(digits: np.ndarray) -> None:
    with pytest.raises(UserError, match=r"codes have 8 values, \[N, 8\], not 3"):
        Autoencoder(**TINY).fit(digits).inverse_transform(digits[:, :3])


def test_times_and_masked_values_are_refused() -> None:
    x = np.random.default_rng(0).normal(size=(30, 3))
    days = pd.date_range("2020-01-01", periods=30)
    for odd in (days.to_numpy()[:, None], pd.DataFrame({"a": days}), pd.DataFrame({"a": x[:, 0], "b": days})):
        with pytest.raises(UserError, match="times are no numbers"):
            Autoencoder(max_epochs=1).fit(odd)
    with pytest.raises(UserError, match="some values are masked"):
        Autoencoder(max_epochs=1).fit(np.ma.masked_less(x, 0))


def test_values_that_float32_cannot_tell_apart_are_named() -> None:
    x = 1.7e9 + np.arange(200.0)[:, None]
    with pytest.warns(UserWarning, match=r"X: value 0: float32 has steps of 128 there.*; use standardize=True"):
        Autoencoder(max_epochs=1, hidden=[4], code_size=1, standardize=False).fit(x)
    with warnings.catch_warnings():
        warnings.simplefilter("error", UserWarning)
        Autoencoder(max_epochs=1, hidden=[4], code_size=1).fit(x)
