"""Exported files give the run's numbers, for every network and variant; where they do not, nothing is left."""

from __future__ import annotations

import builtins
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from omegaconf import OmegaConf
from run_files import directory_of
from tiny_runs import compose_tiny
from variants import LIKE_OTHERS, NETWORKS, VARIANTS, config_of

import aelab
from aelab.building.build import build_data, build_model
from aelab.cli import export as export_cli
from aelab.data.module import PARTS as PARTS_OF_DATA
from aelab.data.preprocessing import Preprocessing
from aelab.errors import UserError
from aelab.fitting.run import run
from aelab.trained import export as exporting
from aelab.trained.export import PARTS, export
from aelab.trained.run import Run

SHAPE = (1, 8, 8)
BOTH = [(variant, "mlp") for variant in VARIANTS if variant not in LIKE_OTHERS] + [
    ("undercomplete", network) for network in NETWORKS
]


def untrained(folder: Path, variant: str, network: str, preprocessing: Preprocessing | None = None) -> Run:
    config = config_of(variant, network)
    model = build_model(config, SHAPE, torch.rand(20, 64)).eval()
    manifest = {"data": {"shape": list(SHAPE)}, "config": OmegaConf.to_container(config, resolve=True)}
    return Run(folder, manifest, model, preprocessing or Preprocessing())


@pytest.mark.parametrize("variant, network", BOTH)
def test_torch_export_gives_the_same_numbers(tmp_path: Path, variant: str, network: str) -> None:
    trained = untrained(tmp_path, variant, network)
    line = export(trained, "torch_export", "autoencoder")
    assert "autoencoder.pt2: float32 [N, 1, 8, 8] to [N, 1, 8, 8]; the run's numbers to" in line
    module: Any = torch.export.load(tmp_path / "exports" / "autoencoder.pt2").module()
    x = torch.rand(31, *SHAPE)
    np.testing.assert_allclose(module(x).detach(), trained.reconstruct(x), rtol=1e-5, atol=1e-6)


@pytest.mark.slow
@pytest.mark.parametrize("part", PARTS)
@pytest.mark.parametrize("variant, network", BOTH + [(variant, "mlp") for variant in LIKE_OTHERS])
def test_every_part_in_both_formats(tmp_path: Path, variant: str, network: str, part: str) -> None:
    pytest.importorskip("onnxscript")
    pytest.importorskip("onnxruntime")
    trained = untrained(tmp_path, variant, network)
    if (part == "sampler" and trained.model.prior is None) or (part == "indices" and not trained.model.quantized):
        return
    for kind in exporting.SUFFIXES:
        export(trained, kind, part)


@pytest.mark.parametrize("kind", ["torch_export", pytest.param("onnx", marks=pytest.mark.slow)])
@pytest.mark.parametrize(
    "variant, part, said", [("vae", "encoder", "[N, 12]"), ("vae", "sampler", "[N, 1, 8, 8]"),
                            ("vq_vae", "indices", "[N, 1, 3]"), ("fsq", "indices", "[N, 1, 3]")]
)  # fmt: skip
def test_means_samplers_and_indices(tmp_path: Path, variant: str, part: str, said: str, kind: str) -> None:
    trained = untrained(tmp_path, variant, "mlp")
    line = export(trained, kind, part, tmp_path / "part")
    assert f" to {said};" in line
    x = torch.rand(31, *SHAPE)
    noise = torch.randn(31, 12)
    given = noise if part == "sampler" else x
    wanted = {"encoder": trained.encode, "sampler": trained.decode, "indices": trained.indices}[part](given)
    if kind == "onnx":
        session = pytest.importorskip("onnxruntime").InferenceSession(tmp_path / "part")
        [found] = session.run(None, {exporting.NAMES[part][0]: given.numpy()})
    else:
        found = torch.export.load(tmp_path / "part").module()(given).detach().numpy()
    np.testing.assert_allclose(found, wanted, rtol=1e-5, atol=1e-6)
    assert found.dtype == (np.int64 if part == "indices" else np.float32)
    assert part != "encoder" or np.allclose(wanted, trained.encode(x)), "the mean, nothing drawn"
    assert part != "sampler" or np.allclose(trained.sample(3), trained.decode(
        np.random.default_rng(0).standard_normal((3, 12)).astype(np.float32)))  # fmt: skip


@pytest.mark.parametrize(
    "variant, part, told",
    [("rae", "sampler", "have no prior to draw from; use which=decoder"), ("vae", "indices", "have no codewords")],
)
def test_what_a_variant_has_not_is_one_line(tmp_path: Path, variant: str, part: str, told: str) -> None:
    with pytest.raises(UserError, match=f"which={part}: the codes of .*{told}") as caught:
        export(untrained(tmp_path, variant, "mlp"), "torch_export", part)
    assert "\n" not in str(caught.value) and not (tmp_path / "exports").exists()


def test_onnx_gives_the_same_numbers(tmp_path: Path) -> None:
    runtime = pytest.importorskip("onnxruntime")
    pytest.importorskip("onnxscript")
    preprocessing = Preprocessing()
    preprocessing.offset, preprocessing.scale = torch.rand(64).double() * 100, torch.rand(64).double() + 0.01
    trained = untrained(tmp_path, "k_sparse", "conv", preprocessing)
    x = (np.random.default_rng(0).random((23, *SHAPE)) * 100).astype(np.float32)
    code = trained.encode(x)
    for part, given, wanted in (
        ("encoder", x, code),
        ("decoder", code, trained.decode(code)),
        ("autoencoder", x, trained.reconstruct(x)),
    ):
        path = tmp_path / f"{part}.onnx"
        export(trained, "onnx", part, path)
        session = runtime.InferenceSession(path, providers=["CPUExecutionProvider"])
        names = [value.name for value in (*session.get_inputs(), *session.get_outputs())]
        assert tuple(names) == exporting.NAMES[part]
        assert session.get_inputs()[0].shape[1:] == list(given.shape[1:])
        for size in (1, 23):
            [found] = session.run(None, {names[0]: given[:size]})
            np.testing.assert_allclose(found, wanted[:size], rtol=1e-4, atol=1e-4 * np.abs(wanted).max())


def test_a_table_is_standardised_and_filled_within_the_file(tmp_path: Path) -> None:
    x = np.random.default_rng(0).normal([1000, -0.01, 3], [50, 0.001, 1], (200, 3)).astype(np.float32)
    x[::7, 1] = np.nan
    np.savetxt(tmp_path / "own.csv", x, "%.7g", ",", header="a,b,c", comments="")
    config = compose_tiny(tmp_path, "data=table", f"data.path={tmp_path}/own.csv", "data.missing=mean")
    run(config, [])
    trained = aelab.load_run(directory_of(config))
    export(trained, "torch_export", "autoencoder", tmp_path / "model.pt2")
    module: Any = torch.export.load(tmp_path / "model.pt2").module()
    np.testing.assert_allclose(module(torch.from_numpy(x)).detach(), trained.reconstruct(x), rtol=1e-5)


def test_other_numbers_than_the_runs_leave_no_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    trained = untrained(tmp_path, "undercomplete", "mlp")
    monkeypatch.setattr(exporting, "_read_torch", lambda path: lambda x: trained.encode(x) * 1.001)
    with pytest.raises(UserError, match=r"the exported encoder is .* off the run's numbers; nothing is kept"):
        export(trained, "torch_export")
    monkeypatch.setattr(exporting, "_read_torch", lambda path: lambda x: np.full((len(x), 12), np.nan))
    with pytest.raises(UserError, match="the exported encoder is nan off"):
        export(trained, "torch_export")
    monkeypatch.setattr(exporting, "_read_torch", lambda path: lambda x: np.zeros((3, 12)))
    with pytest.raises(UserError, match=r"the exported encoder gives \(3, 12\) for \(1, 12\)"):
        export(trained, "torch_export")
    assert not list((tmp_path / "exports").iterdir())


def test_a_package_that_is_missing_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = builtins.__import__

    def without(name: str, *rest: Any) -> Any:
        if name.startswith("onnx"):
            raise ImportError(name=name)
        return whole(name, *rest)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(UserError, match=r'format=onnx: needs onnxscript, .*pip install "aelab\[onnx\]"'):
        export(untrained(tmp_path, "undercomplete", "linear"), "onnx")


# --- the command line ---


def command(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> int:
    monkeypatch.setattr(sys, "argv", ["export.py", *arguments])
    for name, value in {"HYDRA_FULL_ERROR": "0", "OMP_WAIT_POLICY": "PASSIVE"}.items():  # which the command sets
        monkeypatch.setenv(name, value)
    return export_cli.main()


@pytest.fixture(scope="module")
def replicated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    config = compose_tiny(tmp_path_factory.mktemp("replicated"), "replicas=initializations", "replicas.count=2")
    run(config, [])
    return directory_of(config)


def test_the_command_exports_a_replica(
    replicated: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    arguments = (f"run={replicated}", "format=torch_export", "replica=1", "path=second.pt2")
    assert command(monkeypatch, *arguments) == 0
    assert capsys.readouterr().out.startswith("second.pt2: float32 [N, 1, 8, 8] to [N, 4]")
    assert [path.name for path in tmp_path.iterdir()] == ["second.pt2"]
    module: Any = torch.export.load(tmp_path / "second.pt2").module()
    x = torch.rand(5, *SHAPE)
    first, second = (aelab.load_run(replicated, replica=k).encode(x) for k in (0, 1))
    np.testing.assert_allclose(module(x).detach(), second, rtol=1e-5, atol=1e-6)
    assert not np.allclose(first, second)


def test_the_codes_of_a_runs_data_are_data(
    replicated: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert command(monkeypatch, f"run={replicated}", "format=codes", "replica=1", "path=codes.npz") == 0
    assert capsys.readouterr().out.startswith("codes.npz: ")
    trained = aelab.load_run(replicated, replica=1)
    data = build_data(OmegaConf.create(trained.manifest["config"]))
    with np.load(tmp_path / "codes.npz", allow_pickle=False) as found:
        for part in PARTS_OF_DATA:
            rows = found["part"] == part
            np.testing.assert_array_equal(found["x"][rows], trained.encode(data.examples(part)))
            np.testing.assert_array_equal(found["y"][rows], data.labels[part])
    config = compose_tiny(tmp_path, "data=arrays", f"data.path={tmp_path}/codes.npz", "model=top_k", "model.k=2")
    assert build_data(config).shape == (4,)
    run(config, [])


@pytest.mark.parametrize(
    "arguments, line",
    [
        (("format=onnx",), "run: name the directory of a finished run"),
        (("run=nowhere",), "format: choose onnx, torch_export or codes"),
        (("run=nowhere", "format=onnx"), "nowhere: no run here"),
        (("run={run}", "format=onxx"), "format=onxx: did you mean onnx?"),
        (("run={run}", "format=code"), "format=code: did you mean codes?"),
        (("run={run}", "format=onnx", "which=encode"), "which=encode: did you mean encoder?"),
        (("run={run}", "format=onnx", "replica=2"), "replica=2: the run has replicas 0 to 1"),
        (("run={run}", "format=onnx", "replica=first"), "replica=first: must be a number"),
        (("run={run}", "format=torch_export", "path={run}/manifest.json/x"), "path="),
        (("run={run}", "format=codes", "path={run}/manifest.json/x.npz"), "path="),
        (("run={run}", "format=codes", "path=codes.txt"), "path=codes.txt: written as .npz, .csv or .parquet"),
        (("run={run}", "frmat=onnx"), "frmat=onnx: unknown key"),
    ],
)
def test_the_command_refuses_in_one_line(
    replicated: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    arguments: tuple[str, ...],
    line: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    assert command(monkeypatch, *(argument.format(run=replicated) for argument in arguments)) == 1
    captured = capsys.readouterr()
    assert not captured.out and len(captured.err.splitlines()) == 1 and captured.err.startswith(line), captured.err
    assert not list(tmp_path.iterdir())


def test_a_lone_model_has_no_replicas(tmp_path: Path) -> None:
    config = compose_tiny(tmp_path)
    run(config, [])
    with pytest.raises(UserError, match=r"replica=1: .* is one model; it was not trained with replicas"):
        aelab.load_run(directory_of(config), replica=1)
