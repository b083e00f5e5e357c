"""Which numbers make sense where the class that takes them, PyTorch's or Lightning's, does not say so itself."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple

from aelab.config.arguments import shown
from aelab.errors import UserError

SEEDS = 2**63


class Range(NamedTuple):
    """What a value may be, in words, and what may be typed instead."""

    allows: Callable[[Any], bool]
    must: str
    fix: str


def _whole(value: Any) -> bool:
    return type(value) is int


def _number(value: Any) -> bool:
    return type(value) in (int, float)


def _whole_from(least: int, fix: Any, null: bool = False) -> Range:
    words = f"a whole number of at least {least}{', or null' if null else ''}"
    return Range(lambda value: (null and value is None) or (_whole(value) and value >= least), words, str(fix))


def _positive(fix: Any) -> Range:
    return Range(lambda value: _number(value) and value > 0, "a number above 0", str(fix))


def _not_negative(fix: Any, null: bool = False) -> Range:
    words = f"a number of 0 or more{', or null' if null else ''}"
    return Range(lambda value: (null and value is None) or (_number(value) and value >= 0), words, str(fix))


def _switch(fix: str) -> Range:
    return Range(lambda value: isinstance(value, bool), "true or false", fix)


def _text(fix: str, null: bool = False) -> Range:
    return Range(lambda value: (null and value is None) or (isinstance(value, str) and bool(value)), "text", fix)


RANGES = {
    "seed": Range(lambda value: _whole(value) and 0 <= value < SEEDS, "a whole number from 0 to 2**63 - 1", "0"),
    "monitor": Range(
        lambda value: value is None or (isinstance(value, str) and value.startswith("val/")),
        "a metric of validation, or null",
        "val/loss",
    ),
    "paths.outputs": _text("outputs"),
    "paths.data": _text("data"),
    "optimizer.lr": _positive(0.001),
    "optimizer.weight_decay": _not_negative(0),
    "optimizer.momentum": Range(lambda value: _number(value) and 0 <= value < 1, "at least 0 and below 1", "0.9"),
    "optimizer.eps": _not_negative(1e-8),
    "optimizer.max_iter": _whole_from(1, 20),
    "optimizer.history_size": _whole_from(1, 100),
    "optimizer.tolerance_grad": _not_negative(1e-7),
    "optimizer.tolerance_change": _not_negative(1e-9),
    "optimizer.tolerance": _not_negative(1e-7),
    "optimizer.line_search_fn": Range(
        lambda value: value in (None, "strong_wolfe"), "strong_wolfe or null", "strong_wolfe"
    ),
    "initialization.connections": _whole_from(1, 15),
    "pretraining.lr": Range(
        lambda value: value is None or (_number(value) and value > 0), "a number above 0, or null", "0.1"
    ),
    "pretraining.gaussian_lr": _positive(0.001),
    "pretraining.std": _positive(0.1),
    "pretraining.momentum_epochs": _whole_from(0, 5),
    "scheduler.T_max": _whole_from(1, "'${trainer.max_epochs}'"),
    "scheduler.factor": Range(lambda value: _number(value) and 0 < value < 1, "between 0 and 1", "0.5"),
    "scheduler.patience": _whole_from(0, 5),
    "trainer.gradient_clip_val": _not_negative("null", null=True),
    "trainer.check_val_every_n_epoch": _whole_from(1, 1),
    "trainer.num_nodes": _whole_from(1, 1),
    "trainer.max_time": Range(
        lambda value: value is None or re.fullmatch(r"\d+:\d\d:\d\d:\d\d", str(value)) is not None,
        "days:hours:minutes:seconds, or null",
        "00:12:00:00",
    ),
    "trainer.accumulate_grad_batches": _whole_from(1, 1),
    "trainer.steps_per_execution": Range(
        lambda value: value == "auto" or (_whole(value) and value >= 1), "auto or a whole number of at least 1", "auto"
    ),
    "data.split_seed": _whole_from(0, 0),
    "data.structure_seed": _whole_from(0, 0),
    "replicas.seed": Range(lambda value: _whole(value) and 0 <= value < 2**40, "from 0 to 2**40 - 1", "0"),
    "callbacks.pictures_every": _whole_from(0, 5),
    "callbacks.early_stopping": _whole_from(1, 10, null=True),
    "logger.project": _text("aelab"),
    "logger.entity": _text("null", null=True),
    "logger.notes": _text("null", null=True),
    "logger.mode": Range(lambda value: value in ("auto", "online", "offline"), "auto, online or offline", "auto"),
    "logger.tags": Range(
        lambda value: isinstance(value, list) and all(isinstance(tag, str) for tag in value), "a list of text", "[]"
    ),
    "logger.watch": _switch("false"),
    "logger.upload_checkpoint": _switch("false"),
    "logger.init_timeout": _positive(15),
    "logger.finish_timeout": _not_negative(30),
}


def check_ranges(config: Mapping[str, Any]) -> None:
    """Raise UserError for the first value of a config, as plain containers, that cannot be meant."""
    for key, value in flat(config):
        if isinstance(value, float) and not math.isfinite(value):
            raise UserError(f"{key}={value}: must be a finite number; leave {key} out for its default")
    for key, allowed in RANGES.items():
        value = _found(config, key)
        follows = key == "scheduler.T_max" and value == _found(config, "trainer.max_epochs")  # of which more is said
        if value is not _ABSENT and not follows and not allowed.allows(value):
            raise UserError(f"{key}={shown(value)}: must be {allowed.must}, like {key}={allowed.fix}")


_ABSENT = object()


def _found(config: Any, key: str) -> Any:
    for part in key.split("."):
        if not isinstance(config, Mapping) or part not in config:
            return _ABSENT
        config = config[part]
    return config


def flat(node: Any, prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Values by their dotted keys: those of mappings, lists as a whole and, by the list's key, what is in them."""
    if isinstance(node, Mapping):
        for key, value in node.items():
            yield from flat(value, f"{prefix}.{key}" if prefix else str(key))
        return
    yield prefix, node
    for item in node if isinstance(node, list) else ():
        if isinstance(item, float):
            yield prefix, item
        elif isinstance(item, (Mapping, list)):
            yield from flat(item, prefix)
