"""Much of everything: data beyond memory, hundreds of jobs at once, places that cannot be written."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections import Counter
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from conftest import TINY
from PIL import Image

TRAIN = str(Path(__file__).parents[1] / "scripts" / "train.py")
HEADROOM = 320 * 2**20
"""Bytes of address space beyond the imports."""

LIMITED = """
import resource, sys
import pandas, pyarrow.parquet, sklearn.decomposition, PIL.Image  # what reading them takes
import aelab.training
from conftest import compose_tiny
from pathlib import Path
taken = int(open("/proc/self/statm").read().split()[0]) * resource.getpagesize()
resource.setrlimit(resource.RLIMIT_AS, (taken + int(sys.argv[1]),) * 2)
aelab.training.run(compose_tiny(Path(sys.argv[2]), *sys.argv[3:]), [])
"""


def trained_with(headroom: int, outputs: Path, *overrides: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", LIMITED, str(headroom), str(outputs), "trainer.max_epochs=1", *overrides]
    environment = {
        **os.environ,
        "PYTHONPATH": str(Path(__file__).parent),
        "MALLOC_ARENA_MAX": "1",
        "ARROW_DEFAULT_MEMORY_POOL": "system",
    }
    return subprocess.run(command, capture_output=True, text=True, env=environment)


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
    held = trained_with(HEADROOM, tmp_path / "held", "data=table", *own)
    assert held.returncode != 0, "else this shows nothing"


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="reads its own size from /proc, as Linux has it")
def test_pictures_larger_than_memory(tmp_path: Path) -> None:
    """200,000 pictures of 1.4 GB as floats within 320 MB; most are links to the same few hundred."""
    pictures = tmp_path / "pictures"
    pictures.mkdir()
    random = np.random.default_rng(0)
    for index in range(200):
        Image.fromarray(random.integers(0, 256, (24, 24, 3), dtype=np.uint8)).save(pictures / f"{index}.bmp")
    for index in range(200, 200_000):
        os.link(pictures / f"{index % 200}.bmp", pictures / f"{index}.bmp")
    done = trained_with(
        HEADROOM, tmp_path, "data=image_folder", f"data.path={pictures}", "data.image_size=24", "data.num_workers=0",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    [manifest] = (json.loads(file.read_text()) for file in tmp_path.glob("runs/*/manifest.json"))
    assert sum(manifest["data"]["sizes"].values()) == 200_000


@pytest.mark.slow
def test_200_jobs_wanted_by_four_processes_at_once(tmp_path: Path) -> None:
    """Each is run by one of them, none is lost, and each process ends well."""
    command = [sys.executable, TRAIN, "-m", *TINY, "trainer.max_epochs=1", f"paths.outputs={tmp_path}",
               "seed=range(200)"]  # fmt: skip
    processes = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=tmp_path) for _ in range(4)]
    said = [process.communicate()[0] for process in processes]
    assert [process.returncode for process in processes] == [0] * 4
    manifests = [json.loads(path.read_text()) for path in tmp_path.glob("runs/*/manifest.json")]
    assert len(manifests) == 200
    assert {manifest["status"] for manifest in manifests} == {"complete"}
    assert {manifest["timings"]["attempts"] for manifest in manifests} == {1}
    assert sorted(manifest["seed"] for manifest in manifests) == list(range(200))
    trained = Counter(line.split("(")[0] for text in said for line in text.splitlines() if line.startswith("test/er"))
    assert sum(trained.values()) == 200, "one line for each, from whoever trained it"
    assert len((tmp_path / "runs" / "comparison.csv").read_text().splitlines()) == 201
    for manifest in manifests:
        rows = (tmp_path / "runs" / manifest["run_id"] / "metrics.jsonl").read_text().splitlines()
        assert len(rows) == 1


def test_a_place_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    command = [sys.executable, TRAIN, *TINY, f"paths.outputs={tmp_path}/file/x"]
    done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path)
    assert done.returncode == 1
    assert done.stderr.count("\n") == 1
    assert "cannot be written (Not a directory); name another folder with paths.outputs=" in done.stderr
