"""Signals from the config to the scores of their points: every variant, alone and in replicas, and back to a file."""

from __future__ import annotations

import copy
import json
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from omegaconf import DictConfig, OmegaConf
from tiny_runs import Composer
from torch.testing import assert_close
from variants import VARIANTS, composed, load, numbers

import aelab
from aelab.building.build import build_data, build_model
from aelab.data.module import PARTS
from aelab.data.signals.drawn import drawn_series
from aelab.errors import UserError
from aelab.evaluation.measures.timeline import cut
from aelab.fitting.run import run as fit
from aelab.models import Autoencoder
from aelab.networks import Recurrent, RecurrentNumbers, SequenceNetwork
from aelab.objectives.randomness import seeded_generator
from aelab.replicas.stacking import stack
from aelab.trained.code_file import write_codes
from aelab.trained.score import score

SHAPE = (2, 12)
DICTIONARIES = ("batch_top_k", "gated", "jump_relu", "relu_l1", "top_k")
NETWORKS = {"conv1d": {"hidden": [4, 3]}, "recurrent": {"hidden": [8], "embedding": 4}}


def model_of(variant: str, network: str, seed: int = 0, **groups: str) -> Autoencoder:
    config = composed(variant).copy()
    config.network = OmegaConf.merge(load("network", network), {"code_size": 12}, NETWORKS[network])
    for group, name in groups.items():
        config[group] = load(group, name)
    config.seed = seed
    model: Autoencoder = build_model(config, SHAPE, torch.rand(20, 24)).double()
    return model


def batch(*axes: int) -> torch.Tensor:
    return torch.rand(*axes, 24, dtype=torch.float64, generator=torch.Generator().manual_seed(5))


@pytest.mark.parametrize("error", ["squared", "l1"])
@pytest.mark.parametrize("network", NETWORKS)
@pytest.mark.parametrize("variant", VARIANTS)
def test_every_variant_learns_signals(variant: str, network: str, error: str) -> None:
    if variant in DICTIONARIES and network == "recurrent":
        with pytest.raises(UserError, match="a dictionary's atoms are weights that leave the code, and this one has"):
            model_of(variant, network, error=error)
        return
    model = model_of(variant, network, error=error)
    terms = model.objective(batch(6), torch.Generator().manual_seed(1))
    assert terms.loss.isfinite() and terms.encoding.code.shape == (6, 12)
    terms.loss.backward()
    for name, parameter in model.named_parameters():
        assert not parameter.requires_grad or (parameter.grad is not None and parameter.grad.isfinite().all()), name


@pytest.mark.parametrize("variant", VARIANTS)
def test_convolutions_are_equal_alone_and_stacked(variant: str) -> None:
    seeds = [3, 1, 4]
    lone = [model_of(variant, "conv1d", seed) for seed in seeds]
    stacked = stack(lone)
    x = batch(3, 6)
    together = stacked.objective(x, [seeded_generator(seed, 0) for seed in seeds])
    together.loss.sum().backward()
    for k, (model, seed) in enumerate(zip(lone, seeds, strict=True)):
        alone = model.objective(x[k], seeded_generator(seed, 0))
        alone.loss.backward()
        for ours, reference in zip(numbers(together), numbers(alone), strict=True):
            assert_close(ours[k], reference, rtol=1e-12, atol=1e-12)
        gradients = dict(stacked.named_parameters())
        for name, parameter in model.named_parameters():
            if parameter.requires_grad:
                found = gradients[name].grad
                assert found is not None
                assert_close(found[k], parameter.grad, rtol=1e-11, atol=1e-12)


def recurrent(**settings: Any) -> RecurrentNumbers:
    torch.manual_seed(0)
    found: Any = Recurrent((2, 7), 3, **({"hidden": (6, 4), "embedding": 5} | settings))
    return found.double()  # type: ignore[no-any-return]


def test_recurrent_takes_numbers_where_there_are_no_symbols() -> None:
    network = recurrent()
    assert isinstance(network, RecurrentNumbers) and not isinstance(network, SequenceNetwork)
    assert isinstance(Recurrent((7,), 3, (6,), symbols=9), SequenceNetwork)
    for copied in (copy.deepcopy(network), pickle.loads(pickle.dumps(network))):
        assert_close(copied.encode(batch(4)[:, :14]), network.encode(batch(4)[:, :14]))
    with pytest.raises(UserError, match=r"network.hidden=\[5\]: a width for each layer, even"):
        recurrent(hidden=(5,))
    with pytest.raises(UserError, match=r"network.word_dropout=0.1: the points before are not shown"):
        recurrent(word_dropout=0.1)


def test_recurrent_reads_and_writes_step_by_step() -> None:
    """Against LSTM cells by the formulas of Hochreiter & Schmidhuber 1997, with the gates in PyTorch's order."""
    network = recurrent(hidden=(6,))
    x = batch(4)[:, :14]

    def cells(layer: Any, steps: list[torch.Tensor], h: torch.Tensor, suffix: str = "") -> list[torch.Tensor]:
        w, u, b, v = (
            getattr(layer, name + suffix) for name in ("weight_ih_l0", "weight_hh_l0", "bias_ih_l0", "bias_hh_l0")
        )
        c = torch.zeros_like(h)
        found = []
        for step in steps:
            i, f, g, o = (step @ w.T + b + h @ u.T + v).chunk(4, -1)
            c = f.sigmoid() * c + i.sigmoid() * g.tanh()
            h = o.sigmoid() * c.tanh()
            found.append(h)
        return found

    points = [network.embed(x.view(4, 2, 7)[:, :, t]) for t in range(7)]
    zero = torch.zeros(4, 3, dtype=torch.float64)
    reader = network.readers[0]
    last = torch.cat([cells(reader, points, zero)[-1], cells(reader, points[::-1], zero, "_reverse")[-1]], -1)
    code = network.encoder_layers[-1](last)
    assert_close(network.encode(x), code, rtol=1e-12, atol=1e-12)
    states = cells(network.writers[0], [code] * 7, network.decoder_layers[0](code).tanh())
    again = torch.stack([network.decoder_layers[-1](state) for state in states], -1).flatten(1)
    assert_close(network.decode(code), again, rtol=1e-12, atol=1e-12)


SIGNALS = ("data=windows", "data.source=drawn", "data.stride=8", "network.code_size=4", "network.hidden=[8]")


def trained(compose: Composer, *overrides: str) -> tuple[Path, DictConfig]:
    config = compose(*SIGNALS, *overrides)
    fit(config, [])
    [directory] = [path.parent for path in Path(config.paths.outputs, config.sweep).glob("*/manifest.json")]
    return directory, config


def test_a_run_scores_a_signal_as_it_was_evaluated(compose: Composer, tmp_path: Path) -> None:
    """Points of the test time, in Python and by the program, by its channels' names, against a loop over windows."""
    directory, config = trained(compose, "evaluation=signal_anomalies")
    found = aelab.load_run(directory)
    signal = drawn_series(0)
    tested = signal.values[4800:]
    scores = found.anomaly_score(tested)
    data = build_data(config)
    timeline = data.timeline("test")  # type: ignore[attr-defined]
    x = data.examples("test").numpy()
    errors = np.square(found.coder.reconstruct(x).astype(np.float64) - x).reshape(-1, 2, 64).sum(1)
    expected = [
        np.mean([errors[i, t - first] for i, first in enumerate(timeline.start) if 0 <= t - first < 64])
        for t in range(1200)
    ]
    np.testing.assert_allclose(scores, expected, rtol=1e-9)
    assert timeline.anomalous is not None
    flagged = found.is_anomaly(tested)
    metrics = json.loads((directory / "manifest.json").read_text())["metrics"]
    assert flagged[timeline.anomalous].mean() == pytest.approx(metrics["signal_anomalies/recall"], abs=1e-12)
    frame = pd.DataFrame(tested[:, ::-1], columns=["wave", "beat"]).assign(other=1)
    np.testing.assert_allclose(found.anomaly_score(frame), scores)
    windows = cut(tested, 64, 8)
    assert found.anomaly_score(windows).shape == (len(windows),)  # windows stay examples

    frame.assign(is_anomaly=timeline.anomalous.astype(int)).to_csv(tmp_path / "new.csv", index=False)
    [line] = score(found, tmp_path / "new.csv", tmp_path / "scores.csv")
    assert f"scores (error) of 1,200 points; {int(flagged.sum())} of them" in line
    written = pd.read_csv(tmp_path / "scores.csv")
    assert list(written) == ["row", "anomaly_score", "is_anomaly", "column_1", "share_1", "column_2", "share_2"]
    np.testing.assert_allclose(written["anomaly_score"], scores)
    assert (written["is_anomaly"] == flagged).all() and set(written["column_1"]) == {"beat", "wave"}
    np.save(tmp_path / "new.npy", tested)
    score(found, tmp_path / "new.npy", tmp_path / "again.csv")
    np.testing.assert_allclose(pd.read_csv(tmp_path / "again.csv")["anomaly_score"], scores)


def test_what_a_run_on_signals_cannot_score_is_refused(compose: Composer, tmp_path: Path) -> None:
    directory, _ = trained(compose)
    found = aelab.load_run(directory)
    tested = drawn_series(0).values[4800:].copy()
    with pytest.raises(UserError, match=r"a signal of 63 points, and this run's windows have 64"):
        found.anomaly_score(tested[:63])
    with pytest.raises(UserError, match=r"no threshold; ask for one with .* evaluation=signal_anomalies"):
        found.is_anomaly(tested)
    with pytest.raises(UserError, match=r"the frame has no column wave, a channel of this run"):
        found.anomaly_score(pd.DataFrame({"beat": tested[:, 0]}))
    tested[7, 1] = np.nan
    with pytest.raises(UserError, match=r"in 1 of 1200 points, first in channel wave of point 7"):
        found.anomaly_score(tested)
    pd.DataFrame(tested, columns=["beat", "wave"]).to_csv(tmp_path / "gap.csv", index=False)
    with pytest.raises(UserError, match=r"path=.*gap.csv: row 9 of column wave has no value"):
        score(found, tmp_path / "gap.csv", tmp_path / "scores.csv")
    assert not (tmp_path / "scores.csv").exists()
    np.save(tmp_path / "three.npy", np.zeros((100, 3)))
    with pytest.raises(UserError, match=r"path=.*three.npy: 3 channels, and the run was trained on 2 \(beat, wave\)"):
        score(found, tmp_path / "three.npy", tmp_path / "scores.csv")
    with pytest.raises(UserError, match=r"codes=true: codes are of windows"):
        score(found, tmp_path / "three.npy", tmp_path / "scores.csv", codes=True)


def test_codes_of_windows_say_where_they_begin(compose: Composer, tmp_path: Path) -> None:
    directory, config = trained(compose)
    write_codes(aelab.load_run(directory), tmp_path / "codes.csv")
    frame = pd.read_csv(tmp_path / "codes.csv")
    data = build_data(config)
    assert list(frame)[:4] == ["series", "row", "part", "label"]
    assert len(frame) == sum(data.size(part) for part in PARTS)
    assert frame.loc[frame["part"] == "test", "row"].tolist() == list(data.origin("test")["row"])


def test_replicas_of_a_recurrent_network_are_those_of_lone_runs(compose: Composer) -> None:
    words = ("network=recurrent", "network.embedding=4", "data.stride=32", "trainer.max_epochs=1")
    directory, _ = trained(compose, *words, "replicas=initializations", "replicas.count=2", "sweep=many")
    manifest = json.loads((directory / "manifest.json").read_text())
    assert manifest["metrics"]["test/variance"] > 0
    x = drawn_series(0).values[:640]
    many = [aelab.load_run(directory, replica=k).reconstruct(cut(x, 64, 64)) for k in range(2)]
    assert not np.allclose(*many)
    for k in range(2):
        lone, _ = trained(compose, *words, f"seed={k}", f"sweep=lone{k}")
        np.testing.assert_allclose(aelab.load_run(lone).reconstruct(cut(x, 64, 64)), many[k], rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(
    "words, message",
    [
        (("data=digits", "network=mlp"), r"evaluation=signal_anomalies data=digits: looks at points in time"),
        (("data.test_fraction=0.01", "data.window=16"), r"data=windows: the test part has no anomalous point"),
        (("network=conv", ), r"network=conv: needs images"),
        (("error=categorical",), r"error=categorical"),
    ],
)  # fmt: skip
def test_what_cannot_be_meant_is_refused_before_training(
    compose: Composer, words: tuple[str, ...], message: str
) -> None:
    start = () if "data=digits" in words else ("data=windows", "data.source=drawn", "data.stride=8")
    config = compose(*start, "evaluation=signal_anomalies", *words)
    with pytest.raises(UserError, match=message):
        fit(config, [])
    assert not list(Path(config.paths.outputs).rglob("*.ckpt"))
