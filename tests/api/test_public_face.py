"""What a user of Python may rely on: ``aelab.__all__``, and an import that costs nothing."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import aelab

HEAVY = ("torch", "pytorch_lightning", "hydra", "omegaconf", "wandb", "pandas", "numpy", "matplotlib", "sklearn")


def test_public_face() -> None:
    public = ["Comparison", "Run", "UserError", "__version__", "compare", "compose", "load_run", "sweep", "train"]
    assert aelab.__all__ == public == dir(aelab)
    for name in public:
        found = getattr(aelab, name)
        assert name == "__version__" or found.__doc__, f"{name} says what it is"
    assert (Path(aelab.__file__).parent / "py.typed").is_file()


def test_importing_costs_nothing() -> None:
    asked = f"import sys, aelab; print([name for name in {HEAVY} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", asked], capture_output=True, text=True)
    assert done.stdout.strip() == "[]", done.stderr
