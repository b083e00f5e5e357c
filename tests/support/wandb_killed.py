"""A run mirrored in W&B that is killed and resumed; started by test_wandb_resume.py as one process.

``python wandb_killed.py FOLDER`` trains under FOLDER/offline and, on the server that the environment names, under
FOLDER/online, killing each process group with SIGKILL at random moments and, complete, where W&B is to take the rest;
what it found is FOLDER/told.json.
"""

from __future__ import annotations

import functools
import json
import os
import random
import signal
import sys
import time
from pathlib import Path
from typing import Any

import torch
from killed import child, finished, kill_until_done, train
from tiny_runs import compose_tiny

from aelab.tracking.wandb_run import WandbRun

KILLS = 2
EPOCHS = 12


def die(self: WandbRun, *arguments: Any) -> None:
    """Kill the run where all is done but W&B's end; what was logged a moment ago may have been sent."""
    time.sleep(random.choice([0, 2.5]))
    os.killpg(os.getpgid(0), signal.SIGKILL)


def main(folder: Path, environment: dict[str, str]) -> None:
    random.seed(int.from_bytes(os.urandom(4)))
    torch.set_num_threads(1)
    os.environ.update(environment)
    told: dict[str, object] = {"epochs": EPOCHS}
    for mode in ("offline", "online"):
        outputs = folder / mode
        config = compose_tiny(outputs, "logger=wandb", f"logger.mode={mode}", "callbacks.pictures_every=3",
                              f"trainer.max_epochs={EPOCHS}", "model=denoising", "corruption=gaussian")  # fmt: skip
        task = functools.partial(train, config, within_epochs=False)
        finish = WandbRun.finish
        WandbRun.finish = die  # type: ignore[assignment,method-assign]
        kills, last = kill_until_done(task, outputs / "runs", EPOCHS, KILLS, folder / "log.txt")
        WandbRun.finish = finish  # type: ignore[method-assign]
        [manifest] = (json.loads(path.read_text()) for path in outputs.glob("runs/*/manifest.json"))
        end = finished(child(task, folder / "log.txt"))
        told[mode] = {"kills": kills, "all": KILLS, "then": [last, manifest["status"]], "end": end}
    (folder / "told.json").write_text(json.dumps(told))


if __name__ == "__main__":
    main(Path(sys.argv[1]), json.loads(sys.argv[2]))
