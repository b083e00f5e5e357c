"""A model that ends its process in the middle of training, and a sweep over it whose imports are paid once.

``python dying.py OVERRIDE...`` is ``train.py -m OVERRIDE...`` in a fork of a process that has imported all, so that a
new worker is there at once; its first line is the sweep's process id.
"""

from __future__ import annotations

import ctypes
import os
import resource
import signal
import sys
import time
from pathlib import Path
from typing import Any

import torch

from aelab.models import Autoencoder

MODEL = ("model._target_=dying.Dying", "model.name=dying")
ENVIRONMENT = {"AELAB_TRUSTED": "dying.", "PYTHONPATH": str(Path(__file__).parent)}


class Dying(Autoencoder):
    """``end``: how the process ends in the second epoch; ``late``: it trains on until another one has died.

    ``victim``: the seed that it ends of, alone or in a stack; -1: of any.
    """

    def __init__(self, *args: Any, end: str = "none", victim: int = -1, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.end = end
        self.victim = victim

    def corrupt(self, x: torch.Tensor, generator: Any = None) -> torch.Tensor:
        seeds = self.seed if isinstance(self.seed, list) else [self.seed]
        if self.training and self.trainer.current_epoch == 1 and (self.victim < 0 or self.victim in seeds):
            end(self.end, Path(self.trainer.default_root_dir))
        return super().corrupt(x, generator)


def end(how: str, directory: Path) -> None:
    match how:
        case "abort":
            os.abort()
        case "exit0":
            os._exit(0)
        case "exit3":
            os._exit(3)
        case "segfault":
            ctypes.string_at(0)
        case "kill":  # the kernel's, when memory runs out
            os.kill(os.getpid(), signal.SIGKILL)
        case "memory":
            resource.setrlimit(resource.RLIMIT_AS, (2**20, resource.getrlimit(resource.RLIMIT_AS)[1]))
            try:
                bytearray(2**32)
            finally:
                resource.setrlimit(resource.RLIMIT_AS, (resource.getrlimit(resource.RLIMIT_AS)[1],) * 2)
        case "late":
            deadline = time.monotonic() + 60
            while time.monotonic() < deadline and not any('"Died"' in m.read_text() for m in others(directory)):
                time.sleep(0.02)


def others(directory: Path) -> list[Path]:
    return list(directory.parent.glob("*/manifest.json"))


def main() -> int:
    import aelab.fitting.run  # noqa: F401  (once, for all workers)
    from aelab.cli import train as cli
    from aelab.runs import checkpoints

    pid = os.fork()
    if pid:
        return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    checkpoints.SECONDS_BETWEEN = 0.0
    print(os.getpid(), flush=True)
    sys.argv[:] = ["train.py", "-m", *sys.argv[1:]]
    status = 70
    try:
        status = cli.train()
    except SystemExit as stop:
        status = int(stop.code or 0)
    finally:
        sys.stdout.flush()
        os._exit(status)


if __name__ == "__main__":
    sys.exit(main())
