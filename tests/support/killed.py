"""Children that run and are killed; started by test_resume.py as one process, so that imports are paid once.

``python killed.py FOLDER`` forks children that train under FOLDER/straight, undisturbed, and under FOLDER/killed,
where each is killed with SIGKILL at a random moment and started again, and writes FOLDER/told.json.
"""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytorch_lightning  # noqa: F401  (once, before the children are forked)
import torch
from omegaconf import DictConfig
from tiny_runs import compose_tiny

from aelab.cli import train as cli
from aelab.fitting import run as training
from aelab.models import Autoencoder
from aelab.runs import checkpoints
from aelab.runs.claim import Held

KILLS = 5
HELD = 75
STEPPED = ("trainer.steps_per_execution=1", "data.batch_size=64", "trainer.max_epochs=6")
EARLY = ("trainer.max_epochs=12", "callbacks=early_stopping", "callbacks.early_stopping=100")
SCENARIOS: dict[str, tuple[str, ...]] = {
    "plain": ("scheduler=cosine", "trainer.max_epochs=24"),
    "denoising": ("model=denoising", "corruption=gaussian", "optimizer=sgd", "trainer.max_epochs=24"),
    "k_sparse": ("model=k_sparse", "model.k=2", "scheduler=plateau", "scheduler.patience=1", "trainer.max_epochs=24"),
    "replicas": ("replicas=bootstrap", "replicas.count=3", "corruption=masking", "trainer.max_epochs=24"),
    "plain within epochs": STEPPED,
    "denoising within epochs": ("model=denoising", "corruption=gaussian", "scheduler=plateau", *STEPPED),
    "k_sparse within epochs": ("model=k_sparse", "model.k=2", *STEPPED),
    "replicas within epochs": ("replicas=bootstrap", "replicas.count=3", "corruption=gaussian", *STEPPED),
    "global streams within epochs": ("model=denoising", "corruption=gaussian", *STEPPED),
    "validated every other epoch": ("trainer.check_val_every_n_epoch=2", "scheduler=plateau", *EARLY),
    "double precision": ("model=contractive", "trainer.precision=64-true", "trainer.max_epochs=24"),
    "l-bfgs within epochs": ("optimizer=lbfgs", "optimizer.max_iter=3", "corruption=gaussian", *STEPPED),
    "joined steps": ("corruption=gaussian", "trainer.steps_per_execution=4", "data.batch_size=32", *STEPPED[2:]),
    "pretrained within epochs": (
        "pretraining=rbm", "pretraining.max_epochs=6", "pretraining.momentum_epochs=2", "network.activation=sigmoid",
        "error=cross_entropy", *STEPPED,
    ),
    "streamed pictures": (
        "data=image_folder", "data.image_size=8", "data.batch_size=16", "corruption=masking",
        *STEPPED[::2], "data.path={folder}/pictures",
    ),
}  # fmt: skip
GRID = ("-m", "hydra/launcher=workers", "model=undercomplete,denoising", "network.code_size=1,2,3", "seed=0,1")


def child(task: Callable[[], int], log: Path) -> int:
    """Start ``task`` in a process of its own group; returns its id."""
    pid = os.fork()
    if pid:
        return pid
    os.setpgid(0, 0)
    with log.open("a") as file:
        os.dup2(file.fileno(), 1)
        os.dup2(file.fileno(), 2)
    status = 70
    try:
        status = task()
    finally:
        sys.stdout.flush()
        os._exit(status)


def draw_globally(self: Autoencoder, x: torch.Tensor, generator: object = None) -> torch.Tensor:
    """A variant of somebody who does not know of generators."""
    return x + 0.1 * torch.randn_like(x) + 0.1 * float(np.random.rand()) + 0.1 * random.random()


def train(config: DictConfig, within_epochs: bool) -> int:
    checkpoints.SECONDS_BETWEEN = 0.0
    checkpoints.SHARE_OF_TIME = 1e9
    checkpoints.SECONDS_WITHIN_EPOCH = 0.0 if within_epochs else 1e9
    try:
        training.run(config, [])
    except training.RunInterrupted as stop:
        return 128 + stop.signum
    except Held:
        return HELD
    return 0


def sweep(folder: Path, *wider: str) -> int:
    checkpoints.SECONDS_BETWEEN = 0.0
    tiny = [
        "sweep=grid",
        "data=digits",
        "network.hidden=[16]",
        "logger=none",
        "callbacks.pictures_every=0",
        "trainer.max_epochs=6",
    ]
    sys.argv = ["train.py", *GRID, *tiny, *wider, f"paths.outputs='{folder}'"]
    try:
        return cli.train()
    except SystemExit as end:
        return int(end.code or 0)


def finished(pid: int) -> int:
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def written(folder: Path) -> int:
    """Lines in all histories: how far the training is."""
    return sum(path.read_bytes().count(b"\n") for path in folder.rglob("metrics.jsonl"))


def kill_until_done(task: Callable[[], int], folder: Path, rows: int, kills: int, log: Path) -> tuple[int, int]:
    """Kill at random moments, each a share of ``rows`` later than the one before; (kills, last exit status)."""
    done = 0
    while True:
        pid = child(task, log)
        if done == kills:
            return done, finished(pid)
        threshold = rows * done // (kills + 1)
        while written(folder) <= threshold:
            ended, status = os.waitpid(pid, os.WNOHANG)
            if ended:
                return done, os.waitstatus_to_exitcode(status)
            time.sleep(0.002)
        time.sleep(random.uniform(0, 0.05))
        os.killpg(pid, signal.SIGKILL)
        if finished(pid) != -signal.SIGKILL:
            return done, 0
        done += 1


def main(folder: Path) -> None:
    random.seed(int.from_bytes(os.urandom(4)))
    torch.set_num_threads(1)
    told: dict[str, object] = {}
    for name, overrides in SCENARIOS.items():
        log = folder / "log.txt"
        within = "trainer.steps_per_execution=1" in overrides or name == "joined steps"
        filled = [part.format(folder=folder) for part in overrides]
        original = Autoencoder.corrupt
        if name.startswith("global"):
            Autoencoder.corrupt = draw_globally  # type: ignore[method-assign]
        straight, killed = (compose_tiny(folder / kind / name, *filled) for kind in ("straight", "killed"))
        status = finished(child(lambda config=straight: train(config, False), log))  # type: ignore[misc]
        rows = written(folder / "straight" / name)
        kills, end = kill_until_done(
            lambda config=killed, within=within: train(config, within), folder / "killed" / name, rows, KILLS, log
        )
        Autoencoder.corrupt = original  # type: ignore[method-assign]
        told[name] = {"straight": status, "kills": kills, "end": end}
    told["sweep"] = sweeps(folder)
    told["signals"] = signals(folder)
    (folder / "told.json").write_text(json.dumps(told))


def sweeps(folder: Path) -> dict[str, object]:
    log = folder / "log.txt"
    whole, killed, shared = (folder / kind / "sweep" for kind in ("straight", "killed", "shared"))
    status = finished(child(lambda: sweep(whole), log))
    kills, end = kill_until_done(lambda: sweep(killed), killed, written(whole), 3, log)
    two = [child(lambda: sweep(shared), folder / f"shared{index}.txt") for index in range(2)]
    told = {"straight": status, "kills": kills, "end": end, "shared": [finished(pid) for pid in two]}
    shutil.copytree(whole, folder / "wider")
    return told | {"wider": finished(child(lambda: sweep(folder / "wider", "seed=0,1,2"), log))}


def signals(folder: Path) -> dict[str, object]:
    """Each signal in the middle of an epoch that would take minutes."""
    ends = {}
    for name in ("SIGTERM", "SIGINT", "SIGUSR1"):
        config = compose_tiny(folder / name, "trainer.max_epochs=100000", "data.batch_size=64", *STEPPED[:1])
        pid = child(lambda config=config: train(config, False), folder / "log.txt")  # type: ignore[misc]
        while not written(folder / name):
            time.sleep(0.01)
        another = finished(child(lambda config=config: train(config, False), folder / "log.txt"))  # type: ignore[misc]
        began = time.monotonic()
        os.kill(pid, getattr(signal, name))
        ends[name] = {"another": another, "status": finished(pid), "seconds": time.monotonic() - began}
    return ends


if __name__ == "__main__":
    main(Path(sys.argv[1]))
