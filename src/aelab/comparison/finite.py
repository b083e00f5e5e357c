"""Numbers that can be drawn."""

import math
from typing import TypeGuard


def finite(value: float | None) -> TypeGuard[float]:
    """Whether there is a number and it can be drawn."""
    return value is not None and math.isfinite(value)
