"""What others send: no link in a run is followed, no place that a manifest names is written, no secret gets out."""

from __future__ import annotations

import json
import os
import pickle
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from fake_runs import write_run
from html_page import Page
from omegaconf import OmegaConf
from PIL import Image
from run_files import directory_of
from tiny_runs import TINY, compose_tiny

import aelab
from aelab.cli.compare import main as compare
from aelab.config.objects import conf_dir, instantiate
from aelab.errors import UserError
from aelab.fitting.run import run
from aelab.runs.claim import claim
from aelab.runs.containment import check_contained
from aelab.trained.evaluate import _outputs, evaluate

SOURCE = Path(aelab.__file__).parent
PLACES = ("manifest.json", "metrics.jsonl", "pictures/code.png", "pictures", "checkpoints", "checkpoints/best.ckpt",
          ".lock", "train.log", "replicas/000/metrics.jsonl")  # fmt: skip


def test_nothing_in_the_source_can_unpickle() -> None:
    """Every way in that the libraries have is either not taken or taken with its safe setting."""
    unsafe = re.compile(
        r"torch\.load\((?!.*weights_only=True)|np\.load\((?!.*allow_pickle=False)"
        r"|^\s*(import|from) (pickle|joblib|dill)|read_pickle|yaml\.(unsafe_)?load|(?<!\.)\b(eval|exec)\("
        r"|load_from_checkpoint|shell=True|os\.system"
    )
    found = [
        f"{path.name}: {line.strip()}"
        for path in SOURCE.rglob("*.py")
        for line in path.read_text().splitlines()
        if unsafe.search(line)
    ]
    assert found == ["movies.py: import pickle"], "bytes of a package whose SHA-256 is known, checked before"


class Hostile:
    """Makes a folder when it is unpickled."""

    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self) -> Any:
        return os.mkdir, (str(self.mark),)


@pytest.mark.parametrize("name", ["cifar10", "svhn", "mnist", "arrays", "adbench"])
def test_data_of_a_stranger_run_nothing(name: str, tmp_path: Path) -> None:
    """CIFAR-10 comes pickled; torchvision holds it to its checksums before it reads it."""
    mark, content = tmp_path / "mark", pickle.dumps(Hostile(tmp_path / "mark"))
    kind: Any = instantiate("data", compose_tiny(tmp_path, f"data={name}", f"paths.data={tmp_path}").data)
    files = [*getattr(kind, "files", ()), "own.npy", "adbench/6_cardio.npz"]
    kind.path = str(tmp_path / "own.npy") if name == "arrays" else None
    for file in files:
        (tmp_path / file).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / file).write_bytes(content)
    with pytest.raises(UserError):
        kind.setup()
    assert not mark.exists()
    pickle.loads(content)
    assert mark.exists(), "the trap itself works"


# --- links ---


@pytest.mark.parametrize("place", PLACES)
def test_a_link_that_leads_out_is_not_followed(place: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    secret = tmp_path / "secret"
    if place in ("pictures", "checkpoints"):
        secret.mkdir()
        Image.new("L", (9, 9)).save(secret / "private_picture.png")
    elif place == "manifest.json":
        write_run(tmp_path / "secret_run", metrics={"test/error": 123.25})
        secret = tmp_path / "secret_run" / "manifest.json"
    else:
        secret.write_text('{"epoch": 0, "val/error": 123.25}\n')
    before = secret.read_bytes() if secret.is_file() else sorted(secret.iterdir())
    stranger = write_run(tmp_path / "sweep" / "stranger", metrics={"test/error": 1.0})
    write_run(tmp_path / "sweep" / "own", metrics={"test/error": 2.0}, seed=1)
    (stranger / place).parent.mkdir(exist_ok=True, parents=True)
    (stranger / place).unlink(missing_ok=True)
    (stranger / place).symlink_to(os.path.relpath(secret, (stranger / place).parent))

    told = f"{place} is a link to {secret}"
    for opened in (lambda: aelab.load_run(stranger), lambda: claim(stranger).__enter__()):
        with pytest.raises(UserError, match=re.escape(told)):
            opened()
    assert compare([str(tmp_path / "sweep")]) == 0
    assert compare([str(tmp_path / "sweep"), "--status"]) == 0
    said = capsys.readouterr().out
    assert "unreadable" in said and "is a link to" in " ".join(said.split())
    report = (tmp_path / "sweep" / "report.html").read_text()
    table = (tmp_path / "sweep" / "comparison.csv").read_text()
    assert told in report and "123.2" not in report + table and "private_picture" not in report
    assert ",unreadable," in table and ",complete," in table, "the other run is compared all the same"
    assert before == (secret.read_bytes() if secret.is_file() else sorted(secret.iterdir()))


def test_a_pipe_keeps_nobody_waiting(tmp_path: Path) -> None:
    stranger = write_run(tmp_path / "stranger")
    os.mkfifo(stranger / "metrics.jsonl")
    assert compare([str(tmp_path)]) == 0
    assert "metrics.jsonl is not a file" in (tmp_path / "report.html").read_text()


def test_links_within_a_run_and_to_a_run_are_fine(tmp_path: Path) -> None:
    own = write_run(tmp_path / "own")
    (own / "latest.json").symlink_to("manifest.json")
    (own / "deeper").mkdir()
    (own / "deeper" / "loop").symlink_to("../deeper")
    (tmp_path / "link").symlink_to("own")
    check_contained(own)
    check_contained(tmp_path / "link")
    check_contained(tmp_path / "missing")


def test_training_does_not_write_through_a_link(tmp_path: Path) -> None:
    """Hydra opens the log and writes the config before the run begins."""
    kept = tmp_path / "thesis.tex"
    kept.write_text("all of it")
    command = [sys.executable, str(Path(__file__).parents[2] / "scripts" / "train.py")]
    directory = directory_of(compose_tiny(tmp_path))
    directory.mkdir(parents=True)
    (directory / "train.log").symlink_to(kept)
    for several in ([], ["-m"]):
        done = subprocess.run(
            [*command, *several, *TINY, f"paths.outputs={tmp_path}"], capture_output=True, text=True, cwd=tmp_path
        )
        assert done.returncode == 1
        assert done.stderr.count("\n") == 1 and f"train.log is a link to {kept}" in done.stderr
    assert kept.read_text() == "all of it"
    assert [path.name for path in directory.iterdir()] == ["train.log"]


def test_figures_are_not_drawn_through_a_link(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_run(tmp_path / "sweep" / "a")
    (tmp_path / "own").mkdir()
    (tmp_path / "sweep" / "figures").symlink_to(tmp_path / "own")
    assert compare([str(tmp_path / "sweep")]) == 2
    assert "figures: a link, which is not followed" in capsys.readouterr().err
    assert not list((tmp_path / "own").iterdir())


# --- what a report shows ---

MARKUP = '<script>alert(1)</script><img src=x onerror=alert(2)>" onload="alert(3)" \'><b>&amp;'


def poisoned(node: Any) -> Any:
    """The same with markup in every key and every text."""
    if isinstance(node, dict):
        own = {key: poisoned(value) for key, value in node.items()}
        return own | {f"{key}{MARKUP}": value for key, value in list(own.items())[:3]} if node else own
    if isinstance(node, list):
        return [poisoned(value) for value in node]
    return f"{node}{MARKUP}" if isinstance(node, str) else node


@pytest.mark.parametrize("status", ["complete", "failed", MARKUP])
def test_no_text_of_a_manifest_becomes_markup(status: str, tmp_path: Path) -> None:
    error = {"type": "ValueError", "message": "m", "trace": "Traceback"}
    for index in range(2):
        name = f"{index}{MARKUP}".replace("/", "∕")
        directory = write_run(tmp_path / f"s{MARKUP}".replace("/", "∕") / name, metrics={"test/error": 1.0 + index})
        record = poisoned(json.loads((directory / "manifest.json").read_text()))
        settings = [
            {"values": {f"model.x{MARKUP}": MARKUP}, "metrics": {f"test/error{MARKUP}": 2.0, "test/error": 2.0}}
        ]
        entry = {"rows": [{"method": MARKUP, "metric": MARKUP, "value": 1.0, "low": 0.5, "high": 2.0}], "facts": {}}
        record |= {"status": status, "overrides": [f"model={MARKUP}"], "error": poisoned(error) if index else None}
        record |= {"evaluations": {MARKUP: entry}, "replicas": {"settings": settings} if index else None}
        record["config"]["logger"]["tags"] = [MARKUP]
        (directory / "manifest.json").write_text(json.dumps(record))
        (directory / "pictures").mkdir()
        Image.new("L", (9, 9), index).save(directory / "pictures" / f"{name}.png")
    assert compare([str(tmp_path)]) == 0
    page = Page(tmp_path / "report.html")
    assert not {"script", "b", "iframe", "link", "object"} & set(page.tags)
    sources = [value for name, value in page.attributes if name in ("src", "srcset", "href")]
    assert all(source.startswith("data:image/png;base64,") for source in sources)
    assert not [name for name, _ in page.attributes if name.startswith("on")]
    assert MARKUP[:25] in page.text, "shown as it is written"


# --- what a manifest says ---


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    config = compose_tiny(tmp_path_factory.mktemp("trained"), "data.train_size=200", "trainer.max_epochs=1")
    run(config, [])
    return directory_of(config)


def asked(directory: Path) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(directory.parent)
        wanted = OmegaConf.load(conf_dir() / "evaluation" / "code_health.yaml")
        evaluate(directory, OmegaConf.create({"code_health": wanted.get("code_health", wanted)}))  # type: ignore[arg-type]


Change = Callable[[dict[str, Any], Path], None]


def downloads(manifest: dict[str, Any], folder: Path) -> None:
    mnist = compose_tiny(folder, "data=mnist", f"paths.data={folder}/planted")
    manifest["config"]["data"] = OmegaConf.to_container(mnist.data, resolve=True)


def writes_rows(manifest: dict[str, Any], folder: Path) -> None:
    (folder / "own.csv").write_text("a,b\n" + "1,2\n" * 9)
    table = compose_tiny(folder, "data=streamed_table", f"data.path={folder}/own.csv", f"data.cache={folder}/planted")
    manifest["config"]["data"] = OmegaConf.to_container(table.data, resolve=True)


def reads_what_it_cannot_know(manifest: dict[str, Any], folder: Path) -> None:
    (folder / "own.csv").write_text("a,b\n" + "1,2\n" * 99)
    table = compose_tiny(folder, "data=table", f"data.path={folder}/own.csv")
    manifest["config"]["data"] = OmegaConf.to_container(table.data, resolve=True)
    del manifest["data"]["fingerprints"]


def asks_the_environment(manifest: dict[str, Any], folder: Path) -> None:
    manifest["config"]["model"]["name"] = "${oc.env:WANDB_API_KEY}"


@pytest.mark.parametrize(
    "change, told",
    [
        (downloads, "is not in"),
        (writes_rows, "the rows of .* are not there"),
        (reads_what_it_cannot_know, "does not tell which data these are"),
        (asks_the_environment, r"has '\$\{oc.env:WANDB_API_KEY\}' in it"),
    ],
)
def test_a_manifest_chooses_no_place_and_reads_no_secret(
    change: Change, told: str, trained: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WANDB_API_KEY", "planted-secret")
    manifest = json.loads((trained / "manifest.json").read_text())
    change(manifest, tmp_path)
    stranger = tmp_path / "runs" / trained.name
    stranger.mkdir(parents=True)
    (stranger / "checkpoints").mkdir()
    (stranger / "checkpoints" / "best.ckpt").write_bytes((trained / "checkpoints" / "best.ckpt").read_bytes())
    (stranger / "manifest.json").write_text(json.dumps(manifest))
    with pytest.raises(UserError, match=told) as caught:
        asked(stranger)
    assert "planted-secret" not in str(caught.value)
    assert not (tmp_path / "planted").exists()
    assert json.loads((stranger / "manifest.json").read_text()) == manifest


def test_the_runs_own_place_decides_where_its_tracker_writes(tmp_path: Path) -> None:
    assert _outputs(tmp_path / "outputs" / "runs" / "x", "runs") == tmp_path / "outputs"
    assert _outputs(tmp_path / "outputs" / "a" / "b" / "x", "a/b") == tmp_path / "outputs"
    for hostile in ("/", "../../..", "etc/cron.d", ""):
        assert _outputs(tmp_path / "outputs" / "runs" / "x", hostile) == tmp_path / "outputs"


# --- secrets ---


def test_no_secret_is_written_anywhere(tmp_path: Path) -> None:
    """A sweep with a failure, tracked, evaluated and compared, in an environment full of secrets."""
    secrets = {"WANDB_API_KEY": "a1b2c3d4e5" * 4, "AWS_SECRET_ACCESS_KEY": "planted-aws", "HF_TOKEN": "planted-hf",
               "MY_PASSWORD": "planted-password"}  # fmt: skip
    command = [sys.executable, str(Path(__file__).parents[2] / "scripts" / "train.py"), "-m", *TINY, "logger=wandb"]
    done = subprocess.run(
        [*command, "evaluation=code_health", "optimizer.lr=1e-3,1e300", f"paths.outputs={tmp_path}"],
        capture_output=True, text=True, cwd=tmp_path, env={**os.environ, **secrets, "WANDB_MODE": "offline"},
    )  # fmt: skip
    assert done.returncode == 1 and "2 runs: 1 complete, 1 failed." in done.stdout
    written = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert {"manifest.json", "train.log", "report.html", "comparison.csv"} <= {path.name for path in written}
    assert [path for path in written if path.suffix == ".wandb"]
    for path in written:
        content = path.read_bytes()
        assert not [name for name, secret in secrets.items() if secret.encode() in content], path
    assert not [secret for secret in secrets.values() if secret in done.stdout + done.stderr]
