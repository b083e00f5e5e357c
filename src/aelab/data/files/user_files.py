"""The user's own files: found and named rightly, or an error that says what to type."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches
from pathlib import Path

from aelab.errors import UserError


def user_path(name: str, path: str | None, what: str) -> Path:
    """``data.path`` as it exists; UserError where it is not given or not there. ``what`` it should be."""
    if not path:
        raise UserError(f"data={name}: data.path is not set; name {what}, for example data.path=my/{name}")
    found = Path(path).expanduser()
    if not found.exists():
        raise UserError(f"data.path={path}: nothing is there (seen from {Path.cwd()}); name {what}")
    if not found.is_file() and not found.is_dir():
        raise UserError(f"data.path={path}: a pipe, socket or device, which is not read; name {what}")
    return found


def unreadable(path: Path, error: Exception) -> UserError:
    """The error of a file that its format's reader refuses."""
    reason = " ".join(str(error).split()) or type(error).__name__
    return UserError(f"data.path={path}: cannot be read ({reason}); check the file or save it anew")


def pick(key: str, value: object, choices: Iterable[object]) -> str:
    """``value`` if it is among the choices; UserError with the nearest or all of them if not."""
    options = [str(c) for c in choices]
    wanted = str(value)
    if wanted in options:
        return wanted
    near = get_close_matches(wanted, options, 1)
    some = ", ".join(options[:20]) + (", ..." if len(options) > 20 else "")
    raise UserError(f"{key}={wanted}: " + (f"did you mean {near[0]}?" if near else f"choose from {some}"))
