"""What lies in a run, or where its config points: pipes, sockets, devices, links and pickles open nothing and stop
nobody."""

from __future__ import annotations

import json
import os
import pickle
import shutil
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import pytest
from earlier import varied_run
from fake_runs import write_run
from PIL import Image
from run_files import directory_of
from tiny_runs import compose_tiny

import aelab
from aelab.building.build import build_data
from aelab.cli.compare import main as compare
from aelab.comparison.runs import read_runs
from aelab.config.objects import instantiate
from aelab.data.files.images import find_images
from aelab.data.olivetti import read_faces
from aelab.errors import UserError
from aelab.fitting.run import run
from aelab.machines import regular_files
from aelab.machines.regular_files import NotRegular, list_inside, open_inside, open_regular, read_inside


def fifo(path: Path) -> None:
    os.mkfifo(path)


def bound_socket(path: Path) -> None:
    here = os.getcwd()
    os.chdir(path.parent)  # the name of a socket is short
    with socket.socket(socket.AF_UNIX) as one:
        one.bind(path.name)
    os.chdir(here)


def endless(path: Path) -> None:
    path.symlink_to("/dev/zero")


def waiting(path: Path) -> None:
    os.mkfifo(f"{path}-pipe")
    path.symlink_to(f"{path}-pipe")


def loop(path: Path) -> None:
    path.symlink_to(path.name)


def folder(path: Path) -> None:
    path.mkdir()


ODD: dict[str, Callable[[Path], None]] = {
    "a pipe": fifo,
    "a socket": bound_socket,
    "a link to a device": endless,
    "a link to a pipe": waiting,
    "a link to itself": loop,
    "a folder": folder,
}


@pytest.fixture(autouse=True)
def _within_seconds() -> Iterator[None]:
    began = time.monotonic()
    yield
    assert time.monotonic() - began < 60, "somebody waited"


@pytest.mark.parametrize("odd", ODD)
def test_only_regular_files_are_opened(odd: str, tmp_path: Path) -> None:
    ODD[odd](tmp_path / "x")
    with pytest.raises(OSError):
        open_regular(tmp_path / "x")
    with pytest.raises(OSError):
        open_inside(tmp_path, "x")
    assert "x" not in list_inside(tmp_path)


def test_a_link_is_followed_for_the_user_and_not_within_a_run(tmp_path: Path) -> None:
    (tmp_path / "own" / "pictures").mkdir(parents=True)
    (tmp_path / "own" / "pictures" / "a.png").write_bytes(b"a")
    (tmp_path / "own" / "link").symlink_to("pictures/a.png")
    (tmp_path / "own" / "other").symlink_to("pictures")
    with open_regular(tmp_path / "own" / "link") as file:
        assert file.read() == b"a"
    assert read_inside(tmp_path / "own", "pictures", "a.png", limit=1) == b"a"
    with pytest.raises(NotRegular, match="larger than the 0 bytes"):
        read_inside(tmp_path / "own", "pictures", "a.png", limit=0)
    for parts in (("link",), ("other", "a.png"), ("..", "own2"), ("missing",)):
        with pytest.raises(OSError):
            open_inside(tmp_path / "own", *parts)
    assert list_inside(tmp_path / "own", "other") == [] and list_inside(tmp_path / "own", "pictures") == ["a.png"]


@pytest.mark.parametrize("odd", ["a pipe", "a link to a device"])
def test_what_is_put_there_between_question_and_answer_is_not_opened(
    odd: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The file is exchanged after it was looked at and before it is opened."""
    (tmp_path / "x").write_text("own")
    looked_at = os.stat

    def exchanged(*arguments: Any, **settings: Any) -> os.stat_result:
        told = looked_at(*arguments, **settings)
        (tmp_path / "x").unlink()
        ODD[odd](tmp_path / "x")
        return told

    monkeypatch.setattr(regular_files.os, "stat", exchanged)
    with pytest.raises(OSError):
        open_inside(tmp_path, "x")
    monkeypatch.setattr(regular_files.os, "stat", looked_at)


# --- a run in a comparison ---


@pytest.mark.parametrize("place", ["pictures/x.png", "pictures", "metrics.jsonl", "manifest.json", ".lock"])
@pytest.mark.parametrize("odd", ODD)
def test_a_run_that_holds_something_odd_is_a_row_that_shows_nothing(
    odd: str, place: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    stranger = write_run(tmp_path / "s" / "stranger", metrics={"test/error": 123.25}, curve=[123.25])
    write_run(tmp_path / "s" / "own", metrics={"test/error": 2.0}, seed=1)
    (stranger / "pictures").mkdir()
    Image.new("L", (9, 9)).save(stranger / "pictures" / "private.png")
    target = stranger / place
    if target.is_dir():
        shutil.rmtree(target)
    target.unlink(missing_ok=True)
    ODD[odd](target)
    assert compare([str(tmp_path / "s")]) == 0 and compare([str(tmp_path / "s"), "--status"]) == 0
    table, report = ((tmp_path / "s" / name).read_text() for name in ("comparison.csv", "report.html"))
    harmless = odd == "a folder" and place in ("pictures", ".lock")
    gone = odd == "a folder" and place == "manifest.json"  # then it is no run
    assert ",complete," in table and (gone or harmless or ",unreadable," in table)
    if not harmless:
        assert (
            "123.2" not in table + report
            and "private" not in report
            and "image/png" not in report.partition("Runs<")[2]
        )
    with pytest.raises(UserError):
        aelab.load_run(stranger)


def test_a_link_that_comes_after_the_check_shows_nothing(tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.mkdir()
    Image.new("L", (9, 9)).save(secret / "x.png")
    (secret / "metrics.jsonl").write_text('{"epoch": 0, "val/error": 1.0}\n')
    (found,) = read_runs(write_run(tmp_path / "stranger"))
    (tmp_path / "stranger" / "pictures").symlink_to(secret)
    (tmp_path / "stranger" / "metrics.jsonl").symlink_to(secret / "metrics.jsonl")
    assert found.pictures() == [] and found.picture("x.png") is None and found.history() == []


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    config = compose_tiny(tmp_path_factory.mktemp("trained"), "data.train_size=200", "trainer.max_epochs=1")
    run(config, [])
    return directory_of(config)


@pytest.mark.parametrize("place", ["checkpoints/best.ckpt", "manifest.json", "checkpoints"])
@pytest.mark.parametrize("odd", ODD)
def test_a_checkpoint_or_manifest_that_is_no_file_is_one_line(
    odd: str, place: str, trained: Path, tmp_path: Path
) -> None:
    stranger = Path(shutil.copytree(trained, tmp_path / "stranger"))
    if (stranger / place).is_dir():
        shutil.rmtree(stranger / place)
    else:
        (stranger / place).unlink()
    ODD[odd](stranger / place)
    with pytest.raises(UserError) as caught:
        aelab.load_run(stranger)
    assert str(caught.value).isprintable()


# --- data.path ---


@pytest.mark.parametrize("data", ["arrays", "table", "streamed_table", "image_folder", "natural_patches"])
@pytest.mark.parametrize("odd", [odd for odd in ODD if odd != "a folder"])
def test_a_data_path_that_is_no_file_is_one_line(data: str, odd: str, tmp_path: Path) -> None:
    place = tmp_path / {"arrays": "x.npy", "table": "x.csv", "streamed_table": "x.csv"}.get(data, "x")
    ODD[odd](place)
    config = compose_tiny(tmp_path, f"data={data}", f"data.path={place}", *(
        [f"data.cache={tmp_path}/cache"] if data == "streamed_table" else []))  # fmt: skip
    with pytest.raises(UserError, match=r"data\.path="):
        build_data(config)


@pytest.mark.parametrize("odd", [odd for odd in ODD if odd != "a folder"])
def test_what_lies_in_a_folder_of_pictures_or_data_is_one_line(
    odd: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pictures = tmp_path / "pictures"
    pictures.mkdir()
    for index in range(8):
        Image.new("L", (9, 9), index).save(pictures / f"{index}.png")
    ODD[odd](pictures / "9.png")
    (tmp_path / "adbench").mkdir()
    ODD[odd](tmp_path / "adbench" / "6_cardio.npz")
    config = compose_tiny(tmp_path, "data=image_folder", f"data.path={pictures}", "data.num_workers=0")
    data = instantiate("data", config.data)
    data.setup()
    if odd == "a link to itself":
        assert "left out 1 name that cannot be opened or lead nowhere, such as 9.png" in capsys.readouterr().out
        assert sum(data.size(part) for part in ("train", "val", "test")) == 8
    else:
        with pytest.raises(UserError, match=r"9\.png: not a readable image"):
            for part in ("train", "val", "test"):
                data.examples(part)
    with pytest.raises(UserError, match=r"cardio"):
        build_data(compose_tiny(tmp_path, "data=adbench", f"paths.data={tmp_path}"))
    for name in ("mnist", "cifar10", "svhn", "olivetti", "movies"):
        kind: Any = instantiate("data", compose_tiny(tmp_path, f"data={name}", f"paths.data={tmp_path}/d").data)
        for file in getattr(kind, "files", ("movies.csv",)):
            (tmp_path / "d" / file).parent.mkdir(parents=True, exist_ok=True)
            if not os.path.lexists(tmp_path / "d" / file):
                ODD[odd](tmp_path / "d" / file)
        with pytest.raises(UserError, match=r"is not (in|there)"):
            kind.read()


def test_links_back_to_a_folder_of_pictures_lead_nowhere(tmp_path: Path) -> None:
    (tmp_path / "a" / "b").mkdir(parents=True)
    Image.new("L", (9, 9)).save(tmp_path / "a" / "b" / "x.png")
    for name in "cdefg":
        (tmp_path / "a" / "b" / name).symlink_to("..")
    (tmp_path / "h").symlink_to("a/b")
    assert find_images(tmp_path) == ["a/b/x.png", "h/x.png"] or "a/b/x.png" in find_images(tmp_path)
    assert len(find_images(tmp_path)) < 10


# --- pickles ---


class Hostile:
    """Makes a folder when it is unpickled."""

    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self) -> Any:
        return os.mkdir, (str(self.mark),)


def test_olivetti_is_read_and_its_pickle_is_not(tmp_path: Path) -> None:
    faces = np.random.default_rng(0).integers(0, 256, (400, 4096), dtype=np.uint8)
    faces[0, :2] = 3, 250
    joblib.dump(faces, tmp_path / "olivetti_py3.pkz", compress=6)
    from sklearn.datasets import fetch_olivetti_faces

    theirs = fetch_olivetti_faces(data_home=tmp_path, download_if_missing=False).images
    np.testing.assert_array_equal(read_faces(tmp_path / "olivetti_py3.pkz"), 255 * theirs.reshape(-1, 10, 64, 64))
    mark = tmp_path / "mark"
    for hostile in (Hostile(mark), [Hostile(mark), faces], {"NumpyArrayWrapper": Hostile(mark), "u1": faces},
                    np.array([Hostile(mark)] * 3, object)):  # fmt: skip
        joblib.dump(hostile, tmp_path / "x.pkz", compress=6)
        with suppress(UserError):  # where the right number of bytes is found they are taken, whatever they show
            read_faces(tmp_path / "x.pkz")
        assert not mark.exists()
    (tmp_path / "x.pkz").write_bytes(pickle.dumps(Hostile(mark)))
    with pytest.raises(UserError, match=r"x\.pkz: damaged"):
        read_faces(tmp_path / "x.pkz")
    assert not mark.exists()


# --- interpolations ---

SECRET = "planted-secret"


@pytest.mark.parametrize("text", ["${oc.env:SECRET}", "a${oc.env:SECRET}b", "\\${oc.env:SECRET}", "${own:1}", "???"])
@pytest.mark.parametrize(
    "place", ["config.model.name", "config.data.path", "config.logger.notes", "replicas.settings.0.values.model.weight",
              "evaluations.retrieval.config.k", "metrics.key", "data.fingerprints.train", "machine.processor", "sweep"],
)  # fmt: skip
def test_no_interpolation_is_resolved_anywhere(
    place: str, text: str, trained: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from omegaconf import OmegaConf

    called: list[Any] = []
    OmegaConf.register_new_resolver("own", called.append, replace=True)
    monkeypatch.setenv("SECRET", SECRET)
    stranger = Path(shutil.copytree(trained, tmp_path / "stranger"))
    record = json.loads((stranger / "manifest.json").read_text())
    if place.startswith("replicas"):
        setting = {"values": {"model.weight": text}, "metrics": {"val/error": 1.0}}
        record["replicas"] = {"count": 2, "settings": [setting], "diverged": []}
    elif place == "metrics.key":
        record["metrics"][text] = 1.0
    else:
        node = record
        *parents, last = place.split(".")
        for parent in parents:
            node = node.setdefault(parent, {})
        node[last] = text
    (stranger / "manifest.json").write_text(json.dumps(record))
    with pytest.raises(UserError, match="in it, which no run writes; not opened") as caught:
        aelab.load_run(stranger)
    assert SECRET not in str(caught.value) and not called


@pytest.mark.parametrize("values", [{"model._target_": 1}, {"model.weight": "a"}, {"paths.outputs": 1.0}, {"seed": 1}])
def test_a_setting_changes_what_may_differ_and_nothing_else(values: dict[str, Any], tmp_path: Path) -> None:
    directory = varied_run(tmp_path)
    last = aelab.load_run(directory, replica=7).model
    assert last.corruption.std == 0.2 and last.network.code_size == 3  # type: ignore[union-attr]
    path = directory / "manifest.json"
    record = json.loads(path.read_text())
    record["replicas"]["settings"][0]["values"] = values
    path.write_text(json.dumps(record))
    with pytest.raises(UserError, match="in a setting, which no run writes"):
        aelab.load_run(path.parent)
