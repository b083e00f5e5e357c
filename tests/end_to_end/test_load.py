"""Much of everything, or too little: data beyond memory, hundreds of jobs, full disks, a clock that is set back."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter
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
from aelab.trained.run import load_run
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


@pytest.mark.slow
def test_200_jobs_wanted_by_four_processes_at_once(tmp_path: Path) -> None:
    """Each is run by one of them, none is lost, and each process ends well."""
    command = [sys.executable, TRAIN, "-m", *TINY, "trainer.max_epochs=1", f"paths.outputs={tmp_path}",
               "seed=range(200)"]  # fmt: skip
    processes = []
    for index in range(4):  # a full pipe that is not read yet would stop a process at a run that another waits for
        with (tmp_path / f"said{index}.txt").open("w") as file:
            processes.append(subprocess.Popen(command, stdout=file, cwd=tmp_path))
    assert [process.wait() for process in processes] == [0] * 4
    said = [(tmp_path / f"said{index}.txt").read_text() for index in range(4)]
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


# --- disks ---


def in_own_mounts(script: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """Run a shell script that may mount, unseen by anybody else; skips where the kernel does not allow it."""
    if (
        not shutil.which("unshare")
        or subprocess.run(["unshare", "-rm", "mount", "-t", "tmpfs", "x", folder]).returncode
    ):
        pytest.skip("no mounts of one's own here (unshare -rm)")
    train = f"{sys.executable} {TRAIN} {' '.join(TINY)}"
    commands = {"TRAIN": train, "COMPARE": f"{sys.executable} {TRAIN.replace('train.py', 'compare.py')}"}
    environment = {**os.environ, **commands, "D": str(folder)}
    return subprocess.run(["unshare", "-rm", "sh", "-uc", script], capture_output=True, text=True, env=environment)


@pytest.mark.slow
def test_a_disk_that_fills_up_and_gets_room(tmp_path: Path) -> None:
    """The run fails in one line while training; once there is room it ends like one that never lacked any.

    A checkpoint is 3.2 MB, and the second best one is written before the first goes.
    """
    done = in_own_mounts(
        """
        LARGE="network.hidden=[2048] trainer.max_epochs=8 callbacks.pictures_every=0"
        mkdir -p $D/full && mount -t tmpfs -o size=5m x $D/full
        $TRAIN $LARGE paths.outputs=$D/full 2> $D/said; echo $? > $D/status
        cp -r $D/full/runs $D/then
        mount -o remount,size=100m $D/full
        $TRAIN $LARGE paths.outputs=$D/full && cp -r $D/full/runs $D/end
        $TRAIN $LARGE paths.outputs=$D/straight
        """,
        tmp_path,
    )
    assert done.returncode == 0, done.stderr
    said = (tmp_path / "said").read_text()
    assert (tmp_path / "status").read_text() == "1\n"
    assert said.count("\n") == 1 and "could not be written" in said and "free some space" in said
    assert not list((tmp_path / "then").rglob("*.part")) + list((tmp_path / "then").rglob("*.tmp"))
    ends = [next((tmp_path / name).glob("*/manifest.json")) for name in ("end", "straight/runs")]
    ours, theirs = (json.loads(path.read_text()) for path in ends)
    assert ours["status"] == "complete" and ours["metrics"] == theirs["metrics"]
    assert ours["timings"]["attempts"] == 2
    assert (ends[0].parent / "metrics.jsonl").read_text() == (ends[1].parent / "metrics.jsonl").read_text()


@pytest.mark.slow
def test_a_read_only_directory_is_read(tmp_path: Path) -> None:
    done = in_own_mounts(
        """
        $TRAIN paths.outputs=$D/outputs
        mount --bind $D/outputs $D/outputs && mount -o remount,ro,bind $D/outputs
        $TRAIN paths.outputs=$D/outputs seed=1 2> $D/train
        echo $? >> $D/train
        $COMPARE $D/outputs/runs 2> $D/compare
        echo $? >> $D/compare
        $COMPARE $D/outputs/runs --status && $COMPARE $D/outputs/runs --output $D/report
        """,
        tmp_path,
    )
    assert done.returncode == 0, done.stderr
    train, status = (tmp_path / "train").read_text().splitlines()
    assert status == "1" and "(Read-only file system); name another folder with paths.outputs=" in train
    compare, status = (tmp_path / "compare").read_text().splitlines()
    assert status == "2" and "--output DIR puts the report elsewhere" in compare
    assert "1 run: 1 complete" in done.stdout and (tmp_path / "report" / "report.html").exists()


# --- the clock ---


@pytest.mark.slow
def test_a_sweep_while_the_clock_is_set_back(tmp_path: Path) -> None:
    """By a year in the middle of it, then killed, and by another year before it goes on."""
    library = next(Path("/usr/lib").glob("**/libfaketimeMT.so.1"), None)
    if library is None:
        pytest.skip("libfaketime is not installed")
    clock = tmp_path / "clock"
    fake = {"LD_PRELOAD": str(library), "FAKETIME_TIMESTAMP_FILE": str(clock), "FAKETIME_NO_CACHE": "1",
            "FAKETIME_DONT_FAKE_MONOTONIC": "1"}  # fmt: skip
    command = [sys.executable, TRAIN, "-m", *TINY, "corruption=gaussian", "trainer.max_epochs=150",
               "trainer.steps_per_execution=1", "seed=0,1,2"]  # fmt: skip
    ours, plain = (tmp_path / name / "runs" for name in ("ours", "plain"))
    clock.write_text("+0d")
    with subprocess.Popen([*command, f"paths.outputs={ours.parent}"], env={**os.environ, **fake}) as sweep:
        while not any(line.count(b"\n") > 5 for line in (p.read_bytes() for p in ours.glob("*/metrics.jsonl"))):
            time.sleep(0.05)
        clock.write_text("-365d")
        while len(list(ours.glob("*/metrics.jsonl"))) < 2:
            time.sleep(0.05)
        time.sleep(1)
        sweep.send_signal(signal.SIGKILL)
    clock.write_text("-730d")
    done = subprocess.run(
        [*command, f"paths.outputs={ours.parent}"], env={**os.environ, **fake}, capture_output=True, text=True
    )
    assert done.returncode == 0 and "3 runs: 3 complete." in done.stdout, done.stdout + done.stderr
    assert subprocess.run([*command, f"paths.outputs={plain.parent}"]).returncode == 0
    years = set()
    for theirs in plain.glob("*/manifest.json"):
        pair = [json.loads((folder / theirs.parent.name / "manifest.json").read_text()) for folder in (ours, plain)]
        assert pair[0]["metrics"] == pair[1]["metrics"]
        rows = [(folder / theirs.parent.name / "metrics.jsonl").read_text() for folder in (ours, plain)]
        assert rows[0] == rows[1] and rows[0].count("\n") == 150
        assert 0 < pair[0]["timings"]["fit_s"] <= pair[0]["timings"]["total_s"] < 600
        years |= {pair[0]["timings"][when][:4] for when in ("started", "finished")}
    assert len(years) > 1, "the clock was set back"
