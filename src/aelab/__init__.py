"""aelab: trains autoencoders from composed configs and measures where their reconstruction error comes from."""

from __future__ import annotations

from typing import Any

__all__ = ["load_run"]
__version__ = "0.2.0"


def __getattr__(name: str) -> Any:
    if name == "load_run":  # imported on use: torch costs seconds that `--help` need not pay
        from aelab.trained.run import load_run

        return load_run
    raise AttributeError(f"module 'aelab' has no attribute {name!r}")
