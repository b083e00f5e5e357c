"""The config of a run, composed in Python."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from omegaconf import DictConfig

from aelab.api.words import words_of
from aelab.config.explain import explain
from aelab.config.objects import composing
from aelab.errors import UserError


def compose(overrides: Sequence[str] = (), /, **keys: Any) -> DictConfig:
    """The config of a run: ``conf/train.yaml`` with overrides, as ``aelab train ... --cfg job`` prints it.

    ``overrides``: words of the command line, ``["data=digits", "network.code_size=8"]``. ``keys``: the same as
    ``key=value``; a dict is the keys of a group, ``network={"code_size": 8}``.

    Raises UserError, one line with key, value and fix, where there is no such choice or key.
    """
    return composed(words_of(overrides, keys))


def composed(words: list[str]) -> DictConfig:
    """The same of words. Nothing of it is left in Hydra, nor of an application that the caller has there."""
    import hydra

    try:
        with composing():
            return hydra.compose("train", words)
    except Exception as error:
        raise UserError(explain(error)) from error
