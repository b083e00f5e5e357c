"""Config values held against the signature of what they build, so that a wrong name or type is named by its key."""

from __future__ import annotations

import inspect
import types
import typing
from collections.abc import Callable, Sequence
from typing import Any

from aelab.errors import UserError

_SIMPLE = (bool, int, float, str)
_NOTHING = type(None)


def check_arguments(group: str, target: Callable[..., Any], values: dict[str, Any]) -> None:
    """Raise UserError for the first value whose type its annotation rules out; other annotations pass."""
    hints = _annotations(target)
    for key, value in values.items():
        if key in hints and not _fits(value, hints[key]):
            raise UserError(f"{group}.{key}={shown(value)}: must be {_named(hints[key])}")


def shown(value: Any) -> str:
    """A value as it is typed on the command line."""
    return "null" if value is None else str(value).lower() if isinstance(value, bool) else str(value)


def check_names(group: str, target: Callable[..., Any], values: dict[str, Any], named: str) -> None:
    """Raise UserError for the first key that ``target``, as it is ``named``, does not take.

    What a factory builds later would fail only there.
    """
    names = taken(target)
    for key, value in values.items():
        if names is not None and key not in names:
            raise unknown(group, key, value, named)


def taken(target: Callable[..., Any]) -> set[str] | None:
    """The names of the arguments that a function or a class takes; None where it takes any.

    A class that hands ``**settings`` on to the class it is made of takes what that one takes.
    """
    names: set[str] = set()
    for function in reversed(_functions(target) or [target]):
        try:
            parameters = inspect.signature(function).parameters.values()
        except ValueError:
            return None
        names |= {p.name for p in parameters if p.kind in (p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY)}
        if not any(p.kind is p.VAR_KEYWORD for p in parameters):
            return names - {"self"}
    return None


def unknown(group: str, key: str, value: Any, target: str) -> UserError:
    """The error of a key that a target does not take."""
    return UserError(
        f"{group}.{key}={shown(value)}: unknown key; {target} takes no such value; leave it out, with '~{group}.{key}' "
        "where a recipe sets it"
    )


def _functions(target: Callable[..., Any]) -> list[Any]:
    """What is called: the function, or the class's ``__init__`` and those of its bases, the farthest first."""
    if not isinstance(target, type):
        return [target]
    return [base.__dict__["__init__"] for base in target.__mro__[-2::-1] if "__init__" in base.__dict__]


def _annotations(target: Callable[..., Any]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for function in _functions(target):
        try:
            found |= typing.get_type_hints(function)
        except (NameError, TypeError):
            continue
    return found


def _choices(hint: Any) -> list[Any]:
    """What a hint allows one of, tensors aside, which no config holds."""
    union = typing.get_origin(hint) in (typing.Union, types.UnionType)
    members = [choice for member in typing.get_args(hint) for choice in _choices(member)] if union else [hint]
    return [member for member in members if getattr(member, "__name__", "") != "Tensor"]


def _fits(value: Any, hint: Any) -> bool:
    return any(_fits_one(value, choice) for choice in _choices(hint))


def _fits_one(value: Any, hint: Any) -> bool:
    origin = typing.get_origin(hint)
    inner = typing.get_args(hint)
    if hint in _SIMPLE or hint is _NOTHING:
        return type(value) is hint or (type(value) is int and hint is float)
    if origin is typing.Literal:
        return any(type(value) is type(choice) and value == choice for choice in inner)
    if origin in (Sequence, list):
        return isinstance(value, list) and all(_fits(item, inner[0]) for item in value)
    if origin is tuple and Ellipsis not in inner:
        return isinstance(value, list) and len(value) == len(inner) and all(map(_fits, value, inner))
    if origin is dict:
        return isinstance(value, dict) and all(_fits(item, inner[1]) for item in value.values())
    return True  # nothing that a config can be held to


def _named(hint: Any) -> str:
    return " or ".join(dict.fromkeys(_named_one(choice) for choice in sorted(_choices(hint), key=_is_null)))


def _is_null(hint: Any) -> bool:
    return hint is _NOTHING


def _named_one(hint: Any) -> str:
    origin = typing.get_origin(hint)
    inner = typing.get_args(hint)
    if hint is _NOTHING:
        return "null"
    if origin is typing.Literal:
        return f"one of {', '.join(map(shown, inner))}"
    if origin in (Sequence, list):
        return f"a list of {_named(inner[0])}"
    if origin is tuple:
        return f"a list of {len(inner)} values"
    if origin is dict:
        return "a mapping"
    return getattr(hint, "__name__", str(hint))
