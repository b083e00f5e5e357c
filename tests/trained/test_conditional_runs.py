"""Runs that are given something beside examples, and runs with weights, from training to what is asked of them."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from run_files import directory_of
from sklearn.neighbors import KNeighborsClassifier
from tiny_runs import compose_tiny

from aelab.errors import UserError
from aelab.fitting.run import run as train
from aelab.trained.code_file import write_codes
from aelab.trained.export import export
from aelab.trained.loading import load_run
from aelab.trained.run import Run
from aelab.trained.scores import Scores


def trained(outputs: Path, *overrides: str) -> Run:
    config = compose_tiny(outputs, *overrides)
    train(config, [])
    return load_run(directory_of(config))


@pytest.fixture(scope="module")
def digits(tmp_path_factory: pytest.TempPathFactory) -> Run:
    outputs = tmp_path_factory.mktemp("outputs")
    return trained(outputs, "model=vae", "data.given=label", "network.code_size=2", "trainer.max_epochs=15")


def pictures() -> tuple[np.ndarray, np.ndarray]:
    from sklearn.datasets import load_digits

    found: Any = load_digits()
    return found.data.astype(np.float32) / 16, found.target


def test_what_is_sampled_of_a_class_is_of_that_class(digits: Run) -> None:
    x, y = pictures()
    known = KNeighborsClassifier(3).fit(x, y)
    asked = np.repeat(np.arange(10), 20)
    new = digits.sample(200, given=asked)
    assert new.shape == (200, 1, 8, 8)
    assert (known.predict(new.reshape(200, -1)) == asked).mean() > 0.9
    np.testing.assert_array_equal(digits.sample(5, given=3), digits.sample(5, given=["3", 3, 3.0, "3", 3]))


def test_a_digit_is_rebuilt_by_its_own_class(digits: Run) -> None:
    x, y = pictures()
    right, wrong = (np.square(digits.reconstruct(x, given=g).reshape(len(x), -1) - x).sum(1) for g in (y, (y + 1) % 10))
    assert right.mean() < 0.6 * wrong.mean()
    np.testing.assert_allclose(digits.anomaly_score(x, given=y), right, rtol=1e-4)
    np.testing.assert_allclose(digits.decode(digits.encode(x, given=y), given=y), digits.reconstruct(x, given=y))


REFUSED: list[tuple[Callable[[Run, np.ndarray], Any], str]] = [
    (lambda run, x: run.encode(x), "trained with data.given=label, it takes label beside each example; pass given='0'"),
    (lambda run, x: run.sample(3), "trained with data.given=label, it takes label"),
    (lambda run, x: run.decode(np.zeros((2, 2))), "trained with data.given=label, it takes label"),
    (lambda run, x: run.sample(3, given=11), "label=11 in row 0 (counted from 0) is no level that a training row had"),
    (lambda run, x: run.sample(3, given=[1, 2]), "label has shape [2]; one value, or one for each of 3 examples"),
    (lambda run, x: run.sample(3, given=[1, None, 2]), "label has no value in row 1 (counted from 0)"),
    (lambda run, x: run.sample(3, given={"kind": 1}), "given: no label"),
    (lambda run, x: export(run, "onnx"), "trained with data.given, which such a file has no place for"),
    (lambda run, x: Scores(run, None, None, None), "a file is scored without what is given"),  # type: ignore[arg-type]
]


@pytest.mark.parametrize("ask, message", REFUSED, ids=[message for _, message in REFUSED])
def test_what_lacks_is_refused(digits: Run, ask: Callable[[Run, np.ndarray], Any], message: str) -> None:
    with pytest.raises(UserError, match=re.escape(message)) as caught:
        ask(digits, pictures()[0])
    assert "\n" not in str(caught.value)


def test_codes_of_a_run_are_those_of_its_own_classes(digits: Run, tmp_path: Path) -> None:
    write_codes(digits, tmp_path / "codes.npz")
    with np.load(tmp_path / "codes.npz") as found:
        x = pictures()[0]
        train_part = found["part"] == "test"
        rows = np.arange(len(x))[::5]
        wanted = digits.encode(x[rows], given=found["y"][train_part])
        np.testing.assert_allclose(found["x"][train_part], wanted, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("evaluation", ["retrieval", "linear_probe", "anomaly_detection", "denoising"])
def test_an_evaluation_that_asks_for_what_was_given_is_refused(tmp_path: Path, evaluation: str) -> None:
    with pytest.raises(UserError, match=rf"evaluation={evaluation} data\.given=label: "):
        trained(tmp_path, "data.given=label", f"evaluation={evaluation}")
    assert not list(tmp_path.glob("**/manifest.json"))


@pytest.mark.parametrize("override", ["replicas=fresh", "pretraining=greedy", "network=vit", "model=one_class"])
def test_what_cannot_take_it_says_so_before_training(tmp_path: Path, override: str) -> None:
    with pytest.raises(UserError) as caught:
        trained(tmp_path, "data.given=label", override)
    assert "\n" not in str(caught.value)
    assert not list(tmp_path.glob("**/manifest.json"))


def table(count: int = 600) -> pd.DataFrame:
    """``x = mean of the kind + slope age + loading z + noise``: with kind and age given, one value is left to say."""
    draw = np.random.default_rng(0)
    kind = draw.integers(0, 3, count)
    age = draw.uniform(20, 60, count)
    x = 2 * draw.normal(size=(3, 5))[kind] + np.outer((age - 40) / 10, draw.normal(size=5))
    x += np.outer(draw.normal(size=count), draw.normal(size=5)) + 0.1 * draw.normal(size=(count, 5))
    return pd.DataFrame(x, columns=list("abcde")).assign(kind=np.array(["u", "v", "w"])[kind], age=age)


def test_a_linear_model_is_left_with_the_noise_once_it_is_told_the_rest(tmp_path: Path) -> None:
    """Regression on what is given and one principal component of what it leaves: no linear model does better."""
    frame = table()
    frame.to_csv(tmp_path / "t.csv", index=False)
    settings = ("network=linear", "network.code_size=1", "trainer.max_epochs=150", "optimizer.lr=0.01", "data=table")
    own = (f"data.path={tmp_path / 't.csv'}", "data.categorical=kind", "data.given=[kind,age]")
    run = trained(tmp_path, *settings, *own)
    scale = run.preprocessing.scale
    assert scale is not None
    x = (frame[list("abcde")].to_numpy() - run.preprocessing.offset.numpy()) / scale.numpy()  # type: ignore[union-attr]
    design = np.column_stack([pd.get_dummies(frame.kind).to_numpy(float), frame.age])
    left = x - design @ np.linalg.lstsq(design, x, rcond=None)[0]
    best = (np.linalg.svd(left, compute_uv=False)[1:] ** 2).sum() / len(x)
    assert 0.8 * best < run.manifest["metrics"]["test/error"] < 1.3 * best  # of the test rows alone
    assert run.manifest["metrics"]["test/pca_error"] > 20 * best
    again = run.reconstruct(frame)
    assert list(again.columns) == list("abcde")
    moved = run.reconstruct(frame, given={"kind": "u", "age": frame.age.to_numpy()})
    assert np.abs(moved - again)[frame.kind == "u"].max().max() < 1e-4
    assert np.abs(moved - again)[frame.kind == "v"].max().max() > 0.5
    for change, message in (
        (frame.drop(columns="age"), "no column age, which the run was given beside examples"),
        (frame.replace({"kind": {"u": "z"}}), "kind=z in row"),
        (frame.assign(age=np.nan), "age has no finite value in row 0"),
        (frame.assign(age="old"), "age is not numeric"),
    ):
        with pytest.raises(UserError, match=re.escape(message)):
            run.encode(change)


def test_a_run_with_weights_is_that_of_repeated_rows(tmp_path: Path) -> None:
    """One batch an epoch, the parts said: training, metrics and PCA are those of the copies, of weight 0 of none."""
    draw = np.random.default_rng(0)
    x = (draw.normal(size=(90, 2)) @ draw.normal(size=(2, 6)) + 0.3 * draw.normal(size=(90, 6))).astype(np.float32)
    part = np.repeat(["train", "val", "test"], 30)
    counts = draw.integers(0, 4, 90)
    np.savez(tmp_path / "w.npz", x=x, part=part, w=counts)
    np.savez(tmp_path / "copies.npz", x=x.repeat(counts, 0), part=part.repeat(counts))
    settings = ("data=arrays", "data.standardize=true", "data.batch_size=1000", "network=linear", "network.code_size=2")
    settings += ("trainer.max_epochs=40", "trainer.precision=64-true", "optimizer=lbfgs", "scheduler=none")
    weighted = trained(tmp_path, *settings, f"data.path={tmp_path / 'w.npz'}", "data.weight=w")
    copies = trained(tmp_path, *settings, f"data.path={tmp_path / 'copies.npz'}")
    for name in ("test/error", "test/mse", "test/fvu", "val/error", "train/error", "test/pca_error"):
        ours, wanted = (run.manifest["metrics"][name] for run in (weighted, copies))
        assert ours == pytest.approx(wanted, rel=1e-4), name
    assert not (weighted.directory / "per_example.npz").exists()
