"""aelab: trains autoencoders from composed configs and measures where their reconstruction error comes from.

``__all__`` is what a user of Python calls, with ``aelab.sklearn`` and what CONTRIBUTING.md names to subclass; anything
else may change from one version to the next.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from aelab.api.comparison import Comparison
    from aelab.api.composition import compose
    from aelab.api.sweeping import compare, sweep
    from aelab.api.training import train
    from aelab.errors import UserError
    from aelab.trained.loading import load_run
    from aelab.trained.run import Run

__all__ = ["Comparison", "Run", "UserError", "__version__", "compare", "compose", "load_run", "sweep", "train"]
__version__ = "0.2.0"

_PLACES = {  # imported on use: torch costs seconds that `--help` need not pay
    "Comparison": "aelab.api.comparison",
    "Run": "aelab.trained.run",
    "UserError": "aelab.errors",
    "compare": "aelab.api.sweeping",
    "compose": "aelab.api.composition",
    "load_run": "aelab.trained.loading",
    "sweep": "aelab.api.sweeping",
    "train": "aelab.api.training",
}


def __getattr__(name: str) -> Any:
    if name in _PLACES:
        return getattr(import_module(_PLACES[name]), name)
    raise AttributeError(f"module 'aelab' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
