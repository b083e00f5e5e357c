"""A mistake costs one line: what cannot be meant is refused before anything of a run is begun, and leaves nothing."""

from __future__ import annotations

import gzip
import io
import json
import logging
import os
import re
import shlex
import struct
import subprocess
import sys
import threading
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

import hydra
import numpy as np
import pytest
import torch
from hydra.core.singleton import Singleton
from omegaconf import OmegaConf
from run_files import directory_of
from tiny_runs import TINY, compose_tiny

from aelab.cli import evaluate as evaluation_cli
from aelab.cli import export as export_cli
from aelab.cli import train as cli
from aelab.cli.refusals import forget
from aelab.config.checking import check
from aelab.config.objects import composing, conf_dir
from aelab.errors import UserError
from aelab.runs.checkpoints import load_checkpoint
from aelab.runs.claim import claim
from aelab.runs.identity import run_id

ROOT = Path(__file__).parents[2]
QUICK = ("data=digits", "network.hidden=[16]", "network.code_size=4", "trainer.max_epochs=1")
"""With W&B, which must not be started either."""

Command = Callable[..., tuple[int, list[str]]]


@pytest.fixture
def command(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Iterator[Command]:
    """``command(*words)``: status and lines on stderr of ``scripts/train.py``, or of another program, in tmp_path."""
    place = tmp_path / "here"
    place.mkdir()
    monkeypatch.chdir(place)
    root = logging.getLogger()
    hydra_state, handlers, level = Singleton.get_state(), root.handlers[:], root.level

    def given(*words: str, program: Callable[[], int] = cli.train) -> tuple[int, list[str]]:
        monkeypatch.setenv("HYDRA_FULL_ERROR", "0")
        monkeypatch.setattr(sys, "argv", ["train.py", *words])
        capsys.readouterr()
        try:
            status = program()
        except SystemExit as end:
            status = int(str(end.code))
        finally:
            Singleton.set_state(hydra_state)
            for handler in root.handlers:
                if handler not in handlers:
                    handler.close()
            root.handlers[:], root.level = handlers, level
        return status, capsys.readouterr().err.splitlines()

    yield given


def left(place: Path = Path()) -> list[str]:
    return sorted(str(path) for path in place.rglob("*"))


UNKNOWN = "unknown key; .* takes no such value; leave it out"
CASES = {
    # types
    "network.code_size=abc": "network.code_size=abc: must be int; the default is network.code_size=32",
    "network.code_size=0": "network.code_size=0: must be at least 1",
    "network.code_size=true": "network.code_size=true: must be int",
    "network.hidden=abc": r"network.hidden=abc: must be a list of int; the default is network.hidden=\[256\]",
    "network.hidden=[16,0]": r"network.hidden=\[16, 0\]: every width must be at least 1",
    "network.hidden=[-1]": r"network.hidden=\[-1\]: every width",
    "network.hidden=[[3]]": r"network.hidden=\[\[3\]\]: must be a list of int",
    "network.hidden=null": "network.hidden=null: must be a list of int",
    "network.activation=rulu": "network.activation=rulu: unknown activation; choose one of .*relu",
    "network.tied=3": "network.tied=3: must be bool",
    "data.batch_size=0": "data.batch_size=0: must be at least 1",
    "data.batch_size=1.5": "data.batch_size=1.5: must be int; the default is data.batch_size=128",
    "data.batch_size=true": "data.batch_size=true: must be int",
    "data.train_size=abc": "data.train_size=abc: must be int or null",
    "data.train_size=100000": "data.train_size=100000: must be from 1 to 1293",
    "data.split_seed=-1": "data.split_seed=-1: must be a whole number of at least 0",
    "seed=9223372036854775808": r"seed=9223372036854775808: must be a whole number from 0 to 2\*\*63 - 1, like seed=0",
    "seed=-1": "seed=-1: must be a whole number",
    "seed=1.5": "seed=1.5: must be a whole number",
    "seed=abc": "seed=abc: must be a whole number",
    "force=abc": "force=abc: must be true or false, like force=false",
    "paths.outputs=null": "paths.outputs=null: must be text, like paths.outputs=outputs",
    "callbacks.pictures_every=-1": "callbacks.pictures_every=-1: must be a whole number of at least 0",
    "callbacks.early_stopping=0": "callbacks.early_stopping=0: must be a whole number of at least 1, or null",
    "logger.mode=foo": "logger.mode=foo: must be auto, online or offline",
    "logger.tags=abc": "logger.tags=abc: must be a list of text",
    # numbers that are none, or impossible
    "model=relu_l1 model.rate=nan": "model.rate=nan: must be a finite number; leave model.rate out",
    "model=relu_l1 model.rate=-1": "model.rate=-1: must be 0 or more",
    "model=relu_l1 model.rate=inf": "model.rate=inf: must be a finite number",
    "model=sparse_l1 model.weight=nan": "model.weight=nan: must be a finite number",
    "model=k_sparse model.k=99": "model.k=99: must be between 1 and network.code_size=4",
    "model=weight_decay model.unit_weights=[1,1,1,nan]": "model.unit_weights=nan: must be a finite number",
    "corruption=masking corruption.probability=2": "corruption.probability=2: must be a probability",
    "corruption=masking corruption.probability=nan": "corruption.probability=nan: must be a finite number",
    "optimizer.lr=nan": "optimizer.lr=nan: must be a finite number",
    "optimizer.lr=0": "optimizer.lr=0: must be a number above 0, like optimizer.lr=0.001",
    "optimizer.lr=-1": "optimizer.lr=-1: must be a number above 0",
    "+optimizer.betas=[2,0.9]": r"optimizer.betas=\[2, 0.9\]: Invalid beta parameter at index 0: 2; leave",
    "+optimizer.betas=3": "optimizer.betas=3: must be a list of 2 values",
    "data.val_fraction=1": "data.val_fraction=1: must be at least 0 and below 1",
    "data.val_fraction=nan": "data.val_fraction=nan: must be a finite number",
    "callbacks.pictures_every={a:1}": "callbacks.pictures_every=.*: must be a whole number",
    "trainer.steps_per_execution={a:1}": "trainer.steps_per_execution=.*: must be auto or",
    "initialization=sparse initialization.connections=0": "initialization.connections=0: must be a whole number",
    "pretraining=rbm pretraining.std=-1": "pretraining.std=-1: must be a number above 0",
    "pretraining=greedy pretraining.lr=0": "pretraining.lr=0: must be a number above 0, or null",
    "optimizer=cg scheduler=none optimizer.tolerance=-1": "optimizer.tolerance=-1: must be a number of 0 or more",
    "optimizer=lbfgs optimizer.line_search_fn=abc": "optimizer.line_search_fn=abc: must be strong_wolfe or null",
    "scheduler=plateau scheduler.factor=2": "scheduler.factor=2: must be between 0 and 1",
    "pretraining=rbm pretraining.steps=0 network.activation=sigmoid": "layer 1 of 2: pretraining.steps=0: must be",
    # the trainer
    "trainer.max_epochs=-1": "trainer.max_epochs=-1: would never end; give a number, like trainer.max_epochs=30",
    "trainer.max_epochs=null": "trainer.max_epochs=null: would never end",
    "trainer.max_epochs=-5": "trainer.max_epochs=-5: must be 0",
    "trainer.check_val_every_n_epoch=0": "trainer.check_val_every_n_epoch=0: must be a whole number of at least 1",
    "trainer.check_val_every_n_epoch=9": "trainer.check_val_every_n_epoch=9: no epoch would be validated",
    "trainer.num_nodes=2": "trainer.num_nodes=2: the other machines do not know .* or use trainer.num_nodes=1",
    "trainer.gradient_clip_val=-1": "trainer.gradient_clip_val=-1: must be a number of 0 or more, or null",
    "trainer.max_time=1h": "trainer.max_time=1h: must be days:hours:minutes:seconds, or null",
    "monitor=test/error": "monitor=test/error: must be a metric of validation, or null",
    "trainer.gradient_clip_val=nan": "trainer.gradient_clip_val=nan: must be a finite number",
    "trainer.precision=abc": "trainer.precision=abc: must be one of .*32-true",
    "trainer.strategy=abc": "trainer.strategy=abc: You selected an invalid strategy name",
    "trainer.steps_per_execution=abc": "trainer.steps_per_execution=abc: must be auto or",
    "+trainer.limit_train_batches=-1": "trainer.limit_train_batches=-1: You have passed invalid value",
    "+trainer.foo=3": f"trainer.foo=3: {UNKNOWN}",
    "+trainer.logger=true": "trainer.logger=true: aelab sets this itself; leave it out",
    # devices
    "trainer.accelerator=hpu": "trainer.accelerator=hpu: choose one of cpu, gpu",
    "trainer.devices=0": "trainer.devices=0: must be a number of devices",
    "trainer.devices=[0,0]": r"trainer.devices=\[0, 0\]: must be .*different",
    "trainer.devices=-1": "trainer.devices=-1: on cores a number of processes",
    "trainer.devices=abc": "trainer.devices=abc: must be a number of devices",
    # replicas
    "replicas=bootstrap replicas.vary=abc": r"replicas.vary=abc: must be keys .*like replicas.vary='\{model.weight",
    "replicas=bootstrap replicas.vary=[1]": r"replicas.vary=\[1\]: must be keys",
    "replicas=bootstrap 'replicas.vary={network.code_size:3}'": r"code_size:3\}: must be a list of values, like",
    "replicas=bootstrap 'replicas.vary={model:{weight:[1]}}'": "replicas.vary.*must be a list",
    "replicas=bootstrap 'replicas.vary={network.code_size:[2,0]}'": "network.code_size=0: must be at least 1",
    "replicas=bootstrap 'replicas.vary={optimizer.lr:[0.1,-1]}'": "optimizer.lr=-1: must be a number above 0",
    "replicas=bootstrap replicas.count=1": "replicas.count=1: one model has no variance",
    # keys without effect
    "+model.weight=3": f"model.weight=3: {UNKNOWN}",
    "model=top_k network.code_size=9 +model.rate=0.1": f"model.rate=0.1: {UNKNOWN}",
    "+model.seed=3": "model.seed=3: aelab sets this itself",
    "+data.path=x": f"data.path=x: {UNKNOWN}",
    "+nonsense=1": "nonsense=1: unknown key, which nothing makes use of; leave it out",
    "+sed=1": "sed=1: unknown key, which nothing makes use of; did you mean seed",
    "+evaluation.nonsense=1": "evaluation.nonsense=1: unknown key",
    "evaluation=retrieval +evaluation.retrieval.nonsense=1": f"evaluation.retrieval.nonsense=1: {UNKNOWN}",
    "replicas=nested +replicas.count=7": f"replicas.count=7: {UNKNOWN}",
    "+replicas.count=7": "replicas.count=7: unknown key, of which replicas=none makes no use",
    "size=paper": "size=paper: is of a recipe, and there is none; leave it out, or choose experiment=",
    "size=paper experiment=demo": "size=paper: experiment=demo has no such size; leave it out",
    "optimizer=cg scheduler=none +optimizer.lr=1": "optimizer.lr=1: unknown key; .*with '~optimizer.lr' where",
    "hydra.run.dir=x": "hydra.run.dir=x: .*paths.outputs=my/outputs sweep=my_sweep; leave hydra.run.dir out",
    "hydra.sweep.dir=x": "hydra.sweep.dir=x: ",
    "hydra.sweep.subdir=x": "hydra.sweep.subdir=x: ",
    "hydra.job.chdir=true": "hydra.job.chdir=true: ",
    "-m hydra.sweep.dir=x seed=0,1": "hydra.sweep.dir=x: ",
    # what does not go together
    "model=denoising corruption=none": "nothing to denoise",
    "network=conv initialization=pca": "initialization=pca: needs fully connected layers",
    "seed='???'": "cannot be resolved .*Missing mandatory value: seed.*; give a value",
    "model=null": "model=null: a run needs one",
    "~evaluation": "~evaluation: there is none to delete",
    # data
    "data=table data.path=nothing.csv": "data.path=nothing.csv: nothing is there",
    "data=streamed_table data.path=nothing.csv": "data.path=nothing.csv: nothing is there",
    "data=arrays data.path=nothing.npy": "data.path=nothing.npy: nothing is there",
    "data=image_folder data.path=nothing": "data.path=nothing: nothing is there",
    "+data.path='${nowhere}'": r"data.path=\$\{nowhere\}: cannot be resolved .*; give a value",
    "data=arrays": "data.path is not set; name a .npy",
    "data=movies": "data=movies: data/movies.csv is not there; get it",
    "data=adbench": "data.table=cardio: no .* fetch it",
}
GROUPS = (
    "model", "network", "corruption", "error", "initialization", "pretraining", "data", "replicas", "optimizer",
    "scheduler", "callbacks", "logger",
)  # fmt: skip
for _group in (*GROUPS, "paths"):
    CASES[f"+{_group}.nonsense=1"] = f"{_group}.nonsense=1: unknown key.*leave it out"
for _group in ("model", "error", "corruption", "initialization", "pretraining", "optimizer", "scheduler", "logger",
               "paths", "replicas"):  # fmt: skip
    CASES[f"~{_group}"] = f"~{_group}: deleted; a run needs one, like {_group}="
for _group in ("data", "network", "trainer"):
    CASES[f"~{_group} "] = f"~{_group}: deleted; a run needs one"
if not torch.cuda.is_available():
    for _chosen in ("trainer=gpu", "trainer=ddp", "trainer.accelerator=cuda", "trainer.accelerator=tpu"):
        CASES[_chosen] = r"trainer.accelerator=(gpu|cuda|tpu): there is none here .* use trainer=cpu"


SOME = [case if index % 4 == 0 else pytest.param(case, marks=pytest.mark.slow) for index, case in enumerate(CASES)]


@pytest.mark.parametrize("words", SOME)
def test_a_mistake_is_one_line_and_leaves_nothing(command: Command, words: str) -> None:
    given = shlex.split(words)
    multirun = given[:1] == ["-m"]  # which goes first
    status, said = command(*given[:multirun], *QUICK, *given[multirun:])
    assert status == 1
    [line] = said
    assert re.search(CASES[words], line), line
    assert len(line) < 1000
    assert left() == []


@pytest.mark.parametrize("name", ["mnist", "cifar10", "olivetti"])
def test_data_without_a_network_leave_nothing(command: Command, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    import socket

    def nobody(*arguments: object, **settings: object) -> None:
        raise socket.gaierror(-2, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", nobody)
    monkeypatch.setenv("SCIKIT_LEARN_DATA", "nowhere")
    status, [line] = command(*QUICK, f"data={name}")
    assert status == 1 and line.startswith(f"data={name}: ") and "could not be downloaded" in line
    assert "run once where there is a network, or " in line
    assert left() == []


def header(*shape: int) -> bytes:
    file = io.BytesIO()
    np.lib.format.write_array_header_1_0(file, {"descr": "<f4", "fortran_order": False, "shape": shape})
    return file.getvalue() + bytes(64)


def packed(**members: bytes) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        for name, content in members.items():
            archive.writestr(f"{name}.npy", content)
    return file.getvalue()


ROWS = ("a,b,y\n" + "".join(f"{i},{i % 7},{i % 3}\n" for i in range(2000))).encode()
DAMAGED = {
    "table label.csv data.label=y": (b"y\n1\n0\n1\n", "no column but that of the labels, data.label=y"),
    "streamed_table label.csv data.label=y": (b"y\n1\n0\n1\n", "no column but that of the labels, data.label=y"),
    "table cut.csv.gz": (gzip.compress(ROWS)[:-2000], "cannot be read"),
    "streamed_table cut.csv.gz": (gzip.compress(ROWS)[:-2000], "cannot be read"),
    "table no.csv.gz": (b"hello", "cannot be read"),
    "table empty.csv": (b"", "cannot be read"),
    "streamed_table one.csv": (b"a,b\n1,2\n", "1 example"),
    "table bytes.csv": (bytes(range(256)), "cannot be read"),
    "table no.parquet": (b"PAR1PAR1", "cannot be read"),
    "table x.txt": (ROWS, "not a .csv"),
    "arrays cut.npy": (header(100, 8), "cannot be read"),
    "arrays header.npy": (header(4, 4)[:10] + b"{garbage'" + header(4, 4)[19:], "cannot be read"),
    "arrays version.npy": (header(4, 4)[:6] + b"\x09\x00" + header(4, 4)[8:], "cannot be read"),
    "arrays exabytes.npy": (header(2**50, 784), "cannot be read"),
    "arrays beyond.npy": (header(2**70, 784), "cannot be read"),
    "arrays exabytes.npz": (packed(x=header(2**50, 784)), "cannot be read"),
    "arrays labels.npz": (packed(x=header(4, 4), y=header(2**60)), "cannot be read"),
    "arrays cut.npz": (packed(x=header(4, 4))[:-30], "cannot be read"),
    "arrays objects.npy": (header(3).replace(b"<f4", b"|O "), "cannot be read"),
    "arrays x.txt": (b"hi", "not a .npy or .npz"),
}


@pytest.mark.parametrize("words", DAMAGED)
def test_a_damaged_file_leaves_nothing(command: Command, tmp_path: Path, words: str) -> None:
    name, file, *more = words.split()
    content, message = DAMAGED[words]
    (tmp_path / file).write_bytes(content)
    status, [line] = command(*QUICK, f"data={name}", f"data.path={tmp_path / file}", *more)
    assert status == 1 and message in line and len(line) < 600
    assert left() == []


def test_mnist_that_is_cut_short_leaves_nothing(command: Command, tmp_path: Path) -> None:
    raw = tmp_path / "MNIST" / "raw"
    raw.mkdir(parents=True)
    for part, count in (("train", 50), ("t10k", 20)):
        images = struct.pack(">IIII", 0x803, count, 28, 28) + bytes(range(256)) * (count * 784 // 256 + 1)
        labels = struct.pack(">II", 0x801, count) + bytes(count)
        (raw / f"{part}-images-idx3-ubyte.gz").write_bytes(gzip.compress(images)[:-20])
        (raw / f"{part}-labels-idx1-ubyte.gz").write_bytes(gzip.compress(labels))
    status, [line] = command(*QUICK, "data=mnist", f"paths.data={tmp_path}")
    assert status == 1 and "train-images-idx3-ubyte.gz: damaged or cut short" in line
    assert left() == []


# --- what is there stays ---


def contents(directory: Path) -> dict[str, bytes]:
    """All of a run but what Hydra writes of each command."""
    files = (path for path in directory.rglob("*") if path.is_file() and ".hydra" not in path.parts)
    return {str(path.relative_to(directory)): path.read_bytes() for path in files if path.name != ".lock"}


@pytest.mark.skipif(torch.cuda.is_available(), reason="needs a machine without a GPU")
def test_an_earlier_run_stays_as_it_is(command: Command) -> None:
    assert command(*TINY) == (0, [])
    [directory] = Path("outputs/runs").glob("*/")
    before = contents(directory)
    assert command(*TINY, "trainer=gpu")[0] == 0, "complete already, wherever it was trained"
    status, [line] = command(*TINY, "trainer=gpu", "force=true")
    assert status == 1 and "there is none here" in line
    assert contents(directory) == before, "refused before it starts over"
    record = json.loads((directory / "manifest.json").read_text())
    (directory / "manifest.json").write_text(json.dumps(record | {"status": "interrupted"}))
    before = contents(directory)
    assert command(*TINY, "trainer=gpu")[0] == 1
    assert contents(directory) == before


def test_a_run_that_another_process_is_at_is_left_to_it(command: Command) -> None:
    directory = directory_of(compose_tiny(Path("outputs")))
    with claim(directory):
        status, [line] = command(*TINY, "+nonsense=1")
        assert status == 1 and "unknown key" in line, "another run"
        status, [line] = command(*TINY)
        assert status == 1 and "held by process" in line
        assert directory.is_dir()


def test_who_waits_for_a_run_that_is_refused_gets_a_directory_of_its_own(tmp_path: Path) -> None:
    directory, had = tmp_path / "run", []

    def second() -> None:
        with claim(directory, wait=True):
            had.append((directory / ".lock").exists())

    with claim(directory):
        waiting = threading.Thread(target=second)
        waiting.start()
        waiting.join(0.3)
        for path in directory.iterdir():  # as forget does, which has the claim
            path.unlink()
        directory.rmdir()
    waiting.join()
    assert had == [True]
    forget(directory)
    assert not directory.exists()


def test_folders_that_were_there_stay(command: Command) -> None:
    Path("outputs/runs").mkdir(parents=True)
    assert command(*QUICK, "network.code_size=abc")[0] == 1
    assert left() == ["outputs", "outputs/runs"]


# --- sweeps ---


def test_a_refused_job_of_a_sweep_costs_only_itself(command: Command) -> None:
    status, said = command("-m", *TINY, "network.code_size=2,abc,3")
    refused = "network.code_size=abc: must be int; the default is network.code_size=32"
    assert status == 1 and said == [refused, "refused, 1 of this sweep's jobs:", refused]
    runs = [json.loads(path.read_text()) for path in Path("outputs/runs").glob("*/manifest.json")]
    assert sorted(run["config"]["network"]["code_size"] for run in runs) == [2, 3]
    assert {path.name for path in Path("outputs/runs").glob("*/")} == {run["run_id"] for run in runs} | {"figures"}
    assert len(Path("outputs/runs/comparison.csv").read_text().splitlines()) == 3
    assert not list(Path("outputs/runs").glob(".refused*"))


@pytest.mark.parametrize("words", ["seed=-1,-2", "model=undercomplete,denoising corruption=none +nonsense=1,2",
                                   "trainer.max_epochs=-1,-2", "+data.path='${nowhere}' seed=0,1"])  # fmt: skip
def test_a_sweep_of_refused_jobs_leaves_nothing(command: Command, words: str) -> None:
    status, said = command("-m", *QUICK, *shlex.split(words))
    assert status == 1 and any(line.startswith("refused, ") for line in said)
    assert left() == []


def test_a_sweep_with_a_choice_that_there_is_not_leaves_nothing(command: Command) -> None:
    status, said = command("-m", *QUICK, "model=undercomplete,null")
    fix = "name a choice of that group, or leave it out for the default"
    assert (status, said) == (1, [f"model=undercomplete,null: a run needs one; {fix}"])
    assert left() == []


@pytest.mark.slow
def test_jobs_of_other_processes_are_told_of_at_the_end(tmp_path: Path) -> None:
    pytest.importorskip("joblib")
    done = subprocess.run(
        [sys.executable, ROOT / "scripts" / "train.py", "-m", *TINY, "hydra/launcher=parallel",
         "hydra.launcher.n_jobs=2", "network.code_size=2,0,3"],
        cwd=tmp_path, capture_output=True, text=True, env=dict(os.environ),
    )  # fmt: skip
    refused = "network.code_size=0: must be at least 1"
    assert done.returncode == 1 and done.stderr.splitlines()[-2:] == ["refused, 1 of this sweep's jobs:", refused]
    assert len(list(tmp_path.glob("outputs/runs/*/manifest.json"))) == 2
    assert not list(tmp_path.glob("outputs/runs/.refused*"))


# --- the other programs ---


@pytest.mark.parametrize(
    "program, words, message",
    [
        (evaluation_cli.main, "run=nowhere evaluation=retrieval", "run=nowhere: no run here"),
        (evaluation_cli.main, "run=nowhere evaluation=retrieval +nonsense=1", "nonsense=1: unknown key"),
        (evaluation_cli.main, "run=nowhere evaluation=retrieval force=abc", "force=abc: must be true or false"),
        (evaluation_cli.main, "run=nowhere evaluation=retrieval hydra.run.dir=x", "hydra.run.dir=x: "),
        (evaluation_cli.main, "run=nowhere evaluation=nope", "evaluation=nope: no such choice"),
        (export_cli.main, "run=nowhere format=onnx", "nowhere"),
        (export_cli.main, "run=nowhere format=onnx +nonsense=1", "nonsense=1: unknown key"),
        (export_cli.main, "run=nowhere format=onnx hydra.run.dir=x", "hydra.run.dir=x: "),
        (export_cli.main, "run=nowhere format=onnx replica=abc", "replica=abc: must be a number"),
    ],
)
def test_other_programs(command: Command, program: Callable[[], int], words: str, message: str) -> None:
    status, [line] = command(*shlex.split(words), program=program)
    assert status == 1 and message in line
    assert left() == []


@pytest.mark.parametrize(
    "settings, message",
    [
        ({"code_size": "abc"}, "network.code_size=abc: must be int"),
        ({"max_epochs": -1}, "trainer.max_epochs=-1: would never end"),
        ({"learning_rate": 0}, "optimizer.lr=0: must be a number above 0"),
        ({"learning_rate": float("nan")}, "optimizer.lr=nan: must be a finite number"),
        ({"hidden": [[3]]}, r"network.hidden=\[\[3\]\]: must be a list of int"),
        ({"random_state": -1}, "seed=-1: must be a whole number"),
        ({"overrides": ["+nonsense=1"]}, "nonsense=1: unknown key"),
        ({"overrides": ["+model.weight=3"]}, "model.weight=3: unknown key"),
        ({"overrides": ["trainer.devices=0"]}, "trainer.devices=0"),
        ({"overrides": ["size=paper"]}, "size=paper: is of a recipe"),
        ({"overrides": ["+optimizer.betas=[2,0.9]"]}, "Invalid beta parameter"),
    ],
)
def test_the_estimator_says_the_same(settings: dict[str, object], message: str) -> None:
    from aelab.sklearn import Autoencoder

    with pytest.raises(ValueError, match=message):
        Autoencoder(**settings).fit(np.random.default_rng(0).random((30, 5)))  # type: ignore[arg-type]


def test_the_line_about_a_pickled_checkpoint_gives_no_advice_to_load_it(tmp_path: Path) -> None:
    path = tmp_path / "last.ckpt"
    torch.save({"state_dict": {}, "pytorch-lightning_version": Path}, path)
    with pytest.raises(UserError, match=r"last\.ckpt: corrupt or not a checkpoint of aelab") as refused:
        load_checkpoint(path)
    assert "weights_only" not in str(refused.value) and "torch.load" not in str(refused.value)


# --- what is meant is not refused ---


def test_a_value_may_refer_to_another(command: Command) -> None:
    assert command(*TINY, "+width=7", "network.hidden=['${width}']", "scheduler=cosine") == (0, [])
    [record] = [json.loads(path.read_text()) for path in Path("outputs/runs").glob("*/manifest.json")]
    assert record["config"]["network"]["hidden"] == [7] and record["status"] == "complete"


RECIPES = sorted(path.stem for path in (conf_dir() / "experiment").glob("*.yaml"))


@pytest.mark.slow
@pytest.mark.parametrize("name", RECIPES)
def test_recipes_are_not_refused(name: str) -> None:
    sizes = [[]] + [["size=paper"]] * (conf_dir() / "size" / "paper" / f"{name}.yaml").is_file()
    for size in sizes:
        words = [f"experiment={name}", *size]
        with composing():
            config = hydra.compose("train", words)
            off = hydra.compose("train", [*words, "replicas=none", "pretraining=none", "logger=none"])
        check(config, words)
        check(off, words)


@pytest.mark.parametrize("group", [*GROUPS, "evaluation"])
def test_choices_are_not_refused(group: str) -> None:
    for path in sorted((conf_dir() / group).glob("*.yaml")):
        check(compose_tiny(Path("outputs"), f"{group}={path.stem}"))


def test_variables_of_ones_own_and_ends_of_other_kinds(monkeypatch: pytest.MonkeyPatch) -> None:
    for words in (
        ["+width=8", "network.hidden=['${width}']"],
        ["trainer.max_epochs=-1", "+trainer.max_time=00:01:00:00"],
        ["trainer.max_epochs=0"],
        ["+trainer.fast_dev_run=true", "trainer.check_val_every_n_epoch=9"],
        ["+paper={title: x}"],
    ):
        check(compose_tiny(Path("outputs"), *words), words)
    monkeypatch.setenv("MASTER_ADDR", "10.0.0.1")
    check(compose_tiny(Path("outputs"), "trainer.num_nodes=2"))


def test_more_devices_than_there_are(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    for good in ("1", "2", "-1", "auto", "[1]", "[0,1]"):
        check(compose_tiny(Path("outputs"), "trainer=gpu", f"trainer.devices={good}"))
    for bad in ("3", "[2]", "[0,5]"):
        with pytest.raises(UserError, match=r"trainer.devices=.*: there are 2 here; use trainer.devices=2"):
            check(compose_tiny(Path("outputs"), "trainer=gpu", f"trainer.devices={bad}"))


def test_names_of_runs_are_what_they_were() -> None:
    """Checking reads a config and changes nothing in it."""
    config = compose_tiny(Path("outputs"), "model=sparse_kl", "replicas=bootstrap")
    name, before = run_id(config), OmegaConf.to_yaml(config)
    check(config)
    assert (run_id(config), OmegaConf.to_yaml(config)) == (name, before)
