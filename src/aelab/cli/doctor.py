"""``aelab doctor``: one screen about this installation, to paste into a bug report. Nothing heavy is imported."""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
import sys
from collections.abc import Iterator
from importlib import metadata
from importlib.util import find_spec
from pathlib import Path

from aelab.errors import plain
from aelab.machines.folders import standing
from aelab.tracking.wandb_mode import has_credentials, wandb_mode

PACKAGES = (
    "torch", "torchvision", "pytorch-lightning", "hydra-core", "omegaconf", "wandb", "numpy", "pandas", "scikit-learn",
)  # fmt: skip
EXTRAS = {
    "parquet": "pyarrow", "excel": "openpyxl", "report": "wandb_workspaces", "optuna": "optuna", "images": "skimage",
    "heic": "pillow_heif", "onnx": "onnxruntime", "slurm": "submitit", "ray": "ray",
}  # fmt: skip
DATA = {
    "MNIST": "mnist", "FashionMNIST": "fashion_mnist", "KMNIST": "kmnist", "cifar-10-batches-py": "cifar10",
    "train_32x32.mat": "svhn", "olivetti": "olivetti", "adbench": "adbench", "movies": "movies",
}  # fmt: skip
VARIABLES = ("OMP_NUM_THREADS", "CUDA_VISIBLE_DEVICES", "SLURM_JOB_ID", "RANK", "WANDB_MODE", "AELAB_TRUSTED")


def main() -> int:
    """The command line; returns the exit status."""
    words = sys.argv[1:]
    if words:
        print("aelab doctor: takes nothing; it says what is installed and found here, without a secret")
        return 0 if {"--help", "-h"} & set(words) else 2
    for name, text in facts():
        print(f"{name:<10} {_short(text)}")
    return 0


def facts() -> Iterator[tuple[str, str]]:
    """What is known of this machine, by name."""
    yield "aelab", f"{_version('aelab')} in {Path(__file__).parents[1]}"
    yield "python", f"{platform.python_version()} {sys.executable}"
    yield "system", f"{platform.system()} {platform.release()} {platform.machine()}"
    yield "packages", "  ".join(f"{name} {_version(name)}" for name in PACKAGES)
    yield "extras", "  ".join(f"{name}{'' if find_spec(module) else ' -'}" for name, module in EXTRAS.items())
    yield "cores", f"{_cores()} of {os.cpu_count()}; memory {_memory()}"
    yield "devices", _devices()
    yield "wandb", _wandb()
    for name in ("outputs", "data"):
        yield "disk", _disk(Path(name))
    yield "data", _data(Path("data"))
    yield "variables", "  ".join(f"{name}={os.environ[name]}" for name in VARIABLES if name in os.environ) or "none"


def _version(package: str) -> str:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return "missing"


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _memory() -> str:
    try:
        page = os.sysconf("SC_PAGE_SIZE")
        total, free = (os.sysconf(name) * page / 2**30 for name in ("SC_PHYS_PAGES", "SC_AVPHYS_PAGES"))
    except (OSError, ValueError, AttributeError):
        return "unknown"
    return f"{total:.1f} GiB, {free:.1f} free"


def _devices() -> str:
    """GPUs as the driver names them, and whether the installed torch is built for them: importing it takes seconds."""
    build = "torch without CUDA" if _version("torch").endswith("+cpu") else "torch as built by default"
    if sys.platform == "darwin":
        return f"mps where Apple silicon ({platform.machine()}); {build}"
    if not shutil.which("nvidia-smi"):
        return f"cpu; no nvidia-smi; {build}"
    query = ["nvidia-smi", "--query-gpu=name,memory.total,driver_version", "--format=csv,noheader"]
    try:
        found = subprocess.run(query, capture_output=True, text=True, timeout=5).stdout.splitlines()
    except (OSError, subprocess.TimeoutExpired):
        found = []
    return f"{'; '.join(found) or 'nvidia-smi does not answer'}; {build}"


def _wandb() -> str:
    """Whether there is a key, never which."""
    waiting = len([path for path in Path("outputs/wandb").glob("offline-run-*") if path.is_dir()])
    server = os.environ.get("WANDB_BASE_URL", "https://api.wandb.ai").rpartition("@")[2]
    key = "with a key" if has_credentials() else "no key"
    return f"{wandb_mode('auto')} ({key} for {server}); {waiting} runs kept offline in outputs/wandb"


def _disk(folder: Path) -> str:
    there = standing(folder.absolute())
    usage = shutil.disk_usage(there)
    kind = "" if folder.exists() else " (not there yet)"
    writable = "" if os.access(there, os.W_OK) else ", cannot be written"
    return f"{usage.free / 2**30:.1f} of {usage.total / 2**30:.1f} GiB free at {folder.absolute()}{kind}{writable}"


def _data(folder: Path) -> str:
    found = sorted({name for entry, name in DATA.items() if (folder / entry).exists()})
    return f"digits, mnist5k (installed); in data/: {', '.join(found) or 'nothing yet'}"


def _short(text: str) -> str:
    """One line, in which the home folder is ``~``."""
    home = str(Path.home())
    return plain(text.replace(home, "~") if len(home) > 1 else text)
