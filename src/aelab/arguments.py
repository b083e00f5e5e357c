"""Config values held against the signature of what they build, so that a wrong name or type is named by its key."""

from __future__ import annotations

import inspect
import types
import typing
from collections.abc import Callable, Sequence
from typing import Any

from aelab.errors import UserError

_SIMPLE = {bool, int, float, str}


def check_arguments(group: str, target: Callable[..., Any], values: dict[str, Any]) -> None:
    """Raise UserError for the first value whose type its annotation rules out; other annotations pass."""
    hints = _annotations(target)
    for key, value in values.items():
        if key not in hints:
            continue
        hint = hints[key]
        if typing.get_origin(hint) is Sequence:
            allowed = _members(typing.get_args(hint)[0])
            wrong = not isinstance(value, list) or not all(_fits(item, allowed) for item in value)
            expected = f"a list of {_names(allowed)}"
        else:
            allowed = _members(hint)
            wrong = not _fits(value, allowed)
            expected = _names(allowed)
        if allowed and wrong:
            raise UserError(f"{group}.{key}={value}: must be {expected}")


def check_names(group: str, target: Callable[..., Any], values: dict[str, Any], named: str) -> None:
    """Raise UserError for the first key that ``target``, as it is ``named``, does not take; one that takes any passes.

    What a factory builds later would fail only there.
    """
    try:
        parameters = inspect.signature(target).parameters
    except ValueError:
        return
    if any(parameter.kind is parameter.VAR_KEYWORD for parameter in parameters.values()):
        return
    for key, value in values.items():
        if key not in parameters:
            raise unknown(group, key, value, named)


def unknown(group: str, key: str, value: Any, target: str) -> UserError:
    """The error of a key that a target does not take."""
    return UserError(
        f"{group}.{key}={value}: unknown key; {target} takes no such value; leave it out, with '~{group}.{key}' where "
        "a recipe sets it"
    )


def _annotations(target: Callable[..., Any]) -> dict[str, Any]:
    functions = [target]
    if isinstance(target, type):
        functions = [base.__dict__["__init__"] for base in reversed(target.__mro__) if "__init__" in base.__dict__]
    found: dict[str, Any] = {}
    for function in functions:
        try:
            found |= typing.get_type_hints(function)
        except (NameError, TypeError):
            continue
    return found


def _members(hint: Any) -> set[Any]:
    """The simple types (and None) a hint allows; empty where it allows anything a config cannot be held to."""
    union = typing.get_origin(hint) in (typing.Union, types.UnionType)
    members = set(typing.get_args(hint)) if union else {hint}
    simple = {member for member in members if member in _SIMPLE or member is type(None)}
    others = [member for member in members - simple if getattr(member, "__name__", "") != "Tensor"]
    return simple if simple & _SIMPLE and not others else set()


def _fits(value: Any, allowed: set[Any]) -> bool:
    return not allowed or type(value) in allowed or (type(value) is int and float in allowed)


def _names(allowed: set[Any]) -> str:
    return " or ".join(sorted("null" if member is type(None) else member.__name__ for member in allowed))
