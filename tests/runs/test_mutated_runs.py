"""Runs as nobody writes them: whatever a manifest, a metrics file or a checkpoint says, each run is a row.

1,000 runs of each kind under the ``slow`` marker, a few of each in the fast suite.
"""

from __future__ import annotations

import copy
import json
import random
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from earlier import varied_run
from fake_runs import HOSTILE
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from run_files import directory_of
from tiny_runs import compose_tiny

from aelab import load_run
from aelab.cli.compare import main
from aelab.comparison.runs import read_runs
from aelab.errors import UserError
from aelab.fitting.run import run
from aelab.trained.evaluate import evaluate

FEW, MANY = 25, 100
"""Runs that are compared at once."""

ODD: list[Any] = [
    None, True, False, 0, -1, 5, 10**400, -(10**400), 2**63, 1e308, float("nan"), float("inf"), "", "x", "a" * 100_000,
    HOSTILE, "${oc.env:HOME}", "\\${a}", "???", "=1+1", "\x1b[31m", "../../x", [], {}, [[]], [None], {"": None}, [5],
    {"_target_": "os.system", "_args_": ["true"]}, {"rows": 3}, [{"values": 5}], [{"x": [10**400], "y": [1]}],
]  # fmt: skip


def deep(depth: int) -> Any:
    node: Any = 1
    for _ in range(depth):
        node = {"a": [node]}
    return node


def places(node: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    inner = node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ()
    for key, value in inner:
        yield (*path, key)
        yield from places(value, (*path, key))


def at(node: Any, path: tuple[Any, ...]) -> Any:
    for key in path:
        node = node[key]
    return node


def mutated(record: dict[str, Any], draw: random.Random) -> dict[str, Any]:
    """One to three changes: a value replaced, a key lost, one too many, two exchanged."""
    record = copy.deepcopy(record)
    for _ in range(draw.randint(1, 3)):
        known = list(places(record))
        if not known:
            break
        *parents, key = draw.choice(known)
        parent, kind = at(record, tuple(parents)), draw.random()
        if kind < 0.6:
            parent[key] = copy.deepcopy(draw.choice([*ODD, deep(18), deep(200)]))
        elif kind < 0.75:
            del parent[key]
        elif kind < 0.9:
            other = at(record, draw.choice(known)[:1])
            parent[key] = copy.deepcopy(other)
        elif isinstance(parent, dict):
            parent[draw.choice(["", HOSTILE, "_target_", "name", "=1", "a.b", "settings"])] = draw.choice(ODD)
    return record


def as_bytes(record: Any, draw: random.Random) -> bytes:
    """The text of it, now and then no JSON: bytes lost, changed or nested, keys twice."""
    text = json.dumps(record).encode()
    kind = draw.random()
    if kind < 0.7:
        return text
    if kind < 0.78:
        return text[: draw.randrange(len(text))]
    if kind < 0.86:
        place = draw.randrange(len(text))
        return text[:place] + bytes([draw.randrange(256)]) + text[place + 1 :]
    if kind < 0.92:
        return text[:-1] + b", " + text[1:]
    return draw.choice([b"", b"null", b"5", b"[]", b"\xff\xfe" + text, b"[" * 100_000, b'{"a":' * 100_000, b"\x00"])


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """A run, and one of replicas with settings and an evaluation."""
    folder = tmp_path_factory.mktemp("trained")
    config = compose_tiny(folder, "data.train_size=200", "trainer.max_epochs=1")
    run(config, [])
    found = [directory_of(config), varied_run(folder)]
    wanted = compose_tiny(folder, "evaluation=code_health", "evaluation.code_health.jacobians=5").evaluation
    for directory in found:
        evaluate(directory, wanted)
    return found


def planted(trained: list[Path], folder: Path, draw: random.Random, what: str) -> Path:
    """A copy of a run with one of its files mutated."""
    source = draw.choice(trained)
    (folder / "checkpoints").mkdir(parents=True)
    record = json.loads((source / "manifest.json").read_text())
    manifest, rows = json.dumps(record).encode(), (source / "metrics.jsonl").read_bytes()
    checkpoint = torch.load(source / "checkpoints" / "best.ckpt", weights_only=True)
    if what == "manifest":
        manifest = as_bytes(mutated(record, draw), draw)
    elif what == "metrics":
        lines = [json.loads(line) for line in rows.splitlines()] * 2
        rows = b"\n".join(
            as_bytes(mutated({"row": line}, draw).get("row"), draw) for line in lines if draw.random() < 0.9
        )
    else:
        kept = {key: value for key, value in checkpoint.items() if key != "state_dict"}
        odd = mutated({**kept, "state_dict": dict(checkpoint["state_dict"])}, draw)
        if draw.random() < 0.3 and isinstance(odd.get("state_dict"), dict):
            key = draw.choice(list(odd["state_dict"]) or ["a"])
            odd["state_dict"][key] = draw.choice([torch.zeros(3), torch.zeros(2, 2, dtype=torch.int8), *ODD])
        checkpoint = odd
    (folder / "manifest.json").write_bytes(manifest)
    (folder / "metrics.jsonl").write_bytes(rows)
    try:
        torch.save(checkpoint, folder / "checkpoints" / "best.ckpt")
    except Exception:
        (folder / "checkpoints" / "best.ckpt").write_bytes(b"no checkpoint")
    return folder


def check_loads(folder: Path) -> bool:
    """Whether a run opens; where it does not it says so in a printable line."""
    try:
        load_run(folder)
    except UserError as error:
        told = str(error)
        assert told and told.isprintable()
        assert error.__cause__ is None and error.__suppress_context__
        return False
    return True


def examples(number: int) -> Callable[[Any], Any]:
    """So many, always the same."""
    quiet = [HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
    always: dict[str, Any] = {"deadline": None, "database": None, "derandomize": True, "phases": [Phase.generate]}
    return settings(max_examples=number, suppress_health_check=quiet, **always)


def check_compared(trained: list[Path], folder: Path, seed: int, what: str, capsys: Any, count: int = FEW) -> int:
    draw, names = random.Random(seed), []
    for index in range(count):
        names.append(planted(trained, folder / f"r{index:03}", draw, what).name)
    opened = sum(check_loads(folder / name) for name in names)
    assert main([str(folder)]) == 0
    assert main([str(folder), "--status"]) == 0
    told = capsys.readouterr()
    assert not told.err and "\x1b" not in told.out
    table = (folder / "comparison.csv").read_text(encoding="utf-8")
    for name in names:
        assert read_runs(folder / name)
        assert f",{name}\n" in table, f"{name} has a row"
        assert name in told.out.rpartition("epochs")[2], f"{name} has a line"
    return opened


@pytest.mark.parametrize("what", ["manifest", "metrics", "checkpoint"])
def test_a_mutated_run_is_a_row_and_never_a_traceback(
    what: str, trained: list[Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    check_compared(trained, tmp_path, 1, what, capsys)


@pytest.mark.slow
@pytest.mark.parametrize("what", ["manifest", "metrics", "checkpoint"])
def test_a_thousand_mutated_runs(
    what: str, trained: list[Path], tmp_path_factory: pytest.TempPathFactory, capsys: pytest.CaptureFixture[str]
) -> None:
    opened = []

    @examples(1000 // MANY)
    @given(seed=st.integers(0, 2**32))
    def check(seed: int) -> None:
        opened.append(check_compared(trained, tmp_path_factory.mktemp("mutated"), seed, what, capsys, MANY))

    check()
    with capsys.disabled():
        print(f"{what}: {MANY * len(opened)} runs, {sum(opened)} of them opened")


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=10), inner, max_size=4),
    max_leaves=20,
)
KEYS = ("status", "run_id", "config", "metrics", "replicas", "evaluations", "timings", "data", "error")


@given(record=st.fixed_dictionaries({}, optional=dict.fromkeys(KEYS, JSON)))
@examples(60)
def test_any_json_is_a_row(record: dict[str, Any], tmp_path_factory: pytest.TempPathFactory) -> None:
    folder = tmp_path_factory.mktemp("any")
    (folder / "a").mkdir()
    (folder / "a" / "manifest.json").write_text(json.dumps({"status": "complete"} | record))
    assert main([str(folder)]) == main([str(folder), "--status"]) == 0
    assert not check_loads(folder / "a")
