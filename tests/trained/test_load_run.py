"""A trained run given back for use on arrays, and nothing in a run or a config that can run code of its own."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from numpy.testing import assert_allclose
from omegaconf import DictConfig, OmegaConf
from run_files import directory_of
from tiny_runs import Composer, compose_tiny

import aelab
from aelab.building.build import build_data
from aelab.config.objects import conf_dir, instantiate
from aelab.config.trust import ABILITIES, BASES, listed
from aelab.errors import UserError
from aelab.fitting.run import RunFailed, run
from aelab.trained.run import Run


@pytest.fixture(scope="module")
def digits(tmp_path_factory: pytest.TempPathFactory) -> tuple[Run, np.ndarray, DictConfig]:
    config = compose_tiny(tmp_path_factory.mktemp("digits"), "error=cross_entropy")
    run(config, [])
    return aelab.load_run(directory_of(config)), build_data(config).examples("test").numpy(), config


@pytest.fixture(scope="module")
def table(tmp_path_factory: pytest.TempPathFactory) -> tuple[Run, np.ndarray]:
    """A linear autoencoder that starts, and stays, at a perfect reconstruction of columns of all scales."""
    folder = tmp_path_factory.mktemp("table")
    values = np.random.default_rng(0).normal([1000, -0.01, 3], [50, 0.001, 1], (200, 3))
    frame = pd.DataFrame(values.astype(np.float32), columns=["weight", "shift", "age"])
    frame["age"] = frame["age"].round()
    frame.to_csv(folder / "own.csv", index=False)
    config = compose_tiny(
        folder, "data=table", f"data.path={folder}/own.csv", "network=linear", "network.hidden=[]",
        "network.code_size=3", "initialization=pca", "optimizer.lr=1e-9", "data.missing=mean",
    )  # fmt: skip
    run(config, [])
    return aelab.load_run(directory_of(config)), frame.to_numpy(np.float32)


def test_the_weights_are_the_best_ones_and_the_numbers_those_of_the_test(digits: Any) -> None:
    trained, x, _ = digits
    r = trained.reconstruct(x).reshape(len(x), -1)
    mse = np.square(r.astype(np.float64) - x).mean()
    assert mse == pytest.approx(trained.manifest["metrics"]["test/mse"], rel=1e-5)
    assert not trained.model.training


def test_anomaly_scores_are_errors_on_the_models_scale(
    digits: Any, table: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    trained, x, _ = digits
    again = trained.reconstruct(x).reshape(len(x), -1).astype(np.float64)
    assert_allclose(trained.anomaly_score(x), np.square(again - x).sum(1), rtol=1e-5)
    assert trained.anomaly_score(x).mean() / x.shape[1] == pytest.approx(
        trained.manifest["metrics"]["test/mse"], rel=1e-5
    )
    trained, values = table
    monkeypatch.setattr(trained.model, "reconstruct", lambda standardised: 2 * standardised)
    rows = values.astype(np.float64)
    offset, scale = (getattr(trained.preprocessing, name).numpy() for name in ("offset", "scale"))
    expected = np.square((rows - offset) / scale).sum(1)
    assert_allclose(trained.anomaly_score(values), expected, rtol=1e-4)


def test_shapes(digits: Any) -> None:
    trained, x, _ = digits
    code = trained.encode(x)
    assert code.shape == (len(x), 4) and code.dtype == np.float32
    assert trained.decode(code).shape == trained.reconstruct(x).shape == (len(x), 1, 8, 8)
    np.testing.assert_array_equal(trained.decode(code), trained.reconstruct(x))
    assert 0 <= trained.reconstruct(x).min() <= trained.reconstruct(x).max() <= 1
    images = x.reshape(-1, 1, 8, 8)
    for same in (images, images[:, 0], images[..., None][:, 0], x.astype(np.float64), torch.from_numpy(x)):
        np.testing.assert_array_equal(trained.encode(same), code)
    assert trained.encode(x[:0]).shape == (0, 4)
    assert trained.reconstruct(x[:1]).shape == (1, 1, 8, 8)


def test_uint8_counts_as_0_to_255(digits: Any) -> None:
    trained, x, _ = digits
    pixels = (x * 255).round().astype(np.uint8)
    np.testing.assert_allclose(trained.encode(pixels), trained.encode(pixels / np.float32(255)), rtol=1e-6)


@pytest.mark.parametrize("shape", [(5, 63), (64,), (5, 4, 16), (2, 5, 8, 8), ()])
def test_another_shape_is_refused(digits: Any, shape: tuple[int, ...]) -> None:
    trained, _, _ = digits
    with pytest.raises(UserError, match=r"this run takes examples of shape \[1, 8, 8\] or 64 values"):
        trained.reconstruct(np.zeros(shape, np.float32))


@pytest.mark.parametrize("shape", [(5, 3), (4,), (5, 4, 1)])
def test_another_code_is_refused(digits: Any, shape: tuple[int, ...]) -> None:
    trained, _, _ = digits
    with pytest.raises(UserError, match=r"this run's codes have 4 values, \[N, 4\]"):
        trained.decode(np.zeros(shape, np.float32))


def test_table_comes_back_on_its_own_scale(table: Any) -> None:
    trained, values = table
    np.testing.assert_allclose(trained.reconstruct(values), values, rtol=1e-4, atol=1e-6)
    assert abs(trained.encode(values).mean()) < 0.1, "the model sees standardised values"
    np.testing.assert_allclose(trained.decode(trained.encode(values)), values, rtol=1e-4, atol=1e-6)
    assert trained.reconstruct(values.astype(np.float64)).shape == values.shape


def test_table_takes_small_integers_as_they_are(table: Any) -> None:
    trained, _ = table
    whole = np.array([[250, 0, 3], [200, 1, 4]])
    np.testing.assert_array_equal(trained.encode(whole.astype(np.uint8)), trained.encode(whole.astype(np.float32)))


def test_missing_values_take_the_mean_where_they_did_in_training(table: Any) -> None:
    trained, values = table
    gap = values[:2].copy()
    gap[0, 0] = np.nan
    filled = trained.reconstruct(gap)
    assert filled[0, 0] == pytest.approx(1000, rel=0.01)
    np.testing.assert_allclose(filled[1], values[1], rtol=1e-4)


def test_a_frame_is_read_by_the_names_of_its_columns(tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    frame = pd.DataFrame({"age": random.normal(30, 5, 80), "kind": ["b", None, "a", "b"] * 20, "size": np.arange(80.0)})
    frame.loc[::5, "size"] = np.nan
    frame.to_csv(tmp_path / "own.csv", index=False)
    config = compose_tiny(
        tmp_path, "data=table", f"data.path={tmp_path}/own.csv", "data.categorical=kind", "data.missing=indicator",
        "data.batch_size=16",
    )  # fmt: skip
    run(config, [])
    trained = aelab.load_run(directory_of(config))
    assert trained.manifest["data"]["columns"] == ["age", "kind=a", "kind=b", "kind missing", "size", "size missing"]
    data = build_data(config)
    code = trained.encode(frame[["size", "kind", "age"]])
    seen = trained.model.encode(data.examples("train")).detach().numpy()
    rows = data.preprocessing.restore(data.examples("train"))[:, 0]
    place = [int(np.argmin(np.abs(frame["age"] - row))) for row in rows.tolist()]
    np.testing.assert_allclose(code[place], seen, atol=1e-4)
    with pytest.raises(UserError, match="no column size, which the run was trained with"):
        trained.encode(frame[["age", "kind"]])


def test_a_run_on_pictures_takes_no_frame(digits: Any) -> None:
    with pytest.raises(UserError, match="this run was not trained on data=table; give it an array, not a frame"):
        digits[0].encode(pd.DataFrame({"a": [1.0]}))


def test_missing_or_unfinished_run_is_named(tmp_path: Path, digits: Any) -> None:
    with pytest.raises(UserError, match=r"no run here \(manifest.json is missing or unreadable\)"):
        aelab.load_run(tmp_path)
    (tmp_path / "manifest.json").write_text(json.dumps({**digits[0].manifest, "status": "failed"}))
    with pytest.raises(UserError, match="the run is failed; run its command again"):
        aelab.load_run(tmp_path)
    (tmp_path / "manifest.json").write_text(json.dumps(digits[0].manifest))
    with pytest.raises(UserError, match=r"best\.ckpt: no such checkpoint"):
        aelab.load_run(str(tmp_path))


# --- nothing runs code ---


class Hostile:
    """Creates a file when it is unpickled."""

    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self) -> Any:
        return os.mkdir, (str(self.mark),)


def test_hostile_checkpoint_does_not_run(compose: Composer, tmp_path: Path) -> None:
    config = compose()
    run(config, [])
    mark = tmp_path / "mark"
    checkpoints = directory_of(config) / "checkpoints"
    for name in ("best", "last"):
        content = torch.load(checkpoints / f"{name}.ckpt", weights_only=True)
        torch.save(
            {**content, "state_dict": {**content["state_dict"], "x": Hostile(mark)}}, checkpoints / f"{name}.ckpt"
        )
    with pytest.raises(UserError, match=r"best\.ckpt: corrupt or not a checkpoint of aelab"):
        aelab.load_run(directory_of(config))
    record = json.loads((directory_of(config) / "manifest.json").read_text())
    (directory_of(config) / "manifest.json").write_text(json.dumps({**record, "status": "interrupted"}))
    with pytest.raises(RunFailed, match=r"last\.ckpt: corrupt or not a checkpoint of aelab"):
        run(config, [])
    assert not mark.exists()
    torch.load(checkpoints / "best.ckpt", weights_only=False)
    assert mark.exists(), "the trap itself works"


@pytest.mark.parametrize(
    "target",
    [
        "os.system",
        "builtins.eval",
        "subprocess.run",
        "aelab.fitting.run.os.system",
        "aelab.data.module.torch.load",
        "aelab.data.source.np.load",
        "aelab.models.base.learner.torch.hub.load",
        "torch.optim.optimizer.torch.load",
        "torch.load",
        "pytorch_lightning.LightningModule.load_from_checkpoint",
        "pytorch_lightning.utilities.migration.utils.pl_legacy_patch",
        "aelab.models.Autoencoder.load_from_checkpoint",
        "aelab.data.DataModule.load_from_checkpoint",
        "aelab.trained.loading.load_run",
        "aelab_evil.Model",
        "aelab.models.Missing",
        "aelab.models",
    ],
)
def test_untrusted_targets_are_refused(target: str, tmp_path: Path) -> None:
    mark = tmp_path / "mark"
    config = OmegaConf.create({"_target_": target, "_args_": [f"mkdir {mark}"]})
    for group in (*BASES, *ABILITIES, "initialization"):
        if target not in listed(group, conf_dir()):
            with pytest.raises(UserError, match=rf"{group}._target_={target}: not one of the names that"):
                instantiate(group, config)
    assert not mark.exists()


def test_an_array_with_gaps_is_refused_where_nothing_fills_them(digits: tuple[Run, np.ndarray, DictConfig]) -> None:
    trained, x, _ = digits
    for odd in (np.nan, np.inf):
        gap = x[:5].copy()
        gap[3, 7] = odd
        for ask in (trained.encode, trained.reconstruct, trained.anomaly_score):
            with pytest.raises(UserError, match=r"NaN .* in 1 of 5 examples, first in value 7 of example 3"):
                ask(gap)
