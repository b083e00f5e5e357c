"""Many runs: comparing up to 10,000, claiming and skipping them, and what a job of a sweep costs by itself."""

from __future__ import annotations

import copy
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from functools import partial
from pathlib import Path
from typing import Any

from aelab.benchmarks.ours import compose
from aelab.benchmarks.startup import JOB
from aelab.benchmarks.timing import Case, Row, measure, once
from aelab.fitting.run import run
from aelab.runs.claim import claim
from aelab.runs.manifest import Manifest, read_manifest

RUNS = (2_000, 10_000)
SETTINGS = 200
JOBS = 64
SHORT = 24
WRITES = 200
COMPARE = """
from aelab.cli.compare import main
status = main()
print(open("/proc/self/status").read())
raise SystemExit(status)
"""


def benchmark(rounds: int) -> list[Row]:
    with tempfile.TemporaryDirectory() as folder:
        outputs = Path(folder)
        run(compose(*JOB, f"paths.outputs={outputs}", "trainer.max_epochs=20"), [])
        [one] = (outputs / "runs").glob("*/manifest.json")
        rows = []
        for count in RUNS:
            many(one.parent, outputs / str(count), count)
            rows.append(compared(outputs / str(count), count))
        rows += directory_operations(outputs / str(RUNS[-1]), rounds)
        record: Any = read_manifest(one.parent)
        rows += measure("recording", [Case("a change of the manifest", partial(written, outputs, record))], rounds)
        cases = [
            Case(f"of {JOBS} jobs of 2 epochs, one", partial(swept, outputs, fresh=True)),
            Case(f"of {JOBS} jobs that are complete already, one", partial(swept, outputs, fresh=False)),
        ]
        rows += measure("a sweep", cases, min(rounds, 2))
        basic = f"{SHORT} jobs of 2 epochs in the sweep's own process"
        cases = [
            Case(basic, partial(cpu_of_sweep, outputs, "basic")),
            Case(f"{SHORT} jobs of 2 epochs in a worker", partial(cpu_of_sweep, outputs, "workers"), (basic,)),
        ]
        return rows + measure("CPU time of a sweep", cases, rounds)


def many(one: Path, folder: Path, count: int) -> None:
    """Copies of one run, their configurations and results changed: 4 models, 10 code sizes, 5 rates, and seeds."""
    record: Any = read_manifest(one)
    for index in range(count):
        changed = copy.deepcopy(record)
        place, seed = divmod(index, count // SETTINGS)
        changed["config"]["seed"] = changed["seed"] = seed
        changed["config"]["model"]["name"] = f"model{place % 4}"
        changed["config"]["network"]["code_size"] = 2 ** (place // 4 % 10 + 1)
        changed["config"]["optimizer"]["lr"] = 1e-4 * (place // 40 + 1)
        changed["run_id"] = f"run{index:05d}"
        for name in changed["metrics"]:
            changed["metrics"][name] *= 1 + index * 7919 % 1000 / 1000
        directory = folder / changed["run_id"]
        (directory / "pictures").mkdir(parents=True)
        (directory / "manifest.json").write_text(json.dumps(changed, indent=1))
        os.link(one / "metrics.jsonl", directory / "metrics.jsonl")
        for picture in (one / "pictures").glob("*.png"):
            os.link(picture, directory / "pictures" / picture.name)


def directory_operations(folder: Path, rounds: int) -> list[Row]:
    """What a sweep does with each run that it finds: claim it, and read that it is complete; CPU seconds a run."""
    places = [path for path in folder.iterdir() if path.is_dir() and path.name.startswith("run")]

    def claimed() -> float:
        began = time.process_time()
        for place in places:
            with claim(place):
                pass
        return (time.process_time() - began) / len(places)

    def skipped() -> float:
        began = time.process_time()
        for place in places:
            assert (read_manifest(place) or {})["status"] == "complete"
        return (time.process_time() - began) / len(places)

    cases = [Case("claimed and let go", claimed), Case("read as complete", skipped)]
    return measure(f"a run of {len(places):,}", cases, min(rounds, 3))


def compared(folder: Path, count: int) -> Row:
    """Wall seconds and peak memory of the command, in a process of its own; Linux only."""
    began = time.perf_counter()
    done = subprocess.run([sys.executable, "-c", COMPARE, str(folder)], capture_output=True, text=True, check=True)
    seconds = time.perf_counter() - began
    peak = int(done.stdout.rpartition("VmHWM:")[2].split()[0]) / 1024
    return once(f"comparing: {count:,} runs", seconds, peak)


def written(outputs: Path, record: dict[str, Any]) -> float:
    manifest = Manifest(outputs, "x", record["config"], [])
    manifest.record |= record
    began = time.perf_counter()
    for _ in range(WRITES):
        manifest.update(timings={})
    return (time.perf_counter() - began) / WRITES


def swept(outputs: Path, fresh: bool) -> float:
    """Wall seconds a job takes of a multirun in a process of its own, the process's start left out."""
    line = [sys.executable, "-m", "aelab", "-m", *JOB, f"paths.outputs={outputs}", "sweep=swept", f"force={fresh}"]
    seconds = []
    for jobs in (1, JOBS + 1):
        began = time.perf_counter()
        subprocess.run([*line, f"seed=range({jobs})"], check=True, capture_output=True)
        seconds.append(time.perf_counter() - began)
    return (seconds[1] - seconds[0]) / JOBS


def cpu_of_sweep(outputs: Path, launcher: str) -> float:
    """CPU seconds of a multirun and of all the processes it starts, imports and the comparison at the end included."""
    line = [sys.executable, "-m", "aelab", "-m", *JOB, f"seed=range({SHORT})", f"hydra/launcher={launcher}"]
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run([*line, f"paths.outputs={outputs}", "sweep=short", "force=true"], check=True, capture_output=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
