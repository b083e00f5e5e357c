"""A run's record as its manifest tells it: the one door, which lets through what has the shape that runs write.

Whoever reads a record afterwards may rely on it: a key is absent, null or of its kind; numbers fit a float; nothing is
nested deeper than ``DEPTH``. A run may be somebody else's, so the door looks at everything and believes nothing.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from aelab.errors import UserError
from aelab.machines.regular_files import read_inside
from aelab.runs.containment import check_contained

FILE = "manifest.json"
LIMIT = 32 * 2**20  # bytes of a manifest
DEPTH = 40


class Each(NamedTuple):
    """An object whose values, whatever their keys, have one shape."""

    shape: Any


class Needs(NamedTuple):
    """An object that has all of some keys, and perhaps more."""

    keys: dict[str, Any]
    more: dict[str, Any] = {}  # noqa: RUF012


NUMBER = (int, float)
SCALAR = (str, int, float, bool)
ROW = Needs(
    {"method": str, "metric": str, "value": NUMBER},
    {"low": NUMBER, "high": NUMBER, "replicas": int, "over": str, "setting": int, "values": Each(SCALAR)},
)
SETTING = Needs({"values": Each(SCALAR), "metrics": Each(NUMBER)})
SHAPE = {
    "status": str,
    "run_id": str,
    "sweep": SCALAR,
    "seed": SCALAR,
    "monitor": str,
    "overrides": [str],
    "config": {"model": dict, "data": dict, "trainer": dict, "logger": dict, "sweep": SCALAR},
    "metrics": Each(NUMBER),
    "parameters": NUMBER,
    "versions": dict,
    "git": dict,
    "machine": dict,
    "units": {"label": str, "is_squared": bool},
    "data": {"shape": [int], "sizes": Each(int), "fingerprints": Each(str), "columns": [str]},
    "timings": {"started": str, "finished": str, "attempts": int, "fit_s": NUMBER, "total_s": NUMBER},
    "replicas": {
        "plan": str,
        "count": int,
        "units": int,
        "settings": [SETTING],
        "diverged": [int],
    },
    "evaluations": Each(
        {
            "config": dict,
            "rows": [ROW],
            "differences": [ROW],
            "facts": dict,
            "curves": list,
            "seconds": NUMBER,
        }
    ),
}
# What a user typed, what went wrong and the unit of a user's own error may hold any text: nobody builds from them.
_QUOTED = ("error", "overrides", "units")
_GROUPS = ("data", "network", "model", "error", "corruption", "optimizer", "scheduler", "trainer")
_WHOLE = Needs(
    {"config": Needs(dict.fromkeys(_GROUPS, Needs({"name": str}))), "data": Needs({"shape": [int]}), "metrics": dict}
)


def read_record(directory: Path) -> dict[str, Any]:
    """The record in a run's directory; UserError where there is none, or one that no run writes."""
    try:
        record = json.loads(read_inside(directory, FILE, limit=LIMIT), parse_int=integer)
        if not isinstance(record, dict):
            raise ValueError(f"it holds a {type(record).__name__}, not an object")
        if _depth(record) > DEPTH:
            raise ValueError(f"it is nested more than {DEPTH} deep")
    except FileNotFoundError:
        raise UserError(f"{directory}: no run here ({FILE} is missing or unreadable)") from None
    except (OSError, ValueError, RecursionError) as error:
        raise UserError(f"{directory}: {FILE} cannot be read: {_reason(error)}") from None
    if problem := next(_misfits(record, SHAPE, ""), None):
        raise UserError(f"{directory}: {FILE} cannot be read: {problem}, which no run writes")
    return record


def open_record(directory: Path) -> dict[str, Any]:
    """The record of a complete run that is to be built again; UserError where it is not complete or could harm.

    Nothing in its directory leads out of it, and no text in it would be resolved by OmegaConf on the machine of whoever
    opens the run, with the environment that is there.
    """
    check_contained(directory)
    record = read_record(directory)
    if record.get("status") != "complete":
        raise UserError(f"{directory}: the run is {record.get('status')}; run its command again to complete it")
    if problem := next(_misfits(record, _WHOLE, ""), None):
        raise UserError(f"{directory}: {FILE} is not whole: {problem}; train the run again with force=true")
    for text in _texts({key: value for key, value in record.items() if key not in _QUOTED}):
        if "${" in text or text == "???":
            raise UserError(f"{directory}: {FILE} has {text!r} in it, which no run writes; not opened")
    return record


def is_number(value: Any) -> bool:
    """Whether a value is a number; true and false are not."""
    return isinstance(value, int | float) and not isinstance(value, bool)


def integer(digits: str) -> int | float:
    """Beyond what a float can tell an integer is infinite, as ``1e400`` is."""
    return int(digits) if len(digits) < 20 else float(digits)


def _reason(error: BaseException) -> str:
    return "it is nested too deep" if isinstance(error, RecursionError) else str(error)


def _depth(node: Any) -> int:
    depth = 0
    level = [node]
    while level and depth <= DEPTH:
        inner = [value.values() if isinstance(value, dict) else value for value in level]
        level = [one for some in inner for one in some if isinstance(one, dict | list)]
        depth += 1
    return depth


def _misfits(node: Any, shape: Any, where: str) -> Iterator[str]:
    """What in a node is not as its shape says, one line each."""
    if isinstance(shape, dict | Each | Needs):
        if not isinstance(node, dict):
            yield _misfit(node, where, "an object")
            return
        for key in shape.keys if isinstance(shape, Needs) else ():
            if node.get(key) is None:
                yield f"{where}{key} is missing"
        known = shape.keys | shape.more if isinstance(shape, Needs) else shape
        for key, value in node.items():
            inner = known.shape if isinstance(known, Each) else known.get(key)
            if inner is not None and (value is not None or isinstance(shape, Each)):
                yield from _misfits(value, inner, f"{where}{key}.")
    elif isinstance(shape, list):
        if not isinstance(node, list):
            yield _misfit(node, where, "a list")
            return
        for index, value in enumerate(node):
            yield from _misfits(value, shape[0], f"{where}{index}.")
    elif not isinstance(node, shape) or (isinstance(node, bool) and shape in (int, NUMBER)):
        kinds = shape if isinstance(shape, tuple) else (shape,)
        yield _misfit(node, where, " or ".join(_NAMES[kind] for kind in kinds))


_NAMES = {str: "text", int: "an integer", float: "a number", bool: "true or false", dict: "an object", list: "a list"}


def _misfit(node: Any, where: str, wanted: str) -> str:
    found = json.dumps(node)
    return f"{where.rstrip('.')} is {found if len(found) < 60 else found[:60] + '...'}, not {wanted}"


def _texts(node: Any) -> Iterator[str]:
    if isinstance(node, dict):
        for key, value in node.items():
            yield key
            yield from _texts(value)
    elif isinstance(node, list):
        for value in node:
            yield from _texts(value)
    elif isinstance(node, str):
        yield node
