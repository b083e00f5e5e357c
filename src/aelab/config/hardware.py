"""Whether a run's devices are here, and whether the other machines that it waits for can come."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

from aelab.config.arguments import shown
from aelab.errors import UserError

MEETING = (
    "RANK",
    "TORCHELASTIC_RUN_ID",
    "SLURM_JOB_ID",
    "MASTER_ADDR",
    "NODE_RANK",
    "OMPI_COMM_WORLD_RANK",
    "LSB_JOBID",
)
"""Environment variables of which a launcher of several machines sets at least one."""

ACCELERATORS = ("cpu", "gpu", "cuda", "mps", "tpu", "auto")


def check_devices(trainer: Mapping[str, Any]) -> None:
    """Raise UserError where the devices that a trainer is to use are not there, or other machines cannot know of it."""
    accelerator = trainer["accelerator"]
    devices = trainer["devices"]
    if accelerator not in ACCELERATORS:
        raise UserError(f"trainer.accelerator={shown(accelerator)}: choose one of {', '.join(ACCELERATORS)}")
    given = f"trainer.devices={shown(devices)}"
    count = _count(accelerator)
    if count == 0:
        raise UserError(f"trainer.accelerator={accelerator}: there is none here that PyTorch can use; use trainer=cpu")
    wanted = _listed(devices)
    if wanted is None:
        raise UserError(f"{given}: must be a number of devices, a list of different ones or -1 for all, like 1")
    if count is None:
        if not isinstance(wanted, int) or wanted < 1:
            raise UserError(f"{given}: on cores a number of processes of at least 1, like trainer.devices=1")
    elif (wanted if isinstance(wanted, int) else max(wanted) + 1) > count:
        raise UserError(f"{given}: there {'is' if count == 1 else 'are'} {count} here; use trainer.devices={count}")
    if trainer["num_nodes"] > 1 and not any(name in os.environ for name in MEETING):
        raise UserError(
            f"trainer.num_nodes={trainer['num_nodes']}: the other machines do not know of this run; start it with "
            "torchrun or srun on each of them (docs/clusters.md), or use trainer.num_nodes=1"
        )


def _count(accelerator: str) -> int | None:
    """How many devices of that kind there are; None for processes on cores, which are as many as one wants."""
    import torch

    cuda = torch.cuda.device_count()
    mps = int(torch.backends.mps.is_available())
    found = {"cpu": None, "gpu": cuda or mps, "cuda": cuda, "mps": mps, "auto": cuda or mps or None}
    if accelerator != "tpu":
        return found[accelerator]
    from pytorch_lightning.accelerators import XLAAccelerator

    return XLAAccelerator.auto_device_count() if XLAAccelerator.is_available() else 0


def _listed(devices: Any) -> int | list[int] | None:
    """A number of devices, -1 for all of them, or which ones; None for anything else."""
    if devices in ("auto", -1, "-1"):
        return 1 if devices == "auto" else -1
    if isinstance(devices, str):  # Lightning's "0,1", and "2"
        parts = [part.strip() for part in devices.split(",") if part.strip()]
        if not parts or not all(part.isdecimal() for part in parts):
            return None
        devices = [int(part) for part in parts] if "," in devices else int(parts[0])
    if type(devices) is int:
        return devices if devices > 0 else None
    if isinstance(devices, list) and devices and all(type(one) is int and one >= 0 for one in devices):
        return devices if len(set(devices)) == len(devices) else None
    return None
