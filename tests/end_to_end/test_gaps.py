"""A table with gaps end to end: trained on what is observed, scored, exported, evaluated, and gaps put in."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from omegaconf import DictConfig
from run_files import directory_of, manifest_of
from tiny_runs import Composer, compose_tiny

import aelab
from aelab.errors import UserError
from aelab.evaluation.measures.anomaly_scores import squared_errors
from aelab.fitting.run import run
from aelab.trained.evaluate import evaluate
from aelab.trained.export import export

EPOCHS = ("data.batch_size=32", "trainer.max_epochs=30", "optimizer.lr=0.01", "network.code_size=2")


def frame() -> pd.DataFrame:
    random = np.random.default_rng(0)
    factors = random.normal(size=(240, 2))
    x = factors @ random.normal(size=(2, 5)) + 0.1 * random.normal(size=(240, 5))
    found = pd.DataFrame(x * 10 + 50, columns=list("abcde")).assign(kind=np.where(factors[:, 0] > 0, "up", "down"))
    gone = random.random(found.shape) < 0.15
    gone[gone.all(1)] = False
    return found.mask(gone).assign(label=np.where(factors[:, 1] > 0, "one", "two"))


def table(tmp_path: Path, name: str = "own.csv") -> tuple[str, ...]:
    path = tmp_path / name
    frame().to_csv(path, index=False)
    return (
        "data=table",
        f"data.path={path}",
        "data.label=label",
        "data.categorical=[kind]",
        "data.missing=mask",
        *EPOCHS,
    )


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> DictConfig:
    folder = tmp_path_factory.mktemp("gaps")
    config = compose_tiny(folder, *table(folder))
    run(config, [])
    return config


def test_what_is_observed_counts(trained: DictConfig) -> None:
    manifest = manifest_of(trained)
    metrics = manifest["metrics"]
    assert manifest["units"]["label"].endswith("of observed values") and manifest["data"]["shape"] == [7]
    assert metrics["test/mse"] == pytest.approx(metrics["test/error"] / 7)
    assert metrics["test/fvu"] < 0.6 and metrics["test/pca_error"] > 0
    opened = aelab.load_run(directory_of(trained))
    rows = np.setdiff1d(np.arange(240), [])
    x = frame().iloc[rows]
    prepared = opened.prepared(x).numpy()
    assert np.isnan(prepared).any() and abs(np.nanmean(prepared)) < 0.1
    scores = opened.anomaly_score(x)
    again = opened.coder.reconstruct(np.nan_to_num(prepared))
    counted = ~np.isnan(prepared)
    by_hand = np.where(counted, again - prepared, 0).astype(float)
    np.testing.assert_allclose(scores, np.square(by_hand).sum(1) * 7 / counted.sum(1), rtol=1e-5)
    np.testing.assert_allclose(scores, squared_errors(prepared, again), rtol=1e-5)


def test_gaps_are_put_in_and_the_rest_stays(trained: DictConfig) -> None:
    opened = aelab.load_run(directory_of(trained))
    x = frame()[[*"abcde", "kind"]]
    whole = opened.impute(x)
    assert not whole.isna().any().any() and set(whole["kind"]) == {"up", "down"}
    known = x.notna()
    assert (whole.where(known) == x).where(known, True).all().all()
    rebuilt = opened.reconstruct(x)
    gone = x["b"].isna()
    np.testing.assert_allclose(whole["b"][gone], rebuilt["b"][gone], rtol=1e-6)
    assert not np.allclose(opened.impute(x, rounds=3)["b"][gone], whole["b"][gone])
    nothing = x.iloc[:2].copy()
    nothing.iloc[1] = np.nan
    for ask in (opened.impute, opened.encode):
        with pytest.raises(UserError, match=r"example.* 1 "):
            ask(nothing)


@pytest.mark.parametrize("which", ["encoder", "anomaly_score"])
def test_exports_take_gaps(which: str, trained: DictConfig, tmp_path: Path) -> None:
    opened = aelab.load_run(directory_of(trained))
    path = tmp_path / "part.pt2"
    export(opened, "torch_export", which, path)
    import torch

    x = frame()[[*"abcde", "kind"]]
    raw = opened.preprocessing.columns.values(x)  # type: ignore[union-attr]
    found = torch.export.load(path).module()(torch.from_numpy(raw).float()).detach().numpy()
    wanted = opened.encode(x) if which == "encoder" else opened.anomaly_score(x)
    np.testing.assert_allclose(found, wanted, rtol=1e-4, atol=1e-4)


def test_evaluations_answer_or_say_why_not(trained: DictConfig, compose: Composer) -> None:
    directory = directory_of(trained)
    for name in ("imputation", "retrieval"):
        evaluate(directory, compose(f"evaluation={name}").evaluation)
    rows = manifest_of(trained)["evaluations"]["imputation"]["rows"]
    own = {(row["method"], row["metric"]): row["value"] for row in rows}
    assert own["undercomplete", "rmse_mcar_10"] < own["mean", "rmse_mcar_10"]
    with pytest.raises(UserError, match=r"evaluation=denoising data.missing=mask: looks at whole examples"):
        evaluate(directory, compose("evaluation=denoising").evaluation)


@pytest.mark.parametrize("data", ["table", "streamed_table"])
def test_replicas_are_decomposed(data: str, tmp_path: Path, compose: Composer) -> None:
    replicas = ("replicas=bootstrap", "replicas.count=3", "trainer.max_epochs=3")
    config = compose(*table(tmp_path), f"data={data}", f"paths.data={tmp_path}", *replicas)
    run(config, [])
    metrics = manifest_of(config)["metrics"]
    assert metrics["test/bias2"] + metrics["test/variance"] == pytest.approx(metrics["test/error"], rel=1e-6)
    assert metrics["test/pca_bias2"] + metrics["test/pca_variance"] == pytest.approx(
        metrics["test/pca_error"], rel=1e-6
    )


@pytest.mark.parametrize(
    ("overrides", "told"),
    [
        (("error=ssim",), "error=ssim data.missing=mask: the error of single values is not known"),
        (("pretraining=greedy",), "pretraining=greedy data.missing=mask: layers are trained on whole examples"),
        (("evaluation=denoising",), "evaluation=denoising data.missing=mask"),
    ],
)
def test_what_does_not_fit_is_refused(overrides: tuple[str, ...], told: str, tmp_path: Path, compose: Composer) -> None:
    config = compose(*table(tmp_path), *overrides)
    with pytest.raises(UserError, match=told) as caught:
        run(config, [])
    assert "\n" not in str(caught.value) and not directory_of(config).joinpath("manifest.json").exists()


def test_rows_and_columns_without_a_value_are_named(tmp_path: Path, compose: Composer) -> None:
    x = frame()
    empty = x.copy()
    empty.iloc[7, :6] = np.nan
    rare = x.copy()
    rare["a"] = rare["a"].fillna(50)
    rare.loc[rare.index != 7, "c"] = np.nan
    for name, some, told in (
        ("empty.csv", empty, r"row 9 has no value in any of 6 columns \(1 such rows\), .* data.missing=mean"),
        ("rare.csv", rare, "column c has no value in the whole .* part .* data.columns"),
    ):
        some.to_csv(tmp_path / name, index=False)
        config = compose(*table(tmp_path), f"data.path={tmp_path / name}")
        with pytest.raises(UserError, match=told):
            run(config, [])


def test_arrays_with_gaps(tmp_path: Path, compose: Composer) -> None:
    x = frame()[list("abcde")].to_numpy(copy=True)
    x[np.isnan(x).all(1), 0] = 50
    np.savez(tmp_path / "own.npz", x=x)
    own = ("data=arrays", f"data.path={tmp_path / 'own.npz'}", "data.standardize=true", *EPOCHS)
    with pytest.raises(UserError, match=r"NaN or infinite"):
        run(compose(*own), [])
    config = compose(*own, "data.missing=mask")
    run(config, [])
    assert manifest_of(config)["metrics"]["test/fvu"] < 0.6
    whole = aelab.load_run(directory_of(config)).impute(x)
    np.testing.assert_array_equal(whole[~np.isnan(x)], x[~np.isnan(x)])
    assert np.isfinite(whole).all()
