"""Data larger than memory: trained on, and scored, within a bound that the data themselves do not fit in."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from tiny_runs import TINY

from aelab import load_run

TRAIN = str(Path(__file__).parents[2] / "scripts" / "train.py")
HEADROOM = 320 * 2**20
"""Bytes of address space beyond the imports."""

LIMITED = """
import resource, sys
import pandas, pyarrow.parquet, sklearn.decomposition, PIL.Image  # what reading them takes
import aelab.fitting.run
from tiny_runs import compose_tiny
from pathlib import Path
taken = int(open("/proc/self/statm").read().split()[0]) * resource.getpagesize()
resource.setrlimit(resource.RLIMIT_AS, (taken + int(sys.argv[1]),) * 2)
aelab.fitting.run.run(compose_tiny(Path(sys.argv[2]), *sys.argv[3:]), [])
"""


def trained_with(
    headroom: int, outputs: Path, *overrides: str, timeout: float | None = None
) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", LIMITED, str(headroom), str(outputs), "trainer.max_epochs=1", *overrides]
    environment = {
        **os.environ,
        "PYTHONPATH": str(Path(__file__).parents[1] / "support"),
        "MALLOC_ARENA_MAX": "1",
        "ARROW_DEFAULT_MEMORY_POOL": "system",
    }
    return subprocess.run(command, capture_output=True, text=True, env=environment, timeout=timeout)


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="reads its own size from /proc, as Linux has it")
def test_a_table_larger_than_memory(tmp_path: Path) -> None:
    """1 GB of float32 within 320 MB; the table that is held in memory cannot be read in that."""
    pyarrow = pytest.importorskip("pyarrow")
    from pyarrow.parquet import ParquetWriter

    columns = 500
    schema = pyarrow.schema([(f"c{i}", pyarrow.float32()) for i in range(columns)])
    random = np.random.default_rng(0)
    path = tmp_path / "large.parquet"
    with ParquetWriter(path, schema, use_dictionary=False, compression="none") as writer:
        for _ in range(100):
            frame = pd.DataFrame(random.normal(size=(5000, columns)).astype(np.float32), columns=schema.names)
            writer.write_table(pyarrow.Table.from_pandas(frame, schema), row_group_size=5000)
    assert path.stat().st_size > 3 * HEADROOM
    own = (f"data.path={path}", "data.batch_size=1024")
    done = trained_with(HEADROOM, tmp_path, "data=streamed_table", f"data.cache={tmp_path}/rows", *own)
    assert done.returncode == 0, done.stderr
    [manifest] = (json.loads(file.read_text()) for file in tmp_path.glob("runs/*/manifest.json"))
    assert manifest["status"] == "complete"
    assert sum(manifest["data"]["sizes"].values()) == 500_000
    try:
        held = trained_with(HEADROOM, tmp_path / "held", "data=table", *own, timeout=45)
    except subprocess.TimeoutExpired:
        return  # Arrow waits for ever for threads that it has no room to start
    assert held.returncode != 0, "else this shows nothing"


SCORED = """
import resource, sys
import pandas, pyarrow.parquet, sklearn.neighbors, PIL.Image
from pathlib import Path
from aelab.trained.loading import load_run
from aelab.trained.score import score
run, path = load_run(sys.argv[2]), Path(sys.argv[3])
taken = int(open("/proc/self/statm").read().split()[0]) * resource.getpagesize()
resource.setrlimit(resource.RLIMIT_AS, (taken + int(sys.argv[1]),) * 2)
if len(sys.argv) == 5:
    print(*score(run, path, Path(sys.argv[4]), codes=True), sep=chr(10))
else:
    run.anomaly_score(pandas.read_parquet(path) if path.suffix == ".parquet" else pandas.read_csv(path))
"""


@pytest.mark.slow
@pytest.mark.parametrize("suffix", [".parquet", ".csv", ".npy"])
@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="reads its own size from /proc, as Linux has it")
def test_scores_of_a_table_larger_than_memory(tmp_path: Path, suffix: str) -> None:
    """1 GB of Parquet, of text or of an array within 320 MB, into a table of scores and codes."""
    pyarrow = pytest.importorskip("pyarrow")
    from pyarrow.parquet import ParquetWriter

    columns = [f"c{index}" for index in range(500)]
    block = pd.DataFrame(np.random.default_rng(0).normal(size=(2500, 500)).astype(np.float32), columns=columns)
    block.head(200).to_csv(tmp_path / "small.csv", index=False)
    words = (
        *TINY,
        "data=table",
        f"data.path={tmp_path}/small.csv",
        "trainer.max_epochs=1",
        f"paths.outputs={tmp_path}",
    )
    assert subprocess.run([sys.executable, TRAIN, *words], cwd=tmp_path).returncode == 0
    [manifest] = tmp_path.glob("runs/*/manifest.json")
    path = tmp_path / f"large{suffix}"
    times = 80 if suffix == ".csv" else 210
    if suffix == ".parquet":
        table = pyarrow.Table.from_pandas(block)
        with ParquetWriter(path, table.schema, use_dictionary=False, compression="none") as writer:
            for _ in range(times):
                writer.write_table(table)
    elif suffix == ".csv":
        header, rows = block.to_csv(index=False).split("\n", 1)
        with path.open("w") as file:
            file.write(f"{header}\n")
            for _ in range(times):
                file.write(rows)
    else:
        with path.open("wb") as file:
            shape = (times * len(block), len(columns))
            np.lib.format.write_array_header_1_0(file, {"descr": "<f4", "fortran_order": False, "shape": shape})
            for _ in range(times):
                block.to_numpy().tofile(file)
    assert path.stat().st_size > 3 * HEADROOM
    environment = {**os.environ, "MALLOC_ARENA_MAX": "1", "ARROW_DEFAULT_MEMORY_POOL": "system"}
    command = [sys.executable, "-c", SCORED, str(HEADROOM), str(manifest.parent), str(path)]
    output = tmp_path / f"scores{'.csv' if suffix == '.parquet' else '.parquet'}"
    done = subprocess.run([*command, str(output)], capture_output=True, text=True, env=environment)
    assert done.returncode == 0, done.stderr
    found = pd.read_csv(output) if output.suffix == ".csv" else pd.read_parquet(output)
    assert found["row"].tolist() == list(range(times * len(block)))
    wanted = load_run(manifest.parent).anomaly_score(block)
    for place in (0, times // 2, times - 1):
        rows_of_block = slice(place * len(block), (place + 1) * len(block))
        np.testing.assert_allclose(found["anomaly_score"][rows_of_block], wanted, rtol=1e-5)
    if suffix != ".npy":
        try:
            held = subprocess.run(command, capture_output=True, text=True, env=environment, timeout=60)
        except subprocess.TimeoutExpired:
            return  # Arrow waits for ever for threads that it has no room to start
        assert held.returncode != 0, "else this shows nothing"


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="reads its own size from /proc, as Linux has it")
def test_a_csv_of_2_gb(tmp_path: Path) -> None:
    """German text, written by rule, within the same 320 MB: sniffed, counted, surveyed, written as rows, trained on."""
    size = 2 * 2**30
    if shutil.disk_usage(tmp_path).free < 3 * size:
        pytest.skip(f"a table of {size:,} bytes and its rows need {3 * size:,} bytes of disk in {tmp_path}")
    columns, path = 200, tmp_path / "large.csv"
    draw = np.random.default_rng(0).normal(0, 9, (500, columns)).round(7)
    block = "".join(";".join(f"{x:.7f}" for x in row).replace(".", ",") + "\n" for row in draw).encode()
    blocks = size // len(block) + 1
    with path.open("wb") as file:
        file.write((";".join(f"c{i}" for i in range(columns)) + "\n").encode())
        for _ in range(blocks):
            file.write(block)
    own = (f"data.path={path}", "data.batch_size=4096", "data.train_size=20000", f"data.cache={tmp_path}/rows")
    done = trained_with(HEADROOM, tmp_path, "data=streamed_table", *own)
    assert done.returncode == 0, done.stderr
    assert "separated by ';', decimal mark ','" in done.stdout
    [manifest] = (json.loads(file.read_text()) for file in tmp_path.glob("runs/*/manifest.json"))
    assert manifest["status"] == "complete" and manifest["data"]["shape"] == [columns]
    assert manifest["data"]["sizes"]["test"] == round(0.2 * 500 * blocks)
    [rows] = (tmp_path / "rows").glob("*.f64")
    np.testing.assert_allclose(np.fromfile(rows, np.float64, columns), draw[0], atol=1e-9)


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="reads its own size from /proc, as Linux has it")
def test_pictures_larger_than_memory(tmp_path: Path) -> None:
    """200,000 pictures of 1.4 GB as floats within 320 MB; most are copies of the same few hundred."""
    pictures = tmp_path / "pictures"
    pictures.mkdir()
    random = np.random.default_rng(0)
    for index in range(200):
        Image.fromarray(random.integers(0, 256, (24, 24, 3), dtype=np.uint8)).save(pictures / f"{index}.bmp")
    assert HEADROOM < 200_000 * 24 * 24 * 3
    contents = [(pictures / f"{index}.bmp").read_bytes() for index in range(200)]
    for index in range(200, 200_000):
        (pictures / f"{index}.bmp").write_bytes(contents[index % 200])
    done = trained_with(
        HEADROOM, tmp_path, "data=image_folder", f"data.path={pictures}", "data.image_size=24", "data.num_workers=0",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    [manifest] = (json.loads(file.read_text()) for file in tmp_path.glob("runs/*/manifest.json"))
    assert sum(manifest["data"]["sizes"].values()) == 200_000
