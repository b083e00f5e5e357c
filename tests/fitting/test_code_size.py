"""The code that the data decide, and the word about one that is no narrower than they are."""

from __future__ import annotations

import json
import logging
from pathlib import Path

import numpy as np
import pytest
from tiny_runs import compose_tiny

from aelab import load_run
from aelab.building.settling import default_code_size
from aelab.fitting.preparation import prepare
from aelab.fitting.run import run
from aelab.runs.identity import run_id


@pytest.fixture
def table(tmp_path: Path) -> str:
    x = np.random.default_rng(0).normal(size=(80, 6))
    (tmp_path / "t.csv").write_text("\n".join([",".join("abcdef"), *(",".join(map(str, row)) for row in x.round(3))]))
    return f"data.path={tmp_path / 't.csv'}"


def test_half_of_the_values_and_no_more_than_32() -> None:
    assert [default_code_size(values) for values in (1, 2, 3, 6, 21, 64, 784)] == [1, 1, 1, 3, 10, 32, 32]


def test_the_default_code_of_a_table_depends_on_its_columns(tmp_path: Path, table: str) -> None:
    config = compose_tiny(tmp_path, "data=table", table, "network.code_size=null")
    name = run_id(config)
    run(config, [])
    manifest = json.loads((tmp_path / "runs" / name / "manifest.json").read_text())
    assert manifest["config"]["network"]["code_size"] == 3, "the record has the number"
    assert load_run(tmp_path / "runs" / name).encode(np.zeros((2, 6))).shape == (2, 3)


def test_replicas_have_it_too(tmp_path: Path, table: str) -> None:
    config = compose_tiny(
        tmp_path, "data=table", table, "network.code_size=null", "replicas=bootstrap", "replicas.count=2",
        "data.batch_size=16",
    )  # fmt: skip
    ready = prepare(config, tmp_path, [])
    assert config.network.code_size == ready.config.network.code_size == 3  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("overrides", "warns"),
    [
        (["network.code_size=6"], True),
        (["network.code_size=9"], True),
        (["network.code_size=9", "replicas=bootstrap", "replicas.count=2", "data.batch_size=16"], True),
        (["network.code_size=5"], False),
        (["network.code_size=6", "model=sparse_l1"], False),
        (["network.code_size=6", "model=k_sparse", "model.k=2"], False),
        (["network.code_size=6", "corruption=gaussian"], False),
        (["network.code_size=6", "model=vae"], False),
    ],
)
def test_a_code_that_can_copy_its_input_is_warned_of(
    overrides: list[str], warns: bool, tmp_path: Path, table: str, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING):
        prepare(compose_tiny(tmp_path, "data=table", table, *overrides), tmp_path, [])
    told = [record.getMessage() for record in caplog.records if "can copy its input" in record.getMessage()]
    assert len(told) == warns
    assert all("use network.code_size=3, or model=denoising" in line for line in told)
