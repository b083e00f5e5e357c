"""A curve that an evaluation measured, as the manifest tells it."""

import math
from dataclasses import dataclass
from typing import Any

from aelab.comparison.wording import plain


@dataclass(frozen=True)
class Curve:
    """Points, the names of both axes, and which of them are logarithmic: `x`, `y`, `xy`."""

    points: tuple[tuple[float, float], ...]
    x_name: str
    y_name: str
    logarithmic: str


def read_curves(manifest: dict[str, Any], setting: int) -> dict[str, Curve]:
    """The curves of a setting, by `<evaluation>/<curve>`; what is not as evaluations write it is left out."""
    found = {}
    evaluations = manifest.get("evaluations")
    for evaluation, entry in evaluations.items() if isinstance(evaluations, dict) else ():
        listed = entry.get("curves") if isinstance(entry, dict) else None
        curves = listed[setting] if isinstance(listed, list) and setting < len(listed) else None
        for name, recorded in curves.items() if isinstance(curves, dict) else ():
            if curve := _curve(recorded):
                found[f"{evaluation}/{name}"] = curve
    return found


def _curve(recorded: Any) -> Curve | None:
    if (
        not isinstance(recorded, dict)
        or not isinstance(recorded.get("x"), list)
        or not isinstance(recorded.get("y"), list)
    ):
        return None
    points = tuple((x, y) for x, y in zip(recorded["x"], recorded["y"], strict=False) if _drawable(x) and _drawable(y))
    words = (plain(str(recorded.get(key, ""))) for key in ("x_name", "y_name", "logarithmic"))
    return Curve(points, *words) if points else None


def _drawable(value: Any) -> bool:
    return isinstance(value, int | float) and math.isfinite(value)
