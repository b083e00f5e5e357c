"""Settings of launchers, looked at before anything is launched."""

from __future__ import annotations

from typing import Any

from aelab.errors import UserError


def count_of(key: str, value: Any, fix: str = "") -> int:
    """A launcher's setting that counts; UserError where it is none. ``fix``: said behind it."""
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        raise UserError(f"hydra.launcher.{key}={value}: must be a whole number of at least 1{fix}")
    return value


def choice_of(key: str, value: Any) -> bool:
    """A launcher's setting that is true or false; UserError where it is neither."""
    if not isinstance(value, bool):
        raise UserError(f"hydra.launcher.{key}={value}: must be true or false")
    return value
