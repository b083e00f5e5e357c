"""What is given in Python as the words that a command line would have."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import PurePath
from typing import Any

from aelab.config.pasted import typed
from aelab.errors import UserError, plain


def words_of(overrides: Sequence[str], keys: Mapping[str, Any], several: bool = False) -> list[str]:
    """Overrides as they are, then ``key=value`` of each key; a mapping is the keys of a group.

    ``several``: a tuple or a range is a choice of values, each of which is tried.

    Raises UserError for what is neither.
    """
    if isinstance(overrides, str) or not all(isinstance(word, str) for word in overrides):
        raise UserError(f'{shortened(overrides)}: overrides are a list of texts, like ["data=digits", "model=vae"]')
    for word in overrides:
        if word.startswith("-") or not ("=" in word or word.startswith("~")):
            raise UserError(f"{shortened(word)}: not key=value, like model=vae")
    return [*overrides, *_spelled(keys, "", several)]


def _spelled(keys: Mapping[Any, Any], prefix: str, several: bool) -> Iterator[str]:
    for key, value in keys.items():
        name = f"{prefix}{key}"
        if isinstance(value, Mapping):
            yield from _spelled(value, f"{name}.", several)
        elif isinstance(value, tuple | range):
            if not several:
                raise UserError(f"{name}={shortened(value)}: several values; give a list as one value, or use sweep")
            if not value:
                raise UserError(f"{name}={shortened(value)}: no value to try; leave it out for the default")
            yield f"{name}={','.join(typed(_plain(name, one)) for one in value)}"
        else:
            yield f"{name}={typed(_plain(name, value))}"


def _plain(name: str, value: Any) -> Any:
    """A value as YAML knows it; NumPy's numbers are numbers."""
    if value is None or isinstance(value, str | bool | int | float):
        return value
    if isinstance(value, PurePath):
        return str(value)
    if isinstance(value, list):
        return [_plain(name, one) for one in value]
    if hasattr(value, "item") and getattr(value, "shape", None) == ():
        return value.item()
    raise UserError(
        f"{name}={type(value).__name__}: a key takes a number, a text, a list or a path; arrays go into a file, "
        "data=arrays data.path=x.npy, or into aelab.sklearn"
    )


def shortened(value: object) -> str:
    return plain(str(value), 60)
